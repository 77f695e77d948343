"""What a verification found: how much was looked at, what holds, and where it does not."""

from collections import Counter

import msgspec

from schema.signatures import TreeHead

FOUND_MAX = 100


class Broken(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not as it was. `until` ends the range where it must be, if it is one."""

    check: str
    position: int
    says: str
    until: int | None = None
    stream: str | None = None
    version: int | None = None

    def line(self) -> str:
        """Return what is broken as people read it."""
        stream = "" if self.stream is None else f" (stream {self.stream}, version {self.version})"
        place = f"position {self.position}"
        if self.until is not None and self.until != self.position:
            place = f"positions {self.position} to {self.until}"
        return f"{self.check:<13} FAILED at {place}{stream}: {self.says}"


class Report:
    """Collects what is found; `looked` counts the events, `good` what held, by check."""

    def __init__(self, first: int) -> None:
        self.first, self.last = first, first - 1
        self.looked = 0
        self.broken: list[Broken] = []
        self.good: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.newest: TreeHead | None = None
        self.key_ids: set[str] = set()

    def judge(self, check: str, *, holds: bool) -> bool:
        """Count one thing that was asked; return whether it holds."""
        self.asked[check] += 1
        self.good[check] += holds
        return holds

    def fail(self, broken: Broken) -> None:
        """Note what is broken; of very many things the first are enough."""
        if len(self.broken) < FOUND_MAX:
            self.broken.append(broken)

    @property
    def failed(self) -> set[str]:
        """Return the checks that something failed."""
        return {each.check for each in self.broken}

    def lines(self) -> list[str]:
        """Return the whole report as people read it."""
        head = self.newest
        newest = "nothing is sealed"
        if head is not None:
            newest = f"newest tree_size {head.tree_size}  root {brief(head.root_hash)}"
        contiguous = "" if "events" in self.failed else " contiguous"
        lines = [
            f"{'events':<13} {self.looked}  positions {self.first}..{self.last}{contiguous}",
            f"{'checkpoints':<13} {self.asked['roots']}  {newest}",
        ]
        lines += [self.line(check) for check in ("leaves", "chain", "columns", "tree")]
        keys = f" (key {', '.join(sorted(self.key_ids))})" if self.key_ids else ""
        lines += [self.line("roots"), self.line("signatures") + keys, self.line("consistency")]
        if self.asked["anchors"]:
            lines.append(self.line("anchors"))
        lines.append(self.line("streams", "no version gaps"))
        broken = [each.line() for each in self.broken]
        return [line for line in lines if line] + broken + [self.verdict]

    def line(self, check: str, good: str = "") -> str:
        """Return the line of one check; empty where what is broken says it all."""
        asked = self.asked[check]
        if check in self.failed:
            return f"{check:<13} failed {self.good[check]}/{asked}" if asked else ""
        told = f"{self.good[check]}/{asked}" if asked else good
        return f"{check:<13} ok  {told}".rstrip()

    @property
    def verdict(self) -> str:
        """Return the last word."""
        return "NOT VERIFIED" if self.broken else "VERIFIED"


def brief(root: bytes) -> str:
    """Return the beginning and the end of a hash."""
    return f"{root.hex()[:4]}…{root.hex()[-2:]}"
