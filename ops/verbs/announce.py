"""The verb that tells everybody of maintenance: a command of the domain, on record."""

import asyncio

import click

from api.kinds import text
from ledger.commands.announcement import AnnounceMaintenance
from ledger.commands.command import Context
from ledger.events.recorded import OPERATOR
from ledger.identity import new_id
from ops.composition import open_books
from ops.databases import ready_database
from ops.output import Output
from ops.settings import Settings
from ops.verbs.moments import Time

MESSAGE_LENGTH_MAX = 500


@click.command
@click.option("--message", required=True, help="What everybody is told.")
@click.option("--at", type=Time(), help="When it begins (RFC 3339 with offset), if that is known.")
@click.pass_obj
def announce(output: Output, message: str, at: str | None) -> None:
    """Tell everybody who listens to a stream or a WebSocket of maintenance."""
    said = text(1, MESSAGE_LENGTH_MAX, plain=True).read(message, {})
    command = AnnounceMaintenance(announcement_id=new_id(), message=said, scheduled_time=at)
    settings = output.settings()
    with ready_database(settings) as dsn:
        asyncio.run(handed_in(settings, dsn, command))
    told = {"id": command.announcement_id, "message": said, "scheduled_time": at}
    output.tell(told, f"announced {command.announcement_id}")


async def handed_in(settings: Settings, dsn: str, command: AnnounceMaintenance) -> None:
    """Have a command carried out, by the operator."""
    async with open_books(settings, dsn) as books:
        await books.ledger.handle(command, Context(actor=OPERATOR, correlation_id=new_id()))
