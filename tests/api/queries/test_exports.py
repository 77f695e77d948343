"""The journal of the whole ledger: other programs add it up, and come to our figures (P-3)."""

import csv
import io
import random
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from beancount import loader
from beancount.core.data import Transaction
from psycopg.types.json import Jsonb

from ledger.entries import Entry
from ledger.events.posting import PostingBooked
from ledger.identity import new_id, numbered_id
from ops.embedded.postgres import Place
from projections.journals.formats import FORMATS, account_of
from projections.journals.source import PAGE_ROWS
from projections.postings import Line
from tests.api.queries.conftest import copied
from tests.api.queries.town import Desk, Town, opened
from tests.projections.scripts import Script

PATH = "/api/ledger/export"
SEED, STEPS = 20_250_301, 400
Totals = dict[tuple[str, str], tuple[Decimal, Decimal]]
"""Debits and credits by account and currency."""


class Varied(Town):
    """A town with a random history in currencies of every kind of decimals."""

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn)
        told, dice = self.history, random.Random(SEED)
        Script(told).play(dice.randrange(1_000_000) for _ in range(STEPS))
        self.dinars, self.units = (
            told.account(self.anna, dice.randrange(1, 10**9), code) for code in ("BHD", "CLF")
        )
        self.exchange((self.dinars, -1_234), (self.units, 56_789))
        undone = self.booked("TRANSFER", (self.hers, -300), (self.his, 300))
        self.booked("REVERSAL", (self.hers, 300), (self.his, -300), reverses_posting_id=undone)
        self.booked("FEE", (self.hers, -7), ("fees:USD", 7))
        self.booked("IMPORT", ("clearing:_OLD__BANK_9:USD", -(10**17)), (self.hers, 10**17))
        for _ in range(PAGE_ROWS):
            told.transfer(self.hers, self.his, 1)
        self.settle()

    def booked(self, kind: str, *entries: tuple[str, int], **links: Any) -> str:
        posting_id = new_id()
        links["posting_id"] = posting_id
        self.history.command(*self.history.posting(kind, "USD", entries, **links))
        return posting_id

    def exchange(self, source: tuple[str, int], destination: tuple[str, int]) -> None:
        """Change money by way of the house."""
        told, posting_id = self.history, new_id()
        entries: list[Entry] = []
        for account, amount in (source, destination):
            code = told.currencies[account]
            sides = ({"account_id": account}, amount), ({"account_code": f"fx:{code}"}, -amount)
            for place, signed in sides:
                entry_id = numbered_id(posting_id, len(entries) + 1)
                entries.append(Entry(entry_id=entry_id, amount=signed, currency=code, **place))
        event = PostingBooked(posting_id=posting_id, kind="FX", entries=tuple(entries))
        moved = [told.side(posting_id, each) for each in entries if each.account_id]
        told.command((f"posting-{posting_id}", event), *moved)


@pytest.fixture(scope="module")
def varied(postgres_server: Place, migrated: str) -> Iterator[Desk]:
    with copied(postgres_server, migrated) as database, opened(Varied(database)) as running:
        yield running


def journal(desk: Desk, form: str, **asked: str) -> str:
    answer = desk.get(desk.town.ada, PATH, format=form, **asked)
    assert answer.status_code == 200, answer.text
    return answer.content.decode()


def loaded(text: str) -> tuple[list[Any], list[Any]]:
    entries, errors, _ = loader.load_string(text)
    return entries, errors


def summed(entries: list[Any]) -> Totals:
    """Add up a journal as beancount has read it."""
    totals: defaultdict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [Decimal()] * 2)
    for entry in entries:
        for posting in entry.postings if isinstance(entry, Transaction) else ():
            assert posting.units is not None
            number, code = posting.units.number, posting.units.currency
            assert isinstance(number, Decimal)
            held = totals[collected(posting.account), code]
            held[number < 0] = held[number < 0] + abs(number)
    return {key: (debits, credit) for key, (debits, credit) in totals.items()}


def collected(account: str) -> str:
    """Return the row of the trial balance that an account counts in."""
    return "customers" if account.startswith("Liabilities:Customers:") else account


def expected(desk: Desk) -> Totals:
    """Return the trial balance under the names that a journal uses."""
    totals: Totals = {}
    for balance in desk.data(desk.town.ada, "/api/ledger/trial-balance"):
        code = balance["currency"]
        assert balance["balanced"] is True
        for row in balance["rows"]:
            if Decimal(row["debit_total"]) or Decimal(row["credit_total"]):
                key = (named(row["code"], code), code)
                totals[key] = Decimal(row["debit_total"]), Decimal(row["credit_total"])
    return totals


def named(code: str, currency: str) -> str:
    if code.startswith("customers:"):
        return "customers"
    return account_of(Line(new_id(), None, code, None, 1, currency))


def test_beancount_comes_to_our_trial_balance(varied: Desk) -> None:
    entries, errors = loaded(journal(varied, "beancount"))
    assert errors == []
    assert summed(entries) == expected(varied)
    assert len({code for _, code in summed(entries)}) == 4
    told = [entry for entry in entries if isinstance(entry, Transaction)]
    assert len(told) > PAGE_ROWS
    assert {entry.narration for entry in told} >= {"OPENING", "FX", "REVERSAL", "IMPORT", "FEE"}


HLEDGER = shutil.which("hledger")


@pytest.mark.skipif(HLEDGER is None, reason="hledger is not installed here; beancount is")
def test_hledger_comes_to_our_trial_balance(varied: Desk) -> None:
    assert HLEDGER is not None
    command = [HLEDGER, "-f", "-", "balance", "--flat", "-O", "csv", "--empty", "--no-total"]
    ran = subprocess.run(
        command, input=journal(varied, "hledger"), capture_output=True, text=True, check=True
    )
    found: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for account, amounts in list(csv.reader(io.StringIO(ran.stdout)))[1:]:
        for amount in amounts.split(", "):
            number, _, code = amount.partition(" ")
            found[collected(account), code] += Decimal(number)
    told = {key: debits - credit for key, (debits, credit) in expected(varied).items()}
    assert {key: each for key, each in found.items() if each} == {
        key: each for key, each in told.items() if each
    }


def test_the_table_comes_to_our_trial_balance(varied: Desk) -> None:
    text = journal(varied, "csv")
    totals: defaultdict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [Decimal()] * 2)
    for row in csv.DictReader(io.StringIO(text, newline="")):
        assert bool(row["account_id"]) != bool(row["account_code"])
        held = totals[collected(row["account"]), row["currency"]]
        held[0] = held[0] + Decimal(row["debit"])
        held[1] = held[1] + Decimal(row["credit"])
    assert {key: (debits, credit) for key, (debits, credit) in totals.items()} == expected(varied)
    assert text.endswith("\r\n")


@pytest.mark.parametrize("change", [1, -(10**6)])
def test_an_entry_that_is_wrong_does_not_add_up(varied: Desk, change: int) -> None:
    [found] = varied.town.execute(
        "SELECT id, entries FROM read.postings WHERE kind = 'TRANSFER' ORDER BY id LIMIT 1"
    )
    posting_id, lines = found
    for wrong in (lines[:1], lines):
        changed = [dict(each) for each in lines]
        for line in changed[: len(wrong)]:
            line["amount"] += change if line["amount"] > 0 else -change
        put(varied, posting_id, changed)
        entries, errors = loaded(journal(varied, "beancount"))
        assert bool(errors) == (len(wrong) == 1)
        assert summed(entries) != expected(varied)
    put(varied, posting_id, lines)
    assert summed(loaded(journal(varied, "beancount"))[0]) == expected(varied)


def put(desk: Desk, posting_id: str, lines: list[Any]) -> None:
    statement = "UPDATE read.postings SET entries = %s WHERE id = %s"
    desk.town.execute(statement, Jsonb(lines), posting_id)


@pytest.mark.parametrize("form", list(FORMATS))
def test_a_journal_is_the_same_for_one_moment(varied: Desk, form: str) -> None:
    town = varied.town
    [[middle]] = town.execute(
        "SELECT booked_at FROM read.postings ORDER BY position OFFSET 100 LIMIT 1"
    )
    [[last]] = town.execute("SELECT max(booked_at) FROM read.postings")
    part, whole = journal(varied, form, at=middle), journal(varied, form, at=last)
    assert whole == journal(varied, form)
    assert len(part) < len(whole)
    town.history.transfer(town.hers, town.his, 77, "later")
    town.history.account(town.boris)
    town.settle()
    assert journal(varied, form, at=middle) == part
    assert journal(varied, form, at=last) == whole
    assert journal(varied, form) != whole


def test_what_people_wrote_is_not_in_a_journal(varied: Desk) -> None:
    town = varied.town
    for form in FORMATS:
        text = journal(varied, form).lower()
        assert "rent" not in text
        assert "example" not in text
        assert town.anna not in text


def test_nothing_booked_is_an_empty_journal(varied: Desk) -> None:
    for form in FORMATS:
        entries = journal(varied, form, at="2025-01-01T00:00:00Z")
        assert "posting:" not in entries
    assert loaded(journal(varied, "beancount", at="2025-01-01T00:00:00Z")) == ([], [])


def test_who_may_take_the_ledger_along(varied: Desk) -> None:
    town = varied.town
    for caller, kind in ((town.ada, "text/plain"), (town.audrey, "text/csv")):
        form = "hledger" if kind == "text/plain" else "csv"
        answer = varied.get(caller, PATH, {"accept": kind}, format=form)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
        assert "attachment" in answer.headers["content-disposition"]
        assert int(answer.headers["ledger-position"]) >= 1
    for caller in (town.anna, town.sue, "service:ledger:read"):
        refused = varied.reason(caller, PATH, format="csv")
        assert refused == (403, "insufficient_permissions")


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({}, "missing_fields"),
        ({"format": "pdf"}, "invalid_field_value"),
        ({"format": "csv", "at": "2999-01-01T00:00:00Z"}, "invalid_datetime_format"),
        ({"format": "csv", "at": "2025-03-01"}, "invalid_datetime_format"),
        ({"format": "csv", "currency": "USD"}, "unknown_parameter"),
    ],
)
def test_what_a_journal_cannot_be_asked_for(
    varied: Desk, asked: dict[str, str], reason: str
) -> None:
    assert varied.reason(varied.town.ada, PATH, **asked) == (400, reason)
