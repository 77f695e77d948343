"""Tests of the servers that come with the program."""
