"""The append on a real PostgreSQL: several appenders, lost connections, killed processes."""
