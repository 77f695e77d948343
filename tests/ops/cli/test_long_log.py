"""`ops/bench log`: every line measures something that works, here on a short log."""

import pytest

from ops.long_log.bench import MIB, Line
from ops.long_log.work import LOG, works
from ops.settings import read_settings
from tests.ops.cli.books import head
from tests.ops.cli.shell import Shell

LONG = ("generate", "follow", "rebuild ")


def test_every_piece_of_work_is_done_whole(demo: Shell) -> None:
    dsn, settings = demo.environment["DATABASE_URL"], read_settings(demo.environment)
    end = head(dsn)
    for what, work in works(("accounts",)).items():
        if what.startswith(LONG):
            continue
        done, seconds = work(settings, dsn, end)
        assert done == (end if seconds is None else 1), what
    assert LOG["generate by real decisions"](settings, dsn, end) == (0, None)
    assert LOG["seal: hash, tree, sign"](settings, dsn, end) == (0, None)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (Line("seal", 50_000, 2.0, 90 * MIB), "| seal | 25,000 events/s | 90 MiB |"),
        (Line("seal", 0, 0.1, MIB), "| seal |  | 1 MiB |"),
        (Line("search", 1, 0.0123, MIB), "| search | 12.3 ms | 1 MiB |"),
    ],
)
def test_work_is_told_by_its_rate_and_questions_by_their_time(line: Line, shown: str) -> None:
    assert line.shown() == shown
