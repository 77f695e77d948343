"""`ledgerbank ledger export`: a journal in a file, whole or not at all."""

from decimal import Decimal
from pathlib import Path

import pytest
from beancount import loader
from beancount.core.data import Transaction

from ops.verbs import journals
from projections.journals.formats import FORMATS
from tests.ops.cli.books import change
from tests.ops.cli.shell import Shell


def test_the_demo_adds_up(demo: Shell, tmp_path: Path) -> None:
    for form in FORMATS:
        out = tmp_path / f"ledger.{form}"
        ran = demo("--json", "ledger", "export", "--format", form, "--out", str(out))
        assert (ran.code, ran.err) == (0, "")
        assert ran.json == {"out": str(out), "bytes": out.stat().st_size}
    assert not list(tmp_path.glob("*.part"))
    out = tmp_path / "demo.beancount"
    ran = demo("ledger", "export", "--format", "beancount", "--out", str(out))
    assert ran.lines == [f"written to {out}"]
    entries, errors, _ = loader.load_file(str(out))
    assert errors == []
    owed = sum(
        posting.units.number
        for entry in entries
        if isinstance(entry, Transaction)
        for posting in entry.postings
        if posting.account.startswith("Liabilities:Customers:USD:")
        and posting.units is not None
        and isinstance(posting.units.number, Decimal)
    )
    assert owed == Decimal("-1500.00")


def test_a_moment_may_be_told(demo: Shell, tmp_path: Path) -> None:
    out = tmp_path / "ledger.csv"
    told = ("ledger", "export", "--format", "csv", "--out", str(out), "--at")
    assert demo(*told, "2000-01-01T00:00:00Z").code == 0
    assert out.read_bytes().count(b"\r\n") == 1
    for wrong in ("yesterday", "2025-03-01T00:00:00"):
        assert demo(*told, wrong).code == 2


def test_a_journal_is_whole_or_not_written(
    demo: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "PATIENCE_SECONDS", 0.1)
    out = tmp_path / "ledger.csv"
    dsn = demo.environment["DATABASE_URL"]
    change(dsn, "UPDATE read.checkpoints SET position = 1 WHERE projection = 'postings'")
    ran = demo("ledger", "export", "--format", "csv", "--out", str(out))
    assert ran.code == 1
    assert "projection_lagging" in ran.err
    assert not out.exists()
