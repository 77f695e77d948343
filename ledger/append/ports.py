"""What the append needs from outside: a store that commits batches, and a vault of data keys."""

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec

from ledger.commands.asked import Answer, Loaded
from ledger.decisions.view import ClaimChange, PrivateRow
from ledger.events.event import Event, Sealed
from ledger.events.recorded import Metadata, Recorded


class Head(msgspec.Struct, frozen=True):
    """The end of the log: the newest position, its chain hash, and when it was recorded."""

    position: int
    chain_hash: bytes
    recorded_at: str
    epoch: str


class Decided(msgspec.Struct, frozen=True):
    """A command that was decided: everything one transaction must write for it.

    `scope` and `key` name it for ever: the asker's idempotency key, or '' and its own id.
    `events` are (stream id, version, event); `answer` is sealed under `answer_key`. `back_dated`
    are the effective times, by place in `events`, of those that count from before `now`.
    """

    command_id: str
    scope: str
    key: str
    request_hash: bytes | None
    metadata: Metadata
    now: str
    events: Sequence[tuple[str, int, Event]]
    claims: dict[tuple[str, str], ClaimChange]
    rows: Sequence[PrivateRow]
    answer: bytes | None
    answer_key: str | None
    back_dated: dict[int, str] = {}


class Remembered(msgspec.Struct, frozen=True):
    """What the store knows of an earlier command."""

    command_id: str
    request_hash: bytes | None
    last_position: int
    answer: bytes | None
    answer_key: str | None


class Fetched(msgspec.Struct, frozen=True):
    """Streams and claims as of `position`, by their memory keys."""

    position: int
    entries: dict[str, Any]


class HeadMoved(Exception):
    """Another process appended: what was decided may have read what has changed. Decide again."""


class Collided(Exception):
    """A stream, command or claim of the batch exists already. Look, and decide again."""


class OutcomeUnknown(Exception):
    """The connection broke before the answer came: look the commands up before anything else."""


class Unavailable(Exception):
    """The store cannot be reached. Nothing was written."""


class Staged(Protocol):
    """A batch being put together on top of a head: encoded, hashed and chained as it grows."""

    before: Head

    @property
    def head(self) -> Head:
        """Return the end of the log as it will be."""

    def add(self, decided: Decided) -> None:
        """Put one more command into the batch."""


class Turn(Protocol):
    """The head row, locked: nobody else can append until the context ends."""

    head: Head

    async def follow(self, since: int) -> Sequence[Recorded]:
        """Return the events after position `since`, oldest first."""

    async def fetch(self, keys: Collection[str]) -> Fetched:
        """Read streams and claims as they are under the lock."""

    async def append(self, staged: Staged) -> None:
        """Write the batch; it counts when the context ends without an exception."""


class Store(Protocol):
    """Where batches are committed and streams are read."""

    async def head(self) -> Head:
        """Return the end of the log."""

    def stage(self, head: Head) -> Staged:
        """Begin a batch on top of `head`."""

    async def commit(self, staged: Staged) -> None:
        """Commit a batch if the head it was staged on is still the end of the log.

        Raises `HeadMoved`, `Collided`, `OutcomeUnknown`, `Unavailable`.
        """

    def turn(self) -> AbstractAsyncContextManager[Turn]:
        """Lock the head row; commits at the end, rolls back on an exception. Raises as `commit`."""

    async def follow(self, since: int) -> Sequence[Recorded]:
        """Return the events after position `since`, oldest first."""

    async def fetch(self, keys: Collection[str]) -> Fetched:
        """Read streams (snapshot and tail) and claims by their memory keys, in one snapshot."""

    async def find(self, names: Collection[tuple[str, str]]) -> dict[tuple[str, str], Remembered]:
        """Return earlier commands by (scope, key)."""

    async def save_snapshot(self, stream_id: str, loaded: Loaded) -> None:
        """Keep a state so that its stream loads without its history."""


class Key(Protocol):
    """One person's data key."""

    @property
    def kid(self) -> str:
        """Return the key's id."""

    def seal(self, text: str) -> Sealed:
        """Encrypt personal text."""

    def seal_bytes(self, content: bytes, label: str) -> bytes:
        """Encrypt `content` so that it opens only under `label`."""

    def open_bytes(self, content: bytes, label: str) -> bytes:
        """Decrypt what `seal_bytes` made under `label`."""


class Vault(Protocol):
    """Data keys at hand, each for seconds only, so that an erased key is soon gone everywhere."""

    def of(self, subject: str) -> Key | None:
        """Return the key of a person, if it is at hand."""

    def sealing(self, subject: str) -> Key | None:
        """Return the key of a person or of the house; None when it is lost. Raises `NotLoaded`."""

    def by_id(self, kid: str) -> Key | None:
        """Return a key by its id; None when it is lost. Raises `NotLoaded` when not at hand."""

    def reveal(self, sealed: Sealed | None) -> str | None:
        """Read personal text; "[erased]" when its key is lost. Raises `NotLoaded`."""

    def create(self, subject: str, kid: str) -> PrivateRow:
        """Make a key for a new person, at hand from now on; return the row to be written."""

    def digest(self, *parts: str | int) -> str:
        """Return the keyed hash (hex) that stands for `parts` in claims."""

    def lose(self, kid: str) -> None:
        """Forget a key that has been destroyed."""

    async def fetch(self, subjects: Collection[str] = (), kids: Collection[str] = ()) -> None:
        """Bring keys to hand."""


def pack(answer: Answer) -> bytes:
    """Encode an answer for keeping."""
    return msgspec.msgpack.encode(answer)


def unpack(content: bytes) -> Answer:
    """Decode a kept answer."""
    return msgspec.msgpack.decode(content, type=Answer)
