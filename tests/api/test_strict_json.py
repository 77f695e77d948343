"""Strict JSON: whatever is ambiguous, hidden or too deep is refused; nothing else is."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.strict_json import DEPTH_MAX, decode_object
from ledger.errors import Reason, Refused


def nested(levels: int, *, opening: str = '{"a":', closing: str = "}") -> bytes:
    return (opening * (levels - 1) + "{}" + closing * (levels - 1)).encode()


BAD = [
    b"",
    b" ",
    b"null",
    b"[]",
    b'"text"',
    b"1",
    b'{"a":1',
    b'{"a":1}x',
    b'{"a":1,}',
    b'{"a":NaN}',
    b'{"a":Infinity}',
    b'{"a":-Infinity}',
    b'{"a":1,"a":2}',
    b'{"a":1,"\\u0061":2}',
    b'{"x":[{"a":1,"a":1}]}',
    b'{"x":{"y":{"b":":","b":"::"}}}',
    b'{"a":"\\u0000"}',
    b'{"\\u0000":1}',
    b'{"a":"\\\\\\u0000"}',
    b'{"a":"\x00"}',
    b'{"a":"\\ud800"}',
    b'{"a":"\\udc00x"}',
    b'{"a":"\\ud800\\u0041 and more text"}',
    b'{"a":"\xed\xa0\x80"}',
    b'{"a":"\xff"}',
    b"\xef\xbb\xbf{}",
    b"{'a':1}",
    b'{"a":01}',
    nested(DEPTH_MAX + 1),
    b'{"a":' + b"[" * DEPTH_MAX + b"]" * DEPTH_MAX + b"}",
    nested(20_000),
]
GOOD = [
    b"{}",
    b' {"a": "b:c:d", "e": [1, {"f": ":"}], "g": null} ',
    b'{"a":"\\\\u0000"}',
    b'{"a":"\\\\\\\\u0000"}',
    b'{"a":"\\ud83d\\ude00"}',
    b'{"a":"\\"b\\":1,\\"b\\":2"}',
    b'{"a\\"":":", "b":"\\\\"}',
    b'{"a":{"x":1},"b":{"x":1}}',
    nested(DEPTH_MAX),
]


@pytest.mark.parametrize("body", BAD, ids=lambda body: body[:30])
def test_bad_json_is_refused(body: bytes) -> None:
    with pytest.raises(Refused) as refused:
        decode_object(body)
    assert refused.value.reason is Reason.INVALID_JSON


@pytest.mark.parametrize("body", GOOD, ids=lambda body: body[:30])
def test_good_json_is_what_it_says(body: bytes) -> None:
    assert decode_object(body) == json.loads(body)


def test_the_place_of_a_fault_is_told() -> None:
    with pytest.raises(Refused) as refused:
        decode_object(b'{"a":1,\n "b":x}')
    assert refused.value.details == {"line": 2, "column": 6}


class Ambiguous(Exception):
    """The slow reference refuses."""


def reference(body: bytes) -> dict[str, Any]:
    """Read strictly with the standard library, slowly and obviously."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(found)) != len(found):
            raise Ambiguous
        return dict(found)

    def constant(_: str) -> None:
        raise Ambiguous

    text = body.decode("utf-8")
    if text.startswith("\ufeff"):
        raise Ambiguous
    document = json.loads(text, object_pairs_hook=pairs, parse_constant=constant)
    if not isinstance(document, dict) or depth(document) > DEPTH_MAX:
        raise Ambiguous
    shown = json.dumps(document, ensure_ascii=False)
    shown.encode("utf-8")
    if "\\u0000" in json.dumps(list(strings(document))).replace("\\\\", ""):
        raise Ambiguous
    return document


def depth(value: Any) -> int:
    children = (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    )
    return 0 if children is None else 1 + max(map(depth, children), default=0)


def strings(value: Any) -> Any:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)


FRAGMENTS = st.sampled_from(
    [
        '"a"',
        '"b"',
        '"\\u0061"',
        ":",
        ",",
        "{",
        "}",
        "[",
        "]",
        "1",
        "-2.5",
        "null",
        "true",
        " ",
        "\n",
        '"x:y"',
        '"\\""',
        '"\\\\"',
        '"\\u0000"',
        '"\\\\u0000"',
        '"\\ud800"',
        '"\\ud83d\\ude00"',
        "NaN",
        '"é"',
        "1e5",
        '{"a":1}',
        '{"a":1,"a":1}',
        '"":',
        '"{\\"a\\":1}"',
    ]
)
NAMES = st.text('ab:\\"{}u0,', max_size=3)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text('a:\\"{}[]\x00\x7fé😀', max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


def members(draw: st.DrawFn) -> str:
    """Write an object by hand, so that a key may come twice and escapes vary."""
    ascii_only = draw(st.booleans())
    names = draw(st.lists(NAMES, max_size=4))
    rows = [
        f"{json.dumps(name)}:{json.dumps(draw(VALUES), ensure_ascii=ascii_only)}" for name in names
    ]
    return "{" + ",".join(rows) + "}"


OBJECTS = st.composite(members)()


def agree(body: bytes) -> None:
    try:
        expected: Any = reference(body)
    except (ValueError, Ambiguous, RecursionError):
        expected = None
    try:
        got: Any = decode_object(body)
    except Refused:
        got = None
    assert got == expected


@given(st.lists(FRAGMENTS, max_size=12).map("".join))
@example('{"a":1,"a":1}')
def test_fragments_are_judged_like_the_slow_reference(text: str) -> None:
    agree(text.encode())


@given(OBJECTS)
def test_objects_are_judged_like_the_slow_reference(text: str) -> None:
    agree(text.encode())


@given(st.binary(max_size=30))
def test_bytes_are_judged_like_the_slow_reference(body: bytes) -> None:
    agree(b'{"a":"' + body + b'"}')
