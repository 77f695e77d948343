"""The security headers of every answer (http.md §1.15)."""

CLOSED = (
    b"default-src 'none'; script-src 'none'; style-src 'none'; img-src 'none'; font-src 'none'; "
    b"connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
PAGE = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    b"font-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    b"form-action 'self'"
)
PAGES = ("/api/docs", "/api/graphiql", "/dashboard")
PAGES_BELOW = tuple(page + "/" for page in PAGES)
ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"x-xss-protection", b"1; mode=block"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
    (b"permissions-policy", b"geolocation=(), microphone=(), camera=()"),
    (b"x-api-version", b"1"),
)
HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
STORABLE = (b"cache-control", b"max-age=0, private, must-revalidate")
SECRET = (b"cache-control", b"no-store")


def combined(*, page: bool, secret: bool, https: bool) -> tuple[tuple[bytes, bytes], ...]:
    """Return the headers of one kind of answer."""
    policy = (b"content-security-policy", PAGE if page else CLOSED)
    caching = SECRET if secret else STORABLE
    return (*ALWAYS, policy, caching, *((HSTS,) if https else ()))


SETS = {
    (page, secret, https): combined(page=page, secret=secret, https=https)
    for page in (False, True)
    for secret in (False, True)
    for https in (False, True)
}


def security_headers(path: str, *, secret: bool, https: bool) -> tuple[tuple[bytes, bytes], ...]:
    """Return the headers of an answer to `path`; `secret` when a secret may be shown."""
    page = path in PAGES or path.startswith(PAGES_BELOW)
    return SETS[page, secret or path.startswith("/api/auth/"), https]
