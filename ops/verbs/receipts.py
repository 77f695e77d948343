"""Verbs about receipts: whether one is true."""

from pathlib import Path

import click

from ops.failures import CheckFailed
from ops.output import Output
from ops.receipt_verifier import Untrue, read_key, read_receipt, told, verify

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group
def receipt() -> None:
    """Look at the proof of one transaction, without the bank."""


@receipt.command("verify")
@click.argument("file", type=FILE)
@click.option("--public-key", "key_file", type=FILE, required=True, help="The bank's, PEM.")
@click.pass_obj
def verify_receipt(output: Output, file: Path, key_file: Path) -> None:
    """Verify a receipt; exit 1 when it is not true."""
    try:
        found, key = read_receipt(file.read_text()), read_key(key_file.read_text())
    except (ValueError, TypeError, AttributeError) as failure:
        raise click.UsageError(f"cannot be read: {failure}") from failure
    try:
        transaction = verify(found, key)
    except Untrue as untrue:
        output.tell({"verified": False, "says": str(untrue)}, f"NOT VERIFIED  {untrue}")
        raise CheckFailed from untrue
    value = {"verified": True, "transaction": transaction}
    output.tell(value, f"VERIFIED  {told(transaction, found)}")
