"""Questions about the log itself: its events, one of them, those of one stream."""

from base64 import b64encode

import msgspec

from api.call import Call
from api.callers import INSPECTOR
from api.endpoint import Endpoint
from api.envelope import encoded
from api.event_shapes import Event, SingleEvent
from api.fields import Field
from api.kinds import text
from api.lists import ListMetadata, list_fields, listed, read_list
from api.parameters import flag, position
from api.reading import Reading
from api.reply import Reply
from ledger.errors import Reason, Refused
from projections import events

STREAM_NAME_MAX = 100


async def list_events(call: Call) -> Reply:
    """List events, the oldest first."""
    reading = call.use(Reading)
    wanted = read_list(call, events.LISTING)
    return listed(await events.page(reading.pool, reading.keks, wanted))


async def show_event(call: Call) -> Reply:
    """Show one event, or exactly what is stored of it."""
    reading, place = call.use(Reading), call.path["position"]
    if call.query.get("raw"):
        stored = await events.one_stored(reading.pool, place)
        if stored is not None:
            event, content = stored
            fields = msgspec.structs.asdict(event)
            return Reply(data=encoded({**fields, "stored": b64encode(content).decode()}))
    elif (found := await events.one(reading.pool, reading.keks, place)) is not None:
        return Reply(data=encoded(found))
    raise Refused(Reason.EVENT_NOT_FOUND, position=place)


async def list_stream(call: Call) -> Reply:
    """List the events of one stream by their versions."""
    reading = call.use(Reading)
    wanted = read_list(call, events.STREAM, stream_id=call.path["id"])
    return listed(await events.stream_page(reading.pool, reading.keks, wanted))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/events",
        handler=list_events,
        who=INSPECTOR,
        summary="List the events of the log",
        tag="Events",
        query=list_fields(events.LISTING),
        listed=True,
        data=list[Event],
        metadata=ListMetadata,
    ),
    Endpoint(
        method="GET",
        path="/api/events/{position}",
        handler=show_event,
        who=INSPECTOR,
        summary="Show one event, or what is stored of it",
        tag="Events",
        places=(Field("position", position(), required=True),),
        query=(Field("raw", flag()),),
        data=SingleEvent,
        reasons=(Reason.EVENT_NOT_FOUND,),
    ),
    Endpoint(
        method="GET",
        path="/api/streams/{id}",
        handler=list_stream,
        who=INSPECTOR,
        summary="List the events of one stream",
        tag="Events",
        places=(Field("id", text(1, STREAM_NAME_MAX), required=True),),
        query=list_fields(events.STREAM, "stream_id"),
        listed=True,
        data=list[Event],
        metadata=ListMetadata,
        reasons=(Reason.STREAM_NOT_FOUND,),
    ),
)
