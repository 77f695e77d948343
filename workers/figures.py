"""Figures: how attempts ended and how long they took, added up over all workers (config.md §5).

Each process counts in memory and adds its counts to the common ones now and then; one that is
killed takes the counts of its last seconds along.
"""

from bisect import bisect_left
from collections import Counter
from threading import Event, Lock

import psycopg
import structlog

from workers.database import Pool, transaction

LIMITS_MS = (10, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000)
ENDLESS_MS = 2**62
BOUNDS_MS = (*LIMITS_MS, ENDLESS_MS)
WRITTEN_SECONDS = 2.0


class Figures:
    """The counts of one process; any thread may add to them."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.lock = Lock()
        self.ended, self.spent_ms = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
        self.lasted = Counter[tuple[str, int]]()

    def count(self, actor: str, outcome: str, spent_ms: int) -> None:
        """Count an attempt."""
        limit_ms = BOUNDS_MS[bisect_left(BOUNDS_MS, spent_ms)]
        with self.lock:
            self.ended[actor, outcome] += 1
            self.spent_ms[actor, outcome] += spent_ms
            self.lasted.update({(actor, each): 0 for each in BOUNDS_MS})
            self.lasted[actor, limit_ms] += 1

    def run(self, stop: Event) -> None:
        """Add to the common counts again and again, and once more at the end."""
        while not stop.wait(WRITTEN_SECONDS):
            self.write()
        self.write()

    def write(self) -> None:
        """Add to the common counts; what cannot be written now is kept for the next time."""
        with self.lock:
            counted = (self.ended, self.spent_ms, self.lasted)
            self.ended, self.spent_ms, self.lasted = Counter(), Counter(), Counter()
        ended, spent_ms, lasted = counted
        if not ended:
            return
        figures = sorted((*key, ended[key], spent_ms[key]) for key in ended)
        durations = sorted((*key, lasted[key]) for key in lasted)
        try:
            with transaction(self.pool) as connection, connection.cursor() as cursor:
                cursor.executemany(ADD_FIGURES, figures)
                cursor.executemany(ADD_DURATIONS, durations)
        except psycopg.Error as failure:
            structlog.get_logger().warning("figures.unwritten", failure=str(failure))
            with self.lock:
                self.ended.update(ended)
                self.spent_ms.update(spent_ms)
                self.lasted.update(lasted)


ADD_FIGURES = b"""
INSERT INTO work.job_figures AS f (actor, outcome, ended, spent_ms) VALUES (%s, %s, %s, %s)
ON CONFLICT (actor, outcome) DO UPDATE
SET ended = f.ended + EXCLUDED.ended, spent_ms = f.spent_ms + EXCLUDED.spent_ms
"""
ADD_DURATIONS = b"""
INSERT INTO work.job_durations AS d (actor, limit_ms, ended) VALUES (%s, %s, %s)
ON CONFLICT (actor, limit_ms) DO UPDATE SET ended = d.ended + EXCLUDED.ended
"""
