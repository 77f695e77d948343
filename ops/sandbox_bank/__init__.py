"""The sandbox bank: the outside world played by a program of its own, faults included.

Nothing of the product is imported here, and nothing here but `serving` is met by the product's
command line: what talks to this bank talks HTTP. Deterministic for a seed and a stopped clock.
"""
