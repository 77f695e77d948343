"""The one meeting point of commands and the event store: seal, queue, tell the outcome."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from eventsourcing.application import Application

from ledger.aggregates.service_account import Active
from ledger.aggregates.session import Alive
from ledger.aggregates.user import Registered
from ledger.append.appender import Appender
from ledger.append.attempt import Submission
from ledger.append.memory import Memory
from ledger.append.ports import Head, Store, Unavailable, Vault
from ledger.append.snapshotting import Snapshotting
from ledger.commands.asked import UUID_CHARACTERS, Asked, Loaded, Outcome, Reveal
from ledger.commands.command import Command, Context
from ledger.commands.connection import TakeBankPage
from ledger.commands.service_account import CreateServiceAccount
from ledger.commands.transfer import MakeTransfers
from ledger.commands.user import PersonCommand, RegisterUser
from ledger.decisions.view import PrivateRow
from ledger.errors import Reason, Refused
from ledger.events.event import Private, Sealed
from ledger.events.recorded import Actor
from ledger.identity import new_id
from ledger.policies.limits import Rules
from ledger.tasks import end
from ledger.times import utc_text

MEMORY_MAX = 200_000
PLAIN = Asked()
T = TypeVar("T")


def utc_now() -> str:
    """Return the time of this moment: the ledger's clock."""
    return utc_text(datetime.now(UTC))


def steady(clock: Callable[[], str]) -> Callable[[], str]:
    """Return `clock`, except that it stands still while the machine's own is set back."""
    latest = ""

    def tell() -> str:
        nonlocal latest
        latest = max(latest, clock())
        return latest

    return tell


class Standing(msgspec.Struct, frozen=True):
    """What memory knows of a user and a session; the append judges both again."""

    role: str
    alive: bool
    session_version: int


class MachineStanding(msgspec.Struct, frozen=True):
    """What memory knows of an active service account: the generation of its key, its scopes."""

    generation: int
    scopes: frozenset[str]


class Ledger(Application[str]):
    """Takes commands; answers with their outcome once it is durable.

    It lives on the event loop it was started on: `handle` there, `handle_blocking` elsewhere.
    """

    name = "ledger"

    def __init__(
        self, env: dict[str, str], store: Store, vault: Vault, rules: Rules,
        clock: Callable[[], str] = utc_now,
    ) -> None:  # fmt: skip
        super().__init__(env)
        self.store, self.vault, self.rules = store, vault, rules
        self.memory = Memory(vault, MEMORY_MAX)
        self.appender = Appender(store, vault, rules, self.memory, steady(clock))
        self.snapshotting = Snapshotting(store)
        self.appender.changed = self.snapshotting.note
        self.tasks: list[asyncio.Task[None]] = []
        self.loop: asyncio.AbstractEventLoop | None = None

    async def start(self, committed: Callable[[Head], None] = lambda _head: None) -> None:
        """Begin to take commands; `committed` hears of every commit, right after it."""
        self.loop = asyncio.get_running_loop()
        self.appender.committed = committed
        self.tasks = [
            asyncio.create_task(self.appender.run()),
            asyncio.create_task(self.snapshotting.run()),
        ]

    async def stop(self) -> None:
        """Take no more commands, finish those that were taken, close."""
        self.appender.queue.closed = True
        self.appender.queue.wake.set()
        if self.tasks:
            appending, snapshotting = self.tasks
            await appending
            await end(snapshotting)
        self.close()

    async def handle(self, command: Command, context: Context, asked: Asked = PLAIN) -> Outcome:
        """Decide and record `command`; return when it is durable.

        Raises `Refused`: by the rules, `idempotency_in_progress`, or `service_unavailable` (the
        queue is full, or the outcome is unknown: ask again with the same key).
        """
        submission = await self.prepared(command, context, asked)
        return await self.appender.queue.submit(submission)

    def handle_blocking(self, command: Command, context: Context, asked: Asked = PLAIN) -> Outcome:
        """Do what `handle` does, from a thread that has no event loop."""
        return self.on_loop(self.handle(command, context, asked))

    def current_blocking(self, stream_id: str) -> Loaded:
        """Do what `current` does, from a thread that has no event loop."""
        return self.on_loop(self.current(stream_id))

    def on_loop(self, coroutine: Coroutine[None, None, T]) -> T:
        """Run `coroutine` on the ledger's loop and wait for it in this thread."""
        assert self.loop is not None, "the ledger was not started"
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    async def current(self, stream_id: str) -> Loaded:
        """Return a stream as the database has it now. Raises `Refused(service_unavailable)`."""
        try:
            fetched = await self.store.fetch([stream_id])
        except Unavailable as failure:
            raise Refused(Reason.SERVICE_UNAVAILABLE) from failure
        loaded: Loaded = fetched.entries[stream_id]
        return loaded

    def standing(self, user_id: str, session_id: str) -> Standing | None:
        """Return what memory knows of somebody's right to act; None when it knows nothing."""
        user = self.memory.entries.get(f"user-{user_id}")
        session = self.memory.entries.get(f"session-{session_id}")
        if user is None or session is None or not isinstance(user.state, Registered):
            return None
        state, family = user.state, session.state
        alive = isinstance(family, Alive) and family.user_id == user_id and state.active
        return Standing(state.role, alive, state.session_version)

    def machine(self, service_id: str) -> MachineStanding | None:
        """Return what memory knows of a service account's right to act; None when nothing."""
        account = self.memory.entries.get(f"service-{service_id}")
        if account is None or not isinstance(account.state, Active):
            return None
        return MachineStanding(account.state.generation, frozenset(account.state.scopes))

    async def prepared(self, command: Command, context: Context, asked: Asked) -> Submission:
        """Seal what is personal; from here on nobody sees it in clear."""
        born: PrivateRow | None = None
        subject = context.actor.id if context.actor.type in {"user", "service"} else None
        if isinstance(command, RegisterUser):
            born = self.vault.create(command.user_id, command.data_key_id)
            subject = subject or command.user_id
        elif isinstance(command, CreateServiceAccount):
            born = self.vault.create(command.service_id, command.data_key_id)
        sealed_command = await self.sealed(command, context.actor)
        return Submission(
            command=sealed_command,
            context=context,
            asked=asked,
            command_id=new_id(),
            born=born,
            answer_subject=subject,
            shown_subject=shown_subject(command),
        )

    async def sealed(self, command: Command, actor: Actor) -> Command:
        """Return `command` with its personal texts sealed under their owners' keys."""
        if isinstance(command, MakeTransfers):
            sealed_ones = [await self.sealed(each, actor) for each in command.transfers]
            return msgspec.structs.replace(command, transfers=tuple(sealed_ones))
        if isinstance(command, TakeBankPage):
            sealed_lines = [await self.sealed(each, actor) for each in command.lines]
            return msgspec.structs.replace(command, lines=tuple(sealed_lines))
        private = {
            name: value
            for name in command.__struct_fields__
            if isinstance(value := getattr(command, name), Private)
        }
        if not private:
            return command
        of_people = {name for name, text in private.items() if is_person(text.owner)}
        for name, text in private.items():
            private[name] = Private(text.text, await self.person(text.owner, actor))
        missing = {text.owner for text in private.values() if self.vault.of(text.owner) is None}
        if missing:
            await self.fetch_keys(missing)
        sealed = {}
        for name, text in private.items():
            key = self.vault.of(text.owner)
            if key is None:
                gone = Reason.USER_NOT_FOUND if name in of_people else Reason.ACCOUNT_SUSPENDED
                raise Refused(gone, actor=actor.type)
            sealed[name] = key.seal(text.text)
        return msgspec.structs.replace(command, **sealed)

    async def person(self, owner: str, actor: Actor) -> str:
        """Return the user behind the owner of a text; of what there is not, it is who asks.

        Raises `Refused` for somebody without a key of their own.
        """
        if is_person(owner):
            return owner
        known = self.memory.entries.get(owner) or await self.current(owner)
        terms = getattr(known.state, "terms", known.state)
        user_id: str | None = getattr(terms, "user_id", None)
        if user_id is not None:
            return user_id
        if actor.type != "user" or actor.id is None:
            raise Refused(Reason.ACCOUNT_NOT_FOUND)
        return actor.id

    async def reading(self, loaded: Loaded) -> Reveal:
        """Return what reads the personal texts of a state, their keys being at hand."""
        try:
            await self.vault.fetch(kids=sealed_kids(loaded.state))
        except Unavailable as failure:
            raise Refused(Reason.SERVICE_UNAVAILABLE) from failure
        return self.vault.reveal

    async def fetch_keys(self, subjects: set[str]) -> None:
        """Bring data keys to hand, or refuse while the store is out of reach."""
        try:
            await self.vault.fetch(subjects=subjects)
        except Unavailable as failure:
            raise Refused(Reason.SERVICE_UNAVAILABLE) from failure


def is_person(owner: str) -> bool:
    """Say whether the owner of a text is named, not the record whose owner it is."""
    return len(owner) == UUID_CHARACTERS


def shown_subject(command: Command) -> str | None:
    """Return whom the answer to a command shows, if it shows a person."""
    return command.user_id if isinstance(command, RegisterUser | PersonCommand) else None


def sealed_kids(state: Any) -> set[str]:
    """Return the ids of all data keys that personal texts of `state` are sealed under."""
    if isinstance(state, Sealed):
        return {state.kid}
    if not isinstance(state, msgspec.Struct):
        return set()
    fields = (getattr(state, name) for name in state.__struct_fields__)
    return {kid for field in fields for kid in sealed_kids(field)}
