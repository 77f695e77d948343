"""Tests of the room that puts everything together."""
