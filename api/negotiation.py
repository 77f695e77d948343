"""What the client speaks and wants to hear: API version, Accept, body media type (http.md §1.4)."""

from functools import lru_cache
from urllib.parse import parse_qs

import msgspec

from api.asgi import Headers
from ledger.errors import Reason, Refused

JSON_TYPES = frozenset({"application/json", "application/vnd.api+json"})
SUPPORTED_VERSIONS = frozenset({"1", "v1"})
ANY_TYPE = frozenset({"*"})
WELCOME = JSON_TYPES | {"*/*", "application/*", "application/problem+json"}
CACHED = 512


class Accepted(msgspec.Struct, frozen=True):
    """An `Accept` header, read: the types wanted at all, and the version asked for in it."""

    types: frozenset[str]
    version: str | None


def read_item(item: str) -> tuple[str, dict[str, str]]:
    """Return the media type of one item, and its parameters."""
    kind, *rest = item.split(";")
    pairs = (part.partition("=") for part in rest)
    parameters = {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}
    return kind.strip().lower(), parameters


@lru_cache(CACHED)
def read_accept(value: bytes) -> Accepted:
    """Read an `Accept` header; an item of quality 0 is one the client does not want."""
    items = [read_item(item) for item in value.decode("latin-1").split(",")]
    versions = (rest["version"] for kind, rest in items if kind in JSON_TYPES and "version" in rest)
    wanted = frozenset(kind for kind, rest in items if rest.get("q", "1").strip("0."))
    return Accepted(wanted, next(versions, None))


def check_version(headers: Headers, query: bytes) -> None:
    """Refuse any version but 1, asked for in `Accept`, `X-API-Version` or the query."""
    accept = headers.get(b"accept", b"")
    asked = read_accept(accept).version if b"version" in accept.lower() else None
    if asked is None and b"x-api-version" in headers:
        asked = headers[b"x-api-version"].decode("latin-1")
    if asked is None and b"version" in query:
        named = parse_qs(query.decode("latin-1"), keep_blank_values=True).get("version")
        asked = named[0] if named else None
    if asked is not None and asked not in SUPPORTED_VERSIONS:
        raise Refused(Reason.UNSUPPORTED_API_VERSION, supported_versions=["1", "v1"])


def check_accept(headers: Headers, own: frozenset[str]) -> None:
    """Refuse a client that can read neither JSON nor the route's `own` types."""
    accept = headers.get(b"accept")
    if accept is None or accept == b"*/*" or not accept.strip() or own is ANY_TYPE:
        return
    if read_accept(accept).types.isdisjoint(own):
        raise Refused(
            Reason.NOT_ACCEPTABLE, available=sorted(own - WELCOME) or ["application/json"]
        )


@lru_cache(CACHED)
def is_json(content_type: bytes) -> bool:
    """Return whether a body of this `Content-Type` is JSON in UTF-8."""
    kind, parameters = read_item(content_type.decode("latin-1"))
    return kind in JSON_TYPES and parameters.get("charset", "utf-8").lower() in {"utf-8", "utf8"}
