"""Command routes: JSON to command to envelope; one file per noun. Never import query routes."""
