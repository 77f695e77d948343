"""What if: other rules over the history there is, in memory only (proof.md P-8).

What the rules do not speak of is as it was: every acceptance of the log stands, unless one of the
given rules, or the want of funds that follows from it, is against it.
"""
