"""What a client may ask of a list, and how it is told what is wrong (http.md §1.12)."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from decimal import Decimal

import pytest

from ledger.errors import Reason, Refused
from projections import accounts, payments, transactions, users
from projections.cursors import Cursors
from projections.page import Faulty, Keyset, Listing, Offset, Order, Wanted, parse

CURSORS = Cursors(b"a secret of the settings")
USER = "01956c1e-7a10-7cc3-9b1e-3f6a4f2b9c11"
NEWEST_FIRST = (Order("inserted_at", descending=True), Order("id", descending=True))


def ask(listing: Listing = payments.LISTING, /, **parameters: str) -> Wanted:
    return parse(listing, parameters, CURSORS)


def refused(listing: Listing = payments.LISTING, /, **parameters: str) -> list[tuple[Reason, str]]:
    """Return reasons and fields of everything that is wrong."""
    with pytest.raises(Faulty) as found:
        ask(listing, **parameters)
    assert found.value.reason is found.value.faults[0].reason
    return [(fault.reason, fault.details["field"]) for fault in found.value.faults]


def test_nothing_asked_is_the_first_page_newest_first() -> None:
    wanted = ask()
    assert wanted.paging == Offset(1, 20)
    assert wanted.order == NEWEST_FIRST
    assert (wanted.filters, wanted.scope, wanted.user_id) == ({}, "own", None)


@pytest.mark.parametrize(
    ("page", "size", "expected"),
    [
        ("3", "50", Offset(3, 50)),
        ("0", "0", Offset(1, 20)),
        ("-1", "-5", Offset(1, 20)),
        ("x", "x", Offset(1, 20)),
        ("1.5", "1e1", Offset(1, 20)),
        ("", "", Offset(1, 20)),
        ("007", "101", Offset(7, 100)),
        ("2", "99999999", Offset(2, 100)),
        ("²", "٣", Offset(1, 20)),
    ],
)
def test_bad_page_numbers_are_the_usual_ones(page: str, size: str, expected: Offset) -> None:
    assert ask(page=page, page_size=size).paging == expected


def test_a_limit_or_a_cursor_means_keyset() -> None:
    assert ask(limit="7").paging == Keyset(7, None)
    assert ask(limit="x").paging == Keyset(20, None)
    cursor = ask().sign(("2025", USER))
    assert ask(cursor=cursor).paging == Keyset(20, ("2025", USER))
    assert ask(cursor=cursor, limit="500").paging == Keyset(100, ("2025", USER))


def test_filters_are_read_in_any_letter_case() -> None:
    wanted = ask(status="pending", direction="Debit", account_id=USER.upper(), q="  Rent ")
    assert wanted.filters == {
        "status": "PENDING",
        "direction": "DEBIT",
        "account_id": USER,
        "q": "Rent",
    }


def test_dates_are_compared_in_utc_and_amounts_exactly() -> None:
    wanted = ask(
        date_from="2025-03-01T10:00:00+01:00",
        date_to="2025-03-01T09:00:00.000001z",
        amount_min="0.1",
        amount_max="0.10",
    )
    assert wanted.filters == {
        "date_from": "2025-03-01T09:00:00.000000Z",
        "date_to": "2025-03-01T09:00:00.000001Z",
        "amount_min": Decimal("0.1"),
        "amount_max": Decimal("0.10"),
    }


@pytest.mark.parametrize(
    ("parameters", "reason", "field"),
    [
        ({"colour": "red"}, Reason.UNKNOWN_PARAMETER, "colour"),
        ({"status": "DONE"}, Reason.INVALID_STATUS, "status"),
        ({"status": ""}, Reason.MISSING_FIELDS, "status"),
        ({"status": " "}, Reason.MISSING_FIELDS, "status"),
        ({"direction": "UP"}, Reason.INVALID_DIRECTION, "direction"),
        ({"payment_type": "GIFT"}, Reason.INVALID_PAYMENT_TYPE, "payment_type"),
        ({"currency": "usd"}, Reason.INVALID_CURRENCY_FORMAT, "currency"),
        ({"currency": "XXX"}, Reason.INVALID_CURRENCY_FORMAT, "currency"),
        ({"account_id": "1"}, Reason.INVALID_UUID_FORMAT, "account_id"),
        ({"user_id": "me"}, Reason.INVALID_UUID_FORMAT, "user_id"),
        ({"scope": "some"}, Reason.INVALID_FIELD_VALUE, "scope"),
        ({"date_from": "2025-03-01"}, Reason.INVALID_DATETIME_FORMAT, "date_from"),
        ({"date_to": "2025-02-30T00:00:00Z"}, Reason.INVALID_DATETIME_FORMAT, "date_to"),
        ({"date_to": "0001-01-01T00:00:00+23:59"}, Reason.INVALID_DATETIME_FORMAT, "date_to"),
        ({"date_to": "2025-03-01T00:00:00"}, Reason.INVALID_DATETIME_FORMAT, "date_to"),
        ({"amount_min": "1e3"}, Reason.INVALID_AMOUNT_FORMAT, "amount_min"),
        ({"amount_max": "+1"}, Reason.INVALID_AMOUNT_FORMAT, "amount_max"),
        ({"q": "x" * 101}, Reason.INVALID_FIELD_VALUE, "q"),
        ({"sort": "id"}, Reason.INVALID_SORT_FIELD, "sort"),
        ({"sort": "amount:up"}, Reason.INVALID_SORT_FIELD, "sort"),
        ({"sort": "amount:"}, Reason.INVALID_SORT_FIELD, "sort"),
        ({"sort": ""}, Reason.INVALID_SORT_FIELD, "sort"),
        ({"sort": "amount,amount:desc"}, Reason.INVALID_SORT_FIELD, "sort"),
        (
            {"sort": "amount,status,direction,currency,posted_at"},
            Reason.INVALID_SORT_FIELD,
            "sort",
        ),
        ({"cursor": ""}, Reason.INVALID_CURSOR, "cursor"),
        ({"cursor": "not ours"}, Reason.INVALID_CURSOR, "cursor"),
        ({"cursor": "é"}, Reason.INVALID_CURSOR, "cursor"),
        ({"cursor": "a" * 2_000}, Reason.INVALID_CURSOR, "cursor"),
        (
            {"date_from": "2025-03-02T00:00:00Z", "date_to": "2025-03-01T00:00:00Z"},
            Reason.INVALID_DATE_RANGE,
            "date_from",
        ),
        ({"amount_min": "2", "amount_max": "1.99"}, Reason.INVALID_AMOUNT_RANGE, "amount_min"),
    ],
)
def test_every_fault_has_its_reason(parameters: dict[str, str], reason: Reason, field: str) -> None:
    assert refused(payments.LISTING, **parameters) == [(reason, field)]


def test_all_faults_are_told_together() -> None:
    found = refused(colour="red", status="DONE", sort="id", cursor="x")
    assert found == [
        (Reason.UNKNOWN_PARAMETER, "colour"),
        (Reason.INVALID_STATUS, "status"),
        (Reason.INVALID_SORT_FIELD, "sort"),
        (Reason.INVALID_CURSOR, "cursor"),
    ]


def test_what_a_list_allows_is_told() -> None:
    with pytest.raises(Faulty) as found:
        ask(users.LISTING, scope="all")
    allowed = found.value.faults[0].details["allowed"]
    assert {"status", "email", "cursor", "version"} <= set(allowed)
    assert not {"scope", "user_id"} & set(allowed)
    assert ask(users.LISTING, version="1").filters == {}


def test_sorting_by_several_fields_ends_with_the_id() -> None:
    assert ask(sort="status, created_at:asc,amount:desc").order == (
        Order("status", descending=False),
        Order("inserted_at", descending=False),
        Order("amount", descending=True),
        Order("id", descending=True),
    )


def test_a_fixed_filter_cannot_be_sent() -> None:
    fixed = {"account_id": USER}
    assert parse(transactions.LISTING, {}, CURSORS, fixed).filters == fixed
    with pytest.raises(Faulty) as found:
        parse(transactions.LISTING, {"account_id": USER}, CURSORS, fixed)
    assert found.value.reason is Reason.UNKNOWN_PARAMETER


def test_a_cursor_belongs_to_its_list_filters_sort_scope_and_secret() -> None:
    cursor = ask(status="PENDING").sign(("2025", USER))
    assert ask(status="pending", cursor=cursor, limit="3").paging == Keyset(3, ("2025", USER))
    wrong = [(Reason.INVALID_CURSOR, "cursor")]
    assert refused(cursor=cursor) == wrong
    assert refused(cursor=cursor, status="FAILED") == wrong
    assert refused(cursor=cursor, status="PENDING", sort="amount") == wrong
    assert refused(cursor=cursor, status="PENDING", scope="all") == wrong
    assert refused(cursor=cursor, status="PENDING", page="1") == wrong
    assert refused(accounts.LISTING, cursor=ask().sign(("2025", USER))) == wrong
    with pytest.raises(Refused):
        parse(payments.LISTING, {"cursor": cursor, "status": "PENDING"}, Cursors(b"another"))


def test_no_changed_bit_of_a_cursor_passes() -> None:
    cursor = ask().sign(("2025", USER))
    content = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    for index in range(len(content)):
        changed = bytearray(content)
        changed[index] ^= 1
        forged = urlsafe_b64encode(changed).rstrip(b"=").decode()
        assert refused(cursor=forged) == [(Reason.INVALID_CURSOR, "cursor")]


def test_only_a_reader_looks_at_what_others_own() -> None:
    other = "01956c1e-7a10-7cc3-9b1e-000000000000"
    assert ask().owner(USER, reader=False) == USER
    assert ask().owner(USER, reader=True) == USER
    assert ask(user_id=USER).owner(USER, reader=False) == USER
    assert ask(user_id=other).owner(USER, reader=True) == other
    assert ask(scope="all").owner(USER, reader=True) is None
    assert ask(scope="all", user_id=other).owner(USER, reader=True) == other
    for asked in (ask(scope="all"), ask(user_id=other)):
        with pytest.raises(Refused) as refusal:
            asked.owner(USER, reader=False)
        assert refusal.value.reason is Reason.INSUFFICIENT_PERMISSIONS
