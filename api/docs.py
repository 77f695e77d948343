"""Pages about the interface: documentation with self-hosted assets, its document, small files."""

from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files

from api.call import Call
from api.callers import ANYONE
from api.endpoint import Endpoint, Handler
from api.envelope import encoded
from api.negotiation import ANY_TYPE
from api.openapi import document
from api.reply import Bare

PAGE = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
SCRIPT = "text/javascript; charset=utf-8"
STYLE = "text/css; charset=utf-8"
ASSETS = (
    ("/api/docs/docs.js", "docs.js", SCRIPT),
    ("/api/docs/docs.css", "docs.css", STYLE),
    ("/api/docs/swagger-ui-bundle.js", "swagger-ui-bundle.js", SCRIPT),
    ("/api/docs/swagger-ui-bundle.js.LICENSE.txt", "swagger-ui-bundle.js.LICENSE.txt", TEXT),
    ("/api/docs/swagger-ui.css", "swagger-ui.css", STYLE),
    ("/api/docs/swagger-ui-LICENSE.txt", "swagger-ui-LICENSE.txt", TEXT),
)
"""What the documentation page loads: path, file in `api/static`, media type."""
PAGES = (
    ("/favicon.ico", "favicon.svg", "image/svg+xml"),
    ("/robots.txt", "robots.txt", TEXT),
)
"""Small pages outside the interface (http.md §4.22)."""


def docs_endpoints(endpoints: Sequence[Endpoint], version: str) -> tuple[Endpoint, ...]:
    """Return the endpoints that document `endpoints`, themselves included."""
    page = Endpoint(
        method="GET",
        path="/api/docs",
        handler=shows_file("docs.html", PAGE),
        who=ANYONE,
        summary="Read and try every endpoint in a browser",
        tag="docs",
        enveloped=False,
        produces="text/html",
        accepts=ANY_TYPE,
        limited=False,
        tagged=True,
    )
    shown = tuple(asset(*row, published=True) for row in PAGES)
    page_endpoints = (page, *shown, home())
    pages = (*page_endpoints, *(asset(*row) for row in ASSETS))
    paths = ("/api/docs/openapi.json", "/api/swagger.json")
    described: tuple[Endpoint, ...] = ()

    @cache
    def body() -> bytes:
        return encoded(document((*endpoints, *page_endpoints, *described), version))

    async def show_document(_: Call) -> Bare:
        return Bare(body=body())

    described = tuple(document_endpoint(path, show_document) for path in paths)
    return (*pages, *described)


def document_endpoint(path: str, handler: Handler) -> Endpoint:
    """Return the endpoint of the OpenAPI document at one of its paths."""
    return Endpoint(
        method="GET",
        path=path,
        handler=handler,
        who=ANYONE,
        summary="Read the OpenAPI document",
        tag="docs",
        enveloped=False,
        limited=False,
    )


def asset(path: str, name: str, kind: str, *, published: bool = False) -> Endpoint:
    """Return the endpoint of one file."""
    return Endpoint(
        method="GET",
        path=path,
        handler=shows_file(name, kind),
        who=ANYONE,
        summary=f"Fetch {name}",
        tag="docs",
        enveloped=False,
        produces=kind.partition(";")[0],
        accepts=ANY_TYPE,
        limited=False,
        tagged=True,
        published=published,
    )


def shows_file(name: str, kind: str) -> Handler:
    """Return a handler that shows a file, once to each browser."""
    body = files("api").joinpath("static", name).read_bytes()
    tag = f'"{sha256(body).hexdigest()[:32]}"'.encode()
    content_type, headers = kind.encode(), ((b"etag", tag),)

    async def show_file(call: Call) -> Bare:
        if tag in call.headers.get(b"if-none-match", b""):
            return Bare(status=304, content_type=None, headers=headers)
        return Bare(body=body, content_type=content_type, headers=headers)

    return show_file


def home() -> Endpoint:
    """Return the endpoint that leads visitors to the documentation."""

    async def show_home(_: Call) -> Bare:
        return Bare(status=303, headers=((b"location", b"/api/docs"),), content_type=None)

    return Endpoint(
        method="GET",
        path="/",
        handler=show_home,
        who=ANYONE,
        summary="Go to the documentation",
        tag="docs",
        status=303,
        enveloped=False,
        produces="",
        accepts=ANY_TYPE,
        limited=False,
    )
