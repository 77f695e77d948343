"""Conditions and preferences in request headers: ETag, If-Match, If-None-Match, Prefer."""

import re

from api.asgi import Headers

STRONG = re.compile(rb'"([0-9]{1,18})"')
ANY_TAG = re.compile(rb'(?:W/)?"([0-9]{1,18})"')
WAIT = re.compile(rb"(?:^|,)\s*wait\s*=\s*\"?([0-9]{1,9})\"?\s*(?=$|,|;)", re.IGNORECASE)
WAIT_SECONDS_MAX = 30


def etag(version: int) -> bytes:
    """Return the strong tag of a version."""
    return b'"%d"' % version


def accepted_versions(headers: Headers) -> tuple[int, ...] | None:
    """Return the versions `If-Match` names, or None when any will do.

    Weak and malformed tags are never the current version, so they are left out.
    """
    asked = headers.get(b"if-match")
    if asked is None or asked.strip() == b"*":
        return None
    tags = (STRONG.fullmatch(tag.strip()) for tag in asked.split(b","))
    return tuple(int(tag[1]) for tag in tags if tag)


def is_known(headers: Headers, version: int) -> bool:
    """Return whether `If-None-Match` says that the client has this version (weak comparison)."""
    asked = headers.get(b"if-none-match")
    if asked is None:
        return False
    if asked.strip() == b"*":
        return True
    tags = (ANY_TAG.fullmatch(tag.strip()) for tag in asked.split(b","))
    return any(tag and int(tag[1]) == version for tag in tags)


def wait_seconds(headers: Headers) -> int | None:
    """Return how long the client prefers to wait for an outcome, or None (http.md §1.16)."""
    found = WAIT.search(headers.get(b"prefer", b""))
    return min(int(found[1]), WAIT_SECONDS_MAX) if found else None
