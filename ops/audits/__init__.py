"""Audits: the invariants of the books recomputed from the stored bytes of the log (ledger.md §12).

What happened is read by a description of its own and folded by rules of its own, so that a mistake
of the program that wrote the log is not repeated by the one that looks for it.
"""
