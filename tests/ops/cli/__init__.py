"""The command line, verb by verb, on real databases."""
