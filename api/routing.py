"""From endpoints to Litestar: one raw handler per path that walks the stages of http.md §1.1."""

from collections import defaultdict
from collections.abc import Iterable

from litestar import asgi
from litestar.handlers.asgi_handlers import ASGIRouteHandler

from api.asgi import Receive, Scope, Send
from api.body import Gone, take_document
from api.call import KEY, Call
from api.callers import ANONYMOUS, refuse_machine
from api.consistency import Freshness
from api.endpoint import Endpoint
from api.envelope import enveloped, now_text
from api.fields import Faults, Field, read_body, read_fields, read_query
from api.idempotency import idempotency_key
from api.limiting import charge, look
from api.negotiation import check_accept, check_version
from api.outages import note_refusal
from api.parameters import parse_query
from api.preconditions import etag, is_known
from api.problems import problem
from api.reason_sets import TOKEN
from api.reply import Bare, Reply, Stream
from api.streaming import begun, flow
from ledger.errors import Reason, Refused

READS = ("GET", "HEAD")


class Route:
    """One path and all its methods."""

    def __init__(self, path: str, endpoints: Iterable[Endpoint]) -> None:
        self.path = path
        self.by_method: dict[str, Endpoint] = {each.method: each for each in endpoints}
        if "GET" in self.by_method:
            self.by_method["HEAD"] = self.by_method["GET"]
        self.path_fields = {name: each.path_fields for name, each in self.by_method.items()}
        self.limited = any(each.limited for each in self.by_method.values())
        self.allow = ", ".join(sorted({*self.by_method, "OPTIONS"})).encode()

    async def answer(self, scope: Scope, _: Receive, send: Send) -> None:
        """Answer one request, whatever becomes of it."""
        call: Call = scope[KEY]
        call.route = self.path
        call.places = scope["path_params"]
        try:
            reply = await self.perform(call)
        except Gone:
            return
        except Refused as refused:
            note_refusal(refused, self.path)
            await self.tell_rate(call)
            reply = refusal(call, await confirmed(call, refused))
        except Exception:
            await self.tell_rate(call)
            raise
        if isinstance(reply, Stream):
            await flow(call, reply)
        else:
            await deliver(reply, send)

    async def tell_rate(self, call: Call) -> None:
        """Have the answer tell the rate, where one is kept (http.md §1.1)."""
        endpoint = self.by_method.get(call.scope["method"])
        if self.limited if endpoint is None else endpoint.limited:
            await look(call)

    async def perform(self, call: Call) -> Bare | Stream:
        """Walk the stages in order; the first failure is the answer."""
        method = call.scope["method"]
        endpoint = self.by_method.get(method)
        if endpoint is None:
            return self.without_endpoint(call, method)
        call.shows_secret = endpoint.shows_secret
        check_version(call.headers, call.scope["query_string"])
        check_accept(call.headers, endpoint.accepts)
        await (welcome if endpoint.who.anonymous else admit)(call, endpoint)
        if endpoint.body is not None and method not in READS:
            bytes_max = call.edge.wire.limits.body_bytes
            call.document = await take_document(call.receive, call.headers, bytes_max)
        read_request(call, endpoint, self.path_fields[method])
        if endpoint.reads:
            freshness = call.use(Freshness)
            call.position = await freshness.settle(call.headers, endpoint.reads)
        reply = await endpoint.handler(call)
        if isinstance(reply, Stream):
            return await begun(call, reply, dated(call))
        return reply if isinstance(reply, Bare) else finished(call, reply, endpoint.status)

    def without_endpoint(self, call: Call, method: str) -> Bare:
        """Answer a method no endpoint has: tell what is allowed, or refuse."""
        if method != "OPTIONS":
            raise Refused(Reason.METHOD_NOT_ALLOWED, allowed=self.allow.decode().split(", "))
        call.preflight = {b"origin", b"access-control-request-method"} <= call.headers.keys()
        headers = () if call.preflight else ((b"allow", self.allow),)
        return Bare(status=204, content_type=None, headers=headers)


async def welcome(call: Call, endpoint: Endpoint) -> None:
    """Count a call that anybody may make, unless it is a machine's on a route for people."""
    await charge(call, endpoint)
    if endpoint.who.people_only:
        refuse_machine(call.headers)


async def admit(call: Call, endpoint: Endpoint) -> None:
    """Prove who calls, count the call, then judge whether the route is open to them.

    Whoever cannot prove it is counted by address, and told so once that is full.
    """
    who, fresh, call.guarded = endpoint.who, endpoint.method == "GET", True
    try:
        call.principal = principal = await call.edge.authenticate(call.headers, fresh=fresh)
    except Refused as unproven:
        if unproven.reason in TOKEN:
            await charge(call, endpoint)
        raise
    await charge(call, endpoint)
    if not who.admits(principal):
        raise Refused(
            Reason.INSUFFICIENT_PERMISSIONS,
            role=principal.role,
            required_roles=who.required(),
        )


async def confirmed(call: Call, refused: Refused) -> Refused:
    """Return why a command fails: first of all because its caller's token is dead by now.

    Memory admitted the caller; whoever fails before the append has not been judged again. A
    refusal by rate stays cheap.
    """
    if call.principal is ANONYMOUS or call.scope["method"] in READS:
        return refused
    if refused.reason is Reason.RATE_LIMIT_EXCEEDED:
        return refused
    try:
        await call.edge.authenticate(call.headers)
    except Refused as dead:
        return dead
    return refused


def read_request(call: Call, endpoint: Endpoint, path_fields: tuple[Field, ...]) -> None:
    """Read headers, path, query and body fields; all that is wrong is told together."""
    faults = Faults()
    if endpoint.keyed:
        try:
            call.idempotency_key = idempotency_key(call.headers)
        except Refused as refused:
            faults.add_refusal("Idempotency-Key", refused)
    if path_fields:
        call.path = read_fields(path_fields, call.places, faults)
    if endpoint.query is not None and (endpoint.query or call.scope["query_string"]):
        parameters = parse_query(call.scope["query_string"])
        call.query = read_query(endpoint.query, parameters, faults)
    if call.document or (endpoint.body is not None and endpoint.body.fields):
        assert endpoint.body is not None, "only a field table makes the router take a document"
        call.body = read_body(endpoint.body, call.document, faults)
    faults.tell()


def refusal(call: Call, refused: Refused) -> Bare:
    """Render a refusal of this call, and count it."""
    call.reason = refused.reason
    call.edge.meters.count_refusal(refused.reason)
    if call.edge.witness is not None:
        call.edge.witness.refused(call, refused)
    sent = b"authorization" in call.headers
    return problem(refused, call.ids.id, token_sent=sent, timestamp=call.told_at)


async def deliver(bare: Bare, send: Send) -> None:
    """Send an answer."""
    headers = bare.header_list()
    await send({"type": "http.response.start", "status": bare.status, "headers": headers})
    await send({"type": "http.response.body", "body": bare.body})


def finished(call: Call, reply: Reply, usual_status: int) -> Bare:
    """Turn a success into what goes over the wire: envelope, tags, place in the log."""
    headers = [*reply.headers, *dated(call)]
    if reply.location is not None:
        headers.append((b"location", reply.location.encode()))
    if reply.version is not None:
        headers.append((b"etag", etag(reply.version)))
        reading = call.scope["method"] in READS and reply.lasting
        if reading and is_known(call.headers, reply.version):
            return Bare(status=304, content_type=None, headers=tuple(headers))
    body = enveloped(reply.data, reply.metadata, call.ids.id, now_text())
    return Bare(status=reply.status or usual_status, body=body, headers=tuple(headers))


def dated(call: Call) -> list[tuple[bytes, bytes]]:
    """Return where in the log the read models behind this answer are, if there are any."""
    if call.position is None:
        return []
    return position_headers(call.position, call.use(Freshness).epoch)


def position_headers(position: int, epoch: str) -> list[tuple[bytes, bytes]]:
    """Return the headers that date an answer by the log."""
    return [(b"ledger-position", b"%d" % position), (b"ledger-epoch", epoch.encode())]


def routes(endpoints: Iterable[Endpoint]) -> list[Route]:
    """Group endpoints by path; a method declared twice is a mistake of ours."""
    by_path: dict[str, list[Endpoint]] = defaultdict(list)
    for endpoint in endpoints:
        assert endpoint.method not in {each.method for each in by_path[endpoint.path]}, endpoint
        by_path[endpoint.path].append(endpoint)
    return [Route(path, group) for path, group in by_path.items()]


def compiled(route: Route) -> ASGIRouteHandler:
    """Return the Litestar handler of a path."""

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        await route.answer(scope, receive, send)

    path = route.path.replace("}", ":str}")
    return asgi(path, copy_scope=False)(handle)
