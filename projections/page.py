"""Pages: the conventions of all lists, read from query parameters (http.md §1.12)."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

import msgspec

from ledger.errors import Reason, Refused
from projections.cursors import Cursors, Place
from projections.filters import RANGES, Filter, enum, identity

ROWS_USUAL, ROWS_MAX, SORTS_MAX = 20, 100, 4
NUMBER = re.compile(r"0*([1-9][0-9]{0,14})", re.ASCII)
NAME_LENGTH_MAX = 100
PAGING = ("page", "page_size", "limit", "cursor", "sort")
ALIASES = {"created_at": "inserted_at"}


class Sort(msgspec.Struct, frozen=True):
    """What a list can be sorted by: an SQL expression, its type, and whether it may be null."""

    expression: str
    type: str = "text"
    nullable: bool = False


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """One list as data. `shape` is what follows SELECT for one item, over the row `t` of `table`.

    `owner` are the alternative conditions under which `%(owner)s` owns a row; empty when nobody
    does. `hidden` applies unless one of `shown_by` (filter, value) is asked for.
    """

    name: str
    table: str
    shape: str
    filters: tuple[Filter, ...] = ()
    sorts: Mapping[str, Sort]
    usual: str = "inserted_at:desc"
    owner: tuple[str, ...] = ()
    hidden: str = ""
    shown_by: tuple[tuple[str, Any], ...] = ()

    def allowed(self, fixed: Mapping[str, str]) -> list[str]:
        """Return the parameters a client may send."""
        names = [each.name for each in (*self.filters, *scope_of(self)) if each.name not in fixed]
        return [*names, *PAGING, "version"]


class Order(msgspec.Struct, frozen=True):
    """One sort key with its direction."""

    field: str
    descending: bool


class Offset(msgspec.Struct, frozen=True):
    """Page number `page` of `size` rows."""

    page: int
    size: int


class Keyset(msgspec.Struct, frozen=True):
    """The first `limit` rows behind `after`, or of the whole list."""

    limit: int
    after: Place | None


Paging: TypeAlias = Offset | Keyset


class Wanted(msgspec.Struct, frozen=True):
    """What a client asked of a list, read and checked. `scope` is "own" or "all".

    `sign` makes the cursor of a place in this very list.
    """

    filters: dict[str, Any]
    order: tuple[Order, ...]
    paging: Paging
    sign: Callable[[Place], str]
    scope: str = "own"
    user_id: str | None = None

    def owner(self, caller_id: str | None, *, reader: bool) -> str | None:
        """Return whose rows are meant, None for everybody's; only a reader may look at others'."""
        others = self.scope == "all" or self.user_id not in {None, caller_id}
        if others and not reader:
            raise Refused(Reason.INSUFFICIENT_PERMISSIONS)
        return self.user_id if others else caller_id


class Faulty(Refused):
    """Parameters are bad; each of `faults` names its field, the first one names the problem."""

    def __init__(self, faults: list[Refused]) -> None:
        self.faults = tuple(faults)
        super().__init__(faults[0].reason, **faults[0].details)


def parse(
    listing: Listing,
    parameters: Mapping[str, str],
    cursors: Cursors,
    fixed: Mapping[str, str] | None = None,
) -> Wanted:
    """Read the parameters of a list; raises `Faulty` with everything that is wrong.

    `fixed` are filters that the path has already set.
    """
    fixed = fixed or {}
    faults: list[Refused] = []
    refuse_unknown(parameters, listing.allowed(fixed), faults)
    filters = {**fixed, **read_filters(listing.filters, parameters, fixed, faults)}
    scope = read_filters(scope_of(listing), parameters, fixed, faults)
    refuse_ranges(filters, faults)
    order = read_order(listing, parameters.get("sort"), faults)
    binding = (listing.name, stable(filters), stable(scope), order)
    paging = read_paging(parameters, binding, cursors, faults)
    if faults:
        raise Faulty(faults)
    return Wanted(filters, order, paging, partial(cursors.sign, binding), **scope)


def scope_of(listing: Listing) -> tuple[Filter, ...]:
    """Return the parameters with which a reader looks beyond what is their own."""
    if not listing.owner:
        return ()
    scope = enum("scope", "own", "all", reason=Reason.INVALID_FIELD_VALUE)
    return (identity("user_id"), scope)


def refuse_unknown(
    parameters: Mapping[str, str], allowed: list[str], faults: list[Refused]
) -> None:
    """Note every parameter that this list does not have."""
    for name in parameters:
        if name not in allowed:
            shown = name[:NAME_LENGTH_MAX]
            unknown = Refused(Reason.UNKNOWN_PARAMETER, field=shown, allowed=allowed)
            faults.append(unknown)


def read_filters(
    filters: tuple[Filter, ...],
    parameters: Mapping[str, str],
    fixed: Mapping[str, str],
    faults: list[Refused],
) -> dict[str, Any]:
    """Read the filters that were sent, noting what is wrong with them."""
    values: dict[str, Any] = {}
    for each in filters:
        value = parameters.get(each.name)
        if value is None or each.name in fixed:
            continue
        if not value.strip():
            faults.append(Refused(Reason.MISSING_FIELDS, field=each.name))
            continue
        try:
            values[each.name] = each.read(value)
        except Refused as refused:
            faults.append(refused)
    return values


def refuse_ranges(filters: Mapping[str, Any], faults: list[Refused]) -> None:
    """Note ranges that end before they begin."""
    for lowest, highest, reason in RANGES:
        if lowest in filters and highest in filters and filters[lowest] > filters[highest]:
            faults.append(Refused(reason, field=lowest))


def read_order(listing: Listing, sort: str | None, faults: list[Refused]) -> tuple[Order, ...]:
    """Read `field[:asc|desc],…`; the id goes last, in the direction of the field before it."""
    orders: list[Order] = []
    for part in (listing.usual if sort is None else sort).split(","):
        name, colon, direction = part.strip().partition(":")
        field = ALIASES.get(name, name)
        known = field in listing.sorts and field not in {order.field for order in orders}
        if not known or direction not in ({"asc", "desc"} if colon else {""}):
            faults.append(invalid_sort(listing))
            return ()
        orders.append(Order(field, direction == "desc"))
    if len(orders) > SORTS_MAX:
        faults.append(invalid_sort(listing))
        return ()
    return (*orders, Order("id", orders[-1].descending))


def invalid_sort(listing: Listing) -> Refused:
    """Return the refusal that tells what a list can be sorted by."""
    return Refused(Reason.INVALID_SORT_FIELD, field="sort", allowed=sorted(listing.sorts))


def read_paging(
    parameters: Mapping[str, str],
    binding: tuple[Any, ...],
    cursors: Cursors,
    faults: list[Refused],
) -> Paging:
    """Read where the page begins and how long it is; bad numbers are the usual ones."""
    cursor = parameters.get("cursor")
    if cursor is None and "limit" not in parameters:
        page = NUMBER.fullmatch(parameters.get("page", "").strip())
        return Offset(int(page[1]) if page else 1, rows(parameters.get("page_size", "")))
    limit = rows(parameters.get("limit", ""))
    if cursor is None:
        return Keyset(limit, None)
    if "page" in parameters:
        faults.append(Refused(Reason.INVALID_CURSOR, field="cursor"))
        return Keyset(limit, None)
    try:
        return Keyset(limit, cursors.open(binding, cursor))
    except Refused as refused:
        faults.append(refused)
        return Keyset(limit, None)


def rows(text: str) -> int:
    """Read a number of rows: more than allowed is cut, anything invalid is the usual number."""
    number = NUMBER.fullmatch(text.strip())
    return min(int(number[1]), ROWS_MAX) if number else ROWS_USUAL


def stable(values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return filter values in a form that is the same for the same question."""
    return tuple((name, str(value)) for name, value in sorted(values.items()))
