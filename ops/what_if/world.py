"""The world of a what-if: the history again, command by command, under the given rules."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from ledger.errors import Reason
from ledger.events.account import (
    AccountClosed,
    AccountCreditLimitChanged,
    AccountLimitsChanged,
    AccountOpened,
    DailyUsageChanged,
    HoldCaptured,
    HoldExpired,
    HoldPlaced,
    HoldReleased,
)
from ledger.events.event import Event
from ledger.events.payment import (
    PaymentCancelled,
    PaymentCompleted,
    PaymentCreated,
    PaymentEdited,
    PaymentFailed,
    PaymentProcessingStarted,
)
from ledger.events.posting import PostingBooked
from ops.audits.holds import Promise
from ops.what_if.accounts import Movement, Standing, change_terms, objection, opened, speaks
from ops.what_if.outcome import Changed, Outcome
from ops.what_if.payments import Payments, Reveal
from ops.what_if.rules import Rules


class Happened(msgspec.Struct, frozen=True, gc=False):
    """An event of the log, with what it was about and whether a service account asked for it."""

    position: int
    identity: str
    at: str
    by_service: bool
    says: Any


class World:
    """Accounts and payments as they would be. `gone`: holds, payments and postings that are not."""

    def __init__(self, rules: Rules, reveal: Reveal) -> None:
        self.rules, self.outcome = rules, Outcome()
        self.payments = Payments(rules.duplicates, reveal)
        self.accounts: dict[str, Standing] = {}
        self.gone: set[str] = set()
        self.paid: dict[str, list[tuple[str, str, int]]] = {}
        self.counts: set[tuple[str, str]] = set()
        self.failed: dict[str, str] = {}
        self.steps: dict[type[Event], Callable[[Happened, Any], None]] = {
            AccountOpened: self.open,
            AccountLimitsChanged: self.change_terms,
            AccountCreditLimitChanged: self.change_terms,
            AccountClosed: self.close,
            HoldPlaced: self.place,
            HoldCaptured: self.capture,
            HoldReleased: self.let_go,
            HoldExpired: self.let_go,
            DailyUsageChanged: self.uncount,
            PaymentCreated: lambda at, says: self.payments.create(at.identity, says),
            PaymentEdited: lambda at, says: self.payments.edit(at.identity, says),
            PaymentProcessingStarted: self.start,
            PaymentCompleted: lambda at, _: self.payments.end(at.identity, at.at),
            PaymentFailed: lambda at, _: self.payments.end(at.identity, None),
            PaymentCancelled: lambda at, _: self.payments.end(at.identity, None),
            PostingBooked: self.book,
        }

    def take(self, command: Sequence[Happened]) -> None:
        """Let everything that one command did happen again, or not."""
        self.counts = {
            (each.identity, each.says.cause)
            for each in command
            if isinstance(each.says, DailyUsageChanged) and each.says.delta > 0
        }
        self.failed = {
            each.identity: each.says.reason
            for each in command
            if isinstance(each.says, PaymentFailed)
        }
        for each in command:
            self.steps[type(each.says)](each, each.says)

    def open(self, at: Happened, event: AccountOpened) -> None:
        """Begin an account."""
        self.accounts[at.identity] = opened(event)

    def change_terms(self, at: Happened, event: Any) -> None:
        """Take on the terms of an account."""
        change_terms(self.accounts[at.identity], event)

    def close(self, at: Happened, _: AccountClosed) -> None:
        """Find an account that could not be closed."""
        account = self.accounts[at.identity]
        if not account.empty:
            stream = f"account-{at.identity}"
            self.refuse(at, stream, at.identity, account.balance, Reason.ACCOUNT_NOT_EMPTY)

    def place(self, at: Happened, event: HoldPlaced) -> None:
        """Judge a promise, and keep it."""
        account, payment_id = self.accounts[at.identity], event.payment_id
        wish = None if payment_id is None else self.payments.wishes.get(payment_id)
        kind = "TRANSFER" if wish is None else wish.terms.payment_type
        fee = self.rules.fee(kind, event.amount, account.currency, "debited")
        counted = (at.identity, event.hold_id) in self.counts
        asked = Movement(event.amount, fee, at.at, at.by_service, counted)
        reason = self.judge(account, asked, payment_id)
        if reason is not None:
            self.gone |= {event.hold_id, *filter(None, [payment_id])}
            stream = f"hold-{event.hold_id}" if payment_id is None else f"payment-{payment_id}"
            self.refuse(at, stream, at.identity, event.amount, reason)
            return
        self.spend(account, asked)
        account.promises[event.hold_id] = Promise(event.amount, event.expires_at)
        if fee:
            account.fee_promises[event.hold_id] = Promise(fee, event.expires_at)
        if payment_id is not None:
            self.payments.start(payment_id)

    def judge(self, account: Standing, asked: Movement, payment_id: str | None) -> Reason | None:
        """Say why something would be refused."""
        self.outcome.judged += 1
        reason = objection(self.rules, account, asked)
        if reason is None and payment_id is not None:
            same = self.payments.is_duplicate(payment_id, asked.at)
            reason = Reason.DUPLICATE_TRANSACTION if same else None
        return reason

    def spend(self, account: Standing, asked: Movement) -> None:
        """Count what the limit of a day counts."""
        if asked.counted:
            account.count(asked.at[:10], asked.amount)

    def capture(self, at: Happened, event: HoldCaptured) -> None:
        """Turn a promise into what is booked beside it."""
        account = self.accounts[at.identity]
        promise = account.promises.pop(event.hold_id, None)
        account.forget(event.hold_id)
        if promise is not None and promise.remaining > event.amount and not event.final:
            rest = Promise(promise.remaining - event.amount, promise.expires_at)
            account.promises[event.hold_id] = rest

    def let_go(self, at: Happened, event: HoldReleased | HoldExpired) -> None:
        """Give back what was promised."""
        account = self.accounts[at.identity]
        account.promises.pop(event.hold_id, None)
        account.forget(event.hold_id)

    def uncount(self, at: Happened, event: DailyUsageChanged) -> None:
        """Count no longer what was undone; what is gone never counted."""
        if event.delta < 0 and event.cause not in self.gone:
            self.accounts[at.identity].count(event.day, event.delta)

    def start(self, at: Happened, event: PaymentProcessingStarted) -> None:
        """Judge money that comes in, and what failed as soon as it was started."""
        payment_id = at.identity
        wish = self.payments.wishes.get(payment_id)
        if event.hold_id is not None or wish is None:
            return
        terms, reason = wish.terms, self.failed.get(payment_id)
        account = self.accounts[terms.user_bank_account_id]
        out = terms.direction == "DEBIT"
        fee = self.rules.fee(terms.payment_type, terms.amount, terms.currency, "debited")
        asked = Movement(terms.amount, fee, at.at, at.by_service, counted=out)
        if reason is None:
            self.pull(at, account, terms, asked)
        elif not (out and speaks(self.rules, account, reason)):
            return
        elif self.judge(account, asked, payment_id) is None:
            stream, of = f"payment-{payment_id}", terms.user_bank_account_id
            passed = self.changed(at, stream, of, terms.amount, Reason(reason))
            self.outcome.accepted.append(passed)

    def pull(self, at: Happened, account: Standing, terms: PaymentCreated, asked: Movement) -> None:
        """Judge money that comes in: by the single limit, and whether it is the same again."""
        self.outcome.judged += 1
        single = self.rules.limits.single_limit(account.currency, account.own_single)
        reason = None
        if single is not None and not asked.exempt and asked.amount > single:
            reason = Reason.AMOUNT_EXCEEDS_LIMIT
        elif self.payments.is_duplicate(at.identity, at.at):
            reason = Reason.DUPLICATE_TRANSACTION
        if reason is None:
            return self.payments.start(at.identity)
        self.gone.add(at.identity)
        stream = f"payment-{at.identity}"
        return self.refuse(at, stream, terms.user_bank_account_id, terms.amount, reason)

    def book(self, at: Happened, event: PostingBooked) -> None:
        """Move money, unless what it belongs to is gone, or it would be refused itself."""
        for entry in event.entries:
            if entry.account_id is not None:
                self.accounts[entry.account_id].was += entry.amount
        causes = {event.payment_id, event.hold_id, event.reverses_posting_id} - {None}
        if causes & self.gone or (event.transfer_id is not None and self.refused(at, event)):
            self.gone.add(event.posting_id)
            return
        for entry in event.entries:
            if entry.account_id is not None:
                self.accounts[entry.account_id].balance += entry.amount
        self.charge(event)
        for account_id, kind, fee in self.paid.pop(event.reverses_posting_id or "", ()):
            self.pay(account_id, kind, -fee)

    def refused(self, at: Happened, event: PostingBooked) -> bool:
        """Judge a transfer by the account that gives."""
        for account_id, amount, fee in self.sides(event, "debited"):
            account = self.accounts[account_id]
            counted = (account_id, event.posting_id) in self.counts
            asked = Movement(amount, fee, at.at, at.by_service, counted)
            reason = self.judge(account, asked, None)
            if reason is not None:
                self.refuse(at, f"transfer-{event.transfer_id}", account_id, amount, reason)
                return True
            self.spend(account, asked)
        return False

    def sides(self, event: PostingBooked, payer: str) -> Iterator[tuple[str, int, int]]:
        """Yield customers' accounts that give or are given, the amount and its fee."""
        sign = -1 if payer == "debited" else 1
        for entry in event.entries:
            if entry.account_id is not None and entry.amount * sign > 0:
                amount = abs(entry.amount)
                fee = self.rules.fee(event.kind, amount, entry.currency, payer)
                yield entry.account_id, amount, fee

    def charge(self, event: PostingBooked) -> None:
        """Take the fees of a posting."""
        if not self.rules.fees:
            return
        for payer in ("debited", "credited"):
            for account_id, _, fee in self.sides(event, payer):
                if fee:
                    self.pay(account_id, event.kind, fee)
                    paid = (account_id, event.kind, fee)
                    self.paid.setdefault(event.posting_id, []).append(paid)

    def pay(self, account_id: str, kind: str, fee: int) -> None:
        """Take a fee from an account, or give it back."""
        account = self.accounts[account_id]
        account.balance -= fee
        place = (kind, account.currency)
        self.outcome.fees[place] = self.outcome.fees.get(place, 0) + fee
        self.outcome.charged[place] += 1 if fee > 0 else -1

    def refuse(
        self, at: Happened, stream: str, account_id: str, amount: int, reason: Reason
    ) -> None:
        """Note what would be refused."""
        self.outcome.refused.append(self.changed(at, stream, account_id, amount, reason))

    def changed(
        self, at: Happened, stream: str, account_id: str, amount: int, reason: Reason
    ) -> Changed:
        """Return what would be other than it was."""
        currency = self.accounts[account_id].currency
        return Changed(at.position, at.at, stream, account_id, amount, currency, reason)

    def end(self, position: int) -> Outcome:
        """Return what would be other, as far as the log was followed."""
        self.outcome.position, self.outcome.unread = position, self.payments.unread
        self.outcome.balances = {
            account_id: (each.currency, each.was, each.balance)
            for account_id, each in self.accounts.items()
            if each.was != each.balance
        }
        return self.outcome
