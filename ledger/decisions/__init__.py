"""Decisions that read several aggregates: one function per command, pure over a `View`.

Aggregates decide about themselves; here one command's decisions about all of them come together.
"""
