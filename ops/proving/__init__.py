"""Proving: that the log is what it was when it was written and signed (events_audit.md §5).

Asks the stored bytes and the signatures alone, so that it can be done from a file as well.
"""
