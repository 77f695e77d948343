"""The rebuild process: a read model is made again because somebody asked for it over HTTP."""

from collections.abc import Callable

import msgspec
import structlog

from ledger.commands.audit import RecordSecurityEvent
from ledger.errors import Reason
from ledger.events.audit import ProjectionRebuilt
from ledger.events.projection import ProjectionRebuildRequested
from ledger.events.recorded import Recorded
from projections.identities import Unbalanced
from projections.rebuild import Differs
from projections.rebuild_requests import ACTOR, QUEUE, SUBJECT, unique_key
from workers.attempts import Actor, Completed, Discarded, Run, Verdict
from workers.books import Books
from workers.jobs import JobWanted
from workers.process_managers import Ended, ProcessManager, Unseen


def request_of(recorded: Recorded) -> ProjectionRebuildRequested:
    """Return the request an event is."""
    event = recorded.event
    assert isinstance(event, ProjectionRebuildRequested), "nothing else is followed"
    return event


def key_of(recorded: Recorded) -> str:
    """Return the one request that a process is about."""
    return request_of(recorded).rebuild_id


def evolve(_: Unseen | Ended, __: Recorded) -> Ended:
    """Remember nothing: one event is the whole process."""
    return Ended()


def react(_: Unseen | Ended, recorded: Recorded) -> list[JobWanted]:
    """Ask for the one job of a request. Pure."""
    request = request_of(recorded)
    wanted = JobWanted(
        actor=ACTOR,
        queue=QUEUE,
        subject_type=SUBJECT,
        subject_id=request.projection,
        cause=request.rebuild_id,
        unique_key=unique_key(request.projection),
    )
    return [wanted]


REBUILDS = ProcessManager(
    name="rebuilds",
    events=frozenset({ProjectionRebuildRequested.stored_as}),
    states=Unseen | Ended,
    key=key_of,
    evolve=evolve,
    react=react,
)


class Rebuilding(msgspec.Struct, frozen=True):
    """Makes read models again; a copy that a dead worker left is gone on with."""

    make: Callable[[str], object]
    books: Books

    def actor(self) -> Actor:
        """Return the kind of work."""
        return Actor(name=ACTOR, queue=QUEUE, time_limit_seconds=None, perform=self.perform)

    def perform(self, run: Run) -> Verdict:
        """Make one read model; what differs from the log is for an operator to look at."""
        projection = run.job.subject_id
        try:
            self.make(projection)
        except (Differs, Unbalanced) as wrong:
            structlog.get_logger().error("projection.differs", error=str(wrong))
            return Discarded(Reason.INTERNAL_SERVER_ERROR)
        told = ProjectionRebuilt(outcome="success", details={"projections": (projection,)})
        self.books.handle(RecordSecurityEvent(event=told), run.job.context)
        return Completed()
