"""Sentences about `ledger/aggregates`."""
