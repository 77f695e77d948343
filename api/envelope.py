"""The success envelope, the clock that dates it, and the encoder of everything inside."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from ledger.times import utc_text

ENCODER = msgspec.json.Encoder()


def now_text() -> str:
    """Return the time of this answer."""
    return utc_text(datetime.now(UTC))


def encoded(value: Any) -> bytes:
    """Return `value` as JSON bytes."""
    return ENCODER.encode(value)


def enveloped(data: bytes, metadata: bytes, correlation_id: str, timestamp: str) -> bytes:
    """Wrap JSON `data` the way every success is wrapped (http.md §1.2)."""
    return b'{"data":%b,"success":true,"timestamp":"%b","correlation_id":"%b","metadata":%b}' % (
        data,
        timestamp.encode(),
        correlation_id.encode(),
        metadata,
    )
