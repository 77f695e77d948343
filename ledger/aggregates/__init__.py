"""Aggregates: the state a decision needs, and the decisions. Pure; no clock, no chance, no I/O."""
