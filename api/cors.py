"""Which browsers may read our answers (http.md §1.14). `*` is never said."""

METHODS = b"GET, POST, PUT, DELETE, OPTIONS"
REQUEST_HEADERS = (
    b"Accept, Accept-Encoding, Authorization, Content-Type, Idempotency-Key, If-Match, "
    b"If-None-Match, Last-Event-ID, Ledger-Consistency, Ledger-Position, Prefer, Traceparent, "
    b"X-API-Version, X-Correlation-ID, X-Requested-With"
)
EXPOSED_HEADERS = (
    b"ETag, Idempotent-Replayed, Ledger-Position, Location, Preference-Applied, RateLimit, "
    b"RateLimit-Policy, Retry-After, X-API-Version, X-Correlation-ID, X-RateLimit-Limit, "
    b"X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-ID"
)
VARY = (b"vary", b"Origin")
CREDENTIALS = (b"access-control-allow-credentials", b"true")
PREFLIGHT = (
    (b"access-control-allow-methods", METHODS),
    (b"access-control-allow-headers", REQUEST_HEADERS),
    (b"access-control-max-age", b"86400"),
    VARY,
)
ANSWER = ((b"access-control-expose-headers", EXPOSED_HEADERS), VARY)


def cors_headers(
    origin: bytes, allowed: frozenset[bytes], *, preflight: bool
) -> tuple[tuple[bytes, bytes], ...]:
    """Return what a browser from `origin` is told; a stranger only learns that it matters."""
    if origin not in allowed:
        return (VARY,)
    told = PREFLIGHT if preflight else ANSWER
    return ((b"access-control-allow-origin", origin), CREDENTIALS, *told)
