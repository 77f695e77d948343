"""What the edge is set to: limits, origins, proxies; made once from the settings."""

import msgspec

ORIGINS = frozenset(
    {
        "http://localhost:3000",
        "http://localhost:3001",
        "http://localhost:5173",
        "http://localhost:8080",
        "https://ledgerbank.com",
        "https://www.ledgerbank.com",
    }
)
"""Whose browsers may call by default (http.md §1.14)."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a request is read before it is refused (http.md §1.5)."""

    url_bytes: int = 2_048
    header_bytes: int = 8_192
    body_bytes: int = 1_048_576


class Deadlines(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds a client may take: for a head, for a body, between requests, to read its answer."""

    head_seconds: float = 10.0
    body_seconds: float = 30.0
    idle_seconds: int = 30
    reading_seconds: float = 30.0


class Wire(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a deployment may set about the edge."""

    limits: Limits = Limits()
    deadlines: Deadlines = Deadlines()
    connections_max: int = 1_000
    origins: frozenset[str] = ORIGINS
    trusted_proxies: tuple[str, ...] = ()
    always_https: bool = False
    metrics_token: str | None = None
    version: str = "0"
