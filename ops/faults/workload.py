"""The workload: a seeded mix of transfers, payments and holds, each outcome written down."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count

import httpx2

from ledger.identity import new_id
from ledger.money import decimal_text
from ops.benches.draw import Draw
from ops.faults.client import ANSWER_SECONDS, Answer, Client, Unanswered
from ops.faults.record import Held, Moved, Paid, Record, Refusal

LANES = 4
CURRENCY = "USD"
OF_A_HUNDRED = ((55, "transfer"), (75, "payment"), (85, "automatic"), (93, "hold"), (100, "look"))
"""How often each kind of request is drawn, added up."""
TWICE_IN_A_HUNDRED, OTHER_BODY_IN_A_HUNDRED = 6, 2
CREATED, ACCEPTED, OK = 201, 202, 200


class Workload:
    """Lanes of one customer over `accounts`, until stopped; `story` begins every correlation id."""

    def __init__(
        self, urls: Sequence[str], bearer: str, accounts: Sequence[str], *, seed: int
    ) -> None:
        self.urls, self.bearer, self.accounts, self.seed = urls, bearer, accounts, seed
        self.story = f"drill-{new_id()}"
        self.canary = f"canary-{new_id()}"
        self.record = Record()
        self.stopping = threading.Event()
        self.seen: dict[str, int] = {}

    def run(self) -> None:
        """Work until stopped; every outcome is known then."""
        asyncio.run(self.work())

    def repeat(self) -> None:
        """Ask for a sample of what was asked again, under the same keys."""
        asyncio.run(self.ask_again())

    async def work(self) -> None:
        """Let all lanes work on their own connections."""
        async with self.client() as client:
            await asyncio.gather(*(Lane(self, client, number).work() for number in range(LANES)))

    async def ask_again(self) -> None:
        """Ask for what was kept, one by one."""
        async with self.client() as client:
            for turn, asked in enumerate(self.record.kept):
                await client.again(turn, asked)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        """Give a client of all servers for the length of the block."""
        clients = [httpx2.AsyncClient(base_url=url, timeout=ANSWER_SECONDS) for url in self.urls]
        try:
            yield Client(clients, self.bearer, self.record)
        finally:
            for each in clients:
                await each.aclose()


class Lane:
    """One request after the other, as its own seed says."""

    def __init__(self, workload: Workload, client: Client, number: int) -> None:
        self.workload, self.client, self.number = workload, client, number
        self.draw = Draw(workload.seed * LANES + number)
        self.record = workload.record

    async def work(self) -> None:
        """Do one thing after the other until stopped."""
        kinds: dict[str, Callable[[int, str], Awaitable[None]]] = {
            "transfer": self.transfer,
            "payment": self.payment,
            "automatic": self.automatic,
            "hold": self.hold,
            "look": self.look,
        }
        for turn in count(self.number):
            if self.workload.stopping.is_set():
                return
            drawn = self.draw.below(100)
            kind = next(name for below, name in OF_A_HUNDRED if drawn < below)
            story = f"{self.workload.story}.{self.number}.{turn}"
            try:
                await kinds[kind](turn, story)
            except Unanswered as unanswered:
                self.record.strange.append(f"I5 {story}: {unanswered}")
                return

    async def transfer(self, turn: int, story: str) -> None:
        """Move money; now and then say so twice, or something else under the same key."""
        source, destination = self.draw.two(self.workload.accounts)
        amount, key = 1 + self.draw.below(200), new_id()
        body = {
            "source_account_id": source,
            "destination_account_id": destination,
            "amount": decimal_text(amount, CURRENCY),
            "description": self.workload.canary,
        }
        drawn = self.draw.below(100)
        answer = await self.client.command(turn, "/api/transfers", body, story=story, key=key)
        if self.accepted(answer, CREATED, story):
            self.record.outcomes.append(Moved(story, source, destination, amount))
            await self.read_back(turn + 1, source, answer.position)
        if drawn < TWICE_IN_A_HUNDRED:
            again = await self.client.command(
                turn + 1, "/api/transfers", body, story=story, key=key
            )
            if again.document != answer.document:
                self.record.strange.append(f"I5 {story}: asked twice, told differently")
        elif drawn < TWICE_IN_A_HUNDRED + OTHER_BODY_IN_A_HUNDRED:
            other = {**body, "description": "something else"}
            again = await self.client.command(
                turn + 1, "/api/transfers", other, story=story, key=key
            )
            if again.reason != "idempotency_key_reused":
                self.record.strange.append(f"I4 {story}: a key was used for two things")

    async def payment(self, turn: int, story: str) -> None:
        """Create a payment and start it."""
        created, source, amount = await self.created(turn, f"{story}.c", "manual")
        if created is None:
            return
        path = f"/api/payments/{created}/process"
        answer = await self.client.command(turn, path, None, story=story)
        if self.accepted(answer, ACCEPTED, story):
            self.record.outcomes.append(Paid(story, created, source, amount))

    async def automatic(self, turn: int, story: str) -> None:
        """Create a payment that starts by itself."""
        created, source, amount = await self.created(turn, story, "auto")
        if created is not None:
            self.record.outcomes.append(Paid(story, created, source, amount))

    async def created(self, turn: int, story: str, processing: str) -> tuple[str | None, str, int]:
        """Create a payment; return it with its account and amount."""
        source, amount = self.draw.one(self.workload.accounts), 1 + self.draw.below(200)
        body = {
            "amount": decimal_text(amount, CURRENCY),
            "direction": "DEBIT",
            "payment_type": "PAYMENT",
            "description": f"{story} {self.workload.canary}",
            "user_bank_account_id": source,
            "processing": processing,
            "priority": self.draw.below(10),
        }
        answer = await self.client.command(turn, "/api/payments", body, story=story)
        made = self.accepted(answer, CREATED, story)
        return (answer.data["id"] if made else None), source, amount

    async def hold(self, turn: int, story: str) -> None:
        """Promise money, then take a part of it or give all back."""
        source, destination = self.draw.two(self.workload.accounts)
        amount = 2 + self.draw.below(200)
        body = {
            "account_id": source,
            "amount": decimal_text(amount, CURRENCY),
            "description": f"{story} {self.workload.canary}",
            "destination_account_id": destination,
        }
        placed = await self.client.command(turn, "/api/holds", body, story=f"{story}.h")
        if not self.accepted(placed, CREATED, story):
            return
        path = f"/api/holds/{placed.data['id']}"
        captured = self.draw.below(2) * (1 + self.draw.below(amount - 1))
        taken = {"amount": decimal_text(captured, CURRENCY), "final": True}
        answer = (
            await self.client.command(turn, f"{path}/capture", taken, story=story)
            if captured
            else await self.client.command(turn, f"{path}/release", None, story=story)
        )
        if self.accepted(answer, OK, story):
            self.record.outcomes.append(Held(story, source, destination, captured))

    async def look(self, turn: int, _story: str) -> None:
        """Look at an account."""
        await self.read_back(turn, self.draw.one(self.workload.accounts), 0)

    async def read_back(self, turn: int, account: str, position: int) -> None:
        """Read an account, which never goes back behind what was seen of it."""
        seen = self.workload.seen.get(account, 0)
        shown = await self.client.query(turn, f"/api/accounts/{account}", position)
        if shown.status != OK:
            self.record.strange.append(f"I15 account {account}: {shown.status} {shown.reason}")
            return
        if shown.position < position:
            self.record.strange.append(f"I15 {account} at {shown.position}, asked for {position}")
        version = shown.data["version"]
        if version < seen:
            self.record.strange.append(f"I15 account {account} went back: {seen} to {version}")
        self.workload.seen[account] = max(version, self.workload.seen.get(account, 0))

    def accepted(self, answer: Answer, status: int, story: str) -> bool:
        """Say whether a command was accepted; one that was refused must have left nothing."""
        if answer.status == status:
            return True
        self.record.outcomes.append(Refusal(story, answer.reason))
        return False
