"""A small load whose every outcome is known: what is not acknowledged is asked again (AC-19)."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import httpx2
import msgspec

from ledger.identity import new_id
from tests.journeys.people import Ask, Door, Person, payment_body

LANES = 4
PAUSE_SECONDS = 0.05
ANSWER_SECONDS = 10
PASSING = frozenset({408, 409, 429, 500, 502, 503})


class Outcomes(msgspec.Struct):
    """What the client side knows: moves and payments acknowledged, answers that never came."""

    moved: int = 0
    payments: list[str] = []
    repeated: int = 0
    wrong: list[str] = []


class Load:
    """Moves 1.00 over and over, and pays 1.00 now and then, until told to stop."""

    def __init__(self, door: Door, person: Person, source: str, destination: str) -> None:
        self.door, self.person = door, person
        self.source, self.destination = source, destination
        self.outcomes = Outcomes()
        self.stopping = threading.Event()

    async def run(self) -> None:
        clients = [httpx2.AsyncClient(base_url=url, timeout=ANSWER_SECONDS)
                   for url in self.door.urls]  # fmt: skip
        try:
            await asyncio.gather(*(self.lane(clients, number) for number in range(LANES)))
        finally:
            for client in clients:
                await client.aclose()

    async def lane(self, clients: list[httpx2.AsyncClient], number: int) -> None:
        for turn in count(number):
            if self.stopping.is_set():
                return
            if turn % 5:
                await self.move(clients, turn)
            else:
                await self.pay(clients, turn)

    async def move(self, clients: list[httpx2.AsyncClient], turn: int) -> None:
        key = new_id()
        ask = self.person.transfer(self.source, self.destination, "1.00", idempotency_key=key)
        if await self.acknowledged(clients, turn, ask, 201):
            self.outcomes.moved += 1

    async def pay(self, clients: list[httpx2.AsyncClient], turn: int) -> None:
        body = payment_body(self.source, "1.00")
        create = self.person.asks("POST", "/api/payments", body, idempotency_key=new_id())
        created = await self.acknowledged(clients, turn, create, 201)
        if created is None:
            return
        payment: str = created.json()["data"]["id"]
        path = f"/api/payments/{payment}/process"
        start = self.person.asks("POST", path, idempotency_key=new_id())
        if await self.acknowledged(clients, turn, start, 202):
            self.outcomes.payments.append(payment)

    async def acknowledged(
        self, clients: list[httpx2.AsyncClient], turn: int, ask: Ask, status: int
    ) -> httpx2.Response | None:
        """Ask until there is an answer that lasts, at one server and then at the other."""
        for attempt in count():
            client = clients[(turn + attempt) % len(clients)]
            try:
                answer = await client.request(**ask.content())
            except httpx2.HTTPError:
                answer = None
            if answer is not None and answer.status_code == status:
                return answer
            if answer is not None and not self.passes(answer):
                self.outcomes.wrong.append(f"{ask.path}: {answer.status_code} {answer.text}")
                return None
            self.outcomes.repeated += 1
            await asyncio.sleep(PAUSE_SECONDS)
        return None

    def passes(self, answer: httpx2.Response) -> bool:
        """Say whether an answer is none yet."""
        return answer.status_code in PASSING and bool(answer.json()["retryable"])


@contextmanager
def under_load(door: Door, person: Person, source: str, destination: str) -> Iterator[Load]:
    """Keep a load running for the length of the block; afterwards every outcome is known."""
    load = Load(door, person, source, destination)
    thread = threading.Thread(target=lambda: asyncio.run(load.run()))
    thread.start()
    try:
        yield load
    finally:
        load.stopping.set()
        thread.join()
