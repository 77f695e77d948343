"""The queue: commands that wait for their outcome, bounded, each key worked on once at a time."""

import asyncio
from collections import deque
from collections.abc import Sequence

from ledger.append.attempt import Submission, Verdict
from ledger.append.ports import Decided
from ledger.commands.asked import Outcome
from ledger.errors import Reason, Refused

WAITING_MAX = 4096
TRIES_MAX = 40


class Waiting:
    """A command in the queue, and whoever waits for it."""

    __slots__ = ("future", "submission", "tries", "verdict")

    def __init__(self, submission: Submission, future: "asyncio.Future[Outcome]") -> None:
        self.submission, self.future = submission, future
        self.tries = 0
        self.verdict = Verdict()


class Queue:
    """Commands in the order they came; `in_flight` are the names of all that have no outcome."""

    def __init__(self) -> None:
        self.waiting: deque[Waiting] = deque()
        self.in_flight: set[tuple[str, str]] = set()
        self.wake = asyncio.Event()
        self.closed = False

    def submit(self, submission: Submission) -> "asyncio.Future[Outcome]":
        """Queue a command; its future is resolved when it is durable, or refused.

        Refused at once when the queue is full or its key is being worked on.
        """
        if self.closed or len(self.in_flight) >= WAITING_MAX:
            raise Refused(Reason.SERVICE_UNAVAILABLE)
        if submission.name in self.in_flight:
            raise Refused(Reason.IDEMPOTENCY_IN_PROGRESS)
        self.in_flight.add(submission.name)
        waiting = Waiting(submission, asyncio.get_running_loop().create_future())
        self.waiting.append(waiting)
        self.wake.set()
        return waiting.future

    def take(self, most: int) -> list[Waiting]:
        """Take the oldest commands, until they weigh `most`; at least one if there is any."""
        taken, weight = list[Waiting](), 0
        while self.waiting and weight < most:
            taken.append(self.waiting.popleft())
            weight += taken[-1].submission.command.weight
        return taken

    def put_back(self, waiting: Waiting) -> None:
        """Queue a command again, in front; after many tries it is refused instead."""
        waiting.tries += 1
        if waiting.tries > TRIES_MAX:
            self.refuse([waiting])
            return
        self.waiting.appendleft(waiting)
        self.wake.set()

    def again(self, batch: Sequence[Waiting]) -> None:
        """Queue a batch again, in its order."""
        for waiting in reversed(batch):
            self.put_back(waiting)

    def tell(self, waiting: Waiting, position: int) -> None:
        """Resolve the future of one command with its outcome, refusal or failure."""
        self.in_flight.discard(waiting.submission.name)
        if waiting.future.done():
            return
        try:
            waiting.future.set_result(waiting.verdict.outcome(position))
        except Exception as told:  # noqa: BLE001  # a refusal or a failure: the asker's to judge
            waiting.future.set_exception(told)

    def fail(self, waiting: Waiting, failure: Exception) -> None:
        """Tell one command's asker of a bug that it met."""
        waiting.verdict = Verdict(failure=failure)
        self.tell(waiting, 0)

    def refuse(self, batch: Sequence[Waiting]) -> None:
        """Tell that nothing was recorded, or that asking again with the same key will tell."""
        for waiting in batch:
            waiting.verdict = Verdict(refused=Refused(Reason.SERVICE_UNAVAILABLE))
            self.tell(waiting, 0)


def decided(batch: Sequence[Waiting]) -> list[Decided]:
    """Return what a batch must write."""
    return [each.verdict.decided for each in batch if each.verdict.decided is not None]
