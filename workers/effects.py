"""Effects: what can follow from an event, carried out in the transaction of the relay."""

from datetime import datetime
from typing import Any, TypeAlias

import msgspec
import structlog
from psycopg import Connection

from workers.claims import call_off
from workers.dead_letters import exhume
from workers.jobs import Cause, JobWanted, ask


class JobUnwanted(msgspec.Struct, frozen=True):
    """A wish that a job is not done: called off by somebody, or a time-out that is not needed."""

    job_id: str


class LetterRetried(msgspec.Struct, frozen=True):
    """A wish that the work of a dead job is done after all."""

    dead_letter_id: str


Effect: TypeAlias = JobWanted | JobUnwanted | LetterRetried


def carry_out(connection: Connection[Any], effect: Effect, cause: Cause, at: datetime) -> None:
    """Do what follows from an event; doing it again changes nothing."""
    match effect:
        case JobWanted():
            ask(connection, effect, cause, at)
        case JobUnwanted(job_id=job_id):
            call_off(connection, job_id, at)
        case LetterRetried(dead_letter_id=dead_letter_id):
            if exhume(connection, dead_letter_id, at) is None:
                log = structlog.get_logger()
                log.warning("dead_letter.passed_by", dead_letter_id=dead_letter_id)
