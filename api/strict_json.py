"""JSON taken strictly: one object, nothing ambiguous, nothing hidden (http.md §1.5)."""

import re
from typing import Any

import msgspec

from ledger.errors import Reason, Refused

DEPTH_MAX = 32
DECODER = msgspec.json.Decoder(Any)
STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
NUL = re.compile(rb"(?<!\\)(?:\\\\)*+\\u0000")
OFFSET = re.compile(r"\(byte (\d+)\)")


def decode_object(body: bytes) -> dict[str, Any]:
    """Return the one JSON object `body` is, or refuse with `invalid_json`."""
    document = decode(body)
    if type(document) is not dict:
        raise Refused(Reason.INVALID_JSON, rule="the body is one JSON object")
    if b"\\u0000" in body and NUL.search(body):
        raise Refused(Reason.INVALID_JSON, rule="no NUL characters")
    members = measured(document)
    # A decoded object has one key less for every duplicate; a colon stands for every member sent.
    if body.count(b":") != members and STRINGS.sub(b"", body).count(b":") != members:
        raise Refused(Reason.INVALID_JSON, rule="no key twice in one object")
    return document


def decode(body: bytes) -> Any:
    """Decode any JSON text; what cannot be decoded is refused with its place, when known."""
    try:
        return DECODER.decode(body)
    except UnicodeDecodeError as failure:
        raise Refused(Reason.INVALID_JSON, rule="the body is UTF-8") from failure
    except RecursionError as failure:
        raise Refused(Reason.INVALID_JSON, rule=f"at most {DEPTH_MAX} levels") from failure
    except msgspec.DecodeError as failure:
        raise Refused(Reason.INVALID_JSON, **place(body, str(failure))) from failure


def measured(document: dict[str, Any]) -> int:
    """Return how many members all objects of `document` have together; refuse what is too deep."""
    members, depth = 0, 0
    level: list[Any] = [document]
    while level:
        depth += 1
        if depth > DEPTH_MAX:
            raise Refused(Reason.INVALID_JSON, rule=f"at most {DEPTH_MAX} levels")
        below: list[Any] = []
        for node in level:
            children = node
            if type(node) is dict:
                members += len(node)
                children = node.values()
            below += [each for each in children if type(each) is dict or type(each) is list]
        level = below
    return members


def place(body: bytes, failure: str) -> dict[str, int]:
    """Return line and column of a failure the decoder could place."""
    found = OFFSET.search(failure)
    if found is None:
        return {}
    before = body[: int(found[1])]
    return {"line": before.count(b"\n") + 1, "column": len(before) - before.rfind(b"\n")}
