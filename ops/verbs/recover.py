"""`ledgerbank recover`: the last step of every restore, whoever made the backup."""

from pathlib import Path

import click
import msgspec

from ops import telemetry
from ops.databases import migrated_database
from ops.erasures import registered
from ops.failures import CheckFailed
from ops.output import Output
from ops.recovery import Recovered
from ops.recovery import recover as make_fit


@click.command
@click.option(
    "--erasures",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A register of people who were deleted after the moment that was restored.",
)
@click.pass_obj
def recover(output: Output, file: Path | None) -> None:
    """Make a restored deployment fit to be opened: nothing of it may be running yet.

    Renews the epoch, ends all sessions, erases the erased again, verifies the log and compares the
    read models; exit 1 when something is not as it should be.
    """
    settings = output.settings()
    telemetry.configure(settings.core.log_level, settings.core.log_format)
    known = [] if file is None else registered(file)
    with migrated_database(settings) as dsn, output.progress("verify") as bar:
        done = make_fit(settings, dsn, known, bar)
    tell(output, done)


def tell(output: Output, done: Recovered) -> None:
    """Print what was done; exit 1 unless all is well."""
    value = {
        "sound": done.sound,
        "epoch": done.epoch,
        "keys_destroyed": done.keys_destroyed,
        "users_deleted": done.users_deleted,
        "users_signed_out": done.sessions_ended,
        "events": done.proof.looked,
        "findings": msgspec.to_builtins(done.proof.broken),
        "drifted": done.drifted,
    }
    models = [
        f"FAILED {name}: {says}; repair: ledgerbank projections rebuild {name} --repair"
        for name, says in done.drifted.items()
    ]
    output.tell(
        value,
        *done.proof.lines(),
        f"epoch         renewed  {done.epoch}",
        f"erasures      {done.keys_destroyed} keys destroyed, {done.users_deleted} deleted again",
        f"sessions      ended of {done.sessions_ended} people",
        *(models or ["read models   ok"]),
    )
    if not done.sound:
        raise CheckFailed
