"""Spans: how tracing sees attempts at jobs, and calls to others that they make."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

import msgspec
from typing_extensions import override

from workers.jobs import Job


class Outward(msgspec.Struct, frozen=True, kw_only=True):
    """A call to somebody else: who is asked for what, and where; `method` is that of HTTP."""

    peer: str
    operation: str
    host: str | None = None
    port: int | None = None
    method: str | None = None


class Span(Protocol):
    """One attempt or call that is traced; `headers` carry its story on to who is asked."""

    traceparent: str | None
    headers: Mapping[str, str]
    ids: Mapping[str, str]

    def answered(self, status: int) -> None:
        """Note the status of an answer over HTTP."""

    def ended(self, outcome: str, reason: str | None) -> None:
        """Note how an attempt at a job ended."""


class Spans(Protocol):
    """Whoever traces; a block that raises is a failure of its span."""

    def attempt(self, job: Job) -> AbstractContextManager[Span]:
        """Trace an attempt at a job, in the story of who asked for it."""

    def call(self, call: Outward) -> AbstractContextManager[Span]:
        """Trace a call, in the story that this thread works on."""


class NoSpan(Span):
    """What is not traced."""

    traceparent: str | None = None
    headers: Mapping[str, str] = {}
    ids: Mapping[str, str] = {}

    @override
    def answered(self, status: int) -> None:
        return None

    @override
    def ended(self, outcome: str, reason: str | None) -> None:
        return None


NOTHING = NoSpan()


class NoSpans(Spans):
    """Traces nothing."""

    @override
    def attempt(self, job: Job) -> AbstractContextManager[Span]:
        return nullcontext(NOTHING)

    @override
    def call(self, call: Outward) -> AbstractContextManager[Span]:
        return nullcontext(NOTHING)


UNTRACED = NoSpans()
