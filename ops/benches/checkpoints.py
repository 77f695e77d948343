"""How far the read models have come: what is measured may have to wait for them."""

import time
from typing import Any

from psycopg import Connection

from ops.benches.deployment import Broken

SECONDS_MAX = 300.0
POLL_SECONDS = 0.01


def wait_until_read(connection: Connection[Any]) -> None:
    """Return when every read model has seen the whole log. Raises `Broken`."""
    deadline = time.monotonic() + SECONDS_MAX
    while True:
        row = connection.execute(SLOWEST).fetchone()
        assert row is not None, "an aggregate has one row"
        slowest, head, failed = row
        if slowest >= head:
            return
        if failed is not None or time.monotonic() > deadline:
            raise Broken(f"the read models stand at {slowest} of {head}: {failed}")
        time.sleep(POLL_SECONDS)


SLOWEST = """
SELECT min(c.position), max(head.position), max(c.last_error)
FROM read.checkpoints AS c, log.head
"""
