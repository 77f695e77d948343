"""The verb that tells what became of a command: `ledgerbank commands show KEY`."""

from typing import Any

import click
import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from ledger.errors import Reason, Refused
from ops.databases import migrated_database
from ops.output import Output
from ops.readmodels import keks_of
from projections.answers import EVENTS, KEPT, OF_ANY_SCOPE, Fate, Kept, fate, positions
from schema.postgres import connect
from schema.seals import SELECT_BY_KID, KeyEncryptionKeys, WrappedKey, unwrap_all


@click.group
def commands() -> None:
    """Look at commands that were asked."""


@commands.command
@click.argument("key")
@click.option("--scope", help="Whose key, e.g. user:0192…; without it, anybody's.")
@click.pass_obj
def show(output: Output, key: str, scope: str | None) -> None:
    """Show what became of an Idempotency-Key, or of a command id."""
    settings = output.settings()
    with (
        migrated_database(settings) as dsn,
        connect(dsn, "ledgerbank_app", statement_timeout_ms=0) as connection,
    ):
        fates = fates_of(connection, keks_of(settings), key, scope)
    if not fates:
        raise Refused(Reason.RESOURCE_NOT_FOUND, key=key)
    shown = [msgspec.json.format(msgspec.json.encode(each)).decode() for each in fates]
    output.tell(fates, *shown)


def fates_of(
    connection: Connection[Any], keks: KeyEncryptionKeys, key: str, scope: str | None
) -> list[Fate]:
    """Return what became of a key in every scope it was used in, or in one."""
    query = OF_ANY_SCOPE if scope is None else KEPT
    with connection.cursor(row_factory=class_row(Kept)) as cursor:
        found = cursor.execute(query, {"key": key, "scope": scope}).fetchall()
    with connection.cursor(row_factory=class_row(WrappedKey)) as cursor:
        kids = [each.answer_key for each in found if each.answer_key is not None]
        keys = unwrap_all(cursor.execute(SELECT_BY_KID, (kids,)).fetchall(), keks)
    return [
        fate(each, keys, connection.execute(EVENTS, positions(each)).fetchall()) for each in found
    ]
