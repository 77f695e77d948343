"""One whole bank for all tests of this folder."""

from tests.access.conftest import admin, auditor, house

__all__ = ["admin", "auditor", "house"]
