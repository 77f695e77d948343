"""Rates of exchange: the built-in table, a table in a file, the European Central Bank's file."""

from decimal import Decimal
from pathlib import Path

import pytest

from ledger.money import EXPONENTS
from ops.rates import BUILT_IN, RatesFile, Unreadable, rates_of, read_ecb, read_static
from ops.settings import SettingsRefused, read_settings

DAILY = b"""<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01"
    xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
  <gesmes:subject>Reference rates</gesmes:subject>
  <gesmes:Sender><gesmes:name>European Central Bank</gesmes:name></gesmes:Sender>
  <Cube><Cube time='2025-03-03'>
    <Cube currency='USD' rate='1.0465'/><Cube currency='JPY' rate='157.09'/>
    <Cube currency='XYZ' rate='7'/>
  </Cube></Cube>
</gesmes:Envelope>"""
STATIC = (
    b'{"base": "USD", "as_of": "2026-01-02T03:04:05+01:00", "rates": {"EUR": "0.9", "JPY": 150}}'
)
BOMB = (
    b'<!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    b"<Envelope><Cube time='2025-03-03'><Cube currency='USD' rate='1'/></Cube>&b;</Envelope>"
)
ENVIRONMENT = {"LEDGERBANK_ENV": "test"}


def test_the_banks_file_is_read_as_it_is_published() -> None:
    table = read_ecb(DAILY)
    assert (table.base, table.source) == ("EUR", "ecb")
    assert table.as_of == "2025-03-03T00:00:00.000000Z"
    assert table.rates == {"USD": Decimal("1.0465"), "JPY": Decimal("157.09")}
    assert table.rate("USD", "JPY") == Decimal("150.1098901099")


def test_a_table_in_json_is_read_exactly() -> None:
    table = read_static(STATIC)
    assert (table.base, table.source) == ("USD", "static")
    assert table.as_of == "2026-01-02T02:04:05.000000Z"
    assert table.rates == {"EUR": Decimal("0.9"), "JPY": Decimal(150)}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (BOMB, "document type"),
        (b"<Cube time='2025-03-03'>", "no XML"),
        (b"", "no XML"),
        (DAILY.replace(b"1.0465", b"much"), "rate 'much'"),
        (DAILY.replace(b"1.0465", b"-1"), "USD"),
        (DAILY.replace(b"1.0465", b"NaN"), "USD"),
        (DAILY.replace(b"time='2025-03-03'", b""), "one day"),
        (DAILY.replace(b"2025-03-03", b"2025-03-33"), "known time"),
    ],
)
def test_what_the_bank_never_published_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        read_ecb(content)


@pytest.mark.parametrize(
    "content",
    [
        b"[]",
        b"{",
        STATIC.replace(b"USD", b"XXX"),
        STATIC.replace(b'"0.9"', b'"0"'),
        STATIC.replace(b"+01:00", b""),
        STATIC.replace(b"2026-01", b"2026-13"),
        b'{"base": "USD", "as_of": "2026-01-02T00:00:00Z", "rates": {}}',
    ],
)
def test_what_is_no_table_is_refused(content: bytes) -> None:
    with pytest.raises(Unreadable):
        read_static(content)


def test_a_file_that_is_replaced_is_read_again_and_a_broken_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.rates.LOOK_SECONDS", 0.0)
    path = tmp_path / "rates.json"
    path.write_bytes(STATIC)
    file = RatesFile(path, read_static)
    first = file.current()
    path.write_bytes(STATIC.replace(b"0.9", b"0.8888"))
    assert file.current().rates["EUR"] == Decimal("0.8888")
    path.write_bytes(b"{ half a ta")
    assert file.current().rates["EUR"] == Decimal("0.8888")
    path.unlink()
    assert file.current().rates["EUR"] == Decimal("0.8888")
    assert first.rates["EUR"] == Decimal("0.9")


def test_a_file_is_not_looked_at_for_every_quote(tmp_path: Path) -> None:
    path = tmp_path / "rates.json"
    path.write_bytes(STATIC)
    file = RatesFile(path, read_static)
    path.unlink()
    assert file.current().base == "USD"


def test_settings_choose_the_table(tmp_path: Path) -> None:
    usual = rates_of(read_settings(ENVIRONMENT | {"DATA_DIR": str(tmp_path)}))
    assert (usual.current(), usual.quote_seconds) == (BUILT_IN, 30)
    path = tmp_path / "daily.xml"
    path.write_bytes(DAILY)
    chosen = {"FX_RATES_SOURCE": "ecb", "FX_RATES_FILE": str(path), "FX_QUOTE_TTL_SECONDS": "60"}
    given = rates_of(read_settings(ENVIRONMENT | chosen | {"DATA_DIR": str(tmp_path)}))
    assert (given.current().source, given.quote_seconds) == ("ecb", 60)


def test_a_start_without_the_chosen_file_is_refused(tmp_path: Path) -> None:
    usual = ENVIRONMENT | {"DATA_DIR": str(tmp_path), "FX_RATES_SOURCE": "ecb"}
    with pytest.raises(SettingsRefused, match="FX_RATES_FILE"):
        read_settings(usual)
    missing = usual | {"FX_RATES_FILE": str(tmp_path / "nowhere.xml")}
    with pytest.raises(SettingsRefused, match="FX_RATES_FILE cannot be read"):
        rates_of(read_settings(missing))
    long = tmp_path / "long.xml"
    long.write_bytes(b" " * 1_000_001)
    with pytest.raises(SettingsRefused, match="longer"):
        rates_of(read_settings(usual | {"FX_RATES_FILE": str(long)}))


def test_the_built_in_table_is_of_currencies_that_can_be_held() -> None:
    assert BUILT_IN.rates.keys() <= EXPONENTS.keys()
    assert {EXPONENTS[code] for code in BUILT_IN.rates} == {0, 2, 3, 4}
    assert BUILT_IN.rate("USD", "XOF") is None
