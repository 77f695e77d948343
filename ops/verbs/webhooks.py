"""Verbs about outbound webhooks: have an endpoint told again from a place in the log on."""

import click

from ledger.errors import Reason, Refused
from ops.databases import ready_database
from ops.output import Output
from schema.postgres import connect
from workers.database import database_clock
from workers.deliveries import send_again


@click.group
def webhooks() -> None:
    """Look after the webhooks that are sent."""


@webhooks.command
@click.option("--endpoint", type=click.UUID, required=True, help="Whom to tell again.")
@click.option(
    "--from", "position", type=click.IntRange(1), required=True, help="The first position."
)
@click.pass_obj
def replay(output: Output, endpoint: object, position: int) -> None:
    """Send everything again from a position on; receivers know repetitions by their ids."""
    settings = output.settings()
    with (
        ready_database(settings) as dsn,
        connect(dsn, "ledgerbank_app") as connection,
        connection.transaction(),
    ):
        if connection.execute(KNOWN, (str(endpoint),)).fetchone() is None:
            raise Refused(Reason.WEBHOOK_ENDPOINT_NOT_FOUND, field="endpoint")
        count = send_again(connection, str(endpoint), position, database_clock(connection))
    told = {"endpoint": str(endpoint), "from": position, "again": count}
    output.tell(told, f"{count} deliveries are sent again")


KNOWN = "SELECT FROM read.webhook_endpoints WHERE id = %s"
