"""One setting: how its text is read, its defaults per environment, who may see it."""

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import msgspec

Environment: TypeAlias = Literal["dev", "test", "prod"]


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """What a field of a settings group is read from; defaults are text, read like any other.

    `read` raises `ValueError` saying what the value must be.
    `prod` and `test` replace `default` there; `demo` does when demo mode is on.
    """

    read: Callable[[str], Any]
    default: str | None = None
    prod: str | None = None
    test: str | None = None
    demo: str | None = None
    name: str | None = None
    secret: bool = False
    required: bool = False

    def default_in(self, environment: Environment, *, demo: bool) -> str | None:
        """Return the default text; a required setting has none in production."""
        if environment == "prod" and self.required:
            return None
        own = {"prod": self.prod, "test": self.test, "dev": None}[environment]
        return own or (self.demo if demo else None) or self.default
