"""`ledgerbank audit`: whoever changes the log is found out, and where (AC-93)."""

import asyncio
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from ledger.commands.bank import RegisterBank
from ledger.commands.command import Context
from ledger.events.recorded import SYSTEM
from ledger.identity import new_id
from ops.composition import open_books
from ops.embedded.postgres import Place
from ops.settings import Settings, read_settings
from ops.settings.generated import signing_key
from schema.postgres import connect
from schema.sealing import seal_all
from schema.signatures import public_pem, signer_of
from tests.ops.cli.conftest import CHEAP, KEYS, copied
from tests.ops.cli.shell import Ran, Shell

AUDIT_KEY = signing_key()
SIGNER = signer_of(AUDIT_KEY)
THIEF = signer_of(signing_key())
SEALED = (30, 47, 70)
BANKS = 30
KEPT = ("events", "head", "checkpoints", "tree", "audit_keys")
LATER = "2999-01-01T00:00:00.000000Z"
Row = tuple[Any, ...]


@pytest.fixture(scope="module")
def sealed(postgres_server: Place, demo_template: str) -> Iterator[str]:
    """Give a log of seventy events that was sealed three times, with a copy to put back."""
    with copied(postgres_server, demo_template) as name:
        dsn = postgres_server.url(name)
        asyncio.run(prolong(read_settings({**KEYS, **CHEAP, "DATABASE_URL": dsn}), dsn))
        with tampering(dsn) as owner:
            owner.execute("DELETE FROM log.events WHERE position > 70")
            for size in SEALED:
                owner.execute(REWIND, (size, size))
                seal_all(owner, SIGNER, LATER)
            owner.execute("CREATE SCHEMA kept")
            for table in KEPT:
                owner.execute(f"CREATE TABLE kept.{table} AS TABLE log.{table}".encode())
        yield dsn


async def prolong(settings: Settings, dsn: str) -> None:
    """Let more happen than a demo has in it."""
    async with open_books(settings, dsn) as books:
        for number in range(BANKS):
            code = f"BANK_{number}"
            bank = RegisterBank(bank_id=new_id(), name=code, code=code, country="GB")
            await books.ledger.handle(bank, Context(actor=SYSTEM, correlation_id="more"))


@pytest.fixture
def log(bare: Shell, sealed: str) -> Iterator[Shell]:
    """Give a shell over that log, which is whole again afterwards."""
    bare.environment |= {"DATABASE_URL": sealed, "AUDIT_SIGNING_KEY": AUDIT_KEY}
    yield bare
    with tampering(sealed) as owner:
        for table in KEPT:
            owner.execute(f"DELETE FROM log.{table}".encode())
            owner.execute(f"INSERT INTO log.{table} SELECT * FROM kept.{table}".encode())


def tampering(dsn: str) -> psycopg.Connection[Row]:
    """Connect as somebody who owns the database, behind the back of every trigger."""
    connection = psycopg.connect(dsn)
    connection.execute("SET session_replication_role = replica")
    return connection


def tamper(log: Shell, *statements: str) -> None:
    with tampering(log.environment["DATABASE_URL"]) as owner:
        for statement in statements:
            assert owner.execute(statement.encode()).rowcount != 0


def found(ran: Ran) -> list[tuple[str, int, int | None]]:
    assert ran.code == 1
    assert ran.json["verified"] is False
    return [(each["check"], each["position"], each["until"]) for each in ran.json["findings"]]


def rewrite(dsn: str, position: int, *, head: bool = True) -> None:
    """Change one event and make every hash after it fit, subtrees included."""
    with tampering(dsn) as owner:
        owner.execute(REWRITE, (position,))
        chain = owner.execute("SELECT chain_hash FROM log.events WHERE position = %s",
                              (position - 1,)).fetchall()[0][0]  # fmt: skip
        rows = owner.execute("SELECT position, data FROM log.events WHERE position >= %s"
                             " ORDER BY position", (position,)).fetchall()  # fmt: skip
        for place, data in rows:
            content = sha256(b"\0" + place.to_bytes(8, "big") + data).digest()
            chain = sha256(chain + content).digest()
            owner.execute("UPDATE log.events SET content_hash = %s, chain_hash = %s"
                          " WHERE position = %s", (content, chain, place))  # fmt: skip
        if head:
            owner.execute("UPDATE log.head SET chain_hash = %s", (chain,))


def test_an_untouched_log_is_verified(log: Shell) -> None:
    ran = log("audit", "verify")
    assert ran.code == 0, ran
    told = {line.split()[0]: " ".join(line.split()[1:]) for line in ran.lines}
    assert told["events"] == "70 positions 1..70 contiguous"
    assert told["checkpoints"].startswith("3 newest tree_size 70 root ")
    assert told["leaves"] == told["chain"] == told["columns"] == told["tree"] == "ok"
    assert told["roots"] == "ok 3/3"
    assert told["signatures"] == f"ok 3/3 (key {SIGNER.key_id})"
    assert told["consistency"] == "ok 2/2"
    assert told["streams"] == "ok no version gaps"
    assert ran.lines[-1] == "VERIFIED"


def test_a_part_is_verified_by_what_was_sealed_before_it(log: Shell) -> None:
    told = log("--json", "audit", "verify", "--from", "40", "--to", "50").json
    assert (told["verified"], told["events"], told["checks"]["roots"]) == (True, 11, [1, 1])
    tamper(log, "UPDATE log.events SET data = data || ' ' WHERE position = 35")
    assert log("audit", "verify", "--from", "40").code == 0
    assert log("audit", "verify", "--from", "35", "--to", "35").code == 1


TAMPERED: dict[str, tuple[tuple[str, ...], list[tuple[str, int, int | None]]]] = {
    "a byte flipped": (
        ("UPDATE log.events SET data = set_byte(data, 9, get_byte(data, 9) # 1)"
         " WHERE position = 61",),
        [("leaves", 61, None), ("roots", 48, 70)],
    ),
    "a byte flipped, its hash too": (
        ("UPDATE log.events SET data = set_byte(data, 9, get_byte(data, 9) # 1)"
         " WHERE position = 61",
         "UPDATE log.events SET content_hash = sha256('\\x00'::bytea || int8send(position) || data)"
         " WHERE position = 61"),
        [("chain", 61, None), ("roots", 48, 70)],
    ),
    "a row deleted": (
        ("DELETE FROM log.events WHERE position = 69",),
        [("events", 69, 69)],
    ),
    "rows swapped": (
        ("UPDATE log.events SET position = position + 1000 WHERE position IN (61, 62)",
         "UPDATE log.events SET position = 1123 - position WHERE position > 1000"),
        [("leaves", 61, None), ("leaves", 62, None)],
    ),
    "a row inserted": (
        ("INSERT INTO log.events SELECT 71, 'account-x', 1, gen_random_uuid(), command_id, name,"
         " schema_version, data, actor_id, correlation_id, recorded_at, effective_at, content_hash,"
         " chain_hash FROM log.events WHERE position = 70",),
        [("leaves", 71, None), ("events", 71, 71)],
    ),
    "the tail cut": (
        ("DELETE FROM log.events WHERE position > 60",),
        [("events", 61, 70), ("roots", 61, None)],
    ),
    "the tail cut, the head too": (
        ("DELETE FROM log.events WHERE position > 60",
         "UPDATE log.head SET (position, chain_hash) ="
         " (SELECT position, chain_hash FROM log.events WHERE position = 60)"),
        [("roots", 61, None)],
    ),
    "a column": (
        ("UPDATE log.events SET name = 'AccountClosed' WHERE position = 33",),
        [("columns", 33, None)],
    ),
    "a signature": (
        ("UPDATE log.checkpoints SET signature = set_byte(signature, 0, 0) WHERE tree_size = 47",),
        [("signatures", 47, None)],
    ),
    "a key": (
        ("UPDATE log.audit_keys SET public_key = set_byte(public_key, 0, 0)",),
        [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", TAMPERED)
def test_tampering_is_found_with_its_position(log: Shell, tmp_path: Path, what: str) -> None:
    statements, expected = TAMPERED[what]
    tamper(log, *statements)
    ran = log("--json", "audit", "verify")
    if not expected:
        assert ran.code == 0
        return
    told = found(ran)
    assert [each for each in told if each in expected] == expected, told
    first = expected[0][1]
    assert {each[1] for each in told} <= {48, first, first + 1, first + 2}
    said = log("audit", "verify")
    assert said.lines[-1] == "NOT VERIFIED"
    assert any(f"FAILED at position {expected[0][1]}" in line or "positions" in line
               for line in said.lines)  # fmt: skip
    out, pem = tmp_path / "log.jsonl", tmp_path / "key.pem"
    pem.write_text(public_pem(SIGNER.public_key))
    assert log("audit", "export", "--out", str(out)).code == 0
    offline = log("--json", "audit", "verify", "--file", str(out), "--public-key", str(pem))
    if what != "a column":
        assert found(offline)[0] == told[0]


def test_a_rewritten_chain_does_not_lead_to_the_signed_roots(log: Shell) -> None:
    rewrite(log.environment["DATABASE_URL"], 60)
    assert found(log("--json", "audit", "verify")) == [("roots", 48, 70)]


def test_a_rewritten_chain_under_the_old_head_breaks_at_its_end(log: Shell) -> None:
    rewrite(log.environment["DATABASE_URL"], 60, head=False)
    assert ("chain", 70, None) in found(log("--json", "audit", "verify"))


def test_a_log_signed_by_somebody_else_is_not_believed(log: Shell, tmp_path: Path) -> None:
    dsn = log.environment["DATABASE_URL"]
    rewrite(dsn, 60)
    with tampering(dsn) as owner:
        for table in ("checkpoints", "tree", "audit_keys"):
            owner.execute(f"DELETE FROM log.{table}".encode())
        seal_all(owner, THIEF, LATER)
    assert found(log("--json", "audit", "verify")) == [("signatures", 70, None)]
    pem = tmp_path / "thief.pem"
    pem.write_text(public_pem(THIEF.public_key))
    assert log("audit", "verify", "--public-key", str(pem)).code == 0


def test_an_anchor_finds_what_was_rewritten_with_everything_that_was_signed(
    log: Shell, tmp_path: Path
) -> None:
    anchors, dsn = tmp_path / "anchors.jsonl", log.environment["DATABASE_URL"]
    assert log("audit", "anchor", "--to", str(anchors)).lines == ["anchored  70"]
    assert log("audit", "anchor", "--to", str(anchors)).lines == ["nothing new to anchor"]
    assert log("audit", "verify", "--against", str(anchors)).code == 0
    rewrite(dsn, 60)
    tamper(log, "DELETE FROM log.checkpoints WHERE tree_size > 47")
    assert log("audit", "verify").code == 0
    assert found(log("--json", "audit", "verify", "--against", str(anchors))) == [
        ("anchors", 48, 70)
    ]
    refused = log("audit", "anchor", "--to", str(anchors))
    assert (refused.code, len(anchors.read_text().splitlines())) == (1, 1)
    assert "position 70" in refused.err


def test_nothing_is_sealed_on_top_of_a_changed_log(log: Shell) -> None:
    assert log("audit", "seal").lines == ["nothing new to seal"]
    tamper(log, "UPDATE log.head SET position = 71")
    refused = log("audit", "seal")
    assert (refused.code, "position 71" in refused.err) == (1, True)


def test_an_exported_log_is_verified_without_database_and_secrets(
    log: Shell, bare: Shell, tmp_path: Path
) -> None:
    out = tmp_path / "log.jsonl"
    told = log("--json", "audit", "export", "--out", str(out)).json
    assert (told["events"], told["checkpoints"]) == (70, 3)
    for name in ("DATABASE_URL", "AUDIT_SIGNING_KEY"):
        bare.environment.pop(name)
    ran = bare("--json", "audit", "verify", "--file", str(out))
    assert (ran.code, ran.json["events"], ran.json["checks"]["roots"]) == (0, 70, [3, 3])
    pem = tmp_path / "thief.pem"
    pem.write_text(public_pem(THIEF.public_key))
    not_his = bare("--json", "audit", "verify", "--file", str(out), "--public-key", str(pem))
    assert {each[0] for each in found(not_his)} == {"signatures"}
    out.write_bytes(out.read_bytes()[:-9])
    assert bare("audit", "verify", "--file", str(out)).code == 1


def test_a_proof_is_what_http_says_and_verified(log: Shell) -> None:
    told = log("--json", "audit", "proof", "41", "--tree-size", "47").json
    assert (told["position"], told["leaf_index"], told["tree_size"]) == (41, 40, 47)
    assert log("audit", "proof", "41").lines[-1].endswith("of tree size 70")
    assert log("audit", "proof", "41", "--tree-size", "30").code == 1
    assert log("audit", "proof", "71").code == 1
    tamper(log, "UPDATE log.events SET content_hash = sha256('other') WHERE position = 12")
    assert "FAILED" in log("audit", "proof", "41").out


def test_the_public_key_is_printed_for_those_who_verify(log: Shell) -> None:
    told = log("--json", "audit", "public-key").json
    assert told["key_id"] == SIGNER.key_id
    assert told["public_key"] == public_pem(SIGNER.public_key)
    assert log("audit", "public-key").out == told["public_key"]


def test_what_is_exported_is_one_object_a_line(log: Shell, tmp_path: Path) -> None:
    out = tmp_path / "log.jsonl"
    log("audit", "export", "--out", str(out))
    lines = [msgspec.json.decode(line) for line in out.read_bytes().splitlines()]
    assert [line.get("is") for line in lines[:5]] == [None, "public_key", *["checkpoint"] * 3]
    assert {line["is"] for line in lines[5:]} == {"event"}
    with connect(log.environment["DATABASE_URL"]) as connection:
        [(data,)] = connection.execute("SELECT data FROM log.events WHERE position = 7").fetchall()
    assert lines[4 + 7]["envelope"].encode() == data


REWRITE = """
UPDATE log.events SET data =
    convert_to(replace(convert_from(data, 'UTF8'), '"data":{', '"data":{"added":1,'), 'UTF8')
WHERE position = %s
"""
REWIND = """
UPDATE log.head SET (position, chain_hash, recorded_at) =
    (SELECT position, chain_hash, recorded_at FROM log.events WHERE position = %s)
WHERE %s > 0
"""
