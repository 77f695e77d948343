"""Taking a request body: media type, size while it is read, JSON (http.md §1.1 stage 9)."""

from typing import Any

from api.asgi import Headers, Receive
from api.negotiation import JSON_TYPES, is_json
from api.strict_json import decode_object
from ledger.errors import Reason, Refused


class Gone(Exception):
    """The client closed the connection before its request was complete; nobody is answered."""


async def take_document(receive: Receive, headers: Headers, bytes_max: int) -> dict[str, Any]:
    """Return the JSON object in the body; no body at all is an object without fields."""
    content_type = headers.get(b"content-type")
    if content_type is not None and not is_json(content_type) and not is_empty(headers):
        refuse_media_type()
    body = await read_body(receive, headers.get(b"content-length"), bytes_max)
    if not body:
        return {}
    if content_type is None:
        refuse_media_type()
    return decode_object(body)


async def read_body(receive: Receive, declared: bytes | None, bytes_max: int) -> bytes:
    """Return the whole body, or refuse as soon as it is known to be too large."""
    if declared is not None and int(declared) > bytes_max:
        raise Refused(Reason.REQUEST_BODY_TOO_LARGE, limit=bytes_max, actual=int(declared))
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > bytes_max:
            raise Refused(Reason.REQUEST_BODY_TOO_LARGE, limit=bytes_max, actual=None)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def is_empty(headers: Headers) -> bool:
    """Return whether the request declares that it has no body."""
    return b"transfer-encoding" not in headers and headers.get(b"content-length", b"0") == b"0"


def refuse_media_type() -> None:
    """Refuse a body that is not JSON."""
    raise Refused(Reason.UNSUPPORTED_MEDIA_TYPE, supported=sorted(JSON_TYPES))
