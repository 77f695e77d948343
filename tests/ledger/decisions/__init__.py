"""Sentences about `ledger/decisions`."""
