"""A folder of backups: which base backups and which named moments it holds."""

from pathlib import Path

import msgspec

STATEMENT = "ledgerbank.json"


class NotRestorable(Exception):
    """What is asked for cannot be restored from this folder; the message says why."""


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A base backup: when it was begun, and how far the log was then."""

    name: str
    taken_at: str
    position: int
    epoch: str


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A moment with a name that can be restored exactly."""

    name: str
    marked_at: str
    position: int
    epoch: str


class Folder(msgspec.Struct, frozen=True):
    """The parts of a folder of backups."""

    path: Path

    @property
    def base(self) -> Path:
        """Return where the base backups are."""
        return self.path / "base"

    @property
    def wal(self) -> Path:
        """Return where the write-ahead log is."""
        return self.path / "wal"

    @property
    def marks_file(self) -> Path:
        """Return the file of named moments."""
        return self.path / "marks.jsonl"

    def taken(self) -> list[Taken]:
        """Return the finished base backups, the oldest first."""
        files = sorted(self.base.glob(f"*/{STATEMENT}"))
        found = [msgspec.json.decode(file.read_bytes(), type=Taken) for file in files]
        return sorted(found, key=lambda each: each.taken_at)

    def marks(self) -> list[Mark]:
        """Return the named moments, the oldest first."""
        if not self.marks_file.exists():
            return []
        lines = self.marks_file.read_bytes().splitlines()
        return [msgspec.json.decode(line, type=Mark) for line in lines]

    def mark(self, name: str) -> Mark:
        """Return a named moment. Raises `NotRestorable`."""
        found = [each for each in self.marks() if each.name == name]
        if not found:
            raise NotRestorable(f"nothing is marked {name!r} in {self.path}")
        return found[-1]

    def base_before(self, moment: str | None) -> Taken:
        """Return the newest base backup begun by a moment. Raises `NotRestorable`."""
        found = [each for each in self.taken() if moment is None or each.taken_at <= moment]
        if not found:
            raise NotRestorable(f"{self.path} has no base backup from before {moment or 'now'}")
        return found[-1]
