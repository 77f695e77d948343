"""Verbs about proof: seal the log, and show that nobody changed it."""

import asyncio
import os
import time
from pathlib import Path

import click
import msgspec

from ops.databases import migrated_database
from ops.failures import CheckFailed
from ops.output import Output
from ops.proving import bundle, database
from ops.proving.anchors import add_anchor, anchors_in
from ops.proving.database import Wanted
from ops.proving.report import Report
from ops.sealing import seal_now, signer
from ops.verbs.files import OUT
from projections import proofs
from projections.proofs import Inclusion
from projections.tree_heads import shown
from schema.merkle import root_of_inclusion
from schema.postgres import connect, open_pool
from schema.signatures import ALGORITHM, UnreadableKey, key_id_of, public_bytes, public_pem

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
POSITION = click.IntRange(1)


@click.group
def audit() -> None:
    """Seal the log, and prove that nobody changed it."""


@audit.command
@click.pass_obj
def seal(output: Output) -> None:
    """Sign everything that was recorded; exit 1 when the log was altered."""
    settings = output.settings()
    with migrated_database(settings) as dsn:
        made = seal_now(settings, dsn)
    lines = [f"sealed  {head.tree_size}  root {head.root_hash.hex()}" for head in made]
    output.tell([shown(head) for head in made], *(lines or ["nothing new to seal"]))


@audit.command
@click.option("--from", "first", type=POSITION, default=1, help="The first position to look at.")
@click.option("--to", "until", type=POSITION, help="The last position to look at.")
@click.option("--file", type=FILE, help="Verify an exported log instead of the database.")
@click.option("--public-key", "keys", type=FILE, multiple=True, help="Trust this key as well.")
@click.option("--against", type=FILE, help="Anchors that were kept elsewhere.")
@click.pass_obj
def verify(  # noqa: PLR0913  # one argument per flag
    output: Output,
    first: int,
    until: int | None,
    *,
    file: Path | None,
    keys: tuple[Path, ...],
    against: Path | None,
) -> None:
    """Recompute leaves, chain, roots and signatures; exit 1 when anything is not as it was."""
    trusted = dict(map(key_in, keys))
    anchors = [] if against is None else anchors_in(against)
    began = time.perf_counter()
    if file is not None:
        if first > 1 or until is not None:
            raise click.UsageError("a file is verified as a whole")
        report = bundle.verified(file, trusted or None, anchors)
    else:
        settings = output.settings()
        own = signer(settings)
        wanted = Wanted(
            first=first,
            until=until,
            trusted={own.key_id: own.public_key, **trusted},
            anchors=anchors,
        )
        with migrated_database(settings) as dsn, output.progress("verify") as bar:
            report = database.verified(dsn, wanted, bar)
    tell(output, report, report.looked / (time.perf_counter() - began))


def key_in(file: Path) -> tuple[str, bytes]:
    """Read a public key, and the id that follows from it."""
    try:
        key = public_bytes(file.read_text())
    except (UnreadableKey, UnicodeDecodeError) as failure:
        raise click.BadParameter(f"{file} holds no Ed25519 public key") from failure
    return key_id_of(key), key


def tell(output: Output, report: Report, speed: float) -> None:
    """Print a report; exit 1 when something is broken."""
    head = report.newest
    value = {
        "verified": not report.broken,
        "events": report.looked,
        "from": report.first,
        "to": report.last,
        "events_per_second": round(speed),
        "checkpoints": report.asked["roots"],
        "newest": None if head is None else shown(head),
        "checks": {name: [report.good[name], asked] for name, asked in report.asked.items()},
        "findings": report.broken,
    }
    output.tell(value, *report.lines())
    if report.broken:
        raise CheckFailed


@audit.command
@click.argument("position", type=POSITION)
@click.option("--tree-size", type=POSITION, help="Of a checkpoint; the newest one otherwise.")
@click.pass_obj
def proof(output: Output, position: int, tree_size: int | None) -> None:
    """Prove that an event is in a signed tree; the proof is verified before it is printed."""
    settings = output.settings()
    with migrated_database(settings) as dsn:
        found = asyncio.run(inclusion(dsn, position, tree_size))
    path = [bytes.fromhex(each) for each in found.audit_path]
    leaf = bytes.fromhex(found.leaf_hash)
    root = root_of_inclusion(leaf, found.leaf_index, found.tree_size, path)
    lines = [
        f"position   {found.position}",
        f"leaf       {found.leaf_hash}",
        *(f"path       {each}" for each in found.audit_path),
        f"root       {found.root_hash}  of tree size {found.tree_size}",
    ]
    if root.hex() != found.root_hash:
        output.tell(found, *lines, f"FAILED     the path leads to {root.hex()}")
        raise CheckFailed
    output.tell(found, *lines)


async def inclusion(dsn: str, position: int, tree_size: int | None) -> Inclusion:
    """Ask for a proof as HTTP does."""
    async with await open_pool(dsn, 1, "ledgerbank_app") as pool:
        return await proofs.inclusion(pool, position, tree_size)


@audit.command
@click.option("--out", type=OUT, required=True, help="Where to write it.")
@click.pass_obj
def export(output: Output, out: Path) -> None:
    """Write stored events, checkpoints and public keys, to be verified without the database."""
    settings, unfinished = output.settings(), out.with_name(f"{out.name}.part")
    with (
        migrated_database(settings) as dsn,
        connect(dsn, "ledgerbank_app", statement_timeout_ms=0) as connection,
        output.progress("export") as bar,
    ):
        with unfinished.open("wb") as to:
            events, heads = bundle.export(connection, to, bar)
            to.flush()
            os.fsync(to.fileno())
        unfinished.replace(out)
    value = {"file": str(out), "events": events, "checkpoints": heads}
    output.tell(value, f"wrote {events} events and {heads} checkpoints to {out}")


@audit.command
@click.option("--to", "file", type=OUT, required=True, help="A file kept somewhere else.")
@click.pass_obj
def anchor(output: Output, file: Path) -> None:
    """Add the newest checkpoint to a file; exit 1 when the log contradicts one that is there."""
    settings = output.settings()
    with migrated_database(settings) as dsn, connect(dsn, "ledgerbank_app") as connection:
        added = add_anchor(connection, file)
    value = None if added is None else shown(added)
    line = "nothing new to anchor" if added is None else f"anchored  {added.tree_size}"
    output.tell(value, line)


@audit.command("public-key")
@click.pass_obj
def public_key(output: Output) -> None:
    """Print the public key that this deployment's checkpoints are verified with, as PEM."""
    own = signer(output.settings())
    pem = public_pem(own.public_key)
    value = {"key_id": own.key_id, "algorithm": ALGORITHM, "public_key": pem}
    output.tell(msgspec.to_builtins(value), pem.rstrip())
