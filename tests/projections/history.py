"""A history to read: events of a small bank, written to the log's tables in whole commands."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg

from ledger.entries import Entry
from ledger.events.account import (
    AccountCredited,
    AccountDebited,
    AccountOpened,
    DailyUsageChanged,
    HoldCaptured,
    HoldExpired,
    HoldPlaced,
    HoldReleased,
)
from ledger.events.bank import BankRegistered, BranchAdded
from ledger.events.event import Event, Sealed
from ledger.events.payment import (
    PaymentCancelled,
    PaymentCompleted,
    PaymentCreated,
    PaymentEdited,
    PaymentFailed,
    PaymentProcessingStarted,
    PaymentSubmitted,
)
from ledger.events.posting import PostingBooked
from ledger.events.recorded import SYSTEM, Envelope, Metadata
from ledger.events.service_account import (
    ServiceAccountCreated,
    ServiceAccountDisabled,
    ServiceKeyRotated,
)
from ledger.events.session import SessionEnded, SessionRefreshed, SessionStarted
from ledger.events.transfer import TransferBooked
from ledger.events.user import UserRegistered, UserSessionsInvalidated
from ledger.identity import new_id, numbered_id
from ledger.times import utc_text
from schema.seals import DataKey, KeyEncryptionKeys, WrappedKey

KEKS = KeyEncryptionKeys({"k1": bytes(32)})
BEGIN = datetime(2025, 3, 1, 9, tzinfo=UTC)
FAR = "2999-01-01T00:00:00.000000Z"
Step = tuple[str, Event]


class History:
    """Makes commands and keeps them until `write`. `owners` and `balances` are by account id."""

    def __init__(self, position: int = 0) -> None:
        self.position = position
        self.versions: defaultdict[str, int] = defaultdict(int)
        self.keys: dict[str, DataKey] = {}
        self.key_rows: list[WrappedKey] = []
        self.owners: dict[str, str] = {}
        self.currencies: dict[str, str] = {}
        self.balances: defaultdict[str, int] = defaultdict(int)
        self.lines: list[tuple[Any, ...]] = []
        self.ends: set[int] = set()
        self.sessions: list[tuple[str, str]] = []
        self.encode = msgspec.json.Encoder(order="sorted").encode

    def time(self) -> str:
        """Return when the newest event was recorded."""
        return utc_text(BEGIN + timedelta(milliseconds=self.position))

    def command(self, *steps: Step, effective_at: str | None = None) -> int:
        """Add the events of one command; return the position of the last."""
        command_id = new_id()
        for stream_id, event in steps:
            self.position += 1
            self.versions[stream_id] += 1
            at = self.time()
            counts = effective_at or at
            envelope = Envelope(
                data=event,
                effective_at=counts,
                id=new_id(),
                metadata=Metadata(actor=SYSTEM, correlation_id="req_test"),
                recorded_at=at,
                schema_version=1,
                stream_id=stream_id,
                stream_version=self.versions[stream_id],
                type=event.stored_as,
            )
            self.lines.append((
                self.position, stream_id, self.versions[stream_id], envelope.id, command_id,
                event.stored_as, 1, self.encode(envelope), "req_test", at, counts, b"", b"",
            ))  # fmt: skip
        self.ends.add(self.position)
        return self.position

    def seal(self, owner: str, text: str) -> Sealed:
        """Seal personal text under the key of `owner`, made on first use."""
        if owner not in self.keys:
            row = KEKS.new_data_key(new_id(), owner)
            self.key_rows.append(row)
            self.keys[owner] = KEKS.unwrap(row)
        return self.keys[owner].seal(text)

    def user(self, name: str = "Alice Example", role: str = "user") -> str:
        user_id = new_id()
        email = self.seal(
            user_id, f"{name.split(maxsplit=1)[0].lower()}-{user_id[-6:]}@example.com"
        )
        event = UserRegistered(
            user_id=user_id,
            email=email,
            full_name=self.seal(user_id, name),
            role=role,
            origin="demo",
        )
        self.command((f"user-{user_id}", event))
        return user_id

    def session(self, user_id: str, ip: str = "192.0.2.7") -> str:
        """Let somebody sign in."""
        session_id = new_id()
        started = SessionStarted(
            session_id=session_id,
            user_id=user_id,
            jti=new_id(),
            expires_at=FAR,
            ip=self.seal(user_id, ip),
            user_agent=None,
        )
        self.command((f"session-{session_id}", started))
        self.sessions.append((session_id, user_id))
        return session_id

    def refresh(self, session_id: str) -> None:
        renewed = SessionRefreshed(old_jti=new_id(), new_jti=new_id(), expires_at=FAR)
        self.command((f"session-{session_id}", renewed))

    def log_out(self, session_id: str) -> None:
        self.command((f"session-{session_id}", SessionEnded(cause="logout")))

    def log_out_everywhere(self, user_id: str, version: int) -> None:
        risen = UserSessionsInvalidated(session_version=version, cause="logout_all")
        self.command((f"user-{user_id}", risen))

    def machine(self, name: str = "Payroll") -> str:
        """Create a service account and give it another key."""
        service_id = new_id()
        first = ServiceAccountCreated(name=name, scopes=("ledger:read",), key_prefix="lbk_1")
        second = ServiceKeyRotated(key_prefix="lbk_2")
        self.command((f"service-{service_id}", first), (f"service-{service_id}", second))
        return service_id

    def account(
        self, user_id: str, opening: int = 100_000, currency: str = "USD", **terms: Any
    ) -> str:
        """Open an account, by default with 1,000.00 in it."""
        account_id = new_id()
        self.owners[account_id], self.currencies[account_id] = user_id, currency
        terms = {"account_type": "CHECKING", "last_four": "1234", "credit_limit": 0, **terms}
        name = self.seal(user_id, "Everyday")
        opened = AccountOpened(user_id=user_id, currency=currency, account_name=name, **terms)
        steps: list[Step] = [(f"account-{account_id}", opened)]
        if opening:
            entries = (f"opening:{currency}", -opening), (account_id, opening)
            steps += self.posting("OPENING", currency, entries)
        self.command(*steps)
        return account_id

    def posting(
        self, kind: str, currency: str, entries: Sequence[tuple[str, int]], **links: Any
    ) -> list[Step]:
        """Return a posting and the account events that belong to it."""
        posting_id = links.pop("posting_id", None) or new_id()
        made = tuple(
            Entry(
                entry_id=numbered_id(posting_id, ordinal),
                amount=amount,
                currency=currency,
                **{"account_code" if ":" in account else "account_id": account},
            )
            for ordinal, (account, amount) in enumerate(entries, 1)
        )
        booked = PostingBooked(posting_id=posting_id, kind=kind, entries=made, **links)
        sides = [self.side(posting_id, entry) for entry in made if entry.account_id]
        return [(f"posting-{posting_id}", booked), *sides]

    def side(self, posting_id: str, entry: Entry) -> Step:
        """Return the event of one entry on its account."""
        account_id = entry.account_id or ""
        self.balances[account_id] += entry.amount
        kind = AccountCredited if entry.amount > 0 else AccountDebited
        event = kind(
            posting_id=posting_id,
            entry_id=entry.entry_id,
            amount=abs(entry.amount),
            balance_after=self.balances[account_id],
        )
        return f"account-{account_id}", event

    def transfer(self, source: str, destination: str, amount: int = 100, text: str = "Rent") -> str:
        transfer_id, posting_id = new_id(), new_id()
        owner, currency = self.owners[source], self.currencies[source]
        description = self.seal(owner, text)
        booked = TransferBooked(
            source_account_id=source,
            destination_account_id=destination,
            amount=amount,
            currency=currency,
            destination_amount=amount,
            destination_currency=currency,
            description=description,
            posting_id=posting_id,
            initiated_by=owner,
        )
        entries = (source, -amount), (destination, amount)
        links = {"transfer_id": transfer_id, "posting_id": posting_id, "description": description}
        steps = [
            (f"transfer-{transfer_id}", booked),
            *self.posting("TRANSFER", currency, entries, **links),
        ]
        if self.owners[destination] != owner:
            usage = DailyUsageChanged(day="2025-03-01", delta=amount, cause=posting_id)
            steps.append((f"account-{source}", usage))
        self.command(*steps)
        return transfer_id

    def payment(
        self, account: str, amount: int = 1_000, direction: str = "DEBIT", text: str = "Groceries"
    ) -> str:
        """Ask for a payment; it stays PENDING."""
        payment_id, owner = new_id(), self.owners[account]
        created = PaymentCreated(
            user_id=owner,
            user_bank_account_id=account,
            amount=amount,
            currency=self.currencies[account],
            direction=direction,
            payment_type="WITHDRAWAL" if direction == "DEBIT" else "DEPOSIT",
            description=self.seal(owner, text),
            rail="book",
            created_by=owner,
        )
        self.command((f"payment-{payment_id}", created))
        return payment_id

    def start(self, payment_id: str, account: str, amount: int = 1_000) -> None:
        """Start a DEBIT payment: its funds are held."""
        placed = self.placed(account, payment_id, amount, purpose="PAYMENT", payment_id=payment_id)
        started = PaymentProcessingStarted(hold_id=payment_id, trigger="caller")
        submitted = PaymentSubmitted(rail_reference=None, attempt=1)
        stream = f"payment-{payment_id}"
        self.command((stream, started), (f"account-{account}", placed))
        self.command((stream, submitted))

    def placed(self, account: str, hold_id: str, amount: int, **terms: Any) -> HoldPlaced:
        """Return the event of a hold."""
        fields: dict[str, Any] = {
            "purpose": "CLIENT",
            "placed_by": self.owners[account],
            "payment_id": None,
            "destination_account_id": None,
            "description": self.seal(self.owners[account], "Deposit for a car"),
            "reference": None,
            "expires_at": None,
            "day": "2025-03-01",
        }
        return HoldPlaced(hold_id=hold_id, amount=amount, **fields | terms)

    def hold(self, account: str, amount: int, expires_at: str | None = None) -> str:
        hold_id = new_id()
        placed = self.placed(account, hold_id, amount, expires_at=expires_at)
        self.command((f"account-{account}", placed))
        return hold_id

    def capture(
        self, hold_id: str, account: str, to: str, amount: int, *, final: bool = True
    ) -> None:
        posting_id = new_id()
        captured = HoldCaptured(hold_id=hold_id, amount=amount, posting_id=posting_id, final=final)
        links = {"hold_id": hold_id, "posting_id": posting_id}
        entries = (account, -amount), (to, amount)
        steps = self.posting("TRANSFER", self.currencies[account], entries, **links)
        self.command((f"account-{account}", captured), *steps)

    def expire(self, hold_id: str, account: str, amount: int) -> None:
        self.command((f"account-{account}", HoldExpired(hold_id=hold_id, amount=amount)))

    def edit(self, payment_id: str, account: str, text: str, reference: str | None = None) -> None:
        owner = self.owners[account]
        edited = PaymentEdited(
            description=self.seal(owner, text),
            reference=None if reference is None else self.seal(owner, reference),
        )
        self.command((f"payment-{payment_id}", edited))

    def complete(self, payment_id: str, account: str, amount: int = 1_000) -> None:
        posting_id, currency = new_id(), self.currencies[account]
        captured = HoldCaptured(
            hold_id=payment_id, amount=amount, posting_id=posting_id, final=True
        )
        entries = (account, -amount), (f"clearing:LEDGERBANK:{currency}", amount)
        links = {"payment_id": payment_id, "hold_id": payment_id, "posting_id": posting_id}
        at = utc_text(BEGIN + timedelta(milliseconds=self.position))
        completed = PaymentCompleted(
            posting_id=posting_id, external_transaction_id=None, posted_at=at
        )
        self.command(
            (f"account-{account}", captured),
            *self.posting("WITHDRAWAL", currency, entries, **links),
            (f"payment-{payment_id}", completed),
        )

    def fail(self, payment_id: str, account: str, amount: int = 1_000) -> None:
        released = HoldReleased(hold_id=payment_id, amount=amount, cause="failed")
        failed = PaymentFailed(
            reason="payment_declined", category="external_dependency", attempts=1
        )
        self.command((f"account-{account}", released), (f"payment-{payment_id}", failed))

    def cancel(self, payment_id: str) -> None:
        self.command((f"payment-{payment_id}", PaymentCancelled(cause="caller", by=None)))

    def disable(self, service_id: str) -> None:
        self.command((f"service-{service_id}", ServiceAccountDisabled()))

    def bank(self, code: str = "DEMO_BANK_US", name: str = "Demo Bank") -> str:
        bank_id = new_id()
        bank = BankRegistered(name=name, code=code, country="US", status="ACTIVE")
        branch = BranchAdded(branch_id=new_id(), name="Main Street", country="US")
        self.command((f"bank-{bank_id}", bank), (f"bank-{bank_id}", branch))
        return bank_id

    def write(self, dsn: str) -> int:
        """Append what was made since the last call; return the head."""
        with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
            with cursor.copy(EVENTS) as copy:
                for line in self.lines:
                    copy.write_row(line)
            with cursor.copy(KEYS) as copy:
                for row in self.key_rows:
                    copy.write_row(msgspec.structs.astuple(row))
            for session_id, user_id in self.sessions:
                cursor.execute(SESSION, (session_id, user_id, session_id))
            cursor.execute("UPDATE log.head SET position = %s", (self.position,))
        self.lines.clear()
        self.key_rows.clear()
        self.sessions.clear()
        return self.position


EVENTS = """
COPY log.events (position, stream_id, version, event_id, command_id, name, schema_version, data,
    correlation_id, recorded_at, effective_at, content_hash, chain_hash) FROM STDIN
"""
KEYS = "COPY log.data_keys (kid, subject, wrapped, wrapped_by) FROM STDIN"
SESSION = "INSERT INTO log.session_state VALUES (%s, %s, %s, true, '2999-01-01')"
