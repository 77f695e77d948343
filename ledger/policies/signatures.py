"""Signatures of outbound webhooks, by the rules of Standard Webhooks (jobs.md §7)."""

import hmac
from base64 import b64encode

PREFIX = "whsec_"


def secret_of(index_key: bytes, secret_id: str) -> bytes:
    """Return the 32 bytes that sign: derived from their id, so that they are kept nowhere."""
    return hmac.digest(index_key, f"webhook-secret/{secret_id}".encode(), "sha256")


def shown(secret: bytes) -> str:
    """Return a secret as its owner gets it."""
    return PREFIX + b64encode(secret).decode()


def signature(secrets: list[bytes], delivery_id: str, timestamp: int, body: bytes) -> str:
    """Return one signature for each secret, blank separated; `timestamp` is in Unix seconds."""
    signed = b"%b.%d.%b" % (delivery_id.encode(), timestamp, body)
    return " ".join(
        f"v1,{b64encode(hmac.digest(secret, signed, 'sha256')).decode()}" for secret in secrets
    )
