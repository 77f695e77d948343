"""Requests: what a measured client asks for, one after the other, as bytes on the wire."""

from collections.abc import Callable, Generator
from typing import Any, TypeAlias

import msgspec

from ledger.identity import new_id
from ledger.money import parse_minor
from ops.benches.draw import Draw

CENT = "0.01"
USD = "USD"
BULK_TRANSFERS = 1_000


class Client(msgspec.Struct, frozen=True):
    """Somebody who is signed in, on one connection of their own."""

    token: str
    accounts: tuple[str, ...]


class Ask(msgspec.Struct, frozen=True):
    """One request; the time its answer takes counts under `series`, or not at all.

    `stops`: it may be the last one, when time is up.
    """

    request: bytes
    series: str | None
    stops: bool = True


Script: TypeAlias = Generator[Ask, bytes, None]
"""Yields requests for ever and is sent the body of each answer."""


class Unexpected(Exception):
    """An answer of status 2xx that says something wrong."""


def health(client: Client) -> Script:
    """Ask whether the server is well: what every request costs at least."""
    while True:
        yield Ask(get("/api/health", client), "health")


def reading(client: Client) -> Script:
    """Ask for one's account, as fresh as every acknowledged command."""
    draw = Draw(len(client.token))
    while True:
        yield Ask(get(f"/api/accounts/{draw.one(client.accounts)}", client), "reading")


def transferring(client: Client) -> Script:
    """Move a cent between one's own accounts, each time under a new key."""
    draw = Draw(len(client.token))
    while True:
        yield Ask(transfer(client, *draw.two(client.accounts)), "transferring")


def bulk(client: Client) -> Script:
    """Move many cents between one's own accounts in one request, each time under a new key."""
    draw = Draw(len(client.token))
    pairs = [draw.two(client.accounts) for _ in range(BULK_TRANSFERS)]
    items = [transfer_body(source, destination) for source, destination in pairs]
    body = msgspec.json.encode({"transfers": items})
    while True:
        yield Ask(post("/api/transfers/bulk", client, body), "bulk")


def freshness(client: Client) -> Script:
    """Move a cent, then ask for the account at once; then ask again with nothing new to wait for.

    The balance must be the one the transfer has left.
    """
    source, destination = client.accounts[:2]
    question = get(f"/api/accounts/{source}", client)
    balance = balance_in((yield Ask(question, None, stops=False)))
    while True:
        yield Ask(transfer(client, source, destination), None, stops=False)
        balance -= 1
        answer = yield Ask(question, "fresh", stops=False)
        if balance_in(answer) != balance:
            raise Unexpected(f"the balance should be {balance}: {answer.decode()}")
        yield Ask(question, "calm")


SCRIPTS: dict[str, Callable[[Client], Script]] = {
    "health": health,
    "reading": reading,
    "transferring": transferring,
    "bulk": bulk,
    "freshness": freshness,
}


def get(path: str, client: Client) -> bytes:
    """Return a GET request."""
    return head("GET", path, client).encode() + b"\r\n"


def transfer(client: Client, source: str, destination: str) -> bytes:
    """Return the request for a transfer of one cent."""
    body = msgspec.json.encode(transfer_body(source, destination))
    return post("/api/transfers", client, body)


def transfer_body(source: str, destination: str) -> dict[str, str]:
    """Return what is asked for by a transfer of one cent."""
    return {
        "source_account_id": source,
        "destination_account_id": destination,
        "amount": CENT,
        "description": "between own accounts",
    }


def post(path: str, client: Client, body: bytes) -> bytes:
    """Return a POST request under a new key."""
    own = f"Content-Type: application/json\r\nIdempotency-Key: {new_id()}\r\n"
    size = f"Content-Length: {len(body)}\r\n\r\n"
    return (head("POST", path, client) + own + size).encode() + body


def head(method: str, path: str, client: Client) -> str:
    """Return the request line and the headers that every request has."""
    return (
        f"{method} {path} HTTP/1.1\r\n"
        "Host: localhost\r\n"
        "User-Agent: bench\r\n"
        "Accept: application/json\r\n"
        f"Authorization: Bearer {client.token}\r\n"
    )


def balance_in(answer: bytes) -> int:
    """Return the balance, in minor units, that an account is shown with."""
    shown: Any = msgspec.json.decode(answer)
    return parse_minor(shown["data"]["balance"], USD, "balance")
