"""How fresh a query is: strong unless told otherwise, honest when it cannot be (http.md §1.10)."""

import threading
from collections.abc import Iterator
from time import monotonic

import pytest

from tests.api.desk import Paused
from tests.api.serving import Served


@pytest.fixture(autouse=True)
def _in_step(paused: Paused) -> Iterator[None]:
    paused.at = paused.committed = 7
    paused.failed = False
    yield
    paused.at = paused.committed = 7
    paused.failed = False


def test_an_answer_tells_how_fresh_it_is(served: Served) -> None:
    answer = served.get("/api/fresh")
    assert answer.status_code == 200
    assert (answer.headers["ledger-position"], answer.headers["ledger-epoch"]) == ("7", "ab12")


def test_a_query_waits_for_what_was_committed_before_it(served: Served, paused: Paused) -> None:
    paused.committed = 9
    timer = threading.Timer(0.05, setattr, (paused, "at", 10))
    timer.start()
    assert served.get("/api/fresh").headers["ledger-position"] == "10"
    timer.join()


def test_a_late_read_model_is_said_to_be_late(served: Served, paused: Paused) -> None:
    paused.committed = 9
    for headers in ({}, {"ledger_position": "9"}, {"ledger_consistency": "nonsense"}):
        started = monotonic()
        answer = served.get("/api/fresh", **headers)
        assert (answer.status_code, answer.json()["reason"]) == (503, "projection_lagging")
        assert answer.json()["details"] == {"required": 9, "reached": 7}
        assert answer.headers["retry-after"] == "1"
        assert 0.15 < monotonic() - started < 1


def test_a_stopped_read_model_is_said_at_once(served: Served, paused: Paused) -> None:
    paused.committed, paused.failed = 9, True
    started = monotonic()
    assert served.get("/api/fresh").status_code == 503
    assert monotonic() - started < 0.15


def test_eventual_answers_from_what_is_there(served: Served, paused: Paused) -> None:
    paused.committed, paused.failed = 9, True
    answer = served.get("/api/fresh", ledger_consistency="Eventual")
    assert (answer.status_code, answer.headers["ledger-position"]) == (200, "7")
    demanded = {"ledger_consistency": "eventual", "ledger_position": "7"}
    assert served.get("/api/fresh", **demanded).status_code == 200
    demanded["ledger_position"] = "8"
    assert served.get("/api/fresh", **demanded).status_code == 503


@pytest.mark.parametrize(
    ("headers", "details"),
    [
        ({"ledger_position": "8"}, {"header": "Ledger-Position", "head": 7}),
        ({"ledger_position": "x"}, {"header": "Ledger-Position"}),
        ({"ledger_position": "-1"}, {"header": "Ledger-Position"}),
        ({"ledger_position": ""}, {"header": "Ledger-Position"}),
        ({"ledger_position": "9" * 40}, {"header": "Ledger-Position"}),
        ({"ledger_epoch": "cd34"}, {"header": "Ledger-Epoch"}),
        ({"ledger_epoch": "cd34", "ledger_consistency": "eventual"}, {"header": "Ledger-Epoch"}),
        (
            {"ledger_position": "8", "ledger_consistency": "eventual"},
            {"header": "Ledger-Position", "head": 7},
        ),
    ],
)
def test_a_place_that_cannot_be_is_refused_at_once(
    served: Served, headers: dict[str, str], details: dict[str, object]
) -> None:
    answer = served.get("/api/fresh", **headers)
    assert (answer.status_code, answer.json()["reason"]) == (400, "invalid_position")
    assert answer.json()["details"] == details


def test_the_right_epoch_is_welcome(served: Served) -> None:
    answer = served.get("/api/fresh", ledger_epoch="AB12", ledger_position="7")
    assert answer.status_code == 200
