"""Endpoint: one route as data. Router, OpenAPI document and policy tests all read this table."""

import re
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeAlias

import msgspec

from api.call import Call
from api.callers import Who
from api.fields import NOTHING, Field, FieldTable
from api.kinds import uuid
from api.negotiation import WELCOME
from api.reply import Bare, Reply, Stream
from ledger.errors import Reason

Handler: TypeAlias = Callable[[Call], Awaitable[Reply | Bare | Stream]]
Method: TypeAlias = Literal["GET", "POST", "PUT", "DELETE"]
PLACE = re.compile(r"\{(\w+)\}")


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One method on one path.

    `body`: the field table of a command; None when the handler takes the bytes itself.
    `query`: the parameters of a query; None when whatever is sent there means nothing.
    `reads`: projections that must be fresh before the handler runs.
    `keyed`: honours `Idempotency-Key`; `conditional`: honours `If-Match`;
    `waits`: honours `Prefer: wait`, and answers 200 with the outcome when it comes in time.
    `data`: the type of `data` in the answer, or of the whole answer when not `enveloped`.
    `also`: other statuses a success may have, with the same `data`.
    `unwell`: a status that shows the same `data` in place of a problem, when all is not well.
    `exports`: media types of its other formats, which are documents of their own.
    `tagged`: answers with an ETag of its own, whether or not what it shows has a version.
    `limited`: counts against the rate limit; `published`: is in the OpenAPI document.
    `reasons`: why it may refuse, beyond the common sets (http.md §2).
    """

    method: Method
    path: str
    handler: Handler
    who: Who
    summary: str
    tag: str
    body: FieldTable | None = NOTHING
    query: tuple[Field, ...] | None = None
    places: tuple[Field, ...] = ()
    reads: tuple[str, ...] = ()
    keyed: bool = False
    conditional: bool = False
    waits: bool = False
    listed: bool = False
    status: int = 200
    data: Any = None
    metadata: Any = None
    reasons: tuple[Reason, ...] = ()
    enveloped: bool = True
    also: tuple[int, ...] = ()
    unwell: int | None = None
    produces: str = "application/json"
    exports: tuple[str, ...] = ()
    accepts: frozenset[str] = WELCOME
    shows_secret: bool = False
    tagged: bool = False
    limited: bool = True
    published: bool = True

    @property
    def path_fields(self) -> tuple[Field, ...]:
        """Return the fields in the path, in order; they are ids unless `places` says otherwise."""
        told = {place.name: place for place in self.places}
        names = PLACE.findall(self.path)
        return tuple(told.get(name) or Field(name, uuid(), required=True) for name in names)
