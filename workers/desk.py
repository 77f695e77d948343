"""The desk: what people decided about jobs becomes so (jobs.md §4, §5)."""

from ledger.events.job import DeadLetterRetried, JobCancelled
from ledger.events.recorded import Recorded
from workers.effects import Effect, JobUnwanted, LetterRetried
from workers.process_managers import Ended, ProcessManager, Unseen


def job_of(recorded: Recorded) -> str:
    """Return the job whose stream an event is of."""
    return recorded.envelope.stream_id.removeprefix("job-")


def evolve(_: Unseen | Ended, __: Recorded) -> Ended:
    """Remember nothing: one event is the whole process."""
    return Ended()


def react(_: Unseen | Ended, recorded: Recorded) -> list[Effect]:
    """Say what becomes of a job. Pure."""
    match recorded.event:
        case JobCancelled():
            return [JobUnwanted(job_of(recorded))]
        case DeadLetterRetried(dead_letter_id=dead_letter_id):
            return [LetterRetried(dead_letter_id)]
        case event:
            raise AssertionError(f"{event} is nothing that is done to a job")


DESK = ProcessManager(
    name="desk",
    events=frozenset({JobCancelled.stored_as, DeadLetterRetried.stored_as}),
    states=Unseen | Ended,
    key=job_of,
    evolve=evolve,
    react=react,
)
