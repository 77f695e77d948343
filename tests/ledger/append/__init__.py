"""Sentences about `ledger/append`."""
