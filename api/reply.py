"""What a route hands back: data to be enveloped, a body that stands as it is, or a stream."""

from collections.abc import AsyncGenerator

import msgspec

from api.asgi import HeaderList

JSON = b"application/json; charset=utf-8"


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A success: `data` and `metadata` are JSON already; the envelope goes around them.

    `version` becomes the ETag; an answer that can change under one version is not `lasting`.
    """

    data: bytes
    status: int | None = None
    metadata: bytes = b"{}"
    version: int | None = None
    lasting: bool = True
    location: str | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """An answer of any length, made while it is sent. JSON is `data`: the envelope goes around."""

    pieces: AsyncGenerator[bytes, None]
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Bare(msgspec.Struct, frozen=True, kw_only=True):
    """An answer sent as it is: problems, health, pages, replays, nothing at all."""

    status: int = 200
    body: bytes = b""
    content_type: bytes | None = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()

    def header_list(self) -> HeaderList:
        """Return the headers this body needs; no content has neither type nor size."""
        if self.content_type is None:
            return list(self.headers)
        size = str(len(self.body)).encode()
        return [(b"content-type", self.content_type), (b"content-length", size), *self.headers]
