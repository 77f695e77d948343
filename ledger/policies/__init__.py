"""Policies: who may do what, and how much, as pure functions of what they are given."""
