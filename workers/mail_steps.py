"""The step of a mail: whose it is, where they are to be reached at this moment, and off it goes."""

from typing import Any, Protocol

import msgspec
from psycopg import Connection
from typing_extensions import override

from ledger.application import Ledger
from ledger.decisions.testimony import owner_of
from ledger.events.recorded import AnyEvent, Envelope
from schema.seals import ERASED
from workers.attempts import Actor, Completed, Run, Verdict
from workers.database import Pool, transaction
from workers.letters import letter_of
from workers.mails import QUEUE, SEND
from workers.post_office import Mail, PostOffice
from workers.relay import Decode

TIME_LIMIT_SECONDS = 2 * 60


class Addressee(msgspec.Struct, frozen=True):
    """Somebody who can be written to, in clear; never kept."""

    user_id: str
    address: str
    name: str


class People(Protocol):
    """What a mail needs of the ledger."""

    def state(self, stream_id: str) -> Any:
        """Return the state of a stream as of now."""

    def addressee(self, user_id: str) -> Addressee | None:
        """Return how somebody is written to; None for who is erased."""


class LedgerPeople(People):
    """The real ledger, asked from threads that have no event loop."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    @override
    def state(self, stream_id: str) -> Any:
        return self.ledger.current_blocking(stream_id).state

    @override
    def addressee(self, user_id: str) -> Addressee | None:
        loaded = self.ledger.current_blocking(f"user-{user_id}")
        person = loaded.state
        if loaded.version == 0 or person.status == "DELETED":
            return None
        reveal = self.ledger.on_loop(self.ledger.reading(loaded))
        address, name = reveal(person.email), reveal(person.full_name)
        if address is None or name is None or ERASED in {address, name}:
            return None
        return Addressee(user_id, address, name)


class MailSteps(msgspec.Struct, frozen=True, kw_only=True):
    """Writes letters about events of the log, and hands them to a post office."""

    pool: Pool
    decode: Decode
    people: People
    office: PostOffice

    def actor(self) -> Actor:
        """Return the kind of work."""
        return Actor(
            name=SEND, queue=QUEUE, time_limit_seconds=TIME_LIMIT_SECONDS, perform=self.send
        )

    def send(self, run: Run) -> Verdict:
        """Write to whom an event concerns; to who is gone nothing is written.

        A crash after the server took the mail sends it once more, under the same id.
        """
        with transaction(self.pool) as connection:
            happened = event_at(connection, run.job.cause_position or 0, self.decode)
        state = self.people.state(happened.stream_id)
        user_id = owner_of(state)
        addressee = None if user_id is None else self.people.addressee(user_id)
        if addressee is None:
            return Completed()
        mail = Mail(
            id=run.job.subject_id,
            user_id=addressee.user_id,
            address=addressee.address,
            name=addressee.name,
            letter=letter_of(happened, state, addressee.name),
        )
        self.office.send(mail)
        return Completed()


def event_at(connection: Connection[Any], position: int, decode: Decode) -> Envelope[AnyEvent]:
    """Return the event at a position of the log."""
    row = connection.execute(AT, (position,)).fetchone()
    assert row is not None, "a mail is about an event of the log"
    name, schema_version, data = row
    return decode(name, schema_version, bytes(data))


AT = b"SELECT name, schema_version, data FROM log.events WHERE position = %s"
