"""`ops/fuzz`: serve a town of its own (or use one that is served), fuzz it, audit its books."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import chdir, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import httpx2
from schemathesis.cli import schemathesis as program

from ops import telemetry
from ops.benches.audit import audit
from ops.benches.deployment import HOST, Broken, Deployment, deployed, free_port
from ops.demo import ADMIN
from ops.fuzzing.asking import prepare
from ops.fuzzing.crowd import Crowd, LockedOut
from ops.fuzzing.places import Places

SEED_SECONDS = 120.0
EXAMPLES, EXAMPLES_QUICK = 100, 1
LONG = ("examples", "coverage", "fuzzing", "stateful")
CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
STREAM, UPGRADED = "text/event-stream", "101"
REPLACED = "positive_data_acceptance"
ALWAYS = (
    "--checks=all",
    f"--exclude-checks={REPLACED}",
    "--suppress-health-check=all",
    "--warnings=off",
    "--continue-on-failure",
    "--no-color",
)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="A few requests to each route, within seconds.")
@click.option("--url", help="Fuzz this deployment with demo data instead.")
@click.option("--examples", type=click.IntRange(min=1), help="How many requests of each kind.")
@click.option("--seed", type=int, help="Repeat the campaign that had this seed.")
@click.option("--only", help="Only routes whose path matches this expression.")
def fuzz(
    *,
    quick: bool,
    url: str | None,
    examples: int | None,
    seed: int | None,
    only: str | None,
) -> None:
    """Send every published route what its description allows and what it forbids.

    Exit code 1: an answer was 500 or above or not as the document says, or the books did not
    stand up to their audit afterwards. Rate limits should be off where `--url` leads.
    """
    telemetry.configure("warning", "text")
    wanted = examples or (EXAMPLES_QUICK if quick else EXAMPLES)
    options = [f"--max-examples={wanted}", f"--phases={'fuzzing' if quick else ','.join(LONG)}"]
    options += [f"--seed={seed}"] if seed is not None else []
    options += [f"--include-path-regex={only}"] if only else []
    try:
        if url is not None:
            sys.exit(campaign(url, options))
        with deployed(None) as deployment, town(deployment) as (dsn, served):
            code = campaign(served, options)
            audited(dsn)
    except (Broken, LockedOut) as broken:
        print(f"error: {broken}", file=sys.stderr)
        sys.exit(1)
    sys.exit(code)


def campaign(url: str, options: Sequence[str]) -> int:
    """Fuzz what is served at `url`; return the exit code."""
    with (
        closing(Crowd(url, ADMIN.email, ADMIN.password)) as crowd,
        TemporaryDirectory() as folder,
        chdir(folder),
    ):
        prepare(crowd, Places(crowd.settle(), crowd.hidden))
        location = f"{url}/api/docs/openapi.json"
        endless = [f"--exclude-path={path}" for path in streams(httpx2.get(location).json())]
        try:
            program(
                [f"--config-file={CONFIGURATION}", "run", location, *ALWAYS, *endless, *options],
                standalone_mode=True,
            )
        except SystemExit as ended:
            return ended.code if isinstance(ended.code, int) else 1
    raise AssertionError("the program ends by telling its exit code")


def streams(document: dict[str, Any]) -> list[str]:
    """Return the paths whose answers never end, so that no check could be made of them."""
    return [
        path
        for path, methods in document["paths"].items()
        for operation in methods.values()
        if UPGRADED in operation["responses"]
        or STREAM in operation["responses"].get("200", {}).get("content", {})
    ]


@contextmanager
def town(deployment: Deployment) -> Iterator[tuple[str, str]]:
    """Serve the demo town with all its processes; give its database and its address."""
    dsn, port = deployment.database("fuzz"), free_port()
    url = f"http://{HOST}:{port}"
    deployment.run(dsn, "ops", "seed-demo", seconds=SEED_SECONDS)
    with (
        deployment.running(dsn, "ops", "serve", "--host", HOST, "--port", str(port)) as api,
        deployment.running(dsn, "ops", "project"),
        deployment.running(dsn, "ops", "worker"),
    ):
        api.wait_for(f"{url}/api/health/ready")
        yield dsn, url


def audited(dsn: str) -> None:
    """See that whatever was asked left sound books behind. Raises `Broken`."""
    found = audit([dsn])
    print(f"audited {found.events} events: {'; '.join(found.wrong) or 'sound'}")
    if found.wrong:
        raise Broken("the log did not stand up to its audit")


if __name__ == "__main__":
    fuzz()
