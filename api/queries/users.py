"""Questions about users: which there are, how many, and who one is."""

from typing import Any

import msgspec

from api.call import Call
from api.callers import HUMAN, INSPECTOR, READER
from api.endpoint import Endpoint
from api.fields import Document, Faults, Field, Kind
from api.kinds import uuid
from api.lists import ListMetadata, list_fields, listed, read_list
from api.reading import Reading, actor_of
from api.reply import Reply
from api.shapes import Shape, User
from api.time_travel import TRAVEL, Travelled, asked_moment, then
from ledger.errors import Reason, Refused
from ledger.policies import access
from projections import looking_back, users
from projections.filters import moment
from projections.page import Keyset, Wanted

UNWALKED = ("page", "page_size", "sort")
"""What a list has that is only ever walked, in one order."""


class UserStats(Shape, frozen=True):
    """How many people there are; the total is those who are active or suspended."""

    total_users: int
    active_users: int
    suspended_users: int
    deleted_users: int
    admin_users: int


class Walked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A place in the list of users as a client may spell it."""

    inserted_at: str
    id: str


async def list_users(call: Call) -> Reply:
    """List users; deleted ones only when they are asked for."""
    wanted = read_list(call, users.LISTING)
    return listed(await users.page(call.use(Reading).pool, wanted))


async def walk_users(call: Call) -> Reply:
    """List users from the newest to the oldest, from where a cursor says."""
    wanted = walk(call)
    return listed(await users.page(call.use(Reading).pool, wanted))


def walk(call: Call) -> Wanted:
    """Return what part of the walk is wanted; its cursor may be one of ours, or JSON."""
    cursor = call.query.get("cursor", "")
    call.query = {"limit": "", **call.query}
    if not cursor.lstrip().startswith("{"):
        return read_list(call, users.LISTING)
    call.query = {name: value for name, value in call.query.items() if name != "cursor"}
    wanted = read_list(call, users.LISTING)
    assert isinstance(wanted.paging, Keyset), "a limit makes a walk"
    paging = msgspec.structs.replace(wanted.paging, after=place_in(cursor))
    return msgspec.structs.replace(wanted, paging=paging)


def place_in(cursor: str) -> tuple[str, str]:
    """Read `{"inserted_at": …, "id": …}`."""
    try:
        walked = msgspec.json.decode(cursor, type=Walked)
        return moment("cursor")(walked.inserted_at), uuid().read(walked.id, {})
    except (msgspec.MsgspecError, Refused) as error:
        raise Refused(Reason.INVALID_CURSOR, field="cursor") from error


async def count_users(call: Call) -> Reply:
    """Count users by what they are."""
    access.may_read_user_stats(actor_of(call))
    return Reply(data=await users.stats(call.use(Reading).pool))


async def show_user(call: Call) -> Reply:
    """Show one user, now or as they were; the past of people is for readers.

    Whoever is none may only ask for themselves as they are, whatever the id says.
    """
    told: str = call.path["id"]
    owners = () if call.query else (told.strip().lower(),)
    access.may_read_user(actor_of(call), *owners)
    user_id, reading = known_form(told), call.use(Reading)
    asked = await asked_moment(call)
    if asked is None:
        found = await users.one(reading.pool, user_id)
    else:
        found = await looking_back.user(reading.past, user_id, asked)
    if found is None:
        raise Refused(Reason.USER_NOT_FOUND)
    if asked is not None:
        return then(found, asked)
    return Reply(data=found.data, version=found.version)


def known_form(told: str) -> str:
    """Return an id, or refuse what is none."""
    faults = Faults()
    try:
        return uuid().read(told, {})  # type: ignore[no-any-return]  # an id is text
    except Refused as refused:
        faults.add_refusal("id", refused)
        faults.tell()
        raise


def anything_like_an_id() -> Kind:
    """Take an id that is judged after the rights of whoever asks (http.md §1.1)."""

    def read(value: Any, _: Document) -> str:
        return str(value)

    return Kind(read=read, schema=uuid().schema, reasons=uuid().reasons)


FILTERS = list_fields(users.LISTING)
ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/users",
        handler=list_users,
        who=READER,
        summary="List users",
        tag="Users",
        query=FILTERS,
        reads=("users",),
        listed=True,
        data=list[User],
        metadata=ListMetadata,
    ),
    Endpoint(
        method="GET",
        path="/api/users/keyset",
        handler=walk_users,
        who=READER,
        summary="Walk through all users, newest first",
        tag="Users",
        query=tuple(each for each in FILTERS if each.name not in UNWALKED),
        reads=("users",),
        listed=True,
        data=list[User],
        metadata=ListMetadata,
    ),
    Endpoint(
        method="GET",
        path="/api/users/stats",
        handler=count_users,
        who=INSPECTOR,
        summary="Count users",
        tag="Users",
        query=(),
        reads=("users",),
        data=UserStats,
    ),
    Endpoint(
        method="GET",
        path="/api/users/{id}",
        handler=show_user,
        who=HUMAN,
        summary="Show a user",
        tag="Users",
        query=TRAVEL,
        places=(Field("id", anything_like_an_id(), required=True),),
        reads=("users",),
        data=User,
        metadata=Travelled,
        reasons=(Reason.USER_NOT_FOUND,),
    ),
)
