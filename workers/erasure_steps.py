"""The steps of an erasure: what its job does, safe to run again after a crash at any point."""

from collections.abc import Callable, Collection
from time import sleep

import msgspec

from ledger.commands.account import CloseAccount, FreezeAccount
from ledger.commands.command import Command
from ledger.commands.connection import RevokeConnection
from ledger.commands.hold import ReleaseClientHold
from ledger.commands.payment import CancelPayment
from ledger.commands.webhook_endpoint import RemoveEndpoint
from ledger.errors import Reason, Refused
from workers.attempts import Actor, Completed, Run, Verdict
from workers.books import Books
from workers.erasure import ERASE, QUEUE
from workers.estates import Estates
from workers.retries import Failed

TIME_LIMIT_SECONDS = 2 * 60
CAUSE = "owner_deleted"
PATIENCE_SECONDS = 30.0
POLL_SECONDS = 0.05


class ErasureSteps(msgspec.Struct, frozen=True):
    """Settles what deleted people leave behind, through `books`, as `estates` tell it."""

    books: Books
    estates: Estates
    pause: Callable[[float], None] = sleep

    def actors(self) -> tuple[Actor, ...]:
        """Return the kinds of erasure work."""
        actor = Actor(
            name=ERASE, queue=QUEUE, time_limit_seconds=TIME_LIMIT_SECONDS, perform=self.settle
        )
        return (actor,)

    def settle(self, run: Run) -> Verdict:
        """Call off what has not started, give holds back, tell nobody more, retire the accounts.

        Nothing new can come meanwhile that an account's state would not stop. The read models
        have erased the person by the time they have come as far as the deletion.
        """
        self.wait_until_told(run.job.cause_position or 0)
        user_id = run.job.subject_id
        for payment_id in self.estates.pending_payments(user_id):
            cancel = CancelPayment(payment_id=payment_id, cause=CAUSE)
            self.unless(run, cancel, Reason.ALREADY_PROCESSED)
        for hold_id in self.estates.client_holds(user_id):
            release = ReleaseClientHold(hold_id=hold_id, cause=CAUSE)
            self.unless(run, release, Reason.HOLD_NOT_ACTIVE)
        for connection_id in self.estates.connections(user_id):
            revoke = RevokeConnection(connection_id=connection_id, cause=CAUSE)
            self.unless(run, revoke, Reason.CONNECTION_NOT_FOUND)
        for endpoint_id in self.estates.endpoints(user_id):
            remove = RemoveEndpoint(endpoint_id=endpoint_id)
            self.unless(run, remove, Reason.WEBHOOK_ENDPOINT_NOT_FOUND)
        for account_id in self.estates.accounts(user_id):
            self.retire(run, account_id)
        return Completed()

    def wait_until_told(self, position: int) -> None:
        """Wait for the read models; what they do not know yet would be forgotten."""
        waited = 0.0
        while not self.estates.is_told(position):
            if waited >= PATIENCE_SECONDS:
                raise Failed(Reason.PROJECTION_LAGGING)
            self.pause(POLL_SECONDS)
            waited += POLL_SECONDS

    def retire(self, run: Run, account_id: str) -> None:
        """Close an account; freeze one that still holds, promises or waits for something."""
        moved_on = Reason.INVALID_ACCOUNT_TRANSITION
        close = CloseAccount(account_id=account_id)
        if self.unless(run, close, Reason.ACCOUNT_NOT_EMPTY, moved_on) is Reason.ACCOUNT_NOT_EMPTY:
            freeze = FreezeAccount(account_id=account_id, reason=CAUSE)
            self.unless(run, freeze, moved_on)

    def unless(self, run: Run, command: Command, *expected: Reason) -> Reason | None:
        """Carry out a command; return why not, when that was to be expected."""
        try:
            self.books.handle(command, run.job.context)
        except Refused as refused:
            return among(refused, expected)
        return None


def among(refused: Refused, expected: Collection[Reason]) -> Reason:
    """Return the reason of a refusal that was to be expected; raise any other."""
    if refused.reason not in expected:
        raise refused
    return refused.reason
