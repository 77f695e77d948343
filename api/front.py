"""The one layer outside the router: sizes, ids, headers, metrics, the access log line."""

from time import perf_counter

import structlog

from api.asgi import App, Receive, Scope, Send, header_bytes
from api.call import KEY, Call
from api.edge import Edge
from api.feed import Feed
from api.routing import deliver, refusal
from api.sockets import answer_socket
from api.wire import Limits
from ledger.errors import Reason, Refused

log = structlog.get_logger()
PATH_SHOWN_MAX = 200


class Front:
    """An ASGI application around the router, entered and left once per request."""

    def __init__(self, app: App, edge: Edge) -> None:
        self.app = app
        self.edge = edge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; what is neither HTTP nor a WebSocket is the router's own business."""
        if scope["type"] == "websocket":
            started = perf_counter()
            call = await answer_socket(scope, receive, send, self.edge)
            self.note(call, perf_counter() - started)
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = perf_counter()
        call = Call(scope, receive, send, self.edge)
        try:
            check_request(call, self.edge.wire.limits)
        except Refused as refused:
            await deliver(refusal(call, refused), call.send)
        else:
            # Litestar (2.25) finds the path parameters of a raw handler under no method only.
            await self.app({**scope, "method": "", KEY: call}, receive, call.send)
        self.note(call, perf_counter() - started)

    def leave(self) -> None:
        """Let what would go on for ever end: the server stops."""
        feed = self.edge.uses.get(Feed)
        if feed is not None:
            feed.close()

    def note(self, call: Call, seconds: float) -> None:
        """Count the answer and write its line in the access log: templates, never what was sent."""
        method = call.scope["method"]
        self.edge.meters.count((method, call.route, call.status), seconds)
        if self.edge.witness is not None:
            self.edge.witness.answered(call)
        if call.span is not None:
            call.span.answered(call)
        log.info(
            "http.answered",
            method=method,
            route=call.route,
            status=call.status,
            duration_ms=round(seconds * 1000, 3),
            reason=call.reason,
            correlation_id=call.ids.id,
            trace_id=call.ids.trace_id,
            span_id=call.ids.span_id,
            user_id=call.principal.id,
        )


def check_request(call: Call, limits: Limits) -> None:
    """Refuse what is too large to look at, and what the router would read too kindly."""
    scope = call.scope
    path: str = scope["path"]
    query = scope["query_string"]
    size = len(scope["raw_path"]) + (len(query) + 1 if query else 0)
    if size > limits.url_bytes:
        raise Refused(Reason.REQUEST_URI_TOO_LONG, limit=limits.url_bytes, actual=size)
    size = header_bytes(scope["headers"])
    if size > limits.header_bytes:
        raise Refused(Reason.REQUEST_HEADERS_TOO_LARGE, limit=limits.header_bytes, actual=size)
    check_message(scope["http_version"], call.headers.get(b"host"))
    if "//" in path or (path.endswith("/") and path != "/") or "\0" in path or hides(scope):
        raise Refused(Reason.RESOURCE_NOT_FOUND, path=path[:PATH_SHOWN_MAX])


def hides(scope: Scope) -> bool:
    """Say whether a slash of the path was sent as %2F, which others do not take for one."""
    return b"%2f" in scope["raw_path"].lower()


def check_message(version: str, host: bytes | None) -> None:
    """Refuse what is no HTTP/1 request with exactly one host (RFC 9112 §3.2)."""
    if version not in {"1.1", "1.0"}:
        raise Refused(Reason.INVALID_REQUEST, http_version=version)
    if b"," in host if host is not None else version == "1.1":
        raise Refused(Reason.INVALID_REQUEST, header="Host")
