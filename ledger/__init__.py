"""The write side: what may happen to money, and the record that it did.

Imports nothing of ours. Everyone else may import its events, commands, money and errors;
its aggregates and decisions are private to `ledger.application` and the append.
"""
