"""The base of every command, and the context each one travels with."""

import msgspec

from ledger.events.recorded import Actor


class Command(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A wish. The ledger may refuse it; repeating it must change nothing."""

    @property
    def weight(self) -> int:
        """Return how many ordinary commands it is worth when batches are filled."""
        return 1


class Origin(msgspec.Struct, frozen=True, gc=False):
    """Where a request came from: kept, sealed, with what the audit log tells of it."""

    address: str
    user_agent: str | None = None


class Context(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Who asks, in which story, and because of what.

    `session_id` and `session_version` come from a human's access token and are judged again
    inside the append, as is the generation of a service account's key, its `session_version`;
    None for anybody who signs in otherwise.
    """

    actor: Actor
    correlation_id: str
    causation_id: str | None = None
    traceparent: str | None = None
    session_id: str | None = None
    session_version: int | None = None
    origin: Origin | None = None
