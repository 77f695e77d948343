"""What never reaches the application: malformed, oversized and ambiguous HTTP over raw sockets."""

import pytest

from ledger.errors import CATALOGUE
from tests.api.serving import Answer, Served, read_answers
from tests.api.test_problems import SECURITY

HEAD = b"GET /api/health HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /api/bytes HTTP/1.1\r\nHost: x\r\n"
LAST = b"GET /api/health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

MALFORMED = {
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01",
    "unknown method": b"FETCH /api/health HTTP/1.1\r\nHost: x\r\n\r\n",
    "method in lower case": b"get /api/health HTTP/1.1\r\nHost: x\r\n\r\n",
    "no version": b"GET /api/health\r\nHost: x\r\n\r\n",
    "HTTP/9.9": b"GET /api/health HTTP/9.9\r\nHost: x\r\n\r\n",
    "no target": b"GET  HTTP/1.1\r\nHost: x\r\n\r\n",
    "blank in a header name": HEAD + b"Bad name: x\r\n\r\n",
    "blank before the colon": HEAD + b"Content-Length : 0\r\n\r\n",
    "no colon": HEAD + b"nonsense\r\n\r\n",
    "control character in a value": HEAD + b"X: a\x00b\r\n\r\n",
    "bare line feeds in a value": HEAD + b"X: a\rb\r\n\r\n",
    "folded header": HEAD + b"X: a\r\n b\r\n\r\n",
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
    "two equal lengths": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab",
    "length and chunks": POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "chunked not last": POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "negative length": POST + b"Content-Length: -1\r\n\r\n",
    "length with a plus": POST + b"Content-Length: +2\r\n\r\nab",
    "length with a comma": POST + b"Content-Length: 2, 2\r\n\r\nab",
    "length in hex": POST + b"Content-Length: 0x2\r\n\r\nab",
    "huge length": POST + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n",
    "chunk size that is none": POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n",
    "chunk longer than said": POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
    "no host": b"GET /api/health HTTP/1.1\r\n\r\n",
    "two hosts": HEAD + b"Host: y\r\n\r\n",
    "host that is none": b"GET /api/health HTTP/1.1\r\nHost: a b/c\r\n\r\n",
}


def check(answer: Answer, reason: str) -> None:
    """Assert that an answer is the whole documented problem."""
    document = answer.json()
    assert (document["reason"], document["code"]) == (reason, reason)
    assert answer.status == document["status"] == CATALOGUE[reason].status
    assert answer.header("content-type") == "application/problem+json"
    assert answer.header("x-correlation-id") == document["instance"]
    assert {name: answer.header(name) for name in SECURITY} == SECURITY
    names = [name for name, _ in answer.headers]
    assert len(names) == len(set(names))
    assert "server" not in names


@pytest.mark.parametrize("request_bytes", MALFORMED.values(), ids=MALFORMED)
def test_malformed_http_is_the_documented_problem(served: Served, request_bytes: bytes) -> None:
    answer, *more = served.raw(request_bytes)
    check(answer, "invalid_request")
    assert not more


@pytest.mark.parametrize("request_bytes", MALFORMED.values(), ids=MALFORMED)
def test_malformed_http_byte_by_byte_is_the_same(served: Served, request_bytes: bytes) -> None:
    with served.connect() as connection:
        try:
            for index in range(len(request_bytes)):
                connection.sendall(request_bytes[index : index + 1])
        except (BrokenPipeError, ConnectionResetError):
            return
        try:
            answers = read_answers(connection)
        except ConnectionResetError:
            return
    for answer in answers:
        check(answer, "invalid_request")


def test_nothing_is_smuggled_behind_a_malformed_request(served: Served) -> None:
    smuggled = (
        POST
        + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        + b"GET /api/nothing HTTP/1.1\r\nHost: x\r\n\r\n"
    )
    assert [answer.status for answer in served.raw(smuggled)] == [400]


def test_the_longest_url_passes_and_one_byte_more_does_not(served: Served) -> None:
    def asked(length: int) -> bytes:
        target = b"/api/health?x=".ljust(length, b"a")
        return b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    assert [answer.status for answer in served.raw(asked(2_048))] == [200]
    (answer,) = served.raw(asked(2_049))
    check(answer, "request_uri_too_long")
    assert answer.json()["details"] == {"limit": 2_048, "actual": 2_049}
    path = b"GET /" + b"a" * 2_048 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    (answer,) = served.raw(path)
    check(answer, "request_uri_too_long")


def test_the_largest_headers_pass_and_one_byte_more_does_not(served: Served) -> None:
    def asked(size: int) -> bytes:
        counted = len("host" + "x") + 4 + len("connection" + "close") + 4 + len("x-fill") + 4
        fill = b"X-Fill:   " + b"a" * (size - counted) + b"   \r\n"
        return b"GET /api/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + fill + b"\r\n"

    assert [answer.status for answer in served.raw(asked(8_192))] == [200]
    (answer,) = served.raw(asked(8_193))
    check(answer, "request_headers_too_large")
    assert answer.json()["details"] == {"limit": 8_192, "actual": 8_193}


def test_many_small_headers_count_too(served: Served) -> None:
    (answer, *_) = served.raw(HEAD + b"a: b\r\n" * 1_400 + b"\r\n")
    check(answer, "request_headers_too_large")


@pytest.mark.parametrize(
    ("beginning", "more", "reason"),
    [
        (b"GET /", b"a" * 1_000, "request_uri_too_long"),
        (HEAD + b"X: ", b"a" * 1_000, "request_headers_too_large"),
        (HEAD, b"X: a\r\n" * 200, "request_headers_too_large"),
    ],
)
def test_a_head_without_end_is_cut_off(
    served: Served, beginning: bytes, more: bytes, reason: str
) -> None:
    with served.connect() as connection:
        connection.sendall(beginning)
        sent = 0
        try:
            while sent < 50_000_000:
                connection.sendall(more)
                sent += len(more)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert sent < 50_000_000, "the server stops listening"
    with served.connect() as connection:
        connection.sendall(beginning + more * (24_000 // len(more)))
        (answer,) = read_answers(connection)
        check(answer, reason)


def test_trailers_are_not_headers(served: Served) -> None:
    chunked = POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n"
    answers = served.raw(chunked + b"X-API-Version: 2\r\nHost: y\r\n\r\n" + LAST)
    assert [answer.status for answer in answers] == [200, 200]


def test_requests_in_a_row_are_answered_in_order(served: Served) -> None:
    body = b"a" * 60_000
    first = POST + b"Content-Length: 60000\r\n\r\n" + body
    answers = served.raw(first + HEAD + b"\r\n" + LAST)
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert answers[0].json() == {"size": 60_000}


def test_a_malformed_request_does_not_answer_for_the_one_before(served: Served) -> None:
    slow = b"GET /api/fresh HTTP/1.1\r\nHost: x\r\nLedger-Position: 7\r\n\r\n"
    answers = served.raw(slow + b"GARBAGE\r\n\r\n")
    assert [answer.status for answer in answers] in ([200], [200, 400])


def test_an_upgrade_is_an_ordinary_request(served: Served) -> None:
    for protocol in (b"websocket", b"h2c"):
        upgrade = HEAD + b"Connection: Upgrade\r\nUpgrade: " + protocol + b"\r\n\r\n"
        assert [answer.status for answer in served.raw(upgrade)] == [200]


def test_head_has_the_headers_of_get_and_no_body(served: Served) -> None:
    asked = b" /api/problems HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    (get,) = served.raw(b"GET" + asked)
    with served.connect() as connection:
        connection.sendall(b"HEAD" + asked)
        (head,) = read_answers(connection)
    assert (head.status, head.body) == (200, b"")
    assert head.header("content-length") == get.header("content-length")
    for method in (b"HEAD /api/nothing", b"HEAD /api/bytes"):
        with served.connect() as connection:
            connection.sendall(method + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            (answer,) = read_answers(connection)
        assert answer.status in {404, 405}
        assert answer.body == b""


def test_a_client_that_leaves_in_the_middle_hurts_nobody(served: Served) -> None:
    for _ in range(5):
        with served.connect() as connection:
            connection.sendall(POST + b"Content-Length: 100\r\n\r\nhalf")
    assert served.get("/api/health").status_code == 200
