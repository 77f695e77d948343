"""The campaign: many lives, each mirrored through its troubles, each mirror held to the truth."""

import msgspec

from ops.mirrors.life import Life, difference
from ops.mirrors.mirror import Mirror
from workers.banks.port import BankPort
from workers.retries import Failed

ROUNDS, DEEDS = 6, 6
TRIES = 12


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a life came to; `wrong` tells every difference, and is empty when all is well."""

    seed: int
    lines: int
    failures: int
    wrong: tuple[str, ...]


def lived(life: Life, seed: int, port: BankPort, access_token: str) -> Found:
    """Let an account live, mirror it after every round, then read everything once more."""
    mirror = Mirror(port, access_token, life.account_id)
    failures, wrong = 0, list[str]()
    for number in range(ROUNDS):
        life.live(DEEDS)
        life.trouble()
        failures += followed(mirror)
        life.calm()
        wrong += compared(mirror, life, f"after round {number}")
    changed, mirror.cursor = mirror.changed, None
    mirror.follow()
    wrong += compared(mirror, life, "read again")
    if mirror.changed != changed:
        wrong.append(f"reading again was news {mirror.changed - changed} times")
    return Found(seed=seed, lines=len(mirror.lines), failures=failures, wrong=tuple(wrong))


def followed(mirror: Mirror) -> int:
    """Follow until it works; return how often it did not."""
    for failures in range(TRIES):
        try:
            mirror.follow()
        except Failed:
            continue
        return failures
    raise AssertionError("the troubles of a round have an end")


def compared(mirror: Mirror, life: Life, when: str) -> list[str]:
    """Tell where the mirror and the truth part."""
    ours, theirs = difference(mirror.known(), life.truth())
    return [f"{when}: ours {ours}, theirs {theirs}"] if ours or theirs else []
