"""The bank as a whole: its books, its chance, its journal, and where they are kept."""

from pathlib import Path
from typing import Any

import msgspec

from ops.sandbox_bank.authorization import Client
from ops.sandbox_bank.books import Books, Kept, copied, keep, read_kept
from ops.sandbox_bank.chance import Chance, now, text_of
from ops.sandbox_bank.initial import initial_books
from ops.sandbox_bank.message import Rejected, Reply, Request

MASKED = frozenset({"code", "token", "code_verifier", "refresh_token", "client_secret"})
JOURNAL_MAX = 50_000


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One call that was received; `answer` is its status, or how no answer arrived."""

    number: int
    method: str
    path: str
    query: dict[str, str]
    time: str
    key: str | None
    answer: int | str
    body: Any


class Bank:
    """One sandbox bank; everything about it happens on one thread, in the order of the calls."""

    def __init__(self, client: Client, seed: int = 0, path: Path | None = None) -> None:
        self.client, self.chance, self.path = client, Chance(seed), path
        if path is not None and path.exists():
            kept = read_kept(path)
        else:
            kept = Kept(initial=initial_books(self.chance))
        self.initial = kept.initial
        self.books: Books = kept.books or copied(kept.initial)
        self.journal: list[Entry] = []
        self.received = 0
        self.calls_of_minute: tuple[int, int] = (0, 0)
        self.keep()

    def reset(self) -> None:
        """Go back to the initial data, as if nobody had ever called."""
        self.books = copied(self.initial)
        self.journal.clear()
        self.calls_of_minute = (0, 0)

    def keep(self) -> None:
        """Write down how everything stands, when there is a place for it."""
        if self.path is not None:
            keep(Kept(initial=self.initial, books=self.books), self.path)

    def admit(self) -> None:
        """Count a call. Raises `Rejected` when the minute has had enough of them."""
        limit, moment = self.books.settings.rate_limit_per_minute, now(self.books)
        minute, calls = self.calls_of_minute
        if minute != moment // 60_000:
            minute, calls = moment // 60_000, 0
        self.calls_of_minute = (minute, calls + 1)
        if 0 < limit <= calls:
            seconds = 60 - moment % 60_000 // 1000
            raise Rejected(429, "rate_limited", retry_after=seconds)

    def write_down(self, request: Request, reply: Reply) -> None:
        """Note a call, without what is secret in it."""
        self.received += 1
        self.journal.append(
            Entry(
                number=self.received,
                method=request.method,
                path=request.path,
                query=masked(request.query),
                time=text_of(now(self.books)),
                key=request.headers.get("idempotency-key"),
                answer=reply.status if reply.manner == "whole" else reply.manner.value,
                body=spoken(request),
            )
        )
        del self.journal[:-JOURNAL_MAX]


def masked(fields: dict[str, str]) -> dict[str, str]:
    """Return fields with the values of secrets as stars."""
    return {name: "***" if name in MASKED else value for name, value in fields.items()}


def spoken(request: Request) -> Any:
    """Return a request's body as data fit to be shown."""
    if not request.body:
        return None
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return masked(request.form())
    try:
        return msgspec.json.decode(request.body)
    except msgspec.DecodeError:
        return None
