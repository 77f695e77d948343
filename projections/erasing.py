"""Erasing: what a read model does when a person is deleted (events_audit.md §8).

Names of the person are null from then on, texts they wrote read "[erased]"; tables that a rebuild
put aside still tell them, and go.
"""

from collections.abc import Iterable
from typing import Any

from psycopg import Connection

from ledger.events.event import Sealed
from ledger.events.user import UserDeleted, UserRegistered
from projections import leftovers, shadow
from projections.known import Known
from projections.log import Logged
from projections.projector import Fold, On, Projector
from projections.rows import Table


def erasing(*tables: Table[Any]) -> On:
    """Return how a deleted person leaves `tables`."""

    def apply(fold: Fold, logged: Logged[UserDeleted]) -> None:
        erase(fold, logged, tables)

    return On(apply, streams=beginning)


def erase(fold: Fold, logged: Logged[UserDeleted], tables: Iterable[Table[Any]]) -> None:
    """Erase a person from `tables` when the batch is written, and forget their key."""
    kid = fold.known.beginning(logged.stream_id, UserRegistered).email.kid
    if fold.known.may_have_told(kid):
        for table in tables:
            fold.rows.of(table).erase(logged.subject, kid)
    fold.known.lose(kid)


def beginning(logged: Logged[UserDeleted]) -> Iterable[str]:
    """Name the stream whose first event says under which key a person is sealed."""
    return (logged.stream_id,)


def key_of(known: Known, text: Sealed | None) -> str | None:
    """Return the key by which a text is to be found again; None when there is nothing to erase."""
    return text.kid if text is not None and text.kid in known.keys else None


def forget_kept(connection: Connection, projector: Projector) -> None:
    """Drop the tables that a rebuild put aside, and a copy that nobody works on any more."""
    leftovers.forget_abandoned(connection, projector)
    shadow.drop_kept(connection, projector.tables)
    connection.execute(NOTHING_KEPT, (projector.name,))


NOTHING_KEPT = (
    "UPDATE read.checkpoints SET kept_position = NULL, kept_at = NULL WHERE projection = %s"
)
