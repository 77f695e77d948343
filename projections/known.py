"""Known: what a fold may look up: how a stream began, and data keys until they are destroyed."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar, get_type_hints

from psycopg import Connection

from ledger.events.account import AccountOpened
from ledger.events.event import Event, Sealed
from ledger.events.payment import PaymentCreated
from ledger.events.recorded import EVENT_TYPES
from ledger.events.transfer import TransferBooked
from projections.log import Logged, decode_event
from schema.seals import SELECT_BY_KID, DataKey, KeyEncryptionKeys, WrappedKey, reveal, unwrap_all

E = TypeVar("E", bound=Event)

REMEMBERED_MAX = 50_000
BEGINNINGS = (AccountOpened, PaymentCreated, TransferBooked)


def sealed_fields(event_type: type[Event]) -> tuple[str, ...]:
    """Return the fields of an event that hold personal text."""
    hints = get_type_hints(event_type)
    return tuple(
        field
        for field in event_type.__struct_fields__
        if hints[field] is Sealed or Sealed in getattr(hints[field], "__args__", ())
    )


SEALED_FIELDS = {kind: sealed_fields(kind) for kind in EVENT_TYPES.values()}


class Known:
    """Filled for each batch before it is folded, so that the fold itself asks nobody.

    `whole`: everything that its rows tell was read with its keys, so that a key it never had has
    told nothing.
    """

    def __init__(self, keks: KeyEncryptionKeys, *, whole: bool = False) -> None:
        self.keks, self.whole = keks, whole
        self.keys: dict[str, DataKey] = {}
        self.beginnings: dict[str, Event] = {}

    def learn(
        self, connection: Connection, batch: Sequence[Logged[Event]], streams: Iterable[str]
    ) -> None:
        """Make the data keys of `batch` and the first events of `streams` known."""
        if len(self.beginnings) > REMEMBERED_MAX:
            self.beginnings.clear()
        if len(self.keys) > REMEMBERED_MAX:
            self.keys.clear()
            self.whole = False
        for logged in batch:
            if logged.version == 1 and isinstance(logged.event, BEGINNINGS):
                self.beginnings[logged.stream_id] = logged.event
        self.read_beginnings(connection, set(streams) - self.beginnings.keys())
        self.read_keys(connection, kids_of(batch) - self.keys.keys())

    def read_beginnings(self, connection: Connection, streams: set[str]) -> None:
        """Read the first event of each stream from the log."""
        if streams:
            rows = connection.execute(BEGINNING, (list(streams),))
            for stream_id, name, schema_version, data in rows:
                self.beginnings[stream_id] = decode_event(name, schema_version, data)

    def read_keys(self, connection: Connection, kids: set[str]) -> None:
        """Read and unwrap data keys; one that is missing has been destroyed."""
        if kids:
            rows = connection.execute(SELECT_BY_KID.encode(), (list(kids),))
            self.keys |= unwrap_all((WrappedKey(*row) for row in rows), self.keks)

    def text(self, sealed: Sealed | None) -> str | None:
        """Read free text; "[erased]" once its key is gone."""
        return reveal(sealed, self.keys)

    def name(self, sealed: Sealed) -> str | None:
        """Read what names a person; None once its key is gone."""
        return reveal(sealed, self.keys) if sealed.kid in self.keys else None

    def may_have_told(self, kid: str) -> bool:
        """Say whether rows may tell what was sealed under a key."""
        return kid in self.keys or not self.whole

    def lose(self, kid: str) -> None:
        """Forget a key that has been destroyed."""
        self.keys.pop(kid, None)

    def owner(self, sealed: Sealed) -> str | None:
        """Return whose key personal text was sealed under; None once it is gone."""
        key = self.keys.get(sealed.kid)
        return None if key is None else key.subject

    def account(self, account_id: str) -> AccountOpened:
        """Return how an account began; raises `KeyError` when it never did."""
        return self.beginning(f"account-{account_id}", AccountOpened)

    def beginning(self, stream_id: str, kind: type[E]) -> E:
        """Return the first event of a stream."""
        event = self.beginnings[stream_id]
        assert isinstance(event, kind), f"{stream_id} begins with {kind.__name__}"
        return event


def kids_of(batch: Iterable[Logged[Event]]) -> set[str]:
    """Return the data keys that the personal text of `batch` was sealed under."""
    kids: set[str] = set()
    for logged in batch:
        event: Any = logged.event
        for field in SEALED_FIELDS[type(event)]:
            sealed = getattr(event, field)
            if sealed is not None:
                kids.add(sealed.kid)
        if logged.trace is not None:
            metadata = logged.trace.metadata
            kids.update(each.kid for each in (metadata.ip, metadata.user_agent) if each)
    return kids


BEGINNING = """
SELECT stream_id, name, schema_version, data FROM log.events
WHERE stream_id = ANY(%b) AND version = 1
"""
