"""Verbs about background work: which jobs there are, which died; call off, ask again."""

import click
import msgspec

from api.kinds import uuid
from ops.databases import migrated_database, ready_database
from ops.jobs import at_the_desk
from ops.output import Output
from projections.jobs import DEAD_LETTERS, JOBS, STATES

COLUMNS = ("id", "state", "queue", "actor", "attempt", "subject_id", "scheduled_at")
DEAD_COLUMNS = ("id", "status", "queue", "actor", "reason", "attempts", "subject_id", "died_at")
LIMIT = click.option("--limit", type=click.IntRange(1), default=100, show_default=True,
                     help="At most so many.")  # fmt: skip
IDENTITY = click.option("--id", "identity", required=True, help="Of which one.")


@click.group
def jobs() -> None:
    """See and steer background work."""


@jobs.command("list")
@click.option("--state", type=click.Choice(STATES, case_sensitive=False), help="Only these.")
@click.option("--queue", help="Only of this queue.")
@LIMIT
@click.pass_obj
def list_jobs(output: Output, state: str | None, queue: str | None, limit: int) -> None:
    """List jobs, the newest first."""
    wanted = given(state=state, queue=queue)
    settings = output.settings()
    with migrated_database(settings) as dsn:
        found = at_the_desk(settings, dsn, lambda desk: desk.select(JOBS, wanted, limit))
    output.table(found, COLUMNS)


@jobs.command
@IDENTITY
@click.pass_obj
def show(output: Output, identity: str) -> None:
    """Show one job with what went wrong in its attempts."""
    known, settings = uuid().read(identity, {}), output.settings()
    with migrated_database(settings) as dsn:
        job = at_the_desk(settings, dsn, lambda desk: desk.one(known))
    output.tell(job, msgspec.json.format(msgspec.json.encode(job)).decode())


@jobs.command
@IDENTITY
@click.pass_obj
def cancel(output: Output, identity: str) -> None:
    """Call a job off that nobody works on; a payment that has not gone out fails by it."""
    known, settings = uuid().read(identity, {}), output.settings()
    with ready_database(settings) as dsn:
        job = at_the_desk(settings, dsn, lambda desk: desk.cancel(known))
    output.tell(job, f"cancelled {job.actor} {job.id}")


@jobs.command
@click.option("--queue", help="Only of this queue.")
@click.option("--status", type=click.Choice(("OPEN", "RETRIED"), case_sensitive=False),
              help="Only these.")  # fmt: skip
@LIMIT
@click.pass_obj
def dead(output: Output, queue: str | None, status: str | None, limit: int) -> None:
    """List dead letters: jobs that ended without success, the latest first."""
    wanted = given(queue=queue, status=status)
    settings = output.settings()
    with migrated_database(settings) as dsn:
        found = at_the_desk(settings, dsn, lambda desk: desk.select(DEAD_LETTERS, wanted, limit))
    output.table(found, DEAD_COLUMNS)


@jobs.command
@IDENTITY
@click.pass_obj
def retry(output: Output, identity: str) -> None:
    """Ask again for the work of a dead letter; once."""
    known, settings = uuid().read(identity, {}), output.settings()
    with ready_database(settings) as dsn:
        retried = at_the_desk(settings, dsn, lambda desk: desk.retry(known))
    output.tell(retried, f"asked again: {retried.job.actor} {retried.job.id}")


def given(**flags: str | None) -> dict[str, str]:
    """Return the flags that were given."""
    return {name: value for name, value in flags.items() if value is not None}
