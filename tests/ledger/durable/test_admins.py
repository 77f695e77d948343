"""Administrators in two processes: whatever they do to each other, one of them stays (I-15)."""

import asyncio
from itertools import product
from typing import Any

import pytest

from ledger.application import Ledger
from ledger.commands.command import Command, Context
from ledger.commands.user import ChangeRole, DeleteUser, RegisterUser, SuspendUser
from ledger.errors import Reason, Refused
from ledger.events.event import Private
from ledger.events.recorded import Actor
from ledger.identity import new_id
from tests.ledger.durable.bank import BY_SYSTEM, ledger_on

ROUNDS = 4


async def admin(ledger: Ledger) -> str:
    user_id = new_id()
    command = RegisterUser(
        user_id=user_id,
        email=Private(f"{user_id}@example.com", user_id),
        email_claim=ledger.vault.digest(f"{user_id}@example.com"),
        full_name=Private("Admin", user_id),
        role="admin",
        password_hash="hash",
        data_key_id=new_id(),
    )
    await ledger.handle(command, BY_SYSTEM)
    return user_id


def out(kind: str, user_id: str) -> Command:
    match kind:
        case "demote":
            return ChangeRole(user_id=user_id, role="user")
        case "suspend":
            return SuspendUser(user_id=user_id)
        case _:
            return DeleteUser(user_id=user_id, erasure_id=new_id())


@pytest.mark.parametrize(("one", "other"), list(product(("demote", "delete"), repeat=2)))
def test_two_admins_who_remove_each_other_leave_one(database: str, one: str, other: str) -> None:
    async def story() -> None:
        async with ledger_on(database) as here, ledger_on(database) as there:
            ada, eve = await admin(here), await admin(here)
            for _ in range(ROUNDS):
                asked = [
                    by(here, ada, out(one, eve)), by(there, eve, out(other, ada)),
                    by(there, ada, out("suspend", eve)), by(here, eve, out("suspend", ada)),
                ]  # fmt: skip
                told = await asyncio.gather(*asked, return_exceptions=True)
                roster = (await here.current("roster-admins")).state.admins
                assert len(roster) == 1
                refused = {each.reason for each in told if isinstance(each, Refused)}
                assert Reason.LAST_ADMIN in refused
                assert refused <= {Reason.LAST_ADMIN, Reason.USER_NOT_FOUND}
                [ada] = roster
                eve = await admin(there)

    asyncio.run(story())


async def by(ledger: Ledger, user_id: str, command: Command) -> Any:
    """Ask as an administrator who was let in a moment ago."""
    context = Context(actor=Actor(type="user", id=user_id, role="admin"), correlation_id="req_test")
    return await ledger.handle(command, context)
