"""Questions over HTTP, asked of real read models."""
