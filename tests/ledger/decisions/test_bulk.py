"""Bulk transfers: in their order, later ones on top of earlier ones, all or none when atomic."""

from typing import Any

import pytest

from ledger.commands.asked import Loaded
from ledger.commands.transfer import MakeTransfer
from ledger.decisions.bulk import Bulk
from ledger.decisions.view import NotLoaded
from ledger.errors import ManyRefused, Reason, Refused
from ledger.events.account import AccountCredited, AccountDebited, DailyUsageChanged
from ledger.events.posting import PostingBooked
from ledger.events.transfer import TransferBooked
from tests.builders import (
    ALSO_HERS,
    AS_ANNA,
    AS_BORIS,
    AS_ROBOT,
    FOREIGN,
    HERS,
    HIS,
    QUOTE,
    exchange,
    identity,
    quoting,
    transfer,
    transfers,
)
from tests.builders import (
    TOWN_WITH_ROBOT as TOWN,
)
from tests.ledger.books import Books
from tests.specs import Told, given

MOVED = (PostingBooked, AccountDebited, DailyUsageChanged, AccountCredited, TransferBooked)
FREE = (PostingBooked, AccountDebited, AccountCredited, TransferBooked)


def item(number: int, amount: str = "10.00", **fields: Any) -> MakeTransfer:
    """Return the transfer of a bulk that has this number."""
    ids = {
        "transfer_id": identity(f"item {number}"),
        "posting_id": identity(f"posting of item {number}"),
    }
    return transfer(amount, **(ids | fields))


def bulk_of(told: Told) -> Bulk:
    assert told.view is not None, told.refused
    loaded = next(each for name, each in told.view.changed.items() if name.startswith("bulk-"))
    assert isinstance(loaded.state, Bulk)
    return loaded.state


def test_an_atomic_bulk_books_every_transfer_in_its_order() -> None:
    told = given(TOWN).when(transfers(item(1), item(2), item(3)), by=AS_ANNA)
    told.then_recorded(*MOVED * 3)
    assert told.books.state(f"account-{HERS}").balance == 97_000
    assert [isinstance(each, Loaded) for each in bulk_of(told).results] == [True] * 3


def test_one_refusal_undoes_an_atomic_bulk_and_all_refusals_are_told() -> None:
    asked = transfers(item(1), item(2, "999.00"), item(3), item(4, destination_account_id=HERS))
    told = given(TOWN).when(asked, by=AS_ANNA)
    told.then_refused(Reason.BULK_REJECTED, failed=2, total=4)
    assert isinstance(told.refused, ManyRefused)
    assert [(field, each.reason) for field, each in told.refused.refused] == [
        ("transfers[1]", Reason.AMOUNT_EXCEEDS_LIMIT),
        ("transfers[3].destination_account_id", Reason.SAME_ACCOUNT_TRANSFER),
    ]


def test_without_atomic_the_others_are_booked() -> None:
    asked = transfers(item(1), item(2, "999.00"), item(3), atomic=False)
    told = given(TOWN).when(asked, by=AS_ANNA).then_recorded(*MOVED * 2)
    first, second, third = bulk_of(told).results
    assert isinstance(first, Loaded)
    assert isinstance(second, Refused)
    assert second.reason is Reason.AMOUNT_EXCEEDS_LIMIT
    assert isinstance(third, Loaded)


def test_a_later_transfer_spends_what_an_earlier_one_brought() -> None:
    there = item(1, "700.00", destination_account_id=ALSO_HERS)
    back = item(2, "650.00", source_account_id=ALSO_HERS, destination_account_id=HERS)
    given(TOWN).when(transfers(there, back), by=AS_ANNA).then_recorded(*FREE * 2)
    told = given(TOWN).when(transfers(back, there), by=AS_ANNA)
    told.then_refused(Reason.BULK_REJECTED, failed=1, total=2)


def test_a_strangers_source_is_one_transfers_fault() -> None:
    asked = transfers(item(1), item(2, source_account_id=HIS, destination_account_id=HERS))
    told = given(TOWN).when(asked, by=AS_ANNA)
    told.then_refused(Reason.BULK_REJECTED, failed=1, total=2)
    assert isinstance(told.refused, ManyRefused)
    assert told.refused.refused[0][1].reason is Reason.UNAUTHORIZED_ACCESS


def test_a_service_is_bound_by_no_limit() -> None:
    asked = transfers(item(1, "900.00"), item(2, "100.00"))
    given(TOWN).when(asked, by=AS_ROBOT).then_recorded(*FREE * 2)


def test_a_quote_is_used_once_within_a_bulk_too() -> None:
    one = exchange(transfer_id=identity("one"), posting_id=identity("one posting"))
    told = given(TOWN).done(quoting(), by=AS_ANNA)
    asked = transfers(exchange(), one, atomic=False)
    results = bulk_of(told.when(asked, by=AS_ANNA)).results
    assert isinstance(results[0], Loaded)
    assert isinstance(results[1], Refused)
    assert results[1].reason is Reason.QUOTE_ALREADY_USED


def test_a_bulk_asks_for_all_accounts_at_once_and_then_for_their_owners() -> None:
    books = Books()
    books.happened(*TOWN)
    known = dict(books.memory.entries)
    asked = transfers(item(1), item(2, destination_account_id=FOREIGN, fx_quote_id=QUOTE))
    missing: list[set[str]] = []

    def recall(key: str) -> Any:
        if missing and any(key in keys for keys in missing):
            return known.get(key) or MEMORY(key)
        raise NotLoaded(key)

    MEMORY = books.memory.recall  # noqa: N806 - what is really there
    books.memory.recall = recall  # type: ignore[method-assign]
    for _ in range(2):
        with pytest.raises(NotLoaded) as asked_for:
            books.ask(asked, AS_BORIS)
        missing.append(set(asked_for.value.keys))
    accounts = {f"account-{each}" for each in (HERS, HIS, FOREIGN)}
    assert missing[0] == accounts | {f"quote-{QUOTE}"}
    assert missing[1] == {f"user-{each.state.user_id}" for each in map(known.get, accounts) if each}
