"""Faults: what goes wrong on demand, to which calls, how often."""

import contextlib
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from ops.sandbox_bank.books import Books, Fault
from ops.sandbox_bank.chance import Chance
from ops.sandbox_bank.message import Manner, Rejected, Reply, Request

KINDS = frozenset({
    "http_error", "delay", "timeout", "disconnect", "malformed", "decline", "duplicate_page",
    "invalid_grant", "truncate", "drip", "schema_drift", "mutation",
})  # fmt: skip
OWN_CALLS = {
    "decline": ("POST", "/payments"),
    "duplicate_page": ("GET", "/transactions"),
    "mutation": ("GET", "/transactions"),
    "invalid_grant": ("POST", "/oauth2/token"),
}
"""Faults that can only befall one kind of call."""
WINDOWS = "/windows"


def add_fault(books: Books, chance: Chance, fault: Fault) -> Fault:
    """Plan a fault. Raises `Rejected`."""
    if fault.kind not in KINDS:
        raise Rejected(400, "unknown_fault_kind", ", ".join(sorted(KINDS)))
    fault.id, fault.met = chance.name(books, "fault"), 0
    books.faults[fault.id] = fault
    return fault


def meet(books: Books, chance: Chance, request: Request) -> Fault | None:
    """Return the fault that befalls a call, if any: the first planned that fits."""
    for fault in books.faults.values():
        worn_out = 0 < fault.times <= fault.met
        if worn_out or not befalls(fault, request):
            continue
        if chance.happens(books, fault.probability):
            fault.met += 1
            return fault
    return None


def befalls(fault: Fault, request: Request) -> bool:
    """Say whether a fault is about this call, whatever the dialect it is made in."""
    path = request.path.removeprefix(WINDOWS)
    method, place = OWN_CALLS.get(fault.kind, (request.method, path))
    if (request.method, path) != (method, place):
        return False
    wanted = fault.match
    return (wanted.method or request.method).upper() == request.method and fnmatchcase(
        path, wanted.path or "*"
    )


def instead(fault: Fault | None) -> Reply | None:
    """Return what is answered without doing anything, if that is the fault."""
    match fault:
        case Fault(kind="http_error"):
            return Rejected(fault.status, "fault", retry_after=fault.retry_after_s).reply()
        case Fault(kind="malformed"):
            return Reply(body=b'{"accounts": [{"id": "acc_')
        case Fault(kind="timeout" | "disconnect", execute=False):
            return Reply(manner=MANNERS[fault.kind])
        case Fault(kind="invalid_grant" | "mutation"):
            return NOES[fault.kind].reply()
        case _:
            return None


NOES = {
    "invalid_grant": Rejected(400, "invalid_grant"),
    "mutation": Rejected(409, "mutation_during_paging"),
}
MANNERS = {
    "timeout": Manner.SILENT,
    "disconnect": Manner.DISCONNECTED,
    "truncate": Manner.TRUNCATED,
    "drip": Manner.DRIPPED,
}


def spoiled(reply: Reply, fault: Fault | None) -> Reply:
    """Return a reply as a fault lets it arrive."""
    if fault is None:
        return reply
    if fault.kind == "schema_drift":
        return msgspec.structs.replace(reply, body=drifted(reply.body))
    return msgspec.structs.replace(reply, manner=MANNERS.get(fault.kind, reply.manner))


def drifted(body: bytes) -> bytes:
    """Return a document after somebody changed its shape and told nobody."""
    with contextlib.suppress(msgspec.DecodeError):
        return msgspec.json.encode(renamed(msgspec.json.decode(body)))
    return body


def renamed(value: Any) -> Any:
    """Return data with ids under another name and whole numbers as text."""
    match value:
        case dict():
            return {("identifier" if key == "id" else key): renamed(value[key]) for key in value}
        case list():
            return [renamed(each) for each in value]
        case int() if not isinstance(value, bool):
            return str(value)
        case _:
            return value
