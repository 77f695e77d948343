"""Memory: current states, kept so that deciding needs no database; never the truth, always checked.

Every append is a compare-and-swap on the head of the log, so a state that another process has
moved on can never decide anything that is committed.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ledger.append.ports import Vault
from ledger.commands.asked import Loaded
from ledger.decisions.streams import STREAM_TYPES, type_of
from ledger.decisions.view import NotLoaded
from ledger.events.event import Sealed
from ledger.events.recorded import Recorded

CLAIM = "claim:"


class Memory:
    """Streams and claims of one process, by key; the least recently written go first."""

    def __init__(self, vault: Vault, capacity: int) -> None:
        self.entries: dict[str, Any] = {}
        self.capacity = capacity
        self.followed_to = 0
        self.reveal: Callable[[Sealed | None], str | None] = vault.reveal
        self.digest: Callable[..., str] = vault.digest

    def recall(self, key: str) -> Any:
        """Return what is remembered under `key`; raises `NotLoaded`."""
        try:
            return self.entries[key]
        except KeyError:
            raise NotLoaded(key) from None

    def find(self, key: str) -> Any:
        """Return what is remembered under `key`, or None."""
        return self.entries.get(key)

    def learn(self, entries: Mapping[str, Any]) -> None:
        """Remember what was fetched, unless what is known is newer: a claim that is known is."""
        for key, entry in entries.items():
            known = self.entries.get(key)
            older = isinstance(known, Loaded) and known.version < entry.version
            if known is None or older:
                self.keep(key, entry)

    def keep(self, key: str, entry: Any) -> None:
        """Remember `entry` as the youngest; the oldest ones go first."""
        self.entries.pop(key, None)
        self.entries[key] = entry
        while len(self.entries) > self.capacity:
            del self.entries[next(iter(self.entries))]

    def accept(self, changed: Mapping[str, Any]) -> None:
        """Remember what a committed batch changed; streams that nobody asks again are let go."""
        kept = {
            key: entry
            for key, entry in changed.items()
            if key.startswith(CLAIM) or key in self.entries or STREAM_TYPES[type_of(key)].remembered
        }
        for key, entry in kept.items():
            self.keep(key, entry)

    def follow(self, events: Iterable[Recorded]) -> None:
        """Move remembered streams on by what other processes recorded; forget all claims."""
        for key in [key for key in self.entries if key.startswith(CLAIM)]:
            del self.entries[key]
        for recorded in events:
            self.followed_to = recorded.position
            envelope = recorded.envelope
            known = self.entries.get(envelope.stream_id)
            if known is not None and known.version < envelope.stream_version:
                self.entries[envelope.stream_id] = moved_on(known, recorded)

    def forget(self, keys: Iterable[str] | None = None) -> None:
        """Drop `keys`, or everything."""
        for key in list(self.entries if keys is None else keys):
            self.entries.pop(key, None)


def moved_on(known: Loaded, recorded: Recorded) -> Loaded:
    """Return a stream one event further."""
    envelope = recorded.envelope
    assert envelope.stream_version == known.version + 1, "a stream's versions have no gaps"
    kind = STREAM_TYPES[type_of(envelope.stream_id)]
    at = envelope.recorded_at
    state = kind.evolve(known.state, envelope.data, at)
    return Loaded(state, envelope.stream_version, known.inserted_at or at, at, known.stream_id)


def folded(start: Loaded, events: Iterable[Recorded]) -> Loaded:
    """Return a stream after `events`, which continue it."""
    for recorded in events:
        start = moved_on(start, recorded)
    return start


def unheard_of(stream_id: str) -> Loaded:
    """Return a stream that nothing has happened to."""
    return Loaded(STREAM_TYPES[type_of(stream_id)].initial, 0, "", "", stream_id)


class Overlay:
    """What a batch changed, on top of memory or of the batch that is being committed before it."""

    def __init__(self, under: "Memory | Overlay") -> None:
        self.under = under
        self.changed: dict[str, Any] = {}
        self.begin: int | None = None
        self.events = 0
        self.reveal: Callable[[Sealed | None], str | None] = under.reveal
        self.digest: Callable[..., str] = under.digest

    def recall(self, key: str) -> Any:
        """Return what the batch has made of `key`, else what lies under it."""
        known = self.find(key)
        if known is None:
            raise NotLoaded(key)
        return known

    def find(self, key: str) -> Any:
        """Return what the batch has made of `key`, else what lies under it, or None."""
        known = self.changed.get(key)
        return self.under.find(key) if known is None else known
