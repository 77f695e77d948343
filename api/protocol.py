"""What happens before ASGI: requests the parser cannot accept are refused like any other.

uvicorn answers malformed HTTP with a line of plain text, and puts no bound on what it collects
before the headers end. Here both become the documented problem (http.md §1.3, §1.5, rule 7).
"""

import asyncio
from typing import Any, ClassVar

import httptools
import structlog
from typing_extensions import override
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE
from uvicorn.server import ServerState

from api.correlation import Correlation
from api.handshake import PATH as SOCKET_PATH
from api.handshake import is_handshake
from api.patience import PatientProtocol
from api.problems import problem
from api.reply import Bare
from api.security import security_headers
from api.wire import Wire
from ledger.errors import Reason, Refused

SLACK_BYTES = 8_192
"""Room for what the size rules do not count: white space, line ends, the request line."""
UNREAD_BYTES_MIN = 65_536
"""So much of a body that was refused is let in at least: it was on its way."""
PIPELINED_MAX = 32
"""How many requests of one connection may wait for the one that is being answered."""
CODING = b"transfer-encoding"
CODING_LENGTH = len(CODING)
log = structlog.get_logger()


class Unacceptable(Exception):
    """A request that the parser takes and we do not; seen by the parser only."""


class Protocol(PatientProtocol):
    """One connection. Sizes are judged exactly at the front; here only what must not pile up."""

    wire: ClassVar[Wire] = Wire()

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.deadlines = self.wire.deadlines
        self.connections_max = self.wire.connections_max
        limits = self.wire.limits
        self.head_bytes_max = limits.url_bytes + limits.header_bytes + SLACK_BYTES
        self.head_bytes = self.unread_bytes = 0
        self.headed = self.chunked = False
        self.url = b""

    @override
    def data_received(self, data: bytes) -> None:
        """Feed the parser, unless this connection has been refused."""
        if self.closing:
            return
        self._unset_keepalive_if_required()
        began_in_body, self.headed = self.in_body, False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            if self._should_upgrade():
                self.arrived()
                self.handle_websocket_upgrade()
                return
            log.debug("http.upgrade_ignored")
        except httptools.HttpParserError:
            self.refuse(Refused(Reason.INVALID_REQUEST))
            return
        passed = began_in_body or self.headed
        self.head_bytes = 0 if passed else self.head_bytes + len(data)
        if self.head_bytes > self.head_bytes_max:
            self.refuse(self.oversized())
        self.watch()

    @override
    def on_message_begin(self) -> None:
        """Begin to count a new head."""
        super().on_message_begin()
        self.in_body, self.in_head, self.chunked = False, True, False

    @override
    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header without the blanks around it; trailers are none (RFC 9110 §5.5, §6.5.1).

        Chunks are the one transfer coding there is, once (RFC 9112 §6.1).
        """
        if self.in_body:
            return
        if len(name) == CODING_LENGTH and name.lower() == CODING:
            if self.chunked or value.strip(b" \t").lower() != b"chunked":
                raise Unacceptable("another transfer coding than chunks")
            self.chunked = True
        super().on_header(name, value.strip(b" \t"))

    @override
    def on_headers_complete(self) -> None:
        """Hand the request to the application; what follows is its body."""
        if len(self.pipeline) >= PIPELINED_MAX:
            raise Unacceptable("too many requests ahead of their answers")
        if b"#" in self.url or (self.chunked and self.parser.get_http_version() != "1.1"):
            raise Unacceptable("a target with a fragment, or chunks in HTTP/1.0")
        super().on_headers_complete()
        if self.becomes_socket():
            return
        if self.expect_100_continue:
            # Whether a body follows is the client's choice, once it has been refused.
            self.cycle.keep_alive = False
        self.arrived()
        self.in_body = self.headed = True
        self.in_head, self.unread_bytes = False, 0

    @override
    def _should_upgrade(self) -> bool:
        """Say whether this is the handshake of a WebSocket: at one path, and well-formed."""
        return (
            super()._should_upgrade()
            and self.url.partition(b"?")[0] == SOCKET_PATH
            and self.parser.get_method() == b"GET"
            and is_handshake(self.headers)
        )

    def becomes_socket(self) -> bool:
        """Say whether nothing of HTTP follows on this connection."""
        return bool(self.parser.should_upgrade()) and self._should_upgrade()

    @override
    def on_body(self, body: bytes) -> None:
        """Collect the body; of one that nobody reads any more only so much is let in."""
        if self.cycle.response_complete:
            self.unread_bytes += len(body)
            if self.unread_bytes > max(self.wire.limits.body_bytes, UNREAD_BYTES_MIN):
                self.hang_up()
            return
        super().on_body(body)

    @override
    def on_message_complete(self) -> None:
        """Expect the next head."""
        super().on_message_complete()
        self.arrived()
        self.in_body = False

    def oversized(self) -> Refused:
        """Return why a head without end is refused."""
        limits = self.wire.limits
        if len(self.url) > limits.url_bytes:
            return Refused(Reason.REQUEST_URI_TOO_LONG, limit=limits.url_bytes, actual=None)
        return Refused(Reason.REQUEST_HEADERS_TOO_LARGE, limit=limits.header_bytes, actual=None)

    @override
    def refuse(self, refused: Refused) -> None:
        """Answer what no application will see, and close.

        While an earlier request is still being answered, the answer would be taken for its own:
        then nothing is said and the connection ends with that answer.
        """
        self.closing = True
        if self.in_body and self.pipeline:
            self.pipeline.popleft()
        elif self.in_body:
            self.interrupt(refused)
            return
        last = self.pipeline[0][0] if self.pipeline else self.answering
        if last is None or last.response_complete:
            self.say_and_close(refused)
        else:
            last.keep_alive = False

    def interrupt(self, refused: Refused) -> None:
        """Tell the application that the body it waits for never comes; answer in its place."""
        cycle = self.cycle
        if cycle.response_complete or cycle.response_started:
            self.hang_up()
            return
        cycle.disconnected = True
        cycle.message_event.set()
        self.say_and_close(refused)

    @override
    def say_and_close(self, refused: Refused) -> None:
        """Send a refusal as the last thing on this connection."""
        self.transport.write(self.rendered(refused))
        self.hang_up()

    def rendered(self, refused: Refused) -> bytes:
        """Return a refusal as a whole HTTP/1.1 answer."""
        ids = Correlation({})
        bare: Bare = problem(refused, ids.id)
        log.info("http.refused", reason=refused.reason, correlation_id=ids.id)
        headers = [
            *self.server_state.default_headers,
            *bare.header_list(),
            (b"x-correlation-id", ids.id.encode()),
            (b"x-request-id", ids.request_id.encode()),
            (b"traceparent", ids.traceparent.encode()),
            *security_headers("/", secret=False, https=self.is_https()),
            (b"connection", b"close"),
        ]
        lines = b"".join(b"%b: %b\r\n" % pair for pair in headers)
        return b"%b%b\r\n%b" % (STATUS_LINE[bare.status], lines, bare.body)

    def is_https(self) -> bool:
        """Return whether the answer demands HTTPS; before the headers end no proxy is believed."""
        return self.wire.always_https or self.scheme == "https"


def protocol_of(wire: Wire) -> type[Protocol]:
    """Return the protocol of a server with these settings."""
    return type("WiredProtocol", (Protocol,), {"wire": wire})
