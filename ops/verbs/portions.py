"""Portions as flags of verbs: a share of the time, a share of the rows."""

from typing import Any

import click
from typing_extensions import override

WHOLE = 100


class Share(click.ParamType[float]):
    """A share from 0 to 1, or as a percentage."""

    name = "share"

    @override
    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Read `0.05` or `5%`."""
        if isinstance(value, float):
            return value
        try:
            number = float(str(value).removesuffix("%"))
        except ValueError:
            number = 0.0
        share = number / WHOLE if str(value).endswith("%") else number
        if not 0 < share <= 1:
            self.fail(f"{value!r} is no share: say 0.05 or 5%", param, ctx)
        return share


class Verify(click.ParamType[float]):
    """How many rows are compared: `full`, `sample=0.01` or `none`."""

    name = "full|sample=SHARE|none"

    @override
    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Return the share of the rows."""
        match str(value).partition("="):
            case ("full", "", ""):
                return 1.0
            case ("none", "", ""):
                return 0.0
            case ("sample", "=", share):
                return Share().convert(share, param, ctx)
            case _:
                return (
                    value
                    if isinstance(value, float)
                    else self.fail(f"{value!r} is neither full, sample=0.01 nor none", param, ctx)
                )
