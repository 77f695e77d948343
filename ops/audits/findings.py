"""Findings: which invariant does not hold, and where in the log that shows."""

import msgspec

FOUND_MAX = 100


class Finding(msgspec.Struct, frozen=True):
    """An invariant that does not hold. `stream` is None for what is nobody's in particular."""

    invariant: str
    position: int
    says: str
    stream: str | None = None
    version: int | None = None

    def line(self) -> str:
        """Return the finding as people read it."""
        place = "" if self.stream is None else f" (stream {self.stream}, version {self.version})"
        return f"{self.invariant} at position {self.position}{place}: {self.says}"


class Findings:
    """Collects what is wrong at the event that is being looked at."""

    def __init__(self) -> None:
        self.found: list[Finding] = []
        self.position = 0
        self.stream: str | None = None
        self.version: int | None = None
        self.at = ""

    def look(self, position: int, stream: str, version: int, at: str) -> None:
        """Move on to an event; `at` is when it was recorded."""
        self.position, self.stream, self.version, self.at = position, stream, version, at

    def find(self, invariant: str, says: str) -> None:
        """Note what is wrong here."""
        if len(self.found) < FOUND_MAX:
            here = Finding(invariant, self.position, says, self.stream, self.version)
            self.found.append(here)

    def find_at_all(self, invariant: str, says: str) -> None:
        """Note what is wrong with everything up to here."""
        self.found.append(Finding(invariant, self.position, says))
