"""Streaming: answers of any length, sent piece by piece while they are made."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import structlog

from api.asgi import HeaderList, Receive
from api.call import Call
from api.envelope import OPENING, closing, now_text
from api.reply import JSON, Stream

log = structlog.get_logger()


async def begun(call: Call, stream: Stream, headers: HeaderList) -> Stream:
    """Make the first piece, so that what fails at once is still answered with a problem."""
    pieces = enveloped(call, stream.pieces) if stream.content_type == JSON else stream.pieces
    first = await anext(pieces, b"")
    return Stream(
        pieces=resumed(first, pieces),
        content_type=stream.content_type,
        headers=(*stream.headers, *headers),
    )


async def enveloped(call: Call, pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Wrap the JSON of `data` the way every success is wrapped (http.md §1.2)."""
    opening = OPENING
    async for piece in pieces:
        yield opening + piece
        opening = b""
    yield closing(b"{}", call.ids.id, now_text())


async def resumed(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Yield what was made already, then the rest."""
    yield first
    async for piece in rest:
        yield piece


async def flow(call: Call, stream: Stream) -> None:
    """Send an answer that has begun, for as long as somebody listens.

    One that breaks off is left without its end, which tells the client that it is not whole.
    """
    headers = [(b"content-type", stream.content_type), *stream.headers]
    await call.send({"type": "http.response.start", "status": 200, "headers": headers})
    gone = asyncio.create_task(hung_up(call.receive))
    try:
        if call.scope["method"] != "HEAD":
            await send_pieces(call, stream.pieces, gone)
    except Exception:
        log.exception("http.broke_off", correlation_id=call.ids.id, route=call.route)
    else:
        await call.send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()


async def send_pieces(
    call: Call, pieces: AsyncGenerator[bytes, None], gone: asyncio.Task[None]
) -> None:
    """Send every piece; once the client has gone none is made any more, nor waited for."""
    async with aclosing(pieces):
        while (piece := await next_piece(pieces, gone)) is not None:
            await call.send({"type": "http.response.body", "body": piece, "more_body": True})


async def next_piece(pieces: AsyncGenerator[bytes, None], gone: asyncio.Task[None]) -> bytes | None:
    """Return the next piece; None after the last one, or once nobody listens."""
    making = asyncio.ensure_future(anext(pieces, None))
    await asyncio.wait({making, gone}, return_when=asyncio.FIRST_COMPLETED)
    if not gone.done():
        return await making
    making.cancel()
    await asyncio.gather(making, return_exceptions=True)
    return None


async def hung_up(receive: Receive) -> None:
    """Return when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
