"""The process of outside banks: a sync that is asked for is a job, and so is a revocation."""

from typing import TypeAlias

import msgspec

from ledger.commands.connection import FailSync
from ledger.events.connection import ConnectionRevoked, SyncRequested
from ledger.events.recorded import Recorded
from workers.jobs import JobWanted
from workers.obituaries import Death
from workers.process_managers import Ended, ProcessManager, Unseen

QUEUE = "banking"
SYNC, REVOKE = "sync_connection", "revoke_connection"
SUBJECT = "connection"
BankProcess: TypeAlias = Unseen | Ended


def evolve(_process: BankProcess, _recorded: Recorded) -> BankProcess:
    """Remember nothing: what a job needs is in the ledger."""
    return Ended()


def react(_process: BankProcess, recorded: Recorded) -> list[JobWanted]:
    """Say what should follow an event. Pure."""
    connection_id = connection_of(recorded)
    match recorded.event:
        case SyncRequested(job_key=job_key):
            return [
                JobWanted(
                    actor=SYNC,
                    queue=QUEUE,
                    subject_type=SUBJECT,
                    subject_id=connection_id,
                    cause=job_key,
                    arguments={"job_key": job_key},
                )
            ]
        case ConnectionRevoked():
            return [
                JobWanted(
                    actor=REVOKE,
                    queue=QUEUE,
                    subject_type=SUBJECT,
                    subject_id=connection_id,
                    cause=connection_id,
                    unique_key=f"{REVOKE}/{connection_id}",
                )
            ]
        case _:
            return []


def failed_sync(death: Death) -> FailSync:
    """Say of a sync that killed its workers that it came to nothing; the next one may begin."""
    return FailSync(
        connection_id=death.subject_id,
        job_key=msgspec.json.decode(death.arguments)["job_key"],
        reason=death.reason,
        attempt=death.attempts,
    )


def connection_of(recorded: Recorded) -> str:
    """Return the connection whose stream an event is of."""
    return recorded.envelope.stream_id.removeprefix("connection-")


BANKS = ProcessManager(
    name="banks",
    events=frozenset({SyncRequested.stored_as, ConnectionRevoked.stored_as}),
    states=BankProcess,
    key=connection_of,
    evolve=evolve,
    react=react,
)
