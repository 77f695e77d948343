"""Keys, fingerprints, tags and preferences in request headers (http.md §1.8, §1.9, §1.16)."""

from typing import Any

import pytest

from api.idempotency import fingerprint, idempotency_key
from api.preconditions import accepted_versions, is_known, wait_seconds
from ledger.errors import Reason, Refused
from tests.api.serving import Served

PATH = "/api/things/01956c1e-7a10-7cc3-9b1e-3f6a4f2b9c11"
ADMIN = {"authorization": "Bearer admin", "content-type": "application/json"}


@pytest.mark.parametrize(
    ("sent", "key"),
    [
        (b"abc", "abc"),
        (b'"abc"', "abc"),
        (b'"a\\"b\\\\c"', 'a"b\\c'),
        (b"a" * 255, "a" * 255),
        (b'"' + b"a" * 255 + b'"', "a" * 255),
        (b'a"b', 'a"b'),
        (b"!~", "!~"),
    ],
)  # fmt: skip
def test_a_key_is_bare_or_quoted(sent: bytes, key: str) -> None:
    assert idempotency_key({b"idempotency-key": sent}) == key


@pytest.mark.parametrize(
    "sent",
    [b"", b'""', b"a" * 256, b'"' + b"a" * 256 + b'"', b"a b", b'"a b"', b"\xc3\xa4", b'"abc',
     b'"a"b"', b'"a\\x"', b"a\tb", b"a, b"],
)  # fmt: skip
def test_any_other_key_is_refused(sent: bytes) -> None:
    with pytest.raises(Refused) as refused:
        idempotency_key({b"idempotency-key": sent})
    assert refused.value.reason is Reason.INVALID_IDEMPOTENCY_KEY
    assert refused.value.details == {"header": "Idempotency-Key"}


def test_a_bad_key_is_told_beside_bad_fields(served: Served) -> None:
    document = served.post("/api/things", {}, idempotency_key="a b").json()
    assert document["reason"] == "invalid_idempotency_key"
    assert [error["field"] for error in document["errors"]][:2] == ["Idempotency-Key", "amount"]


def test_a_key_repeated_in_two_headers_is_refused(served: Served) -> None:
    headers = [
        ("idempotency-key", "a"),
        ("idempotency-key", "b"),
        ("content-type", "application/json"),
    ]
    answer = served.client.request("POST", "/api/things", headers=headers, content=b"{}")
    assert answer.json()["reason"] == "invalid_idempotency_key"


def asked(method: str = "POST", path: bytes = b"/x", query: bytes = b"") -> dict[str, Any]:
    return {"method": method, "raw_path": path, "query_string": query}


def test_the_same_request_has_the_same_fingerprint() -> None:
    same = fingerprint(b"k", asked(), {"a": "1", "b": {"y": 1, "x": [{"d": 1, "c": 2}]}})
    assert same == fingerprint(b"k", asked(), {"b": {"x": [{"c": 2, "d": 1}], "y": 1}, "a": "1"})
    assert len(same) == 32


@pytest.mark.parametrize(
    ("secret", "scope", "document"),
    [
        (b"other", asked(), {"a": 1}),
        (b"k", asked("PUT"), {"a": 1}),
        (b"k", asked(path=b"/y"), {"a": 1}),
        (b"k", asked(query=b"a=1"), {"a": 1}),
        (b"k", asked(), {"a": "1"}),
        (b"k", asked(), {"a": 1, "b": None}),
    ],
)
def test_another_request_has_another(secret: bytes, scope: Any, document: Any) -> None:
    assert fingerprint(b"k", asked(), {"a": 1}) != fingerprint(secret, scope, document)


def test_passwords_leave_no_trace_in_it() -> None:
    one = {
        "email": "a",
        "password": "1",
        "rows": [{"new_password": "x"}],
        "Password_Confirmation": "1",
    }
    other = {"email": "a", "password": "2", "rows": [{"new_password": "y"}]}
    assert fingerprint(b"k", asked(), one) == fingerprint(b"k", asked(), other)


@pytest.mark.parametrize(
    ("sent", "versions"),
    [
        (None, None),
        (b"*", None),
        (b'"4"', (4,)),
        (b'"4", "5"', (4, 5)),
        (b'W/"4"', ()),
        (b'W/"4", "5"', (5,)),
        (b"4", ()),
        (b'"x"', ()),
        (b"", ()),
        (b'"4" "5"', ()),
        (b'"' + b"9" * 30 + b'"', ()),
    ],
)
def test_only_strong_tags_name_versions(sent: bytes | None, versions: Any) -> None:
    assert accepted_versions({} if sent is None else {b"if-match": sent}) == versions


def test_known_versions_are_not_sent_again(served: Served) -> None:
    first = served.get("/api/things")
    assert first.headers["etag"] == '"4"'
    for sent in ('"4"', 'W/"4"', '"1", "4"', "*"):
        again = served.get("/api/things", if_none_match=sent)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", '"4"')
        assert "content-type" not in again.headers
        assert "content-length" not in again.headers
    assert served.get("/api/things", if_none_match='"5"').status_code == 200
    assert (
        served.request("HEAD", "/api/things", headers={"if-none-match": '"4"'}).status_code == 304
    )
    body = {"description": "x"}
    put = served.request("PUT", PATH, json=body, headers={**ADMIN, "if-none-match": '"4"'})
    assert put.status_code == 200
    assert not is_known({}, 4)


@pytest.mark.parametrize(
    ("sent", "seconds"),
    [
        (None, None),
        (b"wait=5", 5),
        (b"wait=0", 0),
        (b"wait=31", 30),
        (b"wait=999999999", 30),
        (b"respond-async, wait=10", 10),
        (b"Wait = 10; foo", 10),
        (b"wait=x", None),
        (b"wait=-1", None),
        (b"wait", None),
        (b"await=5", None),
    ],
)
def test_the_wait_preferred_is_bounded(sent: bytes | None, seconds: int | None) -> None:
    assert wait_seconds({} if sent is None else {b"prefer": sent}) == seconds
