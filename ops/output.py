"""How verbs print: tables and sentences for people, JSON for machines, progress for terminals."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from ops.settings import Settings, current_settings


class Output(msgspec.Struct, frozen=True):
    """The global flags, and everything that follows from them."""

    as_json: bool = False
    quiet: bool = False
    env_file: Path | None = None

    def settings(self, **overrides: str | None) -> Settings:
        """Read the settings; command line flags come as variables and win."""
        given = {name: value for name, value in overrides.items() if value is not None}
        return current_settings(self.env_file, given)

    def tell(self, value: Any, *lines: str) -> None:
        """Print a result: `value` as JSON, or `lines` for people."""
        if self.as_json:
            print(msgspec.json.encode(value).decode(), flush=True)
        else:
            print(*lines, sep="\n", flush=True)

    def table(self, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
        """Print rows: JSON, or columns as wide as they need to be."""
        if self.as_json:
            print(msgspec.json.encode(list(rows)).decode())
            return
        cells = [[shown(row.get(name)) for name in columns] for row in rows]
        heads = [name.upper().replace("_", " ") for name in columns]
        widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
        for line in (heads, *cells):
            padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            print("  ".join(padded).rstrip())

    def say(self, line: str) -> None:
        """Tell a person how far things are; machines and the quiet are spared."""
        if not (self.quiet or self.as_json):
            print(line, flush=True)

    @contextmanager
    def progress(self, what: str) -> Iterator["Bar"]:
        """Show how far a long piece of work is, on a terminal."""
        if self.quiet or self.as_json or not sys.stderr.isatty():
            yield Bar(None, None)
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TaskProgressColumn(show_speed=True),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True)) as progress:
            yield Bar(progress, progress.add_task(what, total=None))


class Bar:
    """A progress bar, or nothing where nobody looks."""

    def __init__(self, progress: Progress | None, task: Any) -> None:
        self.drawn, self.task = progress, task

    def at(self, done: int, total: int, _per_second: float = 0) -> None:
        """Draw how much is done; the speed it draws is its own."""
        if self.drawn is not None:
            self.drawn.update(self.task, completed=done, total=total)


def shown(value: Any) -> str:
    """Return a cell of a table."""
    return "" if value is None else str(value)
