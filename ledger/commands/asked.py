"""Asked: a command as somebody put it, with the key that makes asking again safe."""

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from ledger.errors import Refused
from ledger.events.event import Sealed


class Idempotency(msgspec.Struct, frozen=True):
    """Who asked (`scope`), under which key, and a keyed hash of what was asked (http.md §1.9).

    `earlier_hashes` are made with the index keys before the present one, as the first may be.
    """

    scope: str
    key: str
    request_hash: bytes
    earlier_hashes: tuple[bytes, ...] = ()

    def asked_for(self, request_hash: bytes | None) -> bool:
        """Say whether a hash that was kept stands for this request."""
        return request_hash == self.request_hash or request_hash in self.earlier_hashes


class Answer(msgspec.Struct, frozen=True):
    """What the asker is told: kept with the command and given again to the same key."""

    status: int
    body: bytes
    headers: dict[str, str] = {}


class Loaded(msgspec.Struct, frozen=True, gc=False):
    """The state of one stream: `version` events, the first and last recorded at these times."""

    state: Any
    version: int
    inserted_at: str
    updated_at: str
    stream_id: str = ""

    @property
    def id(self) -> str:
        """Return the id that the stream is named after."""
        return self.stream_id[-UUID_CHARACTERS:]


UUID_CHARACTERS = 36

Reveal: TypeAlias = Callable[[Sealed | None], str | None]
"""Reads personal text of a state; a lost key reads "[erased]"."""

Render: TypeAlias = Callable[[Loaded, Reveal], Answer]
"""Turns the state that answers a command into what the asker is told. Pure."""

RenderRefusal: TypeAlias = Callable[[Refused], Answer]


class Asked(msgspec.Struct, frozen=True):
    """How a command was asked: without a key nothing is remembered but its id.

    `if_match` are the stream versions the asker accepts; None accepts any (RFC 9110 §13.1.1).
    A rehearsed command is decided and answered like any other, and leaves no trace.
    """

    idempotency: Idempotency | None = None
    if_match: tuple[int, ...] | None = None
    rehearsed: bool = False
    render: Render | None = None
    render_refusal: RenderRefusal | None = None


class Outcome(msgspec.Struct, frozen=True):
    """What became of a command that was not refused.

    `position`: of its last event, or the head when it changed nothing. `result`: the stream that
    answers it; None for a replay. `answer`: rendered, or replayed from the first time.
    """

    position: int
    result: Loaded | None
    answer: Answer | None
    replayed: bool = False
