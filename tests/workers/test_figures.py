"""Figures: what all workers have counted together, whoever writes first (config.md §5)."""

from msgspec.structs import replace
from structlog.testing import capture_logs

from tests.workers.conftest import Room
from workers.attempts import Actor, Completed, attempt
from workers.figures import Figures


def test_counts_of_processes_add_up(room: Room) -> None:
    one, other = Figures(room.pool), Figures(room.pool)
    for figures in (one, other, one):
        figures.count("sync_connection", "completed", 300)
        figures.count("sync_connection", "discarded", 700_000)
        figures.write()
        figures.write()
    assert room.rows(FIGURES) == [
        ("sync_connection", "completed", 3, 900),
        ("sync_connection", "discarded", 3, 2_100_000),
    ]
    assert room.rows(DURATIONS) == [(500, 3), (2**62, 3)]


def test_what_cannot_be_written_is_written_later(room: Room) -> None:
    figures = Figures(room.pool)
    figures.count("seal_log", "completed", 10)
    room.change("ALTER TABLE work.job_durations RENAME TO elsewhere")
    with capture_logs() as lines:
        figures.write()
    assert [each["event"] for each in lines] == ["figures.unwritten"]
    assert room.rows(FIGURES) == []
    room.change("ALTER TABLE work.elsewhere RENAME TO job_durations")
    figures.write()
    assert room.rows(FIGURES) == [("seal_log", "completed", 1, 10)]


def test_an_attempt_is_counted_as_it_ended(room: Room) -> None:
    counted: list[tuple[str, str]] = []
    frame = replace(room.frame, count=lambda name, outcome, _: counted.append((name, outcome)))
    actor = Actor(
        name="work", queue="payments", time_limit_seconds=None, perform=lambda _: Completed()
    )
    attempt(frame, actor, room.ask().id)
    assert counted == [("work", "completed")]


FIGURES = "SELECT actor, outcome, ended, spent_ms FROM work.job_figures ORDER BY 1, 2"
DURATIONS = "SELECT limit_ms, ended FROM work.job_durations WHERE ended > 0 ORDER BY 1"
