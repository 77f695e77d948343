"""Where a request ends and what it addresses: every ambiguity is refused, over raw sockets."""

import pytest

from tests.api.serving import Served, read_answers
from tests.api.test_protocol import check

HEAD = b"GET /api/health/live HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /api/bytes HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
CLOSE = b"Connection: close\r\n\r\n"
SECOND = b"GET /api/nothing HTTP/1.1\r\nHost: x\r\n\r\n"
"""What must not be taken for a request of its own behind an ambiguous one."""
EMPTY_CHUNKS = b"\r\n\r\n0\r\n\r\n"

CODINGS = [
    b"xchunked",
    b"chunkedx",
    b'"chunked"',
    b"\x0bchunked",
    b"chunked,",
    b"identity",
    b"gzip, chunked",
    b"chunked, chunked",
    b"chunked\r\nTransfer-Encoding: chunked",
    b"identity\r\nTransfer-Encoding: chunked",
    b"chunked\r\nTransfer-Encoding: identity",
    b"",
    b"\r\n chunked",
]
HEADERS = [
    b"Transfer-Encoding : chunked",
    b" Transfer-Encoding: chunked",
    b"X: y\rTransfer-Encoding: chunked",
    b"X: y\nTransfer-Encoding: chunked",
    b"Content-Length: 0\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nContent-Length: 0",
]
CHUNKS = [
    b"0x2\r\nab\r\n0\r\n\r\n",
    b"-1\r\nab\r\n0\r\n\r\n",
    b"+2\r\nab\r\n0\r\n\r\n",
    b" 2\r\nab\r\n0\r\n\r\n",
    b"2 \r\nab\r\n0\r\n\r\n",
    b"FFFFFFFFFFFFFFFFF\r\nab\r\n0\r\n\r\n",
    b"2\nab\n0\n\n",
    b"2\nab\r\n0\r\n\r\n",
    b"2\r\nab\n0\r\n\r\n",
    b"2\r\nab0\r\n\r\n",
    b"2;a\nb\r\nab\r\n0\r\n\r\n",
    b"2;a\rb\r\nab\r\n0\r\n\r\n",
    b"\r\nab\r\n0\r\n\r\n",
    b"0\r\nX: a\r\n b\r\n\r\n",
]
TARGETS = {
    b"http://x": 400,
    b"x:443": 400,
    b"api/health/live": 400,
    b"/api/health/live#x": 400,
    b"/api/health/li\x00ve": 400,
    b"/api/health/ live": 400,
    b"/api/health/liv\xc3\xa9": 400,
    b"http://x/api/health/live": 200,
    b"http://elsewhere.example/api/health/live": 200,
    b"/api/he%61lth/live": 200,
    b"/api%2Fhealth/live": 404,
    b"/api%2fhealth/live": 404,
    b"/api/health/live%00": 404,
    b"/api/health/live%zz": 404,
    b"/api/health/live%": 404,
    b"/api/health/live%252e": 404,
    b"/api/health%c0%aflive": 404,
    b"/api/x/../health/live": 404,
    b"/api/x/%2e%2e/health/live": 404,
    b"/api\\health\\live": 404,
    b"//api/health/live": 404,
    b"/api/health/live;x=1": 404,
    b"/api/health/live%0d%0aX:1": 404,
}
LINES = [
    b"GET /api/health/live HTTP/1.1\nHost: x\n\n",
    b"GET /api/health/live HTTP/1.1\nHost: x\r\n\r\n",
    HEAD + b"X: y\n\r\n",
    b"GET /api/health/live\tHTTP/1.1\r\nHost: x\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n",
    b"POST /api/bytes HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    HEAD + b": x\r\n\r\n",
    HEAD + b"X: a\x7fb\r\n\r\n",
]
AMBIGUOUS = [
    *(POST + b"Transfer-Encoding: " + coding + EMPTY_CHUNKS for coding in CODINGS),
    *(POST + header + EMPTY_CHUNKS for header in HEADERS),
    *(CHUNKED + chunks for chunks in CHUNKS),
    *LINES,
]


@pytest.mark.parametrize("sent", AMBIGUOUS)
def test_an_ambiguous_request_is_the_last_one(served: Served, sent: bytes) -> None:
    with served.connect() as connection:
        connection.sendall(sent + SECOND)
        answer, *more = read_answers(connection, 2)
    check(answer, "invalid_request")
    assert answer.header("connection") == "close"
    assert not more


@pytest.mark.parametrize(("target", "status"), TARGETS.items())
def test_a_path_is_what_it_was_sent_as(served: Served, target: bytes, status: int) -> None:
    sent = b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n" + CLOSE
    assert [each.status for each in served.raw(sent)] == [status]


def test_what_is_unusual_but_clear_is_understood(served: Served) -> None:
    for sent, sizes in {
        POST + b"transfer-encoding:\tCHUNKED\r\n" + b"Connection: close\r\n\r\n"
        b"0000000000000000002;a=b\r\nab\r\n0\r\n\r\n": [b'{"size":2}'],
        b"\r\n\r\n" + POST + b"Content-Length: 0002\r\n" + CLOSE + b"ab": [b'{"size":2}'],
        POST + b"Content-Length: 2\r\nTransfer_Encoding: chunked\r\n" + CLOSE + b"0\r": [
            b'{"size":2}'
        ],
        POST + b"Content-Length: 2\r\n\r\nab" + POST + b"Content-Length: 0\r\n" + CLOSE: [
            b'{"size":2}',
            b'{"size":0}',
        ],
    }.items():
        assert served_bodies(served, sent) == sizes


def served_bodies(served: Served, sent: bytes) -> list[bytes]:
    with served.connect() as connection:
        connection.sendall(sent)
        return [each.body for each in read_answers(connection, 2)]


def test_a_chunk_of_any_size_is_counted_while_it_comes(served: Served) -> None:
    for size in (b"7FFFFFFFFFFFFFFF", b"FFFFFFFF"):
        with served.connect() as connection:
            connection.sendall(CHUNKED + size + b"\r\n" + b"a" * 1_048_577)
            answer, *more = read_answers(connection, 0.5)
            assert not more
            check(answer, "request_body_too_large")


def test_a_body_nobody_reads_is_not_let_in_for_ever(served: Served) -> None:
    """The connection ends after as much again as a body may have."""
    with served.connect() as connection:
        connection.sendall(b"POST /api/nothing HTTP/1.1\r\nHost: x\r\n")
        connection.sendall(b"Content-Length: 900000000\r\n\r\n")
        sent = 0
        try:
            while sent < 50_000_000:
                sent += connection.send(b"a" * 65_536)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert sent < 50_000_000, "the server stops listening"


def test_a_client_may_ask_before_it_sends_a_body(served: Served) -> None:
    asking = POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    with served.connect() as connection:
        connection.sendall(asking)
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"ab")
        (answer,) = read_answers(connection, 2)
    assert (answer.status, answer.json()) == (200, {"size": 2})


def test_a_body_that_was_refused_is_not_waited_for(served: Served) -> None:
    """What a client sends instead of it is not taken for it."""
    asking = b"DELETE /api/things/1 HTTP/1.1\r\nHost: x\r\n"
    asking += b"Expect: 100-continue\r\nContent-Length: 62\r\n\r\n"
    with served.connect() as connection:
        connection.sendall(asking)
        (answer,) = read_answers(connection, 2)
    assert answer.json()["reason"] == "invalid_token"
    assert answer.header("connection") == "close"


def test_requests_ahead_of_their_answers_are_bounded(served: Served) -> None:
    asked = HEAD + b"\r\n"
    for count, answered in ((20, 20), (200, 33)):
        with served.connect() as connection:
            connection.sendall(asked * count)
            assert [each.status for each in read_answers(connection, 0.3)] == [200] * answered


def test_a_pipelined_body_that_breaks_spoils_no_earlier_answer(served: Served) -> None:
    slow = b"GET /api/fresh HTTP/1.1\r\nHost: x\r\nLedger-Position: 7\r\n\r\n"
    with served.connect() as connection:
        connection.sendall(slow + CHUNKED + b"2\r\nab\r\nGARBAGE")
        assert [each.status for each in read_answers(connection, 2)] == [200]
