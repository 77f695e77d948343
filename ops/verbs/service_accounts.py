"""Verbs about service accounts: let a machine in, give it a new key, end it."""

import asyncio
from typing import Any

import click

from api.commands.service_accounts import NAME_LENGTH_MAX, USUAL_SCOPES, scopes
from api.kinds import text, uuid
from api.service_keys import new_key
from ledger.commands.command import Command, Context
from ledger.commands.service_account import (
    CreateServiceAccount,
    DisableServiceAccount,
    RotateServiceKey,
)
from ledger.errors import Reason
from ledger.events.recorded import SYSTEM
from ledger.identity import new_id
from ops.composition import open_books
from ops.databases import ready_database
from ops.output import Output
from ops.settings import Settings


@click.group
def service() -> None:
    """Manage service accounts."""


@service.command
@click.option("--name", required=True, help="What the machine is called.")
@click.option(
    "--scopes", "named", default=",".join(USUAL_SCOPES), show_default=True, help="Separated by ','."
)
@click.pass_obj
def create(output: Output, name: str, named: str) -> None:
    """Create a service account; its API key is printed once."""
    called = text(1, NAME_LENGTH_MAX, Reason.INVALID_NAME_FORMAT, plain=True).read(name, {})
    allowed = scopes().read([each.strip() for each in named.split(",")], {})
    service_id = new_id()
    key = new_key(service_id)
    command = CreateServiceAccount(
        service_id=service_id,
        name=called,
        scopes=tuple(allowed),
        key_prefix=key.prefix,
        key_hash=key.digest,
        data_key_id=new_id(),
    )
    carry_out(output.settings(), command)
    told = {"id": service_id, "name": called, "scopes": allowed, "api_key": key.text}
    output.tell(told, f"created service account {called} ({service_id})", key.text)


@service.command
@click.option("--id", "service_id", required=True, help="Of the service account.")
@click.pass_obj
def rotate(output: Output, service_id: str) -> None:
    """Replace the API key of a service account; the new one is printed once."""
    known = uuid().read(service_id, {})
    key = new_key(known)
    command = RotateServiceKey(service_id=known, key_prefix=key.prefix, key_hash=key.digest)
    carry_out(output.settings(), command)
    output.tell(
        {"id": known, "api_key": key.text}, f"new key of {known}; the old one is dead", key.text
    )


@service.command
@click.option("--id", "service_id", required=True, help="Of the service account.")
@click.pass_obj
def disable(output: Output, service_id: str) -> None:
    """End a service account for good."""
    known = uuid().read(service_id, {})
    carry_out(output.settings(), DisableServiceAccount(service_id=known))
    told: dict[str, Any] = {"id": known, "status": "DISABLED"}
    output.tell(told, f"disabled {known}")


def carry_out(settings: Settings, command: Command) -> None:
    """Hand in one command of the operator's."""

    async def handed_in(dsn: str) -> None:
        async with open_books(settings, dsn) as books:
            await books.ledger.handle(command, Context(actor=SYSTEM, correlation_id=new_id()))

    with ready_database(settings) as dsn:
        asyncio.run(handed_in(dsn))
