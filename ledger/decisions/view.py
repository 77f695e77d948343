"""View: everything a decision may read, and everything it wishes to record.

A decision asks the view for what it reads. What is not in memory raises `NotLoaded`; it is
fetched, and the decision is asked again from the start: it is pure, so nothing happens twice.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import msgspec

from ledger.commands.asked import Asked, Loaded
from ledger.commands.command import Context
from ledger.decisions.streams import STREAM_TYPES, StreamType, type_of
from ledger.errors import Reason, Refused
from ledger.events.event import Event, Sealed
from ledger.events.recorded import Actor
from ledger.policies.limits import Rules


class NotLoaded(Exception):
    """What the decision asked for is not in memory: streams, claims or data keys."""

    def __init__(self, *keys: str) -> None:
        super().__init__(*keys)
        self.keys = keys


class Claim(msgspec.Struct, frozen=True):
    """A unique key and who holds it; from `expires_at` on it counts as free."""

    holder: str
    expires_at: str | None = None


class ClaimChange(msgspec.Struct, frozen=True):
    """What becomes of a unique key; `existed` says whether it had a row before."""

    existed: bool
    after: Claim | None


class PrivateRow(msgspec.Struct, frozen=True):
    """A row beside the log, written in the append transaction: upserted, or deleted when None."""

    table: str
    key: str
    values: dict[str, Any] | None


class Memory(Protocol):
    """What is known without asking the database: the process's memory, or an overlay on it."""

    def recall(self, key: str) -> Any:
        """Return what is remembered under `key`; raises `NotLoaded`."""

    def find(self, key: str) -> Any:
        """Return what is remembered under `key`, or None."""

    def reveal(self, sealed: Sealed | None) -> str | None:
        """Read personal text; raises `NotLoaded` for a data key that is not at hand."""

    def digest(self, *parts: str | int) -> str:
        """Return the keyed hash (hex) that stands for `parts` in claims."""


ABSENT = object()
"""Remembered in place of a claim that nobody holds."""


def claim_key(namespace: str, key: str) -> str:
    """Return the memory key of a claim."""
    return f"claim:{namespace}:{key}"


class View:
    """One attempt at one command. Reads go to memory; writes stay here until it is accepted.

    `after`: the position of the log's last event before this command's. `effective_at`: since
    when what is recorded next counts, when that is not now; `back_dated` are those times by place
    in `events`.
    """

    def __init__(
        self, memory: Memory, rules: Rules, now: str, context: Context, asked: Asked
    ) -> None:
        self.memory, self.rules, self.now = memory, rules, now
        self.context, self.asked = context, asked
        self.caller: Actor = context.actor
        self.changed: dict[str, Any] = {}
        self.events: list[tuple[str, int, Event]] = []
        self.effective_at: str | None = None
        self.back_dated: dict[int, str] = {}
        self.after = 0
        self.claims: dict[tuple[str, str], ClaimChange] = {}
        self.rows: list[PrivateRow] = []
        self.reveal = memory.reveal
        self.digest = memory.digest

    def undone(self) -> "View":
        """Return a view with the same caller, as if nothing had been wished."""
        view = View(self.memory, self.rules, self.now, self.context, self.asked)
        view.caller = self.caller
        return view

    def load(self, stream_id: str) -> Loaded:
        """Return a stream as it is now, this attempt's own events included."""
        known = self.changed.get(stream_id)
        loaded: Loaded = self.memory.recall(stream_id) if known is None else known
        return loaded

    def state(self, stream_id: str) -> Any:
        """Return the state of a stream."""
        known = self.changed.get(stream_id)
        return (self.memory.recall(stream_id) if known is None else known).state

    def gather(self, stream_ids: Iterable[str]) -> None:
        """Ask for many streams at once, so that they are fetched together."""
        missing = []
        for stream_id in stream_ids:
            try:
                self.load(stream_id)
            except NotLoaded:
                missing.append(stream_id)
        if missing:
            raise NotLoaded(*missing)

    def begin(self, stream_id: str) -> Any:
        """Return the state of a stream that this command names for the first time.

        Unknown means new: the database is not asked. If it was there after all, the append finds
        out by its version, loads it and decides again.
        """
        known = self.changed.get(stream_id) or self.memory.find(stream_id)
        if known is not None:
            return known.state
        initial = STREAM_TYPES[type_of(stream_id)].initial
        self.changed[stream_id] = Loaded(initial, 0, "", "", stream_id)
        return initial

    def record(self, stream_id: str, *events: Event) -> None:
        """Wish `events` recorded on a stream, and see them from now on."""
        loaded = self.load(stream_id)
        if not events:
            return
        kind: StreamType = STREAM_TYPES[type_of(stream_id)]
        state, version = loaded.state, loaded.version
        for event in events:
            state, version = kind.evolve(state, event, self.now), version + 1
            if self.effective_at is not None:
                self.back_dated[len(self.events)] = self.effective_at
            self.events.append((stream_id, version, event))
        since = loaded.inserted_at or self.now
        self.changed[stream_id] = Loaded(state, version, since, self.now, stream_id)

    @property
    def position(self) -> int:
        """Return the position that the event recorded last is going to have."""
        return self.after + len(self.events)

    def tell(self, name: str, state: Any) -> str:
        """Let `state`, which is no stream's, be what answers the command; it is not kept."""
        self.changed[name] = Loaded(state, 0, self.now, self.now, name)
        return name

    def known_claim(self, namespace: str, key: str) -> Claim | None:
        """Return the row of a unique key, whether or not its time is over."""
        changed = self.claims.get((namespace, key))
        if changed is not None:
            return changed.after
        known = self.memory.recall(claim_key(namespace, key))
        return known if isinstance(known, Claim) else None

    def claim(self, namespace: str, key: str) -> Claim | None:
        """Return who holds a unique key now; None when it is free or its time is over."""
        known = self.known_claim(namespace, key)
        over = known is not None and known.expires_at is not None and known.expires_at <= self.now
        return None if over else known

    def take(self, namespace: str, key: str, claim: Claim, otherwise: Reason) -> None:
        """Hold a unique key from now on; refused with `otherwise` while somebody else does."""
        held = self.claim(namespace, key)
        if held is not None and held.holder != claim.holder:
            raise Refused(otherwise)
        self.change_claim(namespace, key, claim)

    def release(self, namespace: str, key: str, holder: str) -> None:
        """Give a unique key back, if `holder` has it."""
        held = self.claim(namespace, key)
        if held is not None and held.holder == holder:
            self.change_claim(namespace, key, None)

    def change_claim(self, namespace: str, key: str, after: Claim | None) -> None:
        """Wish the row of a unique key written or removed together with the events."""
        first = self.claims.get((namespace, key))
        existed = self.known_claim(namespace, key) is not None if first is None else first.existed
        self.claims[namespace, key] = ClaimChange(existed, after)

    def keep(self, table: str, key: str, values: Mapping[str, Any]) -> None:
        """Wish a private row written together with the events."""
        self.rows.append(PrivateRow(table, key, dict(values)))

    def drop(self, table: str, key: str) -> None:
        """Wish a private row removed together with the events."""
        self.rows.append(PrivateRow(table, key, None))

    def match_version(self, stream_id: str) -> None:
        """Refuse when the asker expected another version of the resource (http.md §1.8)."""
        self.match(self.load(stream_id).version)

    def match(self, current: int) -> None:
        """Refuse when the asker expected another version than the `current` one."""
        if self.asked.if_match is not None and current not in self.asked.if_match:
            raise Refused(Reason.VERSION_CONFLICT, current_version=current)
