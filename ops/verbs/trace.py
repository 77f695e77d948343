"""`ledgerbank events trace`: what one request caused, as a tree in the order it happened."""

from collections.abc import Iterator

import click

from api.queries.trace import Step, Trace, TracedJob, trace_of
from ledger.errors import Reason, Refused
from ops.databases import migrated_database
from ops.jobs import JobDesk, at_the_desk
from ops.output import Output
from projections.trace import story_of


@click.command
@click.argument("correlation_id")
@click.pass_obj
def trace(output: Output, correlation_id: str) -> None:
    """Show what a request caused: commands, events, jobs and their attempts."""
    settings = output.settings()

    async def told(desk: JobDesk) -> Trace:
        story = await story_of(desk.books.pool, correlation_id)
        if story is None:
            raise Refused(Reason.EVENT_NOT_FOUND, correlation_id=correlation_id)
        return trace_of(correlation_id, story)

    with migrated_database(settings) as dsn:
        found = at_the_desk(settings, dsn, told)
    output.tell(found, *lines(found))


def lines(found: Trace) -> Iterator[str]:
    """Yield a story line by line: each command, and below an event the jobs that followed it."""
    yield f"{found.correlation_id}  {'settled' if found.settled else 'under way'}"
    for step in found.commands:
        yield from step_lines(step, found.jobs)
    for job in found.jobs:
        if job.causation_id is None or not told_of(found, job):
            yield from job_lines(job)
    for letter in found.dead_letters:
        yield f"dead letter {letter.id}  {letter.reason}  {letter.status}  {letter.died_at}"
    if not found.whole:
        yield "… and more"


def told_of(found: Trace, job: TracedJob) -> bool:
    """Say whether the event that asked for a job is part of its story."""
    return any(job.causation_id == event.id for step in found.commands for event in step.events)


def step_lines(step: Step, jobs: list[TracedJob]) -> Iterator[str]:
    """Yield a command with its events, and the jobs that followed from each."""
    yield f"├─ command {step.command_id}  {step.recorded_at}  {step.actor.role or step.actor.type}"
    for event in step.events:
        yield f"│  ├─ {event.position}  {event.type}  {event.stream_id}"
        for job in jobs:
            if job.causation_id == event.id:
                yield from (f"│  │  {line}" for line in job_lines(job))


def job_lines(job: TracedJob) -> Iterator[str]:
    """Yield a job with its attempts."""
    yield f"└─ job {job.id}  {job.actor}  {job.state}"
    for each in job.attempts:
        ended = each.outcome or "under way"
        because = "" if each.reason is None else f"  {each.reason}"
        yield f"   └─ attempt {each.attempt}  {each.started_at}  {ended}{because}"
