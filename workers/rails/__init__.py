"""Rails: the ways money leaves the house. One small port, idempotent by payment id."""
