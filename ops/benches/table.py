"""The table: one line per figure, as Markdown that can be kept, or JSON."""

from collections.abc import Sequence
from typing import Any

import msgspec

from ops.benches.figures import Figure, Goal
from ops.benches.machine import Machine

HEADS = ("what", "case", "per second", "of", "p50 ms", "p99 ms", "CPU µs", "beside the floors",
         "note")  # fmt: skip
NUMBERS = frozenset({2, 4, 5, 6})
SMALL = 10


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a run found. `audited` events were verified; `wrong` says what did not hold."""

    machine: Machine
    figures: tuple[Figure, ...]
    goals: tuple[Goal, ...]
    audited: int
    wrong: tuple[str, ...]

    def json(self) -> str:
        """Return it for machines."""
        plain = msgspec.to_builtins(self)
        goals = [{**msgspec.to_builtins(goal), "met": goal.met} for goal in self.goals]
        return msgspec.json.encode({**plain, "goals": goals}).decode()

    def lines(self) -> list[str]:
        """Return it for people."""
        verdict = [f"WRONG: {each}" for each in self.wrong] or [
            f"{self.audited:,} events audited: chains whole, positions contiguous, books balance"
        ]
        return [
            *self.machine.lines(),
            "",
            *table([cells(each) for each in self.figures]),
            "",
            *map(told, self.goals),
            "",
            *verdict,
        ]


def cells(figure: Figure) -> list[str]:
    """Return the cells of one line."""
    ratios = ", ".join(f"{ratio:.2f} x {name}" for name, ratio in figure.ratios.items())
    numbers = (figure.p50_ms, figure.p99_ms, figure.cpu_us)
    shown = ["" if number is None else short(number) for number in numbers]
    return [
        figure.subject,
        figure.case,
        short(figure.rate),
        figure.unit,
        *shown,
        ratios,
        figure.note,
    ]


def short(number: float) -> str:
    """Print a number no more exactly than it was measured."""
    return f"{number:.1f}" if number < SMALL else f"{number:,.0f}"


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a Markdown table, its columns as wide as they need to be."""
    widths = [max(map(len, column)) for column in zip(HEADS, *rows, strict=True)]
    rule = ["-" * (width - 1) + (":" if at in NUMBERS else "-") for at, width in enumerate(widths)]
    return [line(row, widths) for row in (HEADS, rule, *rows)]


def line(row: Sequence[str], widths: Sequence[int]) -> str:
    """Return one line; numbers stand to the right."""
    padded = (
        cell.rjust(width) if at in NUMBERS else cell.ljust(width)
        for at, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return f"| {' | '.join(padded)} |"


def told(goal: Goal) -> str:
    """Say whether a goal was reached."""
    bound: Any = (
        f"≥ {short(goal.least)}" if goal.least is not None else f"≤ {short(goal.most or 0)}"
    )
    return f"{'reached' if goal.met else 'MISSED ':<8} {goal.what}: {short(goal.found)} ({bound})"
