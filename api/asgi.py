"""The shapes of the ASGI protocol, as far as this room speaks it."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers: TypeAlias = dict[bytes, bytes]
"""Request headers by lower-case name; repeated ones joined by commas (RFC 9110 §5.3)."""
HeaderList: TypeAlias = list[tuple[bytes, bytes]]


def header_map(pairs: HeaderList) -> Headers:
    """Return headers by name; of a repeated header every value counts."""
    headers = dict(pairs)
    if len(headers) == len(pairs):
        return headers
    joined: Headers = {}
    for name, value in pairs:
        joined[name] = joined[name] + b", " + value if name in joined else value
    return joined


def header_bytes(pairs: HeaderList) -> int:
    """Return the size of a header section: name, value and four bytes for each header."""
    size = 4 * len(pairs)
    for name, value in pairs:
        size += len(name) + len(value)
    return size
