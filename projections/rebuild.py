"""Rebuild: fold the whole log into shadow tables, compare them with the live ones, and swap."""

import msgspec
from psycopg import Connection

from ledger.errors import Reason, Refused
from projections import identities, shadow
from projections.copying import LEASE_SECONDS, Copy, Progress, copying
from projections.drift import Drift, Looked, compared, traced
from projections.leases import Leases
from projections.projector import Projector
from schema.postgres import connect
from schema.seals import KeyEncryptionKeys

SHOWN_MAX = 10
KEPT_HOURS = 24


class Differs(Exception):
    """The copy is not what the live tables say at `position`; `rows` names some that differ."""

    def __init__(
        self, projection: str, position: int, rows: list[str], drifts: list[Drift] | None = None
    ) -> None:
        shown = ", ".join(rows[:SHOWN_MAX])
        super().__init__(
            f"{projection} differs at position {position} in {len(rows)} rows: {shown}"
        )
        self.position, self.rows, self.drifts = position, rows, drifts or []


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How a read model is made again.

    `share` of the rows are compared, from 0 to 1; up to `accepted` differing rows are put right,
    None for any number. A `dry` one swaps nothing; one that does not `swap` keeps the copy for
    later. `resume` goes on with a copy that was left; `work` is the share of the time it works.
    """

    share: float = 1
    accepted: int | None = 0
    dry: bool = False
    swap: bool = True
    resume: bool = False
    work: float = 1


FULL = Plan()
REPAIRING = Plan(accepted=None)


class Report(msgspec.Struct, frozen=True):
    """What a rebuild did: up to which position, how fast, and whether it compared rows."""

    projection: str
    position: int
    events_per_second: float
    compared: bool
    differing: int = 0
    swapped: bool = True


def rebuild(  # noqa: PLR0913  # what, where, with which keys, how, and who looks on
    dsn: str,
    projector: Projector,
    keks: KeyEncryptionKeys,
    *,
    progress: Progress | None = None,
    repair: bool = False,
    plan: Plan | None = None,
) -> Report:
    """Make the read model again beside the live one, which goes on, and put it in its place.

    Raises `Differs` or `Unbalanced` and leaves everything as it was when the copy is not equal to
    the live tables at the same position, unless that is accepted, or does not add up. The old
    tables are kept for `roll_back`. Refused: `rebuild_in_progress`.
    """
    plan = plan or (REPAIRING if repair else FULL)
    with copying(dsn, projector, keks, progress, resume=plan.resume, share=plan.work) as copy:
        looked = look(copy, plan.share)
        if plan.accepted is not None and len(looked.names) > plan.accepted:
            raise Differs(projector.name, copy.position, looked.names)
        identities.check(copy.connection, projector, shadow.NEW)
        if plan.swap and not plan.dry:
            copy.catch_up()
            copy.take_place()
        elif not plan.dry:
            copy.kept = True
        swapped = plan.swap and not plan.dry
        return report(copy, looked, swapped=swapped)


def look(copy: Copy, share: float) -> Looked:
    """Fold up to where the live tables are, compare what is to be compared, and note it."""
    looked, comparison = compared(copy.projector, share, copy.suffix)
    if copy.follow_live() and share > 0 and not copy.compared:
        copy.compare(comparison)
        copy.mark(indexed=True, compared=True)
        copy.connection.execute(VERIFIED, (copy.position, len(looked.names), copy.projector.name))
    return looked


def report(copy: Copy, looked: Looked, *, swapped: bool) -> Report:
    """Return what was done."""
    return Report(
        copy.projector.name,
        copy.position,
        copy.events_per_second,
        copy.compared,
        len(looked.names),
        swapped,
    )


def verify(  # noqa: PLR0913  # what, with which keys, who looks on, and how closely
    dsn: str,
    projector: Projector,
    keks: KeyEncryptionKeys,
    progress: Progress | None = None,
    *,
    share: float = 1,
    trace: bool = False,
) -> Report:
    """Compare the live read model with a fold of the log; raises `Differs`.

    Nothing changes but the note of the newest check, and a copy that waits for its swap or for
    somebody to go on with it is left alone. With `trace` some of the rows that differ
    come with the position at which they part from the log.
    """
    with copying(dsn, projector, keks, progress, suffix=shadow.CHECK) as copy:
        looked = look(copy, share)
        if looked.names:
            position = copy.position
            drifts = traced(copy, looked.drifts) if trace else looked.drifts
            raise Differs(projector.name, position, looked.names, drifts)
        return report(copy, looked, swapped=False)


def roll_back(dsn: str, projector: Projector) -> None:
    """Put the tables back that the last rebuild replaced; the runner catches them up.

    Refused with `projection_not_found` when none are kept.
    """
    with connect(dsn, "ledgerbank_read") as connection, connection.transaction():
        Leases(connection, "roll back", LEASE_SECONDS).take_over(projector.name)
        if connection.execute(PUT_BACK, (projector.name,)).rowcount != 1:
            raise Refused(Reason.PROJECTION_NOT_FOUND, kept=False, projection=projector.name)
        shadow.put_back(connection, projector.tables)


def drop_expired(connection: Connection, projector: Projector) -> bool:
    """Drop the tables that were put aside a day ago; return whether there were any."""
    with connection.transaction():
        expired = connection.execute(EXPIRED, (projector.name, KEPT_HOURS)).rowcount == 1
        if expired:
            shadow.drop_kept(connection, projector.tables)
    return expired


VERIFIED = """
UPDATE read.checkpoints SET verified_at = now(), verified_position = %s, drift_rows = %s
WHERE projection = %s
"""
PUT_BACK = """
UPDATE read.checkpoints
SET position = kept_position, kept_position = position, kept_at = now(), holder = NULL,
    drift_rows = NULL, updated_at = now()
WHERE projection = %s AND kept_position IS NOT NULL
"""
EXPIRED = """
UPDATE read.checkpoints SET kept_position = NULL, kept_at = NULL
WHERE projection = %s AND kept_at < now() - %s * interval '1 hour'
"""
