"""Settings → who signs tree heads; and the last turn of sealing when a process stops."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import psycopg
import structlog

from ledger.times import utc_text
from ops.settings import Settings
from schema.postgres import connect
from schema.sealing import Altered, seal_all
from schema.signatures import Signer, TreeHead, signer_of


def signer(settings: Settings) -> Signer:
    """Return who signs tree heads."""
    return signer_of(settings.identity.audit_signing_key)


def seal_now(settings: Settings, dsn: str) -> list[TreeHead]:
    """Sign what is not sealed yet; return the new tree heads. Raises `Altered`."""
    with connect(dsn, "ledgerbank_app") as connection:
        return seal_all(connection, signer(settings), utc_text(datetime.now(UTC)))


@contextmanager
def sealed_at_stop(settings: Settings, dsn: str) -> Iterator[None]:
    """Seal at the end of the block what was recorded until then, if the database lets us."""
    try:
        yield
    finally:
        log = structlog.get_logger()
        try:
            seal_now(settings, dsn)
        except psycopg.Error as failure:
            log.warning("log.unsealed", failure=str(failure))
        except Altered as altered:
            log.critical("log.altered", position=altered.position, says=altered.says)
