"""The sandbox bank, asked over HTTP."""
