"""Clients that take their time, or come in crowds: each gets so long, and no longer (slowloris)."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from select import select
from time import monotonic, sleep

import pytest

from api.app import create_app
from api.consistency import Freshness
from api.wire import Deadlines, Limits, Wire
from tests.api.desk import THINGS, Paused, authenticate, things_uses
from tests.api.serving import Served, read_answers, serving
from tests.api.test_protocol import check

SECONDS = 0.3
LONG = 5.0
CROWD = 12
WIRE = Wire(
    deadlines=Deadlines(
        head_seconds=SECONDS, body_seconds=SECONDS, idle_seconds=1, reading_seconds=SECONDS
    )
)
GET = b"GET /api/health/live HTTP/1.1\r\nHost: x\r\n\r\n"
HALF = b"GET /api/health/live HTTP/1.1\r\nHo"
POST = b"POST /api/bytes HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
FRESH = b"GET /api/fresh HTTP/1.1\r\nHost: x\r\nLedger-Position: 8\r\n"
CLOSE = b"Connection: close\r\n\r\n"
REFUSED = b"DELETE /api/things/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"


@pytest.fixture(scope="module")
def paused() -> Paused:
    return Paused()


@pytest.fixture(scope="module")
def hasty(paused: Paused) -> Iterator[Served]:
    uses = things_uses(paused)
    fresh = Freshness(head=paused.head, checkpoints=paused, epoch=paused.epoch, wait_ms=1_000)
    app = create_app(THINGS, uses | {Freshness: fresh}, authenticate=authenticate, wire=WIRE)
    with serving(app, WIRE) as served:
        yield served


@pytest.fixture
def crowded(paused: Paused) -> Iterator[Served]:
    """Serve few clients at once."""
    uses, wire = things_uses(paused), Wire(connections_max=CROWD)
    fresh = Freshness(head=paused.head, checkpoints=paused, epoch=paused.epoch, wait_ms=2_000)
    app = create_app(THINGS, uses | {Freshness: fresh}, authenticate=authenticate, wire=wire)
    with serving(app, wire) as served:
        yield served


def dripped(connection: socket.socket, drop: bytes) -> float:
    """Send `drop` again and again until the server has enough; return after how long."""
    began = monotonic()
    while monotonic() - began < LONG:
        try:
            connection.sendall(drop)
        except OSError:
            break
        sleep(SECONDS / 6)
        if is_closed(connection):
            break
    return monotonic() - began


def came_to_be(true: Callable[[], bool]) -> bool:
    """Wait a little for something that is about to happen."""
    deadline = monotonic() + LONG
    while not true() and monotonic() < deadline:
        sleep(0.01)
    return true()


def is_closed(connection: socket.socket) -> bool:
    """Say whether the server has ended the connection; what it said before stays to be read."""
    connection.settimeout(0)
    try:
        told = connection.recv(65_536, socket.MSG_PEEK)
        ended = not told or told.count(b"HTTP/1.1") > 1 or b"connection: close" in told
    except BlockingIOError:
        ended = False
    except OSError:
        ended = True
    connection.settimeout(LONG)
    return ended


@pytest.mark.parametrize(
    ("first", "drop", "late"),
    [
        (b"", b"G", "head"),
        (HALF, b"o", "head"),
        (HALF, b"st: x\r\nX: ", "head"),
        (POST, b"a", "body"),
    ],
)
def test_a_request_that_drips_in_is_refused(
    hasty: Served, first: bytes, drop: bytes, late: str
) -> None:
    with hasty.connect() as connection:
        connection.sendall(first)
        if first == b"":
            connection.sendall(HALF)
            sleep(2 * SECONDS)
        else:
            assert dripped(connection, drop) < LONG / 2
        answer, *more = read_answers(connection, 1)
    assert not more
    check(answer, "invalid_request")
    assert answer.json()["details"] == {"late": late, "seconds": SECONDS}
    assert answer.header("connection") == "close"


@pytest.mark.parametrize("said", [b"", b"\r\n"])
def test_who_says_nothing_is_left_without_a_word(hasty: Served, said: bytes) -> None:
    with hasty.connect() as connection:
        if said:
            assert dripped(connection, said) < LONG / 2
        else:
            connection.settimeout(LONG)
        assert read_answers(connection, LONG) == []


@pytest.mark.parametrize("drop", [b"\r\n", b"GET"])
def test_an_answered_client_gets_no_longer_for_the_next_request(hasty: Served, drop: bytes) -> None:
    with hasty.connect() as connection:
        connection.sendall(GET)
        sleep(SECONDS / 2)
        connection.sendall(drop)
        began = monotonic()
        answers = read_answers(connection, LONG)
        assert monotonic() - began < 3 * SECONDS
    assert [answer.status for answer in answers] == ([200, 400] if drop == b"GET" else [200])


def test_an_idle_connection_is_kept_for_a_while(hasty: Served) -> None:
    with hasty.connect() as connection:
        connection.sendall(GET)
        sleep(2 * SECONDS)
        connection.sendall(GET)
        began = monotonic()
        answers = read_answers(connection, LONG)
        assert 0.7 < monotonic() - began < 2
    assert [answer.status for answer in answers] == [200, 200]


def test_a_body_may_not_drip_on_behind_its_answer(hasty: Served) -> None:
    with hasty.connect() as connection:
        connection.sendall(REFUSED)
        assert dripped(connection, b"a") < LONG / 2
        try:
            answers = read_answers(connection, 1)
        except ConnectionResetError:
            return
    assert [answer.status for answer in answers] in ([401], [])


def test_the_rest_of_a_body_too_large_may_follow_its_answer(paused: Paused) -> None:
    wire = Wire(limits=Limits(body_bytes=100))
    app = create_app(THINGS, things_uses(paused), authenticate=authenticate, wire=wire)
    with serving(app, wire) as served, served.connect() as connection:
        connection.sendall(POST)
        assert select([connection], [], [], LONG)[0], "it is answered before the body is there"
        connection.sendall(b"a" * 1_000 + GET)
        assert [answer.status for answer in read_answers(connection)] == [413, 200]


def test_a_client_that_is_answered_slowly_is_not_late(hasty: Served, paused: Paused) -> None:
    """The clock runs while the client has something to do, not while the server has."""
    paused.committed = 8
    with hasty.connect() as connection:
        connection.sendall(FRESH + b"\r\n")
        sleep(SECONDS / 3)
        connection.sendall(FRESH + CLOSE)
        assert [answer.status for answer in read_answers(connection, 3)] == [503, 503]


def test_a_client_that_does_not_read_is_hung_up_on(hasty: Served) -> None:
    asked = b"GET /api/docs/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
    whole = len(hasty.get("/api/docs/openapi.json").content)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.connect(("127.0.0.1", hasty.port))
        connection.sendall(asked * 32)
        sleep(3 * SECONDS)
        read = 0
        connection.settimeout(LONG)
        with suppress(ConnectionResetError):
            while told := connection.recv(65_536):
                read += len(told)
    assert read < 32 * whole, "the server hangs up on somebody who does not read"


def test_who_was_waited_for_longest_makes_room(crowded: Served) -> None:
    with ExitStack() as stack:
        silent = [stack.enter_context(crowded.connect())]
        with crowded.connect() as connection:
            connection.sendall(GET)
            assert [each.status for each in read_answers(connection, 0.5)] == [200], "it is in"
        silent += [stack.enter_context(crowded.connect()) for _ in range(CROWD - 1)]
        for connection in silent[1:]:
            connection.sendall(HALF)
        with crowded.connect() as connection:
            connection.sendall(GET)
            assert [answer.status for answer in read_answers(connection, 0.5)] == [200]
        assert came_to_be(lambda: is_closed(silent[0]))
        assert not is_closed(silent[-1])


def test_a_server_whose_clients_are_all_busy_refuses_the_next(
    crowded: Served, paused: Paused
) -> None:
    paused.committed = 8
    with ExitStack() as stack:
        busy = [stack.enter_context(crowded.connect()) for _ in range(CROWD)]
        for connection in busy:
            connection.sendall(FRESH + CLOSE)
        with crowded.connect() as connection:
            answer, *more = read_answers(connection, 4)
        assert not more
        check(answer, "service_unavailable")
        for connection in busy:
            assert [each.status for each in read_answers(connection, 4)] == [503]
    assert crowded.get("/api/health/live").status_code == 200
