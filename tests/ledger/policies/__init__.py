"""Tests of ledger/policies."""
