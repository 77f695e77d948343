"""GET /api/trace/{correlation_id}: everything one request caused (proof.md P-9)."""

from typing import Literal

import msgspec

from api.audit_shapes import Actor
from api.call import Call
from api.callers import READER
from api.endpoint import Endpoint
from api.envelope import encoded
from api.fields import Field
from api.job_shapes import DeadLetter
from api.kinds import pattern
from api.reading import Reading
from api.relayed import until_relayed
from api.reply import Reply
from api.shapes import Id, Job, Shape, Time
from ledger.errors import Reason, Refused
from projections.trace import Story, TracedEvent, story_of

ENDED = frozenset({"completed", "cancelled", "discarded"})


class Effect(Shape, frozen=True):
    """One event: what happened, and to what."""

    position: int
    id: Id
    type: str
    stream_id: str
    stream_version: int


class Step(Shape, frozen=True):
    """One command: who asked, because of which event, and what it led to."""

    command_id: Id
    actor: Actor
    causation_id: Id | None
    recorded_at: Time
    events: list[Effect]


class Attempt(Shape, frozen=True):
    """One try of a job; nulls while it is under way."""

    attempt: int
    started_at: Time
    ended_at: Time | None
    outcome: (
        Literal["completed", "retryable", "discarded", "handed_back", "worker_died", "cancelled"]
        | None
    )
    reason: str | None


class TracedJob(Job, frozen=True):
    """A job with the event that asked for it and all its tries."""

    causation_id: Id | None
    cause_position: int | None
    attempts: list[Attempt]


class Trace(Shape, frozen=True):
    """A story: its commands in the order of the log, its jobs in the order they were asked for.

    `settled`: no work of it is open. Not `whole`: there is more than is told at once.
    """

    correlation_id: str
    settled: bool
    whole: bool
    commands: list[Step]
    jobs: list[TracedJob]
    dead_letters: list[DeadLetter]


async def show_trace(call: Call) -> Reply:
    """Tell what came of a request, as far as it has come."""
    await until_relayed(call)
    correlation_id = call.path["correlation_id"]
    story = await story_of(call.use(Reading).pool, correlation_id)
    if story is None:
        raise Refused(Reason.EVENT_NOT_FOUND, field="correlation_id")
    return Reply(data=encoded(trace_of(correlation_id, story)))


def trace_of(correlation_id: str, story: Story) -> Trace:
    """Return a story as it is told."""
    jobs = msgspec.json.decode(story.jobs, type=list[TracedJob])
    return Trace(
        correlation_id=correlation_id,
        settled=all(job.state in ENDED for job in jobs),
        whole=story.whole,
        commands=[step_of(events) for events in story.commands],
        jobs=jobs,
        dead_letters=msgspec.json.decode(story.dead_letters, type=list[DeadLetter]),
    )


def step_of(events: tuple[TracedEvent, ...]) -> Step:
    """Return one command with its events."""
    first, metadata = events[0], events[0].metadata
    return Step(
        command_id=first.command_id,
        actor=msgspec.convert(msgspec.structs.asdict(metadata.actor), Actor),
        causation_id=metadata.causation_id,
        recorded_at=first.recorded_at,
        events=[
            Effect(
                position=each.position,
                id=each.id,
                type=each.type,
                stream_id=each.stream_id,
                stream_version=each.stream_version,
            )
            for each in events
        ],
    )


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/trace/{correlation_id}",
        handler=show_trace,
        who=READER,
        summary="Show everything one request caused",
        tag="Jobs",
        query=(),
        places=(Field("correlation_id", pattern(r"[A-Za-z0-9._:-]{1,128}"), required=True),),
        data=Trace,
        reasons=(Reason.EVENT_NOT_FOUND, Reason.PROJECTION_LAGGING),
    ),
)
