"""Effective settings as text, fit to be shown: secrets are stars."""

import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from ops.settings.reading import GROUPS, Settings, fields_of
from ops.settings.setting import Setting

STARS = "********"
URL_PASSWORD = re.compile(r"(://[^:/@\s]*):[^@\s]*@")
WORD_PASSWORD = re.compile(r"(password=)('[^']*'|[^\s&]+)")


def masked(settings: Settings) -> dict[str, str]:
    """Return every setting by the name of its variable, in the order of the documentation."""
    shown: dict[str, str] = {}
    for name, group in GROUPS.items():
        values = getattr(settings, name)
        for field, variable, setting in fields_of(group):
            shown[variable] = show(getattr(values, field), setting)
    return shown | dict.fromkeys(settings.telemetry, STARS)


def show(value: Any, setting: Setting) -> str:
    """Print one value; of a secret its user, host or key ids at most."""
    if value is None or value in ((), {}):
        return ""
    if not setting.secret:
        return plain(value)
    if isinstance(value, Mapping):
        return ",".join(f"{kid}:{STARS}" for kid in value)
    if isinstance(value, str) and ("://" in value or "password=" in value):
        return WORD_PASSWORD.sub(rf"\1{STARS}", URL_PASSWORD.sub(rf"\1:{STARS}@", value))
    return STARS


def plain(value: Any) -> str:
    match value:
        case bool():
            return "on" if value else "off"
        case tuple():
            return ",".join(map(str, value))
        case dict():
            return ",".join(f"{name}:{number}" for name, number in value.items())
        case str() | int() | Decimal() | Path():
            return str(value)
        case _:
            raise TypeError(f"no text for {type(value).__name__}")
