"""Webhooks that the sandbox bank sends: signed, or wrong on purpose."""

import asyncio
import hashlib
import hmac
from typing import Any
from urllib.parse import urlsplit

import httpx2
import msgspec
from iso4217 import Currency

from ops.sandbox_bank.books import Payment, Settings

PATHS = {
    "payments": "/api/webhooks/payments/status",
    "banks": "/api/webhooks/banks/sync",
    "fraud": "/api/webhooks/fraud/detection",
}
DEMO_SECRETS = {
    "payments": "demo-payment-webhook-secret",
    "banks": "demo-bank-webhook-secret",
    "fraud": "demo-fraud-webhook-secret",
}
ANSWER_SECONDS = 10.0
AGAIN_SECONDS = (1.0, 2.0, 4.0)
SUCCESSES = range(200, 300)
TOLD = {"settled": "completed", "failed": "failed", "cancelled": "cancelled"}


class Wish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A webhook to send; `signature` is its form: v1 (with its time), sha256 or none."""

    kind: str
    body: dict[str, Any]
    tamper: bool = False
    age_seconds: int = 0
    repeat: int = 1
    signature: str = "v1"


def address(settings: Settings, kind: str) -> str:
    """Return where a webhook goes: the address as set, or its usual path on that server."""
    url = settings.webhook_url or ""
    return url if urlsplit(url).path.strip("/") else url.rstrip("/") + PATHS[kind]


def signed(settings: Settings, wish: Wish, body: bytes, moment: int) -> dict[str, str]:
    """Return the headers of a webhook sent at `moment` (Unix milliseconds)."""
    secret = (settings.webhook_secret or DEMO_SECRETS[wish.kind]).encode()
    seconds = moment // 1000 - wish.age_seconds
    headers = {"Content-Type": "application/json", "X-Webhook-Provider": wish.kind}
    match wish.signature:
        case "v1":
            mac = hmac.new(secret, f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
            return headers | {"X-Webhook-Signature": f"t={seconds},v1={mac}"}
        case "sha256":
            mac = hmac.new(secret, body, hashlib.sha256).hexdigest()
            return headers | {"X-Webhook-Signature": f"sha256={mac}"}
        case _:
            return headers


def status_of(payment: Payment, moment: str) -> Wish:
    """Return the webhook that tells how a payment ended."""
    told = {
        "event_id": f"evt_{payment.id}_{payment.status}",
        "payment_id": payment.payment_id,
        "status": TOLD[payment.status],
        "amount": in_major_units(payment.amount, payment.currency),
        "currency": payment.currency,
        "direction": payment.direction,
        "timestamp": moment,
    }
    if payment.transaction_id is not None:
        told["external_transaction_id"] = payment.transaction_id
    return Wish(kind="payments", body=told)


def in_major_units(amount: int, currency: str) -> str:
    """Return minor units as decimal text."""
    places = Currency(currency).exponent or 0
    whole, part = divmod(amount, 10**places)
    return f"{whole}.{part:0{places}}" if places else str(whole)


async def send(settings: Settings, wish: Wish, moment: int) -> list[dict[str, Any]]:
    """Send a webhook as often as wished; return how each was answered."""
    if settings.webhook_url is None:
        return []
    body = msgspec.json.encode(wish.body)
    headers = signed(settings, wish, body, moment)
    sent = body.replace(b"}", b" }", 1) if wish.tamper else body
    url = address(settings, wish.kind)
    async with httpx2.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False) as client:
        return [await deliver(client, url, sent, headers) for _ in range(wish.repeat)]


async def deliver(
    client: httpx2.AsyncClient, url: str, body: bytes, headers: dict[str, str]
) -> dict[str, Any]:
    """Send one webhook once."""
    try:
        answered = await client.post(url, content=body, headers=headers)
    except httpx2.HTTPError as failure:
        return {"url": url, "status": None, "failure": type(failure).__name__}
    return {"url": url, "status": answered.status_code, "answer": answered.text[:2000]}


async def send_until_taken(settings: Settings, wish: Wish, moment: int) -> None:
    """Send a webhook, and again some times while nobody takes it."""
    for pause in (*AGAIN_SECONDS, 0.0):
        answers = await send(settings, wish, moment)
        if all(each["status"] in SUCCESSES for each in answers):
            return
        await asyncio.sleep(pause)
