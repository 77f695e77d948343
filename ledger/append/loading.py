"""Loading: what decisions asked for and memory did not have, fetched together and put there."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import TypeAlias

from ledger.append.memory import Memory
from ledger.append.ports import Decided, Remembered, Store, Turn, Unavailable, Vault

EARLIER_MAX = 8192

Then: TypeAlias = Callable[[Exception | None], None]
"""What happens when something was fetched, or could not be read."""


class Gathering:
    """Calls `then` once: when the last of several keys has come, or the first that failed."""

    def __init__(self, count: int, then: Then) -> None:
        self.missing, self.then = count, then

    def came(self, failure: Exception | None) -> None:
        """Take note of one key."""
        self.missing -= 1
        if failure is not None:
            self.missing = 0
        if self.missing == 0:
            self.then(failure)


class Loading:
    """Fetches streams, claims, data keys and earlier answers by their memory keys."""

    def __init__(self, store: Store, vault: Vault, memory: Memory) -> None:
        self.store, self.vault, self.memory = store, vault, memory
        self.earlier: OrderedDict[tuple[str, str], Remembered | None] = OrderedDict()
        self.wanted: dict[str, list[Then]] = {}
        self.fetching: asyncio.Task[None] | None = None

    def want(self, keys: Collection[str], then: Then) -> None:
        """Fetch `keys` soon, together with whatever else is wanted by then; then call `then`."""
        all_of_them = Gathering(len(keys), then)
        for key in keys:
            self.wanted.setdefault(key, []).append(all_of_them.came)
        if self.fetching is None or self.fetching.done():
            self.fetching = asyncio.create_task(self.fetch_wanted())

    async def fetch_wanted(self) -> None:
        """Fetch until nothing is wanted. A store out of reach is found out by the next append."""
        while self.wanted:
            wanted, self.wanted = self.wanted, {}
            failures: dict[str, Exception] = {}
            try:
                await self.bring(wanted)
            except Unavailable:
                await asyncio.sleep(0.05)
            except Exception:  # noqa: BLE001  # what cannot be read must not stop the rest
                failures = await self.bring_singly(wanted)
            for key, thens in wanted.items():
                for then in thens:
                    then(failures.get(key))

    async def bring_singly(self, keys: Collection[str]) -> dict[str, Exception]:
        """Fetch one by one, and return the keys that cannot be read, with the reasons."""
        failures: dict[str, Exception] = {}
        for key in keys:
            try:
                await self.bring([key])
            except Unavailable:
                continue
            except Exception as failure:  # noqa: BLE001  # met by those who need this key
                failures[key] = failure
        return failures

    async def bring(self, keys: Collection[str], turn: Turn | None = None) -> None:
        """Put `keys` into memory, or whatever keeps them; under a locked head when in `turn`."""
        kids = [key.removeprefix("key:") for key in keys if key.startswith("key:")]
        subjects = [key.removeprefix("subject:") for key in keys if key.startswith("subject:")]
        commands = [key.removeprefix("command:") for key in keys if key.startswith("command:")]
        states = [key for key in keys if not key.startswith(("key:", "subject:", "command:"))]
        if kids or subjects:
            await self.vault.fetch(subjects=subjects, kids=kids)
        if commands:
            await self.look_up([name_of(command) for command in commands])
        if states and turn is not None:
            self.memory.learn((await turn.fetch(states)).entries)
        elif states:
            await self.bring_states(states)

    async def bring_states(self, keys: Collection[str]) -> None:
        """Read streams and claims; a reading older than what memory has followed is repeated."""
        while True:
            fetched = await self.store.fetch(keys)
            if fetched.position >= self.memory.followed_to:
                self.memory.learn(fetched.entries)
                return

    async def look_up(self, names: Collection[tuple[str, str]]) -> None:
        """Find out what became of earlier commands of these names."""
        found = await self.store.find(names)
        for name in names:
            self.keep(name, found.get(name))

    def remember(self, written: Decided, position: int) -> None:
        """Know the answer of a command just committed, so that repeating it costs nothing.

        Data keys that it destroyed are forgotten.
        """
        for row in written.rows:
            if row.values is None and row.table == "data_keys":
                self.vault.lose(row.key)
        if written.request_hash is not None:
            earlier = Remembered(
                written.command_id,
                written.request_hash,
                position,
                written.answer,
                written.answer_key,
            )
            self.keep((written.scope, written.key), earlier)

    def keep(self, name: tuple[str, str], earlier: Remembered | None) -> None:
        """Remember an answer; the oldest ones go first."""
        self.earlier.pop(name, None)
        self.earlier[name] = earlier
        while len(self.earlier) > EARLIER_MAX:
            self.earlier.popitem(last=False)


def name_of(command: str) -> tuple[str, str]:
    """Return scope and key of a command's memory key."""
    scope, _, key = command.partition("\n")
    return scope, key
