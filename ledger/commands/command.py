"""The base of every command, and the context each one travels with."""

import msgspec

from ledger.events.recorded import Actor


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A wish. The ledger may refuse it; repeating it must change nothing."""


class Origin(msgspec.Struct, frozen=True):
    """Where a request came from: kept, sealed, with what the audit log tells of it."""

    address: str
    user_agent: str | None = None


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, in which story, and because of what.

    `session_id` and `session_version` come from a human's access token and are judged again
    inside the append; None for anybody who signs in otherwise.
    """

    actor: Actor
    correlation_id: str
    causation_id: str | None = None
    traceparent: str | None = None
    session_id: str | None = None
    session_version: int | None = None
    origin: Origin | None = None
