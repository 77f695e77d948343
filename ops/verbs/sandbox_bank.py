"""`ledgerbank sandbox-bank`: an outside bank on this machine, with faults on demand."""

import asyncio
import signal
from pathlib import Path

import click

from ops import telemetry
from ops.banks import SANDBOX_PORT
from ops.output import Output
from ops.outside import client_of
from ops.sandbox_bank.bank import Bank
from ops.sandbox_bank.desk import Desk
from ops.sandbox_bank.serving import serve
from ops.settings import SettingsRefused


@click.command("sandbox-bank")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=SANDBOX_PORT, show_default=True, help="Port to listen on; 0 picks one."
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Keep the bank's data in a file; made from the demo data when missing.",
)
@click.option("--random", "seed", default=0, show_default=True, help="What chance depends on.")
@click.pass_obj
def sandbox_bank(output: Output, *, host: str, port: int, data: Path | None, seed: int) -> None:
    """Run the sandbox bank: a program that plays an outside bank."""
    settings = output.settings()
    if settings.core.env == "prod":
        raise SettingsRefused(["LEDGERBANK_ENV is prod: the sandbox bank does not run there"])
    telemetry.configure(settings.core.log_level, settings.core.log_format)
    bank = Bank(client_of(settings), seed, data)

    def ready(chosen: int) -> None:
        output.tell(
            {"url": f"http://{host}:{chosen}"}, f"The sandbox bank is open: http://{host}:{chosen}"
        )

    async def until_told() -> None:
        ended, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ended.set)
        await serve(Desk(bank), host, port, ended, ready)

    asyncio.run(until_told())
