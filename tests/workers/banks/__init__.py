"""Adapters to outside banks, each against a bank that really answers."""
