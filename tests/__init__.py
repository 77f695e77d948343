"""Tests: the rooms mirrored, and whole stories in `journeys`."""
