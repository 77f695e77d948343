"""Whether the time of a refused login tells that somebody has an account (errors.md §3, rule 3).

`ops/bench` has no figure of it: this is a verdict, from pairs of guesses sent one after another.
"""

import sys
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter

import click
import httpx2
import msgspec
from typing_extensions import override

from ops import telemetry
from ops.benches.deployment import HOST, Broken, Deployment, deployed, free_port

PASSWORD = "a password that nobody guesses"  # noqa: S105  # of a throw-away account
KNOWN, UNKNOWN = "known@example.com", "unknown@example.com"
WRONG = 401
UNTOLD_AUC, UNTOLD_RATIO = 0.06, 0.10
PAIRS_LEAST = 100


class Comparison(msgspec.Struct, frozen=True):
    """Seconds of two kinds of guesses.

    `auc` is the chance that a guess of the second kind took longer than one of the first: 0.5
    when nothing can be told. `ratio` is that of their medians.
    """

    pairs: int
    auc: float
    ratio: float

    def tells(self, auc: float = UNTOLD_AUC, ratio: float = UNTOLD_RATIO) -> bool:
        """Say whether somebody with a clock could tell the kinds apart."""
        return abs(self.auc - 0.5) > auc or abs(self.ratio - 1) > ratio


def compared(first: Sequence[float], second: Sequence[float]) -> Comparison:
    """Compare two samples by rank (Mann-Whitney) and by median."""
    ordered = sorted(first)
    below = sum(bisect_left(ordered, each) + bisect_right(ordered, each) for each in second)
    auc = below / (2 * len(first) * len(second))
    return Comparison(len(first), auc, median(second) / median(first))


def timed_pairs(first: Callable[[], None], second: Callable[[], None], pairs: int) -> Comparison:
    """Do both things in turn, each as often first as second, and compare how long they take."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for number in range(pairs):
        for kind in (0, 1) if number % 2 else (1, 0):
            began = perf_counter()
            (first, second)[kind]()
            seconds[kind].append(perf_counter() - began)
    return compared(*seconds)


class Guessed(Deployment, frozen=True):
    """A deployment with passwords as in production, where nobody is kept from guessing."""

    @override
    def environment(self, dsn: str) -> dict[str, str]:
        dear = {"ARGON2_MEMORY_KIB": "19456", "ARGON2_TIME_COST": "2"}
        return super().environment(dsn) | dear | {"LOGIN_FAILURES_BEFORE_DELAY": "1000000"}


def measure(deployment: Deployment, pairs: int) -> Comparison:
    """Guess at an account that is there and at one that is not, over HTTP. Raises `Broken`."""
    guessed, port = Guessed(*msgspec.structs.astuple(deployment)), free_port()
    dsn = guessed.database("guessing")
    with (
        guessed.running(dsn, "ops", "serve", "--port", str(port)) as child,
        httpx2.Client(base_url=f"http://{HOST}:{port}", timeout=30) as client,
    ):
        child.wait_for(f"http://{HOST}:{port}/api/health/ready")
        body = {"email": KNOWN, "full_name": "Known", "password": PASSWORD}
        client.post("/api/users", json=body | {"password_confirmation": PASSWORD})

        def guess(email: str) -> None:
            answer = client.post("/api/auth/login", json={"email": email, "password": "wrong"})
            if answer.status_code != WRONG:
                raise Broken(f"a guess was answered {answer.status_code}: {answer.text}")

        return timed_pairs(lambda: guess(KNOWN), lambda: guess(UNKNOWN), pairs)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--pairs", type=click.IntRange(PAIRS_LEAST), default=400, show_default=True)
@click.option("--tries", type=click.IntRange(1), default=3, show_default=True)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Where the throw-away servers keep their data.",
)
def guessing(pairs: int, tries: int, folder: Path | None) -> None:
    """Guess passwords of a known and an unknown address; fail when the time tells which is which.

    A busy machine may need another try; a difference that is there is there in every one.
    """
    telemetry.configure("warning", "text")
    told = True
    with deployed(folder) as deployment:
        for number in range(1, tries + 1):
            found = measure(deployment, pairs)
            told = found.tells()
            print(f"try {number}: auc {found.auc:.3f}, ratio of medians {found.ratio:.3f}")
            if not told:
                break
    print("the time tells who has an account" if told else "the time tells nothing")
    sys.exit(1 if told else 0)


if __name__ == "__main__":
    guessing()
