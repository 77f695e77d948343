"""Journals: the whole ledger as text that other accounting programs add up (proof.md P-3)."""
