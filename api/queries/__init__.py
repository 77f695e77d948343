"""Query routes: GET only, read models only; they cannot reach the write side."""
