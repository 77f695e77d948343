"""Lists over HTTP: their parameters as fields, whose rows are meant, and how a page is told."""

from typing import Any, Literal

from api.call import Call
from api.envelope import encoded
from api.fields import Document, Faults, Field, Kind
from api.parameters import page, page_size
from api.reading import Reading, actor_of, is_reader, is_service
from api.reply import Reply
from api.shapes import Shape
from ledger.errors import Reason, Refused
from ledger.policies import access
from projections.filters import RANGES, Filter
from projections.page import Faulty, Listing, Wanted, parse, read_order, scope_of
from projections.selects import Page

NONSENSE = "\0"
"""No filter accepts it; how one refuses it tells what it would accept."""
FORMATS = {
    Reason.INVALID_UUID_FORMAT: {"format": "uuid"},
    Reason.INVALID_DATETIME_FORMAT: {"format": "date-time"},
    Reason.INVALID_COUNTRY_FORMAT: {"pattern": "^[A-Za-z]{2,3}$"},
}
"""How the texts that a filter takes are described, by how they can be wrong."""
CURSOR_LENGTH_MAX = 1_024


class OffsetPagination(Shape, frozen=True, tag_field="type", tag="offset"):
    """Where a numbered page lies among all rows that meet the filters."""

    page: int
    page_size: int
    total_count: int
    total_pages: int
    has_next: bool
    has_prev: bool


class KeysetPagination(Shape, frozen=True, tag_field="type", tag="keyset"):
    """Whether more rows follow, and how to ask for them."""

    limit: int
    has_more: bool
    next_cursor: str | None


class ListMetadata(Shape, frozen=True):
    """What is told beside the rows of a page."""

    pagination: OffsetPagination | KeysetPagination


class ListedMetadata(ListMetadata, frozen=True):
    """The same for lists that also name what was done."""

    action: Literal["listed"]


def list_fields(listing: Listing, *fixed: str) -> tuple[Field, ...]:
    """Return the parameters of a list; those that the path has `fixed` are not among them."""
    filters = [each for each in (*listing.filters, *scope_of(listing)) if each.name not in fixed]
    return (
        *(filter_field(each, filters) for each in filters),
        Field("page", as_sent(page().schema)),
        Field("page_size", as_sent(page_size().schema)),
        Field("limit", as_sent(page_size().schema)),
        Field("cursor", as_sent({"type": "string", "maxLength": CURSOR_LENGTH_MAX})),
        Field("sort", sort(listing)),
    )


def filter_field(told: Filter, filters: list[Filter]) -> Field:
    """Return a filter as a field that is checked here and read with the whole list."""
    ends = {lowest: (highest, reason) for lowest, highest, reason in RANGES}
    highest, reason = ends.get(told.name, (None, None))
    other = next((each for each in filters if each.name == highest), None)

    def read(value: Any, document: Document) -> str:
        if not value.strip():
            raise Refused(Reason.MISSING_FIELDS)
        found = told.read(value)
        if other is not None and reason is not None and ends_before(found, other, document):
            raise Refused(reason)
        return str(value)

    schema, reasons = described(told)
    reasons += () if reason is None else (reason,)
    return Field(told.name, Kind(read=read, schema=schema, reasons=reasons))


def ends_before(begin: Any, other: Filter, document: Document) -> bool:
    """Say whether the end of a range is given and lies before its begin."""
    end = document.get(other.name, "")
    try:
        return bool(end.strip() and other.read(end) < begin)
    except Refused:
        return False


def described(told: Filter) -> tuple[dict[str, Any], tuple[Reason, ...]]:
    """Return how OpenAPI describes a filter, and how its value can be wrong."""
    schema: dict[str, Any] = {"type": "string"}
    try:
        told.read(NONSENSE)
    except Refused as refused:
        if "allowed" in refused.details:
            schema["enum"] = refused.details["allowed"]
        if refused.reason in FORMATS:
            schema |= FORMATS[refused.reason]
        return schema, (refused.reason,)
    return schema, ()


def as_sent(schema: dict[str, Any]) -> Kind:
    """Accept anything; what is made of it is decided with the whole list."""

    def read(value: Any, _: Document) -> str:
        return str(value)

    return Kind(read=read, schema=schema, forgiving=True)


def sort(listing: Listing) -> Kind:
    """Accept `field[:asc|desc],…` over the fields a list can be sorted by."""

    def read(value: Any, _: Document) -> str:
        faults: list[Refused] = []
        read_order(listing, value, faults)
        if faults:
            raise faults[0]
        return str(value)

    fields = ", ".join(sorted(listing.sorts))
    schema = {"type": "string", "default": listing.usual, "description": f"Of: {fields}."}
    return Kind(read=read, schema=schema, reasons=(Reason.INVALID_SORT_FIELD,), forgiving=True)


def read_list(call: Call, listing: Listing, **fixed: str) -> Wanted:
    """Return what the caller wants of a list; only the cursor can still be wrong."""
    try:
        return parse(listing, call.query, call.use(Reading).cursors, fixed)
    except Faulty as faulty:
        faults = Faults()
        for fault in faulty.faults:
            faults.add_refusal(fault.details["field"], fault)
        faults.tell()
        raise


def owner_of(call: Call, wanted: Wanted) -> str | None:
    """Return whose rows are meant, None for everybody's; only a reader may look at others'.

    A service has no rows of its own, and a reader who names an account means what is on it.
    """
    if is_service(call):
        return wanted.user_id
    refuse_others(call, wanted)
    asked = "account_id" in call.query and not {"scope", "user_id"} & call.query.keys()
    if asked and is_reader(call):
        return None
    return wanted.owner(call.principal.id, reader=is_reader(call))


def refuse_others(call: Call, wanted: Wanted) -> None:
    """Refuse to look beyond one's own rows unless the caller may read everybody's."""
    if wanted.scope == "all" or wanted.user_id not in {None, call.principal.id}:
        access.may_read_everything(actor_of(call))


def listed(found: Page, **metadata: Any) -> Reply:
    """Return a page as an answer."""
    told = {"pagination": found.pagination, **metadata}
    return Reply(data=found.data, metadata=encoded(told))
