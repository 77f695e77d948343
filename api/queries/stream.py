"""GET /api/stream: what happens to the caller's records, while it happens (events_audit.md §3.1).

A stream begins where it is told to and goes on until its caller may not listen any more.
"""

from collections.abc import AsyncGenerator, Iterable, Sequence
from typing import Any

import msgspec

from api.asgi import HeaderList
from api.call import Call
from api.callers import HUMAN
from api.consistency import Freshness
from api.endpoint import Endpoint
from api.feed import PAGE_NOTICES, Feed, Listener
from api.fields import Document, Field, Kind
from api.kinds import uuid
from api.negotiation import WELCOME
from api.open_streams import STANDING_SECONDS, OpenStream, opened
from api.parameters import WHOLE, position
from api.reading import Reading, is_reader, permit, permit_named_account, viewer_of
from api.reply import Bare, Stream
from ledger.errors import Reason, Refused
from ledger.policies import access
from projections import payments
from projections.frames import NAMES, Frame, kinds_of
from projections.notices import Notice, Wanted, notices

EVENTS = "text/event-stream"
CONTENT_TYPE = b"text/event-stream; charset=utf-8"
NOT_KEPT: HeaderList = [(b"x-accel-buffering", b"no")]
KEEP_ALIVE = b": keep-alive\n\n"
KEEP_ALIVE_TURNS = int(15 / STANDING_SECONDS)
WRITTEN_AT_ONCE = 50
encode = msgspec.json.Encoder().encode


async def listen(call: Call) -> Stream | Bare:
    """Open a stream: live from now on, or from behind the last frame that was read."""
    await permit_filters(call)
    names = frozenset(call.query.get("types") or NAMES)
    wanted = Wanted(
        owner=viewer_of(call),
        kinds=kinds_of(names),
        account_id=call.query.get("account_id"),
        payment_id=call.query.get("payment_id"),
    )
    after = await last_read(call)
    if call.scope["method"] == "HEAD":
        return Bare(content_type=CONTENT_TYPE)
    return Stream(
        pieces=pieces(call, wanted, names, after),
        content_type=CONTENT_TYPE,
        headers=tuple(NOT_KEPT),
    )


async def permit_filters(call: Call) -> None:
    """Refuse to tell of an account or a payment that the caller may not read."""
    if is_reader(call):
        return
    await permit_named_account(call)
    payment_id = call.query.get("payment_id")
    if payment_id is not None:
        found = await payments.one(call.use(Reading).pool, payment_id)
        if found is not None:
            permit(call, access.may_read_payment, found.owners)


async def last_read(call: Call) -> int | None:
    """Return the position that the client has read up to; None when it wants what comes now.

    A browser sends the header by itself when it comes back, so that counts before the parameter.
    """
    header = call.header(b"last-event-id")
    if header is not None and not WHOLE.fullmatch(header):
        raise Refused(Reason.INVALID_POSITION, header="Last-Event-ID")
    after = call.query.get("last_event_id") if header is None else int(header)
    if after is not None:
        head = await call.use(Freshness).head()
        if after > head:
            raise Refused(Reason.INVALID_POSITION, head=head)
    return None if after is None else int(after)


async def pieces(
    call: Call, wanted: Wanted, names: frozenset[str], after: int | None
) -> AsyncGenerator[bytes, None]:
    """Yield frames until the stream ends, and why it does."""
    feed = call.use(Feed)
    async with opened(call, "sse", call.headers) as stream:
        now = await call.use(Freshness).head() if after is None else after
        listener = Listener(wanted, begins_after=now)
        with feed.listening(listener):
            until = feed.position
            yield KEEP_ALIVE
            if after is not None:
                async for piece in earlier(call, wanted, names, (after, until)):
                    yield piece
            async for piece in live(stream, feed, listener, names):
                yield piece


async def earlier(
    call: Call, wanted: Wanted, names: frozenset[str], span: tuple[int, int]
) -> AsyncGenerator[bytes, None]:
    """Yield the frames behind one position, up to another."""
    feed, (after, until) = call.use(Feed), span
    while after < until:
        found = await notices(feed.pool, wanted, after, until, PAGE_NOTICES)
        async for piece in written(feed, found, names):
            yield piece
        after = found[-1].position if len(found) == PAGE_NOTICES else until


async def live(
    stream: OpenStream, feed: Feed, listener: Listener, names: frozenset[str]
) -> AsyncGenerator[bytes, None]:
    """Yield frames as they come; who reads too slowly is left to come back."""
    silent = 0
    while True:
        reason = await stream.ended()
        if reason is not None:
            yield b'event: stream_closed\ndata: {"reason":"%b"}\n\n' % reason.encode()
            return
        if listener.overrun:
            return
        taken = listener.take()
        async for piece in written(feed, taken, names):
            yield piece
        silent = 0 if taken else silent + 1
        if silent >= KEEP_ALIVE_TURNS:
            silent = 0
            yield KEEP_ALIVE
        await listener.wait(STANDING_SECONDS)


async def written(
    feed: Feed, found: Sequence[Notice], names: frozenset[str]
) -> AsyncGenerator[bytes, None]:
    """Yield notices as frames; those of one event go out together."""
    for start in range(0, len(found), WRITTEN_AT_ONCE):
        told = await feed.frames(found[start : start + WRITTEN_AT_ONCE], names)
        if told:
            yield b"".join(line for frames in told for line in lines(frames))


def lines(frames: Iterable[Frame]) -> Iterable[bytes]:
    """Return frames as they go over the wire."""
    for frame in frames:
        yield b"id: %d\nevent: %b\ndata: %b\n\n" % (
            frame.position,
            frame.event.encode(),
            encode(frame.payload),
        )


def event_names() -> Kind:
    """Accept names of events, comma separated."""

    def read(value: Any, _: Document) -> list[str]:
        named = [name.strip() for name in str(value).split(",")]
        if not NAMES.issuperset(named):
            raise Refused(Reason.INVALID_FIELD_VALUE, allowed=sorted(NAMES))
        return named

    schema = {"type": "string", "description": f"Of: {', '.join(sorted(NAMES))}."}
    return Kind(read=read, schema=schema, reasons=(Reason.INVALID_FIELD_VALUE,))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/stream",
        handler=listen,
        who=HUMAN.or_service("ledger:read"),
        summary="Listen to what happens to one's records (server-sent events)",
        tag="Streams",
        query=(
            Field("last_event_id", position()),
            Field("types", event_names()),
            Field("account_id", uuid()),
            Field("payment_id", uuid()),
        ),
        data=str,
        enveloped=False,
        produces=EVENTS,
        accepts=WELCOME | {EVENTS},
        reasons=(
            Reason.INVALID_POSITION,
            Reason.INSUFFICIENT_PERMISSIONS,
            Reason.UNAUTHORIZED_ACCESS,
        ),
    ),
)
