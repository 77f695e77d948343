"""`ops/mirror`: lives of bank accounts, mirrored through troubles; exit 1 for a difference."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import parse_qs, urlsplit

import click
import httpx2
import structlog

from ops import telemetry
from ops.mirrors.campaign import Found, lived
from ops.mirrors.life import USERNAME, Life
from ops.sandbox_bank.authorization import Client
from ops.sandbox_bank.bank import Bank
from ops.sandbox_bank.consents import challenge_of
from ops.sandbox_bank.serving import beside
from workers.banks.calls import Calls
from workers.banks.port import Authorization, BankPort, Grant
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
def main(*, seed: int, seeds: int) -> None:
    """Mirror the history of bank accounts in both dialects, and hold each to the truth."""
    telemetry.configure("warning", "text")
    wrong = 0
    for dialect in DIALECTS:
        found = list(campaign(dialect, range(seed, seed + seeds)))
        bad = [each for each in found if each.wrong]
        for each in bad:
            log.error("mirror.differs", dialect=dialect or "/", seed=each.seed, wrong=each.wrong)
        lines, failures = sum(each.lines for each in found), sum(each.failures for each in found)
        name = dialect or "cursor"
        print(f"{name}: {seeds} lives, {lines} lines, {failures} failures, {len(bad)} differ")
        wrong += len(bad)
    sys.exit(1 if wrong else 0)


def campaign(dialect: str, seeds: range) -> Iterator[Found]:
    """Let accounts live at a bank of one dialect."""
    calls = Calls("sandbox", NoBreakers(), TIMEOUT_MS, chance=lambda _: 0)
    with beside(Bank(CLIENT)) as url, closing(calls):
        port = sandbox_bank(url + dialect, CLIENT.client_id, CLIENT.client_secret, calls)
        port.limit = PAGE
        for seed in seeds:
            with lifetime(url, seed) as life:
                yield lived(life, seed, port, consented(port))


@contextmanager
def lifetime(url: str, seed: int) -> Iterator[Life]:
    """Begin a life, and hang up when it is over."""
    with closing(Life(url, seed, mutable=True)) as life:
        yield life


def consented(port: BankPort) -> str:
    """Let the customer consent; return an access token."""
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
    return port.exchange_code(grant).access_token


if __name__ == "__main__":
    main()
