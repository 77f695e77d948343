"""The author of demo data: carries out commands, and counts them."""

from typing import Any

from ledger.application import Ledger
from ledger.commands.command import Command, Context
from ledger.events.recorded import SYSTEM, Actor
from ops.demo import Person


class Author:
    """Writes through one ledger; `made` counts the commands so far."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.made = 0

    async def handle(self, command: Command, actor: Actor = SYSTEM) -> None:
        """Carry out one command as `actor`."""
        context = Context(actor=actor, correlation_id="demo")
        await self.ledger.handle(command, context)
        self.made += 1

    async def is_new(self, stream_id: str) -> bool:
        """Say whether nothing has happened to a stream."""
        return (await self.ledger.current(stream_id)).version == 0

    async def state(self, stream_id: str) -> Any:
        """Return what a stream has come to."""
        return (await self.ledger.current(stream_id)).state


def actor_of(person: Person) -> Actor:
    """Return a demo person as the one who asks."""
    return Actor(type="user", id=person.user_id, role=person.role)
