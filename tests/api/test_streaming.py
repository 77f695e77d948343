"""Answers of any length: enveloped, broken off honestly, and not made for nobody."""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator

import pytest

from api.app import create_app
from api.call import Call
from api.callers import ANYONE
from api.endpoint import Endpoint
from api.reply import Stream
from ledger.errors import Reason, Refused
from tests.api.serving import Served, serving

PIECE, ENDLESS = b"x" * 65_536, 100_000


class Tap:
    """Streams of several kinds, and how many pieces were made."""

    def __init__(self) -> None:
        self.made, self.closed = 0, False

    async def data(self, _: Call) -> Stream:
        return Stream(pieces=pieces(b"[1", b",2", b"]"), headers=((b"x-kind", b"data"),))

    async def text(self, _: Call) -> Stream:
        return Stream(pieces=pieces(b"one\r\n", b"two\r\n"), content_type=b"text/csv")

    async def empty(self, _: Call) -> Stream:
        return Stream(pieces=pieces(), content_type=b"text/csv")

    async def refused(self, _: Call) -> Stream:
        return Stream(pieces=failing(Refused(Reason.ACCOUNT_NOT_FOUND)), content_type=b"text/csv")

    async def broken(self, _: Call) -> Stream:
        return Stream(pieces=failing(ValueError("secret")), content_type=b"text/csv")

    async def breaking(self, _: Call) -> Stream:
        return Stream(pieces=failing(ValueError("x"), b"one"), content_type=b"text/csv")

    async def endless(self, _: Call) -> Stream:
        return Stream(pieces=self.flood(), content_type=b"text/csv")

    async def flood(self) -> AsyncGenerator[bytes, None]:
        try:
            for _ in range(ENDLESS):
                self.made += 1
                yield PIECE
                await asyncio.sleep(0)
        finally:
            self.closed = True


async def pieces(*each: bytes) -> AsyncGenerator[bytes, None]:
    for piece in each:
        yield piece


async def failing(failure: Exception, *each: bytes) -> AsyncGenerator[bytes, None]:
    for piece in each:
        yield piece
    raise failure


@pytest.fixture(scope="module")
def tap() -> Tap:
    return Tap()


@pytest.fixture(scope="module")
def flowing(tap: Tap) -> Iterator[Served]:
    handlers = {
        each.__name__: each
        for each in (
            tap.data, tap.text, tap.empty, tap.refused, tap.broken, tap.breaking, tap.endless
        )
    }  # fmt: skip
    endpoints = [
        Endpoint(method="GET", path=f"/{name}", handler=each, who=ANYONE, summary="Flow", tag="Tap")
        for name, each in handlers.items()
    ]
    with serving(create_app(endpoints)) as running:
        yield running


def test_data_is_enveloped_as_it_flows(flowing: Served) -> None:
    answer = flowing.get("/data")
    whole = answer.json()
    assert (whole["data"], whole["success"], whole["metadata"]) == ([1, 2], True, {})
    assert whole["correlation_id"] == answer.headers["x-correlation-id"]
    assert answer.headers["x-kind"] == "data"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["transfer-encoding"] == "chunked"


@pytest.mark.parametrize(("path", "body"), [("/text", b"one\r\ntwo\r\n"), ("/empty", b"")])
def test_documents_stand_as_they_are(flowing: Served, path: str, body: bytes) -> None:
    answer = flowing.get(path)
    assert (answer.status_code, answer.content) == (200, body)
    assert answer.headers["content-type"] == "text/csv"


def test_the_head_of_a_stream_has_no_body(flowing: Served) -> None:
    answer = flowing.request("HEAD", "/text")
    assert (answer.status_code, answer.content) == (200, b"")
    assert flowing.get("/text").content == b"one\r\ntwo\r\n"


def test_what_fails_before_the_first_piece_is_a_problem(flowing: Served) -> None:
    assert flowing.get("/refused").json()["reason"] == "account_not_found"
    broken = flowing.get("/broken")
    assert (broken.status_code, broken.json()["reason"]) == (500, "internal_server_error")
    assert "secret" not in broken.text


def test_a_stream_that_breaks_off_has_no_end(flowing: Served) -> None:
    with flowing.connect() as connection:
        connection.sendall(b"GET /breaking HTTP/1.1\r\nHost: localhost\r\n\r\n")
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert b"200 OK" in received
    assert received.endswith(b"\r\n3\r\none\r\n")


def test_nothing_is_made_for_a_client_that_has_gone(flowing: Served, tap: Tap) -> None:
    with flowing.connect() as connection:
        connection.sendall(b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n")
        connection.recv(65_536)
    deadline = time.monotonic() + 5
    while not tap.closed and time.monotonic() < deadline:
        time.sleep(0.01)
    assert tap.closed
    assert tap.made < ENDLESS // 2
