"""`ops/mirror`: lives of bank accounts, mirrored through troubles; exit 1 for a difference."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import parse_qs, urlsplit

import click
import httpx2
import structlog

from ops import telemetry
from ops.benches.deployment import deployed
from ops.mirrors.campaign import Found, lived
from ops.mirrors.house import House, housed
from ops.mirrors.life import USERNAME, Life
from ops.mirrors.synced import Follower, Synced, audited, tempered
from ops.sandbox_bank.authorization import Client
from ops.sandbox_bank.bank import Bank
from ops.sandbox_bank.consents import challenge_of
from ops.sandbox_bank.serving import beside
from workers.banks.calls import Calls
from workers.banks.port import Authorization, BankPort, Grant, Tokens
from workers.banks.sandbox import WINDOWS, sandbox_bank
from workers.breakers import NoBreakers

SEEDS = 200
PAGE = 7
TIMEOUT_MS = 2_000
DIALECTS = ("", WINDOWS)
BACK, VERIFIER = "http://127.0.0.1:9/back", "v" * 64
CLIENT = Client("ledgerbank", "sandbox-secret")
log = structlog.get_logger()


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--seed", type=int, default=1, show_default=True, help="Of the first life.")
@click.option("--seeds", type=click.IntRange(1), default=SEEDS, show_default=True, help="Lives.")
@click.option("--port-only", is_flag=True, help="Follow the port alone, without a ledger.")
def main(*, seed: int, seeds: int, port_only: bool) -> None:
    """Mirror the history of bank accounts in both dialects, and hold each to the truth.

    By the real sync into a real ledger, through faults, crashes and planted differences.
    """
    telemetry.configure("error", "text")
    lives = range(seed, seed + seeds)
    sys.exit(1 if (mirrored(lives) if port_only else synced(lives)) else 0)


def synced(lives: range) -> int:
    """Mirror lives into a ledger of each dialect; return how many differ."""
    wrong = 0
    for dialect in DIALECTS:
        with deployed(None) as deployment:
            dsn = deployment.database("mirrors")
            with spoken(dialect) as (url, port), housed(deployment.settings(dsn), dsn, port) as us:
                found = [followed(us, url, port, seed) for seed in lives]
            bad = [each for each in found if each.wrong] + audited(deployment.settings(dsn), dsn)
        wrong += len(bad)
        report(dialect, found, bad)
    return wrong


def report(dialect: str, found: list[Synced], bad: list[Synced]) -> None:
    """Print what lives came to."""
    for each in bad:
        log.error("mirror.differs", dialect=dialect or "/", seed=each.seed, wrong=each.wrong)
    sums = {
        name: sum(getattr(each, name) for each in found)
        for name in ("syncs", "lines", "failures", "crashes", "planted", "found")
    }
    told = ", ".join(f"{figure} {name}" for name, figure in sums.items())
    print(f"{dialect or 'cursor'}: {len(found)} lives, {told}, {len(bad)} differ")


def followed(us: House, url: str, port: BankPort, seed: int) -> Synced:
    """Live one life, mirrored by the real sync."""
    with lifetime(url, seed) as life:
        tempered(life, seed)
        follower = Follower(us, life, seed)
        follower.connect(consented(port))
        return follower.follow()


def mirrored(lives: range) -> int:
    """Mirror lives by the port alone; return how many differ."""
    wrong = 0
    for dialect in DIALECTS:
        found = list(campaign(dialect, lives))
        bad = [each for each in found if each.wrong]
        for each in bad:
            log.error("mirror.differs", dialect=dialect or "/", seed=each.seed, wrong=each.wrong)
        lines, failures = sum(each.lines for each in found), sum(each.failures for each in found)
        name = dialect or "cursor"
        print(f"{name}: {len(lives)} lives, {lines} lines, {failures} failures, {len(bad)} differ")
        wrong += len(bad)
    return wrong


def campaign(dialect: str, seeds: range) -> Iterator[Found]:
    """Let accounts live at a bank of one dialect."""
    with spoken(dialect) as (url, port):
        for seed in seeds:
            with lifetime(url, seed) as life:
                yield lived(life, seed, port, consented(port).access_token)


@contextmanager
def spoken(dialect: str) -> Iterator[tuple[str, BankPort]]:
    """Run a bank of one dialect; give its address, and the adapter that speaks to it."""
    calls = Calls("sandbox", NoBreakers(), TIMEOUT_MS, chance=lambda _: 0)
    with beside(Bank(CLIENT)) as url, closing(calls):
        port = sandbox_bank(url + dialect, CLIENT.client_id, CLIENT.client_secret, calls)
        port.limit = PAGE
        yield url, port


@contextmanager
def lifetime(url: str, seed: int) -> Iterator[Life]:
    """Begin a life, and hang up when it is over."""
    with closing(Life(url, seed, mutable=True)) as life:
        yield life


def consented(port: BankPort) -> Tokens:
    """Let the customer consent; return their tokens."""
    wish = Authorization(
        redirect_uri=BACK,
        state="s",
        code_challenge=challenge_of(VERIFIER),
        user_name=USERNAME,
    )
    place = f"{port.authorization_url(wish)}&auto=approve"
    told = httpx2.get(place, trust_env=False).headers["location"]
    code = parse_qs(urlsplit(told).query)["code"][0]
    grant = Grant(code=code, redirect_uri=BACK, code_verifier=VERIFIER)
    return port.exchange_code(grant)


if __name__ == "__main__":
    main()
