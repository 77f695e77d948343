"""Outside banks: which providers there are adapters for, and which of them take payments."""

PROVIDERS = ("sandbox", "monzo")
PAYING = frozenset({"sandbox"})
"""Providers that move money for us; the others are read only."""
