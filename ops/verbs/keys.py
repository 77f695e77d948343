"""Verbs about keys: which there are, and replacing them without losing what they made."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import click

from ledger.commands.audit import RecordSecurityEvent
from ops.banking import ring_of
from ops.databases import fit_database, migrated_database
from ops.failures import CheckFailed
from ops.index_keys import admit
from ops.output import Output
from ops.projecting import record
from ops.purposes import INDEX, ROTATIONS
from ops.rotations import Rotated
from ops.sealing import signer
from ops.settings import Settings
from ops.signing_in import tokens_of
from schema import index_keys
from schema.postgres import connect
from schema.resealing import reseal
from schema.signatures import ALGORITHM

COLUMNS = ("purpose", "kid", "algorithm", "use", "count")
TOKENS, HASH = "tokens", "HMAC-SHA-256"
Row = tuple[str, str, str, str, int | None]


@click.group
def keys() -> None:
    """Look at the keys of this deployment, and replace them."""


@keys.command("list")
@click.pass_obj
def list_keys(output: Output) -> None:
    """List the ids of all keys, never the keys.

    Counted is what a key is needed for: data keys under it, checkpoints it has signed.
    """
    settings = output.settings()
    with migrated_database(settings) as dsn:
        found = [
            *token_keys(settings),
            *data_keys(settings, dsn),
            *audit_keys(settings, dsn),
            *hashing_keys(settings, dsn),
        ]
    output.table([dict(zip(COLUMNS, row, strict=True)) for row in found], COLUMNS)


def every_purpose(command: Callable[..., None]) -> Callable[..., None]:
    """Give a verb one flag per purpose of keys that can be replaced."""
    command = click.option(
        f"--{TOKENS}", is_flag=True, help="Encrypt banks' tokens under the first of their keys."
    )(command)
    for purpose, rotation in reversed(ROTATIONS.items()):
        command = click.option(f"--{purpose}", is_flag=True, help=rotation.help)(command)
    return command


@keys.command
@every_purpose
@click.pass_obj
def rotate(output: Output, /, **asked: bool) -> None:
    """Replace a key; processes use the new one from the next start on.

    What the key before it made stays good: tokens until they are replaced again, checkpoints for
    ever, data keys by being wrapped anew, claims by being made again while nobody else runs. A key
    that is kept elsewhere is changed there first; an index key before it is given this once as
    PREVIOUS_INDEX_KEY.
    """
    purposes = [name for name, wanted in asked.items() if wanted]
    if len(purposes) != 1:
        raise click.UsageError(f"one of {', '.join(f'--{name}' for name in (*ROTATIONS, TOKENS))}")
    if purposes == [TOKENS]:
        return reseal_tokens(output)
    rotation, settings = ROTATIONS[purposes[0]], output.settings()
    with fit_database(settings) as dsn:
        if purposes != [INDEX]:
            admit(settings, dsn)
        rotation.renew(settings, dsn)
        after = output.settings()
        done = rotation.tell(settings, after, dsn)
        asyncio.run(record(after, dsn, RecordSecurityEvent(event=done.event())))
        rotation.finish(after, dsn)
    return tell(output, done)


def reseal_tokens(output: Output) -> None:
    """Encrypt what the vault of bank tokens keeps under the first of TOKEN_ENCRYPTION_KEYS.

    Fails when something is under a key that is not configured: it is left as it is.
    """
    settings = output.settings()
    ring = ring_of(settings)
    with migrated_database(settings) as dsn:
        with connect(dsn, "ledgerbank_app") as connection:
            done = reseal(connection, ring)
        told = Rotated(TOKENS, ring.active, tuple(ring.ciphers)[1:], done.tokens + done.journeys)
        asyncio.run(record(settings, dsn, RecordSecurityEvent(event=told.event())))
    output.tell(
        {
            "sealing": ring.active,
            "tokens": done.tokens,
            "journeys": done.journeys,
            "locked": done.locked,
        },
        f"sealing {ring.active}: {done.tokens} connections, {done.journeys} on their way",
        *(f"LOCKED connection {each}: its key is not configured" for each in done.locked),
    )
    if done.locked:
        raise CheckFailed


def tell(output: Output, done: Rotated) -> None:
    """Print which key is used from now on."""
    lines = [f"active {done.active}", *(f"previous {kid}" for kid in done.previous)]
    if done.renewed:
        lines.append(f"renewed {done.renewed}")
    output.tell(done, *lines)


def token_keys(settings: Settings) -> Iterator[Row]:
    """Yield keys of tokens, and of what outside banks gave us."""
    tokens = tokens_of(settings)
    yield "jwt", tokens.signing.kid, tokens.signing.algorithm, "signing", None
    for key in tokens.verifying.values():
        if key.kid != tokens.signing.kid:
            yield "jwt", key.kid, key.algorithm, "verifying", None
    for place, kid in enumerate(settings.identity.token_encryption_keys):
        yield "tokens", kid, "AES-256-GCM", "opening" if place else "sealing", None


def data_keys(settings: Settings, dsn: str) -> Iterator[Row]:
    """Yield keys that data keys are wrapped under; one in use that is not given is missing."""
    counts = dict(counted(dsn, WRAPPED))
    for place, kid in enumerate(settings.identity.data_key_encryption_keys):
        yield "data", kid, "AES-256-GCM", "opening" if place else "sealing", counts.pop(kid, 0)
    for kid, count in sorted(counts.items()):
        yield "data", kid, "AES-256-GCM", "missing", count


def audit_keys(settings: Settings, dsn: str) -> Iterator[Row]:
    """Yield the key that signs checkpoints, and those whose signatures stay good."""
    own, counts = signer(settings).key_id, dict(counted(dsn, SIGNED))
    yield "audit", own, ALGORITHM, "signing", counts.pop(own, 0)
    for kid, count in sorted(counts.items()):
        yield "audit", kid, ALGORITHM, "verifying", count


def hashing_keys(settings: Settings, dsn: str) -> Iterator[Row]:
    """Yield the key of claims, and those before it that repeated requests are known by."""
    own = index_keys.id_of(settings.core.index_key)
    [(count,)] = counted(dsn, HASHED)
    with connect(dsn, "ledgerbank_app") as connection:
        used, earlier = index_keys.in_use(connection), index_keys.earlier_ids(connection)
    fits = used is None or used.key_id == own
    yield INDEX, own, HASH, "hashing" if fits else "unused", count if fits else 0
    if used is not None and not fits:
        yield INDEX, used.key_id, HASH, "missing", count
    for kid in earlier:
        yield INDEX, kid, HASH, "recognising", None


def counted(dsn: str, query: bytes) -> Sequence[tuple[Any, ...]]:
    """Return key ids with how much each is needed for."""
    with connect(dsn, "ledgerbank_app") as connection:
        return connection.execute(query).fetchall()


HASHED = b"""
SELECT count(*) FROM log.claims WHERE namespace IN ('email', 'payment_fingerprint', 'connection')
"""
WRAPPED = b"SELECT wrapped_by, count(*) FROM log.data_keys GROUP BY 1"
SIGNED = b"""
SELECT key_id, count(tree_size) FROM log.audit_keys LEFT JOIN log.checkpoints USING (key_id)
GROUP BY 1
"""
