"""Every verb, in words and in JSON, with every exit code that is documented (AC-98)."""

import io
import re
import shlex
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ledger.identity import new_id
from ops import databases
from ops.demo import ALICE, BOB
from ops.settings.generated import signing_key
from schema.signatures import public_pem, signer_of
from tests.ops.cli.books import rows
from tests.ops.cli.exits import ENDS, Ends
from tests.ops.cli.shell import NOWHERE, ROOT, Ran, Shell
from tests.ops.cli.test_cli import EVERY
from tests.ops.cli.test_jobs import LETTER, job

Values = dict[str, Any]
WRITTEN = re.compile(r"(--out|--to) \{tmp\}/\w+\{n\}\S*")
OUT_OF_REACH = "cannot be reached: "


@pytest.fixture
def values(tmp_path: Path) -> Values:
    """Give what verbs are asked for where there are no books."""
    (tmp_path / "garbage").write_text("this is no JSON\n")
    (tmp_path / "empty.json").write_text("{}")
    (tmp_path / "key.pem").write_text(public_pem(signer_of(signing_key()).public_key))
    known = dict.fromkeys(
        ("nobody", "account", "endpoint", "job1", "letter1", "service", "key"), new_id()
    )
    return {**known, "tmp": tmp_path, "alice": ALICE.email, "bob": BOB.email}


def bank(shell: Shell, values: Values) -> None:
    """Put into the books what verbs are about, and add to what they are asked for."""
    dsn = shell.environment["DATABASE_URL"]
    [(values["account"],)] = rows(
        dsn, "SELECT id::text FROM read.accounts WHERE last_four = '1234'"
    )
    [(values["key"],)] = rows(dsn, "SELECT key FROM log.commands ORDER BY first_position LIMIT 1")
    for number in ("1", "2"):
        values[f"job{number}"] = job(shell)
        [(values[f"letter{number}"],)] = rows(dsn, LETTER, job(shell, "discarded"))


def test_every_verb_has_its_ends() -> None:
    assert set(ENDS) == set(EVERY)
    for verb, ends in ENDS.items():
        assert ends.done is not None or ends.elsewhere, verb
        if ends.elsewhere is not None:
            named = (ROOT / ends.elsewhere).read_text(encoding="utf-8")
            assert verb.rpartition(" ")[2] in named, verb


def run(shell: Shell, verb: str, asked: str, values: Values, **changes: str) -> Ran:
    return shell(*verb.split(), *shlex.split(asked.format_map(values)), **changes)


def test_done_is_0_in_words_and_in_json(
    demo: Shell, values: Values, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank(demo, values)
    wrong = {}
    for verb, ends in ENDS.items():
        if verb == "webhooks replay":
            rows(demo.environment["DATABASE_URL"], ENDPOINT, values["endpoint"])
        for n, asked in enumerate(both(ends), start=1):
            monkeypatch.setattr("sys.stdin", io.StringIO("a pass phrase that is long enough\n"))
            ran = run(demo, verb, asked + " --json" * (n == 2), {**values, "n": n})
            if ran.code or not ran.out or (n == 2 and not documents(ran)):
                wrong[verb, n] = ran
            if verb == "service create":
                values[f"service{n}"] = values["service"] = ran.out.split("(")[-1].split(")")[0]
                if n == 2:
                    values["service"] = documents(ran)[0]["id"]
    assert wrong == {}


def both(ends: Ends) -> tuple[str, ...]:
    """Return what is asked in words and in JSON."""
    match ends.done:
        case None:
            return ()
        case str(asked):
            return (asked, asked)
        case pair:
            return pair


def documents(ran: Ran) -> list[Any]:
    """Return the JSON that was printed, one document or one to a line."""
    try:
        return [msgspec.json.decode(ran.out)]
    except msgspec.DecodeError:
        try:
            return [msgspec.json.decode(line) for line in ran.lines]
        except msgspec.DecodeError:
            return []


def test_refused_is_1_and_says_why(
    demo: Shell, values: Values, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = {}
    for verb, ends in ENDS.items():
        if ends.refused is not None:
            monkeypatch.setattr("sys.stdin", io.StringIO("a pass phrase that is long enough\n"))
            ran = run(demo, verb, ends.refused, values)
            if ran.code != 1 or not (ran.err or "NOT VERIFIED" in ran.out):
                wrong[verb] = ran
    assert wrong == {}


def test_misuse_is_2(bare: Shell) -> None:
    ran = {verb: bare(*verb.split(), "--no-such-flag", DATABASE_URL=NOWHERE) for verb in ENDS}
    assert {verb: each for verb, each in ran.items() if each.code != 2} == {}


@pytest.mark.parametrize("out", ["{tmp}/no/such/file", "{tmp}"])
def test_a_file_that_cannot_be_written_is_2_at_once(bare: Shell, values: Values, out: str) -> None:
    writing = {verb: ends.words for verb, ends in ENDS.items() if WRITTEN.search(ends.words)}
    assert len(writing) == 8
    ran = {
        verb: run(bare, verb, WRITTEN.sub(rf"\1 {out}", asked), values, DATABASE_URL=NOWHERE)
        for verb, asked in writing.items()
    }
    assert {verb: each for verb, each in ran.items() if each.code != 2} == {}


def test_a_bad_setting_is_3(bare: Shell, values: Values, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {}
    for verb, ends in ENDS.items():
        if ends.needs in {"settings", "database"}:
            monkeypatch.setattr("sys.stdin", io.StringIO("a pass phrase that is long enough\n"))
            ran = run(bare, verb, ends.words, values | {"n": 1}, POOL_SIZE="0",
                      DATABASE_URL=NOWHERE)  # fmt: skip
            if (ran.code, ran.out) != (3, "") or not ran.err.startswith("error: POOL_SIZE "):
                wrong[verb] = ran
    assert wrong == {}


def test_what_cannot_be_reached_is_4(
    bare: Shell, values: Values, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "WAIT_SECONDS", 0)
    wrong = {}
    for verb, ends in ENDS.items():
        if ends.needs in {"database", "server"} and "garbage" not in ends.words:
            monkeypatch.setattr("sys.stdin", io.StringIO("a pass phrase that is long enough\n"))
            ran = run(bare, verb, ends.words, values | {"n": 1}, DATABASE_URL=NOWHERE,
                      REDIS_URL="redis://127.0.0.1:1")  # fmt: skip
            if ran.code != 4 or OUT_OF_REACH not in ran.err or "hush-hush" in ran.err:
                wrong[verb] = ran
    assert wrong == {}


ENDPOINT = """
INSERT INTO read.webhook_endpoints
    (id, user_id, scope, url, event_types, status, secret_id, position, version, inserted_at,
    updated_at)
VALUES (%s, gen_random_uuid(), 'user', 'https://example.com', '[]', 'ENABLED', gen_random_uuid(),
    0, 1, '', '')
RETURNING id
"""
