"""The story of a request: its ids are kept, made or replaced (AC-16)."""

import re

import pytest

from tests.api.serving import Served

FRESH = re.compile(r"req_[0-9a-f]{32}")
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize("kept", ["a", "order-66:payment_1.2", "x" * 128])
def test_a_well_formed_correlation_id_is_kept(served: Served, kept: str) -> None:
    answer = served.get("/api/things", x_correlation_id=kept)
    assert answer.headers["x-correlation-id"] == answer.json()["correlation_id"] == kept
    assert served.get("/api/nothing", x_correlation_id=kept).json()["instance"] == kept


@pytest.mark.parametrize("bad", ["", "x" * 129, "a b", "ä", 'a"b', "<script>", "a,b"])
def test_any_other_is_replaced(served: Served, bad: str) -> None:
    headers = [(b"x-correlation-id", bad.encode("utf-8"))]
    answer = served.client.request("GET", "/api/things", headers=headers)
    assert FRESH.fullmatch(answer.headers["x-correlation-id"])


def test_ids_are_made_afresh_for_every_request(served: Served) -> None:
    first, second = served.get("/api/things"), served.get("/api/things")
    for name in ("x-correlation-id", "x-request-id", "traceparent"):
        assert first.headers[name] != second.headers[name]
    assert first.headers["x-correlation-id"] != first.headers["x-request-id"]


@pytest.mark.parametrize(
    ("sent", "kept"), [("r" * 20, True), ("r" * 200, True), ("r" * 19, False), ("r" * 201, False)]
)
def test_a_request_id_of_the_right_length_is_kept(served: Served, sent: str, *, kept: bool) -> None:
    answer = served.get("/api/things", x_request_id=sent)
    assert (answer.headers["x-request-id"] == sent) is kept


@pytest.mark.parametrize(
    ("sent", "flags"),
    [
        (f"00-{TRACE}-{SPAN}-01", "01"),
        (f"00-{TRACE}-{SPAN}-00", "00"),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-brings", "01"),
        (f"cc-{TRACE}-{SPAN}-02", "00"),
    ],
)
def test_a_trace_is_continued(served: Served, sent: str, flags: str) -> None:
    version, trace, span, told = (
        served.get("/api/things", traceparent=sent).headers["traceparent"].split("-")
    )
    assert (version, trace, told) == ("00", TRACE, flags)
    assert span != SPAN


@pytest.mark.parametrize(
    "sent",
    [
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}",
        "garbage",
    ],
)
def test_a_broken_trace_is_begun_again(served: Served, sent: str) -> None:
    answer = served.get("/api/things", traceparent=sent)
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", answer.headers["traceparent"])
    assert TRACE not in answer.headers["traceparent"]
