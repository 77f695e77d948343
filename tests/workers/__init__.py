"""Tests of background work, on a real PostgreSQL and a real Redis-protocol server."""
