"""One request on its way through the stages: what was sent, who sent it, what came of it."""

from collections.abc import Mapping
from typing import Any, TypeVar

from api.asgi import HeaderList, Message, Receive, Scope, Send, header_map
from api.body import read_body
from api.callers import ANONYMOUS, Principal
from api.correlation import Correlation
from api.cors import cors_headers
from api.edge import Edge
from api.rate_limits import Rated
from api.security import security_headers
from api.spans import Span
from ledger.errors import Reason

T = TypeVar("T")
KEY = "ledgerbank.call"
"""Where the call lies in the ASGI scope."""
UNMATCHED = "unmatched"
CLIENT_GONE = 499


class Call:
    """What a handler is given: `path`, `query`, `body` read and valid, `principal` proven."""

    __slots__ = (
        "body",
        "deliver",
        "document",
        "edge",
        "guarded",
        "headers",
        "idempotency_key",
        "ids",
        "path",
        "places",
        "position",
        "preflight",
        "principal",
        "query",
        "rated",
        "reason",
        "receive",
        "route",
        "scope",
        "shows_secret",
        "span",
        "status",
        "told_at",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, edge: Edge) -> None:
        self.scope = scope
        self.receive = receive
        self.deliver = send
        self.edge = edge
        self.headers = header_map(scope["headers"])
        self.ids = Correlation(self.headers)
        self.span: Span | None = None
        if edge.spans is not None:
            self.span = edge.spans.begin(scope["method"], self.headers)
            self.ids.follow(self.span)
        self.principal: Principal = ANONYMOUS
        self.route = UNMATCHED
        self.places: Mapping[str, str] = {}
        self.path: Mapping[str, Any] = {}
        self.query: Mapping[str, Any] = {}
        self.body: Mapping[str, Any] = {}
        self.document: dict[str, Any] = {}
        self.idempotency_key: str | None = None
        self.position: int | None = None
        self.guarded = False
        self.preflight = False
        self.shows_secret = False
        self.status = CLIENT_GONE
        self.reason: Reason | None = None
        self.rated: Rated | None = None
        self.told_at: str | None = None

    def use(self, kind: type[T]) -> T:
        """Return the thing of this type that the application was made with."""
        found = self.edge.uses[kind]
        assert isinstance(found, kind), f"{kind.__name__} is wired to another type"
        return found

    def header(self, name: bytes) -> str | None:
        """Return a request header as text."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    @property
    def client_address(self) -> str:
        """Return the address of the client, seen through trusted proxies only."""
        return self.edge.proxies.client_address(self.scope, self.headers)

    async def take_body(self) -> bytes:
        """Return the raw body, for a route that judges the bytes themselves."""
        declared = self.headers.get(b"content-length")
        return await read_body(self.receive, declared, self.edge.wire.limits.body_bytes)

    async def send(self, message: Message) -> None:
        """Send a message of the answer; its start gets the headers every answer has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = self.dressed(message["headers"])
        await self.deliver(message)

    def dressed(self, own: HeaderList) -> HeaderList:
        """Return the answer's own headers with those of every answer (http.md §1.7, 1.13-1.15)."""
        ids, edge = self.ids, self.edge
        https = edge.wire.always_https or edge.proxies.is_https(self.scope, self.headers)
        headers = [
            *own,
            (b"x-correlation-id", ids.id.encode()),
            (b"x-request-id", ids.request_id.encode()),
            (b"traceparent", ids.traceparent.encode()),
            *security_headers(self.scope["path"], secret=self.shows_secret, https=https),
        ]
        if self.rated is not None:
            headers += self.rated.headers()
        origin = self.headers.get(b"origin")
        if origin is not None:
            headers += cors_headers(origin, edge.origins, preflight=self.preflight)
        return headers


def caller_id(call: Call) -> str:
    """Return the id of whoever was admitted; only anonymous callers have none."""
    principal_id = call.principal.id
    assert principal_id is not None, "a route that needs to know who calls admits nobody unknown"
    return principal_id
