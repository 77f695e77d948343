"""The command line: `ledgerbank VERB` (events_audit.md §9).

Exit codes: 0 done, 1 check failed or refused, 2 usage, 3 configuration error, 4 database or
broker unreachable.
"""

import sys
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import msgspec
from typing_extensions import override

from ops.output import Output

VERBS = {
    "up": "ops.verbs.up:up",
    "serve": "ops.verbs.run:serve",
    "project": "ops.verbs.run:project",
    "worker": "ops.verbs.run:worker",
    "scheduler": "ops.verbs.run:scheduler",
    "migrate": "ops.verbs.database:migrate",
    "seed-demo": "ops.verbs.database:seed_demo",
    "version": "ops.verbs.facts:version",
    "config": "ops.verbs.facts:config",
    "keys": "ops.verbs.keys:keys",
    "openapi": "ops.verbs.facts:openapi",
    "problems": "ops.verbs.facts:problems",
    "events": "ops.verbs.log_files:events",
    "state": "ops.verbs.state:state",
    "commands": "ops.verbs.commands:commands",
    "replay": "ops.verbs.replay:replay",
    "projections": "ops.verbs.drift:projections",
    "ledger": "ops.verbs.books:ledger",
    "audit": "ops.verbs.audit:audit",
    "receipt": "ops.verbs.receipts:receipt",
    "erasures": "ops.verbs.erasures:erasures",
    "schema": "ops.verbs.schema:schema",
    "backup": "ops.verbs.backup:backup",
    "recover": "ops.verbs.recover:recover",
    "users": "ops.verbs.people:users",
    "jobs": "ops.verbs.jobs:jobs",
    "webhooks": "ops.verbs.webhooks:webhooks",
    "service": "ops.verbs.service_accounts:service",
    "announce": "ops.verbs.announce:announce",
    "incident": "ops.verbs.incidents:incident",
    "doctor": "ops.verbs.doctor:doctor",
    "tour": "ops.verbs.tour:tour",
    "dev": "ops.verbs.dev:dev",
    "sandbox-bank": "ops.verbs.sandbox_bank:sandbox_bank",
}


class Verbs(click.Group):
    """Imports a verb only when it is asked for, so that `--help` is quick."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = VERBS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command: click.Command = getattr(import_module(module), name)
        give_flags_of_all(command)
        return command


def note(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Take a flag of all verbs, wherever it was said, into what printing follows."""
    assert parameter.name is not None, "an option has a name"
    if value:
        known = context.obj or Output()
        context.obj = msgspec.structs.replace(known, **{parameter.name: value})


def flags_of_all() -> list[click.Parameter]:
    """Return the flags of all verbs."""
    file = click.Path(path_type=Path, exists=True, dir_okay=False)
    flag = partial(click.Option, callback=note, expose_value=False)
    return [
        flag(["--json", "as_json"], is_flag=True, help="Print machine-readable JSON."),
        flag(["--env-file"], type=file, help="Read settings from a file; the environment wins."),
        flag(["--quiet"], is_flag=True, help="Print results only, no progress."),
    ]


def give_flags_of_all(command: click.Command) -> None:
    """Let a verb and those below it take the flags of all, which may so be said anywhere."""
    if not any(each.name == "as_json" for each in command.params):
        command.params += flags_of_all()
    if isinstance(command, click.Group):
        for below in command.commands.values():
            give_flags_of_all(below)


@click.group(
    cls=Verbs, params=flags_of_all(), context_settings={"help_option_names": ["-h", "--help"]}
)
@click.pass_context
def cli(context: click.Context) -> None:
    """LedgerBank: an event-sourced ledger and banking backend."""
    context.obj = context.obj or Output()


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line; the exit code tells what happened."""
    from ops.failures import exit_code_of

    try:
        return cli.main(args=arguments, prog_name="ledgerbank", standalone_mode=False)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except click.ClickException as misuse:
        misuse.show()
        sys.exit(misuse.exit_code)
    except click.Abort:
        sys.exit(130)
    except Exception as failure:  # noqa: BLE001  # the last stop of every failure
        sys.exit(exit_code_of(failure))
