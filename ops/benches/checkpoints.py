"""How far the read models have come: what is measured may have to wait for them."""

import time
from collections.abc import Sequence
from typing import Any

from psycopg import Connection

from ops.benches.deployment import Broken

STILL_SECONDS_MAX = 300.0
POLL_SECONDS = 0.01


def wait_until_read(connection: Connection[Any], names: Sequence[str] = ()) -> None:
    """Return when these read models, or else all of them, have seen the whole log.

    Raises `Broken` when one fails, or the slowest gets nowhere for five minutes.
    """
    reached, moved_at = -1, time.monotonic()
    while True:
        row = connection.execute(SLOWEST, {"names": list(names) or None}).fetchone()
        assert row is not None, "an aggregate has one row"
        slowest, head, failed = row
        if slowest >= head:
            return
        now = time.monotonic()
        if slowest > reached:
            reached, moved_at = slowest, now
        if failed is not None or now > moved_at + STILL_SECONDS_MAX:
            raise Broken(f"the read models stand at {slowest} of {head}: {failed}")
        time.sleep(POLL_SECONDS)


SLOWEST = """
SELECT min(c.position), max(head.position), max(c.last_error)
FROM read.checkpoints AS c, log.head
WHERE %(names)s::text[] IS NULL OR c.projection = ANY(%(names)s)
"""
