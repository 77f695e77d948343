"""The erasure process: what a deleted person leaves behind is closed, frozen, given back (§7)."""

from ledger.events.recorded import Recorded
from ledger.events.user import UserDeleted
from workers.jobs import JobWanted
from workers.process_managers import Ended, ProcessManager, Unseen

QUEUE = "default"
ERASE = "erase_user"


def user_of(recorded: Recorded) -> str:
    """Return the person whose stream an event is of."""
    return recorded.envelope.stream_id.removeprefix("user-")


def evolve(_: Unseen | Ended, __: Recorded) -> Ended:
    """Remember nothing: one event is the whole process."""
    return Ended()


def react(_: Unseen | Ended, recorded: Recorded) -> list[JobWanted]:
    """Ask for the one job that a deletion has. Pure."""
    user_id = user_of(recorded)
    wanted = JobWanted(
        actor=ERASE,
        queue=QUEUE,
        subject_type="user",
        subject_id=user_id,
        cause=user_id,
        unique_key=f"{ERASE}/{user_id}",
    )
    return [wanted]


ERASURES = ProcessManager(
    name="erasure",
    events=frozenset({UserDeleted.stored_as}),
    states=Unseen | Ended,
    key=user_of,
    evolve=evolve,
    react=react,
)
