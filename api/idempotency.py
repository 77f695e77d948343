"""Idempotency keys: read from the header, and the keyed hash of what was asked (http.md §1.9)."""

import hmac
import re
from typing import Any

import msgspec

from api.asgi import Headers, Scope
from ledger.errors import Reason, Refused

BARE = re.compile(rb"[\x21\x23-\x7e][\x21-\x7e]{0,254}")
QUOTED = re.compile(rb'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
ESCAPED = re.compile(rb'\\(["\\])')
VISIBLE = re.compile(rb"[\x21-\x7e]{1,255}")
CANONICAL = msgspec.json.Encoder(order="sorted")


def idempotency_key(headers: Headers) -> str | None:
    """Return the key, bare or as a quoted structured-field string; None when there is none."""
    sent = headers.get(b"idempotency-key")
    if sent is None:
        return None
    quoted = QUOTED.fullmatch(sent)
    key = ESCAPED.sub(rb"\1", quoted[1]) if quoted else sent
    if not (VISIBLE if quoted else BARE).fullmatch(key):
        raise Refused(Reason.INVALID_IDEMPOTENCY_KEY, header="Idempotency-Key")
    return key.decode()


def fingerprint(secret: bytes, scope: Scope, document: dict[str, Any]) -> bytes:
    """Return the keyed hash of a request: method, path, query, canonical body without passwords."""
    target = [scope["method"].encode(), scope["raw_path"], scope["query_string"]]
    body = CANONICAL.encode(without_passwords(document))
    return hmac.digest(secret, b"\n".join([*target, body]), "sha256")


def without_passwords(value: Any) -> Any:
    """Return a JSON value without any field whose name speaks of a password, at any depth."""
    if type(value) is dict:
        kept = {name: each for name, each in value.items() if "password" not in name.lower()}
        return {name: without_passwords(each) for name, each in kept.items()}
    if type(value) is list:
        return [without_passwords(each) for each in value]
    return value
