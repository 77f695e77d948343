"""Decisions about many transfers at once, in their order (ledger.md §5.2)."""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import msgspec

from ledger.aggregates.account_states import Open
from ledger.commands.asked import Loaded
from ledger.commands.transfer import MakeTransfer, MakeTransfers
from ledger.decisions.transfers import make_transfer
from ledger.decisions.view import View
from ledger.errors import ManyRefused, Reason, Refused

Result: TypeAlias = Loaded | Refused


class Bulk(msgspec.Struct, frozen=True):
    """What became of every transfer of a bulk, in its order: the transfer, or why there is none."""

    atomic: bool
    results: Sequence[Result]


def make_transfers(view: View, command: MakeTransfers) -> str:
    """Try each transfer on top of the earlier ones; when `atomic`, one refusal undoes them all."""
    gather(view, command)
    results = [attempted(view, each) for each in command.transfers]
    refused = list(refusals(results))
    if command.atomic and refused:
        raise ManyRefused(
            Reason.BULK_REJECTED, refused, failed=len(refused), total=len(command.transfers)
        )
    return view.tell(f"bulk-{command.bulk_id}", Bulk(command.atomic, results))


def attempted(view: View, command: MakeTransfer) -> Result:
    """Make one transfer, or say why not; a refused one has left no trace."""
    before = len(view.events)
    try:
        return view.load(make_transfer(view, command))
    except Refused as refused:
        assert len(view.events) == before, "a transfer is refused before it is recorded"
        return refused


def refusals(results: Sequence[Result]) -> Iterator[tuple[str, Refused]]:
    """Yield the address of each transfer that was refused, and why."""
    for index, result in enumerate(results):
        if isinstance(result, Refused):
            field = result.details.get("field")
            yield f"transfers[{index}]" + (f".{field}" if field else ""), result


def gather(view: View, command: MakeTransfers) -> None:
    """Ask for everything at once: the accounts, then who owns them, and the quotes."""
    accounts = {
        f"account-{account_id}"
        for each in command.transfers
        for account_id in (each.source_account_id, each.destination_account_id)
    }
    quotes = {f"quote-{each.fx_quote_id}" for each in command.transfers if each.fx_quote_id}
    view.gather(accounts | quotes)
    states = [view.state(each) for each in accounts]
    view.gather({f"user-{each.user_id}" for each in states if isinstance(each, Open)})
