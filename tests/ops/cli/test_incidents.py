"""`ledgerbank incident`: one account in a file comes to the same states elsewhere (P-13)."""

from pathlib import Path

from tests.ops.cli.books import rows
from tests.ops.cli.shell import Shell


def test_an_account_is_taken_elsewhere(demo: Shell, tmp_path: Path) -> None:
    dsn, out = demo.environment["DATABASE_URL"], tmp_path / "incident.jsonl"
    [(account,)] = rows(dsn, "SELECT id::text FROM read.accounts WHERE last_four = '1234'")
    ran = demo("--json", "incident", "export", "--account", account, "--out", str(out), "--redact")
    assert ran.code == 0, ran.err
    written = out.read_text()
    sealed = rows(dsn, "SELECT data FROM log.events WHERE stream_id = %s", f"account-{account}")
    assert len(written.splitlines()) == ran.json["events"] + 1 > len(sealed)
    found = demo("--json", "incident", "replay", str(out), DATABASE_URL="")
    assert found.code == 0, found.err
    [mine] = [each for each in found.json if each["stream"] == f"account-{account}"]
    assert (mine["version"], mine["equal"]) == (len(sealed), True)
    assert {each["stream"].partition("-")[0] for each in found.json} >= {"account", "posting"}
    assert '"enc":""' in written
    out.write_text("".join(written.splitlines(keepends=True)[:-1]))
    assert demo("incident", "replay", str(out)).code == 1
    out.write_text(written.replace('"amount":', '"amount":x', 1))
    ran = demo("incident", "replay", str(out))
    assert (ran.code, ran.err.partition(":")[0]) == (1, "error")
    assert demo("incident", "export", "--account", "x", "--out", str(out)).code == 1
