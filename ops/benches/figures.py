"""Figures: what was measured, how it compares with its floors, and what was hoped for."""

import msgspec

from ops.benches.windows import Series


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table. `ratios` divide the rate by that of a floor measured in turn."""

    subject: str
    case: str
    unit: str
    rate: float
    p50_ms: float | None = None
    p99_ms: float | None = None
    cpu_us: float | None = None
    ratios: dict[str, float] = {}
    note: str = ""


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """What a figure should reach; `least` or `most`."""

    what: str
    found: float
    least: float | None = None
    most: float | None = None

    @property
    def met(self) -> bool:
        """Say whether it was reached."""
        enough = self.least is None or self.found >= self.least
        return enough and (self.most is None or self.found <= self.most)


class Result(msgspec.Struct, frozen=True):
    """What one subject found."""

    figures: tuple[Figure, ...]
    goals: tuple[Goal, ...] = ()
    databases: tuple[str, ...] = ()
    """Addresses of the logs it wrote, to be audited afterwards."""


def figure(subject: str, case: str, unit: str, series: Series, **rest: object) -> Figure:
    """Return the line of a series; `rest` are further fields of the figure."""
    fields: dict[str, object] = {
        "rate": series.rate,
        "p50_ms": series.percentile_ms(0.50),
        "p99_ms": series.percentile_ms(0.99),
        "cpu_us": series.cpu_us if any(each.cpu_seconds for each in series.windows) else None,
    }
    return msgspec.convert(
        {"subject": subject, "case": case, "unit": unit, **fields, **rest}, Figure
    )
