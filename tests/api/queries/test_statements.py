"""Statements over HTTP: they add up, other programs read them, they stay as they are (AC-45)."""

import csv
import io
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import xmlschema

from ledger.events.event import Sealed
from ledger.times import later
from ops.embedded.postgres import Place
from projections.statements import PAGE_LINES
from tests.api.queries.conftest import copied
from tests.api.queries.town import Desk, Town, opened

SCHEMA = Path(__file__).parent / "iso20022" / "camt.053.001.08.xsd"
NAMES = {"": "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"}
DAY = {"from": "2025-03-01", "to": "2025-03-01"}
YEAR = {"from": "2025-01-01", "to": "2025-12-31"}
MANY = 2 * PAGE_LINES + 100
ENTRY = ("NtryRef", "AcctSvcrRef", "CdtDbtInd", "Amt", "BookgDt/DtTm", "BkTxCd/Prtry/Cd")
UNKNOWN = "00000000-0000-7000-8000-000000000000"
TEXTS = (
    "=HYPERLINK(0)",
    "+1",
    "-1",
    "@SUM(A1)",
    'She said "rent", twice\r\nand left',
    "<b>&amp; ]]> \x01\ufffe\U0001f3e0</b>",
    "ü" * 255,
    "'quoted",
)
Cells = dict[str, str]


class Busy(Town):
    """A town where something happened on one account several times per page, all at odd hours."""

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn)
        told = self.history
        for text in TEXTS:
            told.transfer(self.credit, self.his, 1, text)
        self.reference("=1+1", "F-" + "9" * 33, "x" * 140)
        self.calm = told.account(self.boris, 0, "BHD")
        for _ in range(MANY // 2):
            told.transfer(self.hers, self.his, 3)
            told.transfer(self.his, self.hers, 2)
        self.settle()

    def reference(self, *texts: str) -> None:
        """Let a fee be paid back with each reference."""
        for text in texts:
            sealed: Sealed = self.history.seal(self.anna, text)
            entries = (self.credit, -5), (self.hers, 5)
            self.history.command(*self.history.posting("FEE", "USD", entries, reference=sealed))


@pytest.fixture(scope="module")
def busy(postgres_server: Place, migrated: str) -> Iterator[Desk]:
    with copied(postgres_server, migrated) as database, opened(Busy(database)) as running:
        yield running


@pytest.fixture(scope="module")
def schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(SCHEMA)


def path(account_id: str) -> str:
    return f"/api/accounts/{account_id}/statement"


def minor(text: str) -> int:
    return int(text.replace(".", ""))


def table(desk: Desk, caller: str, account_id: str, **asked: str) -> list[Cells]:
    answer = desk.get(caller, path(account_id), format="csv", **asked)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    text = answer.content.decode()
    assert text.endswith("\r\n")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def message(desk: Desk, caller: str, account_id: str, **asked: str) -> bytes:
    answer = desk.get(caller, path(account_id), format="camt053", **asked)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/xml"
    return answer.content


def decoded(schema: xmlschema.XMLSchema, sent: bytes) -> Any:
    """Validate a message; return what it says."""
    told: Any = schema.to_dict(sent)
    return told["BkToCstmrStmt"]


def test_a_statement_has_its_whole_shape(busy: Desk) -> None:
    town = busy.town
    answer = busy.get(town.anna, path(town.credit), **DAY)
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert int(answer.headers["ledger-position"]) >= town.history.position
    whole = answer.json()
    assert whole.keys() == {"data", "success", "timestamp", "correlation_id", "metadata"}
    assert whole["correlation_id"] == answer.headers["x-correlation-id"]
    data = whole["data"]
    lines = data.pop("lines")
    assert data == {
        "account_id": town.credit,
        "currency": "USD",
        "from": "2025-03-01T00:00:00.000000Z",
        "to": "2025-03-01T23:59:59.999999Z",
        "opening_balance": "0.00",
        "closing_balance": "6.77",
        "total_credits": "7.00",
        "total_debits": "0.23",
    }
    listed = busy.data(town.anna, f"/api/accounts/{town.credit}/transactions", limit="100")
    assert lines == listed[::-1]


@pytest.mark.parametrize("name", ["hers", "his", "savings", "credit", "calm"])
def test_opening_and_movements_make_the_closing_balance(busy: Desk, name: str) -> None:
    town = busy.town
    account_id = getattr(town, name)
    data = busy.data(town.ada, path(account_id), **YEAR)
    balance = busy.data(town.ada, f"/api/accounts/{account_id}/balance")["balance"]
    running = minor(data["opening_balance"])
    for line in data["lines"]:
        running += minor(line["amount"]) * (1 if line["direction"] == "CREDIT" else -1)
        assert minor(line["balance_after"]) == running
    assert data["closing_balance"] == balance
    assert running == minor(balance)
    moved = minor(data["total_credits"]) - minor(data["total_debits"])
    assert minor(data["opening_balance"]) + moved == running


def test_all_formats_tell_the_same(busy: Desk) -> None:
    town = busy.town
    lines = busy.data(town.anna, path(town.hers), **DAY)["lines"]
    assert len(lines) > MANY
    assert len({line["id"] for line in lines}) == len(lines)
    rows = table(busy, town.anna, town.hers, **DAY)
    whole = ET.fromstring(message(busy, town.anna, town.hers, **DAY))
    assert whole.findtext(".//TtlNtries/NbOfNtries", None, NAMES) == str(len(lines))
    for line, row, entry in zip(lines, rows, whole.iterfind(".//Ntry", NAMES), strict=True):
        shared = {name: line[name] for name in row.keys() & line.keys() - {"reference"}}
        assert shared == {name: row[name] or None for name in shared}
        assert (row["booked_at"], row["transaction_id"]) == (line["posted_at"], line["id"])
        told = {name: entry.findtext(name, None, NAMES) for name in ENTRY}
        assert told == {
            "NtryRef": line["id"].replace("-", ""),
            "AcctSvcrRef": line["posting_id"].replace("-", ""),
            "CdtDbtInd": {"CREDIT": "CRDT", "DEBIT": "DBIT"}[line["direction"]],
            "Amt": line["amount"],
            "BookgDt/DtTm": line["posted_at"],
            "BkTxCd/Prtry/Cd": line["type"],
        }


def test_the_table_has_its_columns_and_defuses_formulas(busy: Desk) -> None:
    town = busy.town
    rows = table(busy, town.anna, town.credit, **DAY)
    assert ",".join(rows[0]) == (
        "booked_at,transaction_id,type,direction,amount,currency,balance_after,"
        "description,reference,posting_id"
    )
    texts = [row["description"] for row in rows if row["type"] == "TRANSFER"][1:]
    assert texts == [f"'{text}" if text[0] in "=+-@" else text for text in TEXTS]
    references = [row["reference"] for row in rows if row["type"] == "FEE"]
    assert references == ["'=1+1", "F-" + "9" * 33, "x" * 140]


@pytest.mark.parametrize("name", ["credit", "calm", "savings"])
def test_the_message_is_valid_and_carries_balances(
    busy: Desk, schema: xmlschema.XMLSchema, name: str
) -> None:
    town = busy.town
    account_id = getattr(town, name)
    sent = message(busy, town.ada, account_id, **DAY)
    whole = decoded(schema, sent)
    [told] = whole["Stmt"]
    data = busy.data(town.ada, path(account_id), **DAY)
    balances = {each["Tp"]["CdOrPrtry"]["Cd"]: each for each in told["Bal"]}
    assert told["Acct"]["Id"]["Othr"]["Id"] == account_id.replace("-", "")
    assert told["Acct"]["Ccy"] == data["currency"]
    assert told["FrToDt"] == {"FrDtTm": data["from"], "ToDtTm": data["to"]}
    for code, field in (("OPBD", "opening_balance"), ("CLBD", "closing_balance")):
        assert balances[code]["Amt"] == {"@Ccy": data["currency"], "$": abs_amount(data[field])}
        assert balances[code]["CdtDbtInd"] == ("DBIT" if data[field][0] == "-" else "CRDT")
    sums = told["TxsSummry"]
    assert sums["TtlCdtNtries"]["Sum"] == abs_amount(data["total_credits"])
    assert sums["TtlDbtNtries"]["Sum"] == abs_amount(data["total_debits"])
    assert whole["GrpHdr"]["CreDtTm"] == data["to"]


def abs_amount(text: str) -> Decimal:
    return abs(Decimal(text))


def test_texts_survive_in_the_message(busy: Desk, schema: xmlschema.XMLSchema) -> None:
    town = busy.town
    told = decoded(schema, message(busy, town.anna, town.credit, **DAY))["Stmt"][0]
    remittances = [entry["NtryDtls"][0]["TxDtls"][0]["RmtInf"] for entry in told["Ntry"]]
    texts = ["".join(each.get("Ustrd", [])) for each in remittances]
    expected = [text.replace("\x01", "\ufffd").replace("\ufffe", "\ufffd") for text in TEXTS]
    assert texts[1 : 1 + len(TEXTS)] == expected
    references = [each["Strd"][0]["CdtrRefInf"]["Ref"] for each in remittances if "Strd" in each]
    assert references == ["=1+1", "F-" + "9" * 33]
    assert texts[-1] == "x" * 140


def test_a_period_begins_and_ends_to_the_microsecond(busy: Desk) -> None:
    town = busy.town
    rows = table(busy, town.anna, town.hers, **DAY)
    first, last = rows[50], rows[60]
    told = busy.data(
        town.anna, path(town.hers), **{"from": first["booked_at"], "to": last["booked_at"]}
    )
    assert [line["id"] for line in told["lines"]] == [row["transaction_id"] for row in rows[50:61]]
    assert told["opening_balance"] == rows[49]["balance_after"]
    assert told["closing_balance"] == last["balance_after"]
    between = moved(first["booked_at"]), moved(last["booked_at"])
    told = busy.data(town.anna, path(town.hers), **{"from": between[0], "to": between[1]})
    assert len(told["lines"]) == 10
    assert told["opening_balance"] == first["balance_after"]


def moved(text: str) -> str:
    """Return the next microsecond, told on another clock."""
    moment = datetime.fromisoformat(later(text, timedelta(microseconds=1)))
    return moment.astimezone(timezone(timedelta(hours=2))).isoformat()


@pytest.mark.parametrize(
    ("since", "until", "balance"),
    [("2024-02-01", "2025-01-31", "0.00"), ("2025-03-02", "2026-03-02", None)],
)
def test_a_period_without_movement_opens_and_closes_alike(
    busy: Desk, schema: xmlschema.XMLSchema, since: str, until: str, balance: str | None
) -> None:
    town, asked = busy.town, {"from": since, "to": until}
    expected = balance or busy.data(town.ada, f"/api/accounts/{town.his}/balance")["balance"]
    data = busy.data(town.boris, path(town.his), **asked)
    assert data["lines"] == []
    assert (data["opening_balance"], data["closing_balance"]) == (expected, expected)
    assert (data["total_credits"], data["total_debits"]) == ("0.00", "0.00")
    assert table(busy, town.boris, town.his, **asked) == []
    schema.validate(message(busy, town.boris, town.his, **asked))


def test_a_past_statement_is_the_same_for_ever(busy: Desk) -> None:
    town = busy.town
    head = "SELECT recorded_at FROM log.events ORDER BY position DESC LIMIT 1"
    [[now]] = town.execute(head)
    asked = {"from": "2025-03-01", "to": now}

    def made() -> list[Any]:
        documents = [
            busy.get(town.boris, path(town.his), format=name, **asked).content
            for name in ("csv", "camt053")
        ]
        return [*documents, busy.data(town.boris, path(town.his), **asked)]

    before = made()
    town.history.transfer(town.hers, town.his, 4_321, "later")
    town.settle()
    assert made() == before
    assert busy.data(town.boris, path(town.his), **DAY) != before[2]


def test_who_may_have_a_statement(busy: Desk) -> None:
    town = busy.town
    for caller in (town.anna, town.ada, town.sue, town.audrey):
        assert busy.get(caller, path(town.savings), **DAY).status_code == 200
    stranger = busy.reason(town.boris, path(town.savings), **DAY)
    assert stranger == (403, "unauthorized_access")
    robot = busy.reason("service:accounts:read", path(town.savings), **DAY)
    assert robot == (403, "insufficient_permissions")
    unknown = busy.reason(town.anna, path(UNKNOWN), **DAY)
    assert unknown == (404, "account_not_found")


def test_the_other_side_is_named_only_to_who_may_know(busy: Desk) -> None:
    town = busy.town
    [line] = [
        each
        for each in busy.data(town.anna, path(town.hers), **DAY)["lines"]
        if each["description"] == "Payback"
    ]
    assert line["counterparty_account_id"] is None
    [line] = [
        each
        for each in busy.data(town.ada, path(town.hers), **DAY)["lines"]
        if each["description"] == "Payback"
    ]
    assert line["counterparty_account_id"] == town.his


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({}, "missing_fields"),
        ({"from": "2025-03-01"}, "missing_fields"),
        ({"to": "2025-03-01"}, "missing_fields"),
        ({"from": "", "to": "2025-03-01"}, "missing_fields"),
        ({"from": "2025-02-29", "to": "2025-03-01"}, "invalid_datetime_format"),
        ({"from": "yesterday", "to": "2025-03-01"}, "invalid_datetime_format"),
        ({"from": "2025-03-01T00:00:00", "to": "2025-03-01"}, "invalid_datetime_format"),
        ({"from": "2025-03-01", "to": "2025-3-2"}, "invalid_datetime_format"),
        ({"from": "2025-03-02", "to": "2025-03-01"}, "invalid_date_range"),
        ({"from": "2025-03-01T00:00:01Z", "to": "2025-03-01T00:00:00Z"}, "invalid_date_range"),
        ({"from": "2025-01-01", "to": "2026-01-02"}, "invalid_date_range"),
        ({**DAY, "format": "pdf"}, "invalid_field_value"),
        ({**DAY, "limit": "10"}, "unknown_parameter"),
    ],
)
def test_what_a_statement_cannot_be_asked_for(
    busy: Desk, asked: dict[str, str], reason: str
) -> None:
    town = busy.town
    assert busy.reason(town.anna, path(town.hers), **asked) == (400, reason)


def test_a_leap_year_is_a_period(busy: Desk) -> None:
    town = busy.town
    data = busy.data(town.anna, path(town.savings), **{"from": "2024-01-01", "to": "2024-12-31"})
    assert data["closing_balance"] == "0"


def test_documents_come_as_files_and_to_whoever_reads_them(busy: Desk) -> None:
    town = busy.town
    for name, kind, ending in (("csv", "text/csv", "csv"), ("camt053", "application/xml", "xml")):
        asked = {"accept": kind}
        answer = busy.get(town.anna, path(town.hers), asked, format=name, **DAY)
        assert answer.status_code == 200
        named = f'attachment; filename="statement-{town.hers}-2025-03-01-2025-03-01.{ending}"'
        assert answer.headers["content-disposition"] == named
        assert answer.headers["x-content-type-options"] == "nosniff"
    refused = busy.get(town.anna, path(town.hers), {"accept": "image/png"}, format="csv", **DAY)
    assert (refused.status_code, refused.json()["reason"]) == (406, "not_acceptable")
    headers = {"authorization": f"Bearer user:{town.anna}"}
    head = busy.served.request("HEAD", path(town.hers), headers=headers, params=DAY)
    assert (head.status_code, head.content) == (200, b"")
