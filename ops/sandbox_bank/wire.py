"""The wire: HTTP/1.1 on bare sockets, so that a reply can fail to arrive in any way there is."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

import h11

from ops.sandbox_bank.message import Manner, Reply, Request

READ_BYTES = 65_536
BODY_BYTES_MAX = 1_000_000
DRIP_SECONDS = 0.1
RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER of zero seconds: closing such a socket resets the connection."""

Answer = Callable[[Request], Awaitable[Reply]]


class Talk:
    """One connection, from its first request to its end."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer
    ) -> None:
        self.reader, self.writer, self.answer = reader, writer, answer
        self.protocol = h11.Connection(h11.SERVER)

    async def run(self) -> None:
        """Answer requests until either side has enough."""
        try:
            with contextlib.suppress(OSError, h11.RemoteProtocolError):
                while await self.exchange():
                    self.protocol.start_next_cycle()
        finally:
            self.writer.close()

    async def exchange(self) -> bool:
        """Answer one request; return whether there may be another."""
        request = await self.request()
        if request is None:
            return False
        reply = await self.answer(request)
        match reply.manner:
            case Manner.SILENT:
                await self.reader.read()
                return False
            case Manner.DISCONNECTED:
                self.reset()
                return False
            case Manner.TRUNCATED:
                await self.tell(reply, reply.body[: len(reply.body) // 2])
                self.reset()
                return False
            case Manner.WHOLE | Manner.DRIPPED:
                await self.tell(reply, reply.body)
                await self.send(h11.EndOfMessage())
                return self.protocol.our_state is h11.DONE

    async def request(self) -> Request | None:
        """Read one request whole; None when the client has left."""
        head = await self.event()
        if not isinstance(head, h11.Request):
            return None
        body = b""
        while isinstance(part := await self.event(), h11.Data):
            body += part.data
            if len(body) > BODY_BYTES_MAX:
                return None
        target = urlsplit(head.target.decode())
        return Request(
            method=head.method.decode(),
            path=unquote(target.path),
            query=dict(parse_qsl(target.query, keep_blank_values=True)),
            headers={name.decode(): value.decode("latin-1") for name, value in head.headers},
            body=body,
        )

    async def event(self) -> object:
        """Return the next thing the client said."""
        while True:
            event = self.protocol.next_event()
            if event is not h11.NEED_DATA:
                return event
            if self.protocol.they_are_waiting_for_100_continue:
                await self.send(h11.InformationalResponse(status_code=100, headers=[]))
            self.protocol.receive_data(await self.reader.read(READ_BYTES))

    async def tell(self, reply: Reply, body: bytes) -> None:
        """Send the head of a reply and as much of its body as is given."""
        headers = {
            "Content-Type": reply.media_type,
            "Content-Length": str(len(reply.body)),
            **reply.headers,
        }
        head = h11.Response(status_code=reply.status, headers=list(headers.items()))
        await self.send(head)
        if reply.manner is not Manner.DRIPPED:
            await self.send(h11.Data(data=body))
            return
        for byte in body:
            await self.send(h11.Data(data=bytes([byte])))
            await asyncio.sleep(DRIP_SECONDS)

    async def send(self, event: h11.Event) -> None:
        data = self.protocol.send(event)
        if data:
            self.writer.write(data)
            await self.writer.drain()

    def reset(self) -> None:
        """Break the connection as a failing machine does."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.writer.transport.abort()
