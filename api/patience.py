"""How long a connection may keep a server waiting, and how many there may be.

No timer is set for a request that arrives in one piece. A client that is too slow is told so as
an `invalid_request`; one that has said nothing is left without a word.
"""

import asyncio
from abc import abstractmethod
from typing import Any, Literal, TypeAlias

import structlog
from typing_extensions import override
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from api.seldom import Seldom
from api.wire import Deadlines
from ledger.errors import Reason, Refused

Awaited: TypeAlias = Literal["head", "body"]
LINE_SECONDS = 60.0
CROWDED = Seldom(LINE_SECONDS)
log = structlog.get_logger()


class PatientProtocol(HttpToolsProtocol):
    """Bounds the time a client may take, and the number of clients.

    When a server is full, the connection that has been waited for longest makes room.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.deadlines = Deadlines()
        self.connections_max = 1
        self.in_head = self.in_body = self.closing = False
        self.answering: RequestResponseCycle | None = None
        self.awaited: Awaited | None = None
        self.awaited_since = 0.0
        self.sending_timer: asyncio.TimerHandle | None = None
        self.reading_timer: asyncio.TimerHandle | None = None

    @abstractmethod
    def refuse(self, refused: Refused) -> None:
        """Answer what no application will see, and close."""

    @abstractmethod
    def say_and_close(self, refused: Refused) -> None:
        """Send a refusal as the last thing on this connection."""

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Let a client in, even if somebody else has to go."""
        super().connection_made(transport)
        if len(self.connections) > self.connections_max:
            self.make_room()
        self.watch()

    def make_room(self) -> None:
        """Close the connection that was waited for longest; when all are busy, refuse this one."""
        waiting = [
            each
            for each in self.connections
            if isinstance(each, PatientProtocol) and each.delays_us() and each is not self
        ]
        if connections := CROWDED.due():
            log.warning("http.crowded", connections=len(self.connections), occasions=connections)
        if waiting:
            min(waiting, key=lambda each: each.awaited_since).hang_up()
        else:
            self.closing = True
            self.say_and_close(Refused(Reason.SERVICE_UNAVAILABLE))

    def delays_us(self) -> bool:
        """Say whether it is the client who has to do something next."""
        return not self.closing and (self.awaited is not None or self.is_idle())

    def is_idle(self) -> bool:
        """Say whether nothing is being answered here."""
        return self.answering is None or self.answering.response_complete

    def watch(self) -> None:
        """Give the client a limited time for the rest of what it has begun, or should begin."""
        awaited: Awaited | None = None
        if self.in_body:
            awaited = "body"
        elif self.in_head or self.is_idle():
            awaited = "head"
        if self.closing or awaited is self.awaited:
            return
        self.arrived()
        if awaited is not None:
            seconds = self.seconds_for(awaited)
            self.awaited, self.awaited_since = awaited, self.loop.time()
            self.sending_timer = self.loop.call_later(seconds, self.give_up)

    def seconds_for(self, awaited: Awaited) -> float:
        """Return how long a client may take for a part of a request."""
        return self.deadlines.head_seconds if awaited == "head" else self.deadlines.body_seconds

    def arrived(self) -> None:
        """Stop the clock: what was awaited is there."""
        if self.sending_timer is not None:
            self.sending_timer.cancel()
            self.sending_timer = self.awaited = None

    def give_up(self) -> None:
        """Refuse a request that does not come to its end; who never began one is left."""
        awaited = self.awaited
        self.sending_timer = self.awaited = None
        if awaited is None or not (self.in_head or self.in_body):
            self.hang_up()
            return
        seconds = self.seconds_for(awaited)
        self.refuse(Refused(Reason.INVALID_REQUEST, late=awaited, seconds=seconds))

    @override
    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Remember which request is being answered."""
        self.answering = cycle
        super()._start_asgi_task(cycle, app)

    @override
    def on_response_complete(self) -> None:
        """Wait for the next request from now on; a client that has to go must read what it got."""
        super().on_response_complete()
        self.awaited_since = self.loop.time()
        if self.transport.is_closing():
            self.expect_reading()

    @override
    def timeout_keep_alive_handler(self) -> None:
        """Close a connection on which nothing has begun for too long."""
        self.hang_up()

    def hang_up(self) -> None:
        """Close once the client has read what it was sent, or has had the time to."""
        self.closing = True
        self.arrived()
        self.transport.close()
        self.expect_reading()

    def expect_reading(self) -> None:
        """Give the client a limited time to read."""
        if self.reading_timer is None and self.parser is not None:
            self.reading_timer = self.loop.call_later(
                self.deadlines.reading_seconds, self.transport.abort
            )

    @override
    def pause_writing(self) -> None:
        """Wait for a slow reader, but not for ever."""
        super().pause_writing()
        self.expect_reading()

    @override
    def resume_writing(self) -> None:
        """Go on: the client reads."""
        super().resume_writing()
        if self.reading_timer is not None and not self.transport.is_closing():
            self.reading_timer.cancel()
            self.reading_timer = None

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection, and what was still to be answered on it."""
        self.arrived()
        self.pipeline.clear()
        if self.answering is not None:
            self.answering.disconnected = True
            self.answering.message_event.set()
        if self.reading_timer is not None:
            self.reading_timer.cancel()
        super().connection_lost(exc)
