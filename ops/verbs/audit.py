"""Verbs about proof: seal the log, and show that nobody changed it."""

import click

from ops.databases import migrated_database
from ops.output import Output
from ops.sealing import seal_now
from projections.tree_heads import shown


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
