"""Sealing as work: the log is signed in turns, and sooner when much was added (jobs.md §6)."""

import msgspec
import structlog

from ledger.errors import Reason
from ledger.times import utc_text
from schema.sealing import Altered, seal_all
from schema.signatures import Signer
from workers.attempts import Actor, Completed, Discarded, Run, Verdict
from workers.database import Clock, Pool, transaction
from workers.jobs import ask
from workers.schedule import QUEUE, Entry, story, wanted

NAME = "seal_log"
TIME_LIMIT_SECONDS = 10 * 60
MUCH = 1_000
"""How many events are not left unsealed until the next turn."""


class Sealing(msgspec.Struct, frozen=True):
    """Signs tree heads over what was recorded, every `every_seconds`."""

    pool: Pool
    clock: Clock
    signer: Signer
    every_seconds: int

    @property
    def entry(self) -> Entry:
        """Return the line of the schedule."""
        return Entry(NAME, self.every_seconds)

    def actor(self) -> Actor:
        """Return the kind of work."""
        return Actor(
            name=NAME, queue=QUEUE, time_limit_seconds=TIME_LIMIT_SECONDS, perform=self.seal
        )

    def seal(self, _run: Run) -> Verdict:
        """Sign what is there; a log that was altered is left as it is, and staff are told."""
        log = structlog.get_logger()
        try:
            with self.pool.connection() as connection:
                made = seal_all(connection, self.signer, utc_text(self.clock(connection)))
        except Altered as altered:
            log.critical("log.altered", position=altered.position, says=altered.says)
            return Discarded(Reason.INTERNAL_SERVER_ERROR)
        if made:
            log.info("log.sealed", tree_size=made[-1].tree_size)
        return Completed()

    def ask_when_grown(self) -> None:
        """Ask for a turn as soon as much is unsealed."""
        with transaction(self.pool) as connection:
            row = connection.execute(UNSEALED).fetchone()
            if row is not None and row[0] >= MUCH:
                at = self.clock(connection)
                ask(connection, wanted(self.entry, at), story(self.entry, at), at)


UNSEALED = b"""
SELECT head.position - coalesce((SELECT max(tree_size) FROM log.checkpoints), 0) FROM log.head
"""
