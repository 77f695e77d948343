"""Handshakes: which requests ask for a WebSocket that can be given (RFC 6455 §4.2.1)."""

import base64
import binascii

from api.asgi import HeaderList

PATH = b"/api/ws"
KEY_BYTES = 16


def is_handshake(headers: HeaderList) -> bool:
    """Say whether these headers ask for a WebSocket that can be given (RFC 6455 §4.2.1)."""
    named = dict(headers)
    if named.get(b"sec-websocket-version") != b"13":
        return False
    try:
        key = base64.b64decode(named.get(b"sec-websocket-key", b""), validate=True)
    except binascii.Error:
        return False
    return len(key) == KEY_BYTES
