"""Mirrors: an outside bank's history is known as it is, whatever happens to it and to us."""
