"""A client that never gives up: an unknown outcome is asked for again under the same key."""

import asyncio
import time
from itertools import count
from typing import Any

import httpx2
import msgspec

from ledger.identity import new_id
from ops.faults.record import Asked, Record

ANSWER_SECONDS = 10
PAUSE_SECONDS = 0.05
GIVE_UP_SECONDS = 90
REFUSED_FROM = 400
PROBLEM = "application/problem+json"
KEPT_EVERY = 20
"""Of so many requests one is asked for again when all is over."""


class Unanswered(Exception):
    """There was no definite answer for far too long."""


class Answer(msgspec.Struct, frozen=True):
    """A definite answer: its status, its document, and the position it was given at."""

    status: int
    document: dict[str, Any]
    position: int

    @property
    def data(self) -> Any:
        """Return what was made or shown."""
        return self.document.get("data")

    @property
    def told(self) -> Any:
        """Return what is the same whenever it is told: the whole document, or the reason alone."""
        return self.reason or self.document

    @property
    def reason(self) -> str:
        """Return why it was refused."""
        return str(self.document.get("reason", ""))


class Client:
    """Speaks to all servers in turn, as one signed-in person."""

    def __init__(self, clients: list[httpx2.AsyncClient], bearer: str, record: Record) -> None:
        self.clients, self.bearer, self.record = clients, bearer, record

    async def command(
        self, turn: int, path: str, body: Any, *, story: str, key: str | None = None
    ) -> Answer:
        """Ask until there is an answer that lasts, at one server and then at another."""
        headers = {
            "authorization": self.bearer,
            "content-type": "application/json",
            "idempotency-key": key or new_id(),
            "x-correlation-id": story,
        }
        content = b"" if body is None else msgspec.json.encode(body)
        answer = await self.until_known(turn, "POST", path, content, headers)
        if self.record.asked % KEPT_EVERY == 0:
            asked = Asked(path, content, headers, answer.status, answer.told)
            self.record.kept.append(asked)
        return answer

    async def again(self, turn: int, asked: Asked) -> None:
        """Ask for something under the same key once more: there is one result (I5)."""
        answer = await self.until_known(turn, "POST", asked.path, asked.content, asked.headers)
        if (answer.status, answer.told) != (asked.status, asked.told):
            told = f"{asked.status} {asked.told}, {answer.status} {answer.told}"
            self.record.strange.append(f"I5 {asked.path}: told differently at last: {told}")

    async def query(self, turn: int, path: str, position: int = 0) -> Answer:
        """Ask for what is known now, no older than `position`."""
        headers = {"authorization": self.bearer}
        if position:
            headers["ledger-position"] = str(position)
        return await self.until_known(turn, "GET", path, b"", headers)

    async def until_known(
        self, turn: int, method: str, path: str, content: bytes, headers: dict[str, str]
    ) -> Answer:
        """Send a request until its answer is definite."""
        self.record.asked += 1
        until = time.monotonic() + GIVE_UP_SECONDS
        for attempt in count():
            if time.monotonic() > until:
                break
            client = self.clients[(turn + attempt) % len(self.clients)]
            found = await self.once(client, method, path, content, headers)
            if found is not None:
                return found
            self.record.repeated += 1
            await asyncio.sleep(PAUSE_SECONDS)
        raise Unanswered(f"{method} {path} was never answered")

    async def once(
        self,
        client: httpx2.AsyncClient,
        method: str,
        path: str,
        content: bytes,
        headers: dict[str, str],
    ) -> Answer | None:
        """Send a request; None when nobody can know what came of it."""
        try:
            answer = await client.request(method, path, content=content, headers=headers)
        except httpx2.HTTPError:
            return None
        if answer.status_code >= REFUSED_FROM and not self.is_problem(answer):
            return None
        document = answer.json()
        if answer.status_code >= REFUSED_FROM and document["retryable"]:
            return None
        position = int(answer.headers.get("ledger-position", "0"))
        return Answer(answer.status_code, document, position)

    def is_problem(self, answer: httpx2.Response) -> bool:
        """Say whether a refusal is a problem document with its story; note it when not."""
        kind = answer.headers.get("content-type", "")
        if kind == PROBLEM and "x-correlation-id" in answer.headers:
            return True
        self.record.strange.append(f"I16 {answer.status_code} {kind}: {answer.text[:200]}")
        return False
