"""`ledgerbank keys`: ids are told and keys never; a generated secret is replaced by a new one."""

from base64 import b64encode
from threading import Timer
from time import time
from typing import Any

import msgspec
import psycopg
import pytest

from api.tokens import Bearer, TokenKeys
from ledger.errors import Refused
from ledger.identity import new_id
from ops.rotations import StillRunning, refuse_company
from ops.sealing import signer
from ops.settings import read_settings
from ops.settings.generated import signing_key
from ops.signing_in import tokens_of
from schema.index_keys import id_of
from schema.token_ring import TokenRing
from tests.api.crafted_tokens import PEM
from tests.ops.cli.books import rows
from tests.ops.cli.shell import Shell

BEARER = Bearer(new_id(), new_id(), 1)


@pytest.fixture
def kept(shell: Shell) -> Shell:
    """Give a shell whose token secret was generated."""
    del shell.environment["JWT_SECRET"]
    return shell


def known(shell: Shell) -> TokenKeys:
    """Return the keys that a server would be started with."""
    return tokens_of(read_settings(shell.environment))


def verifies(keys: TokenKeys, token: str) -> bool:
    try:
        return keys.verify(token, "access", int(time())).sub == BEARER.user_id
    except Refused:
        return False


def test_a_token_outlives_one_rotation_and_no_more(kept: Shell) -> None:
    first = known(kept)
    token = first.issue_access(BEARER, int(time()))
    told = kept("--json", "keys", "rotate", "--jwt").json
    second = known(kept)
    assert told == {
        "purpose": "jwt", "active": second.signing.kid, "previous": [first.signing.kid],
        "renewed": 0,
    }  # fmt: skip
    assert second.signing.kid != first.signing.kid
    assert verifies(second, token)
    assert not verifies(first, second.issue_access(BEARER, int(time())))
    ran = kept("keys", "rotate", "--jwt")
    assert ran.lines == [f"active {known(kept).signing.kid}", f"previous {second.signing.kid}"]
    assert not verifies(known(kept), token)


def test_ids_are_listed_and_no_keys(kept: Shell) -> None:
    old = known(kept).signing.kid
    kept("keys", "rotate", "--jwt")
    listed = kept("--json", "keys", "list").json
    told = [(each["purpose"], each["kid"], each["algorithm"], each["use"]) for each in listed]
    assert told == [
        ("jwt", known(kept).signing.kid, "HS256", "signing"),
        ("jwt", old, "HS256", "verifying"),
        ("tokens", "k1", "AES-256-GCM", "sealing"),
        ("data", "k1", "AES-256-GCM", "sealing"),
        ("audit", signer(read_settings(kept.environment)).key_id, "Ed25519", "signing"),
        ("index", id_of(b"i" * 32), "HMAC-SHA-256", "hashing"),
    ]
    said = kept("keys", "list").out
    settings = read_settings(kept.environment)
    for secret in (settings.identity.jwt_secret, kept.environment["DATA_KEY_ENCRYPTION_KEYS"]):
        assert str(secret) not in said + msgspec.json.encode(listed).decode()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"JWT_SECRET": "x" * 40}, "JWT_SECRET"),
        ({"JWT_PRIVATE_KEY": PEM}, "JWT_PRIVATE_KEY"),
        ({"JWT_KEY_ID": "mine"}, "JWT_KEY_ID"),
    ],
)
def test_a_key_that_is_given_is_replaced_where_it_is_kept(
    kept: Shell, given: dict[str, str], named: str
) -> None:
    before = known(kept).signing
    ran = kept("keys", "rotate", "--jwt", **given)
    assert (ran.code, ran.out) == (3, "")
    assert named in ran.err
    assert known(kept).signing == before


def test_a_given_secret_is_not_joined_by_a_generated_one(kept: Shell) -> None:
    kept("keys", "rotate", "--jwt")
    kept.environment["JWT_SECRET"] = "x" * 40
    assert list(known(kept).verifying) == [known(kept).signing.kid]


def wrapped_by(shell: Shell) -> set[str]:
    found = rows(shell.environment["DATABASE_URL"], "SELECT wrapped_by FROM log.data_keys")
    return {name for (name,) in found}


def told_of(shell: Shell) -> list[dict[str, Any]]:
    """Return what the audit log was told of rotations."""
    found = shell("--json", "events", "list", "--type", "KeysRotated").json
    return [each["data"]["details"] for each in found]


def test_data_keys_are_wrapped_under_a_key_that_is_given_first(demo: Shell) -> None:
    before = demo("--json", "events", "list", "--limit", "1000").json
    old = demo.environment["DATA_KEY_ENCRYPTION_KEYS"]
    demo.environment["DATA_KEY_ENCRYPTION_KEYS"] = f"k2:{b64encode(b'2' * 32).decode()},{old}"
    [(count,)] = rows(demo.environment["DATABASE_URL"], "SELECT count(*) FROM log.data_keys")
    told = demo("--json", "keys", "rotate", "--data").json
    assert told == {"purpose": "data", "active": "k2", "previous": ["k1"], "renewed": count}
    assert wrapped_by(demo) == {"k2"}
    assert told_of(demo) == [told]
    assert demo("--json", "keys", "rotate", "--data").json["renewed"] == 0
    demo.environment["DATA_KEY_ENCRYPTION_KEYS"] = f"k2:{b64encode(b'2' * 32).decode()}"
    after = demo("--json", "events", "list", "--limit", "1000").json
    assert after[: len(before)] == before, "everything is read without the key of before"
    demo.environment["DATA_KEY_ENCRYPTION_KEYS"] = old
    ran = demo("keys", "rotate", "--data")
    assert (ran.code, "lacks k2" in ran.err) == (3, True)
    listed = [(x["kid"], x["use"], x["count"]) for x in demo("--json", "keys", "list").json
              if x["purpose"] == "data"]  # fmt: skip
    assert listed == [("k1", "sealing", 0), ("k2", "missing", count)]


def test_a_generated_key_of_data_keys_is_joined_by_a_new_one(shell: Shell) -> None:
    del shell.environment["DATA_KEY_ENCRYPTION_KEYS"]
    assert shell("seed-demo").code == 0
    with psycopg.connect(shell.environment["DATABASE_URL"]):
        ran = shell("keys", "rotate", "--data")
        assert (ran.code, "stop every process" in ran.err) == (1, True)
    assert wrapped_by(shell) == {"k1"}
    assert shell("keys", "rotate", "--data").lines[:2] == ["active k2", "previous k1"]
    assert wrapped_by(shell) == {"k2"}
    assert "Alice" in shell("--json", "events", "list", "--limit", "1000").out


def test_a_new_audit_key_vouches_for_what_the_old_one_signed(demo: Shell) -> None:
    assert demo("audit", "seal").code == 0
    first = signer(read_settings(demo.environment)).key_id
    told = demo("--json", "keys", "rotate", "--audit").json
    second = signer(read_settings(demo.environment)).key_id
    assert second != first
    assert told == {"purpose": "audit", "active": second, "previous": [first], "renewed": 0}
    verified = demo("--json", "audit", "verify")
    assert (verified.code, verified.json["verified"]) == (0, True)
    signed = rows(demo.environment["DATABASE_URL"],
                  "SELECT key_id FROM log.checkpoints ORDER BY tree_size")  # fmt: skip
    assert signed[0] == (first,)
    assert signed[-1] == (second,), "the rotation itself is sealed"
    listed = [(x["kid"], x["use"]) for x in demo("--json", "keys", "list").json
              if x["purpose"] == "audit"]  # fmt: skip
    assert listed == [(second, "signing"), (first, "verifying")]


def test_an_audit_key_that_is_given_is_changed_where_it_is_kept(demo: Shell) -> None:
    demo.environment["AUDIT_SIGNING_KEY"] = signing_key()
    assert demo("audit", "seal").code == 0
    ran = demo("keys", "rotate", "--audit")
    assert (ran.code, "AUDIT_SIGNING_KEY is given" in ran.err) == (3, True)
    demo.environment["AUDIT_SIGNING_KEY"] = signing_key()
    assert demo("audit", "verify").code == 1, "nobody who is trusted has signed yet"
    assert demo("keys", "rotate", "--audit").code == 0
    assert demo("audit", "verify").code == 0


@pytest.mark.parametrize("flags", [(), ("--jwt", "--tokens"), ("--jwt", "--data")])
def test_what_to_rotate_must_be_said(bare: Shell, flags: tuple[str, ...]) -> None:
    assert bare("keys", "rotate", *flags).code == 2


def test_bank_tokens_are_brought_under_the_newest_key(shell: Shell) -> None:
    old, new, lost = (bytes([each]) * 32 for each in (1, 2, 3))
    vault = {name: TokenRing({name: key}) for name, key in (("old", old), ("lost", lost))}
    first, second, stranger = new_id(), new_id(), new_id()
    keep(shell, first, vault["old"], "refresh me")
    keep(shell, second, vault["old"], None)
    given = {"TOKEN_ENCRYPTION_KEYS": f"new:{text(new)},old:{text(old)}"}
    ran = shell("keys", "rotate", "--tokens", **given)
    assert (ran.code, ran.lines) == (0, ["sealing new: 2 connections, 1 on their way"])
    resealed = kept_of(shell)
    ring = TokenRing({"new": new})
    assert {key_id for _, key_id, _, _ in resealed} == {"new"}
    opened = {
        connection: [each and ring.open("new", each, connection) for each in sealed]
        for connection, _, *sealed in resealed
    }
    assert opened == {first: ["use me", "refresh me"], second: ["use me", None]}
    ran = shell("keys", "rotate", "--tokens", **given)
    assert ran.lines == ["sealing new: 0 connections, 0 on their way"]
    assert kept_of(shell) == resealed
    keep(shell, stranger, vault["lost"], None)
    ran = shell("--json", "keys", "rotate", "--tokens", **given)
    assert (ran.code, ran.json["locked"]) == (1, [stranger])
    for secret in (text(new), text(old), "use me", "refresh me"):
        assert secret not in ran.out + ran.err


def text(key: bytes) -> str:
    return b64encode(key).decode()


def keep(shell: Shell, connection_id: str, ring: TokenRing, refresh: str | None) -> None:
    """Write tokens as the append does, and for one of them a customer on their way."""
    access = ring.seal("use me", connection_id)
    again = None if refresh is None else ring.seal(refresh, connection_id).content
    with psycopg.connect(shell.environment["DATABASE_URL"]) as connection:
        connection.execute(
            "INSERT INTO log.bank_tokens VALUES (%s, %s, %s, %s, %s, '2030-01-01')",
            (connection_id, new_id(), access.key_id, access.content, again),
        )
        if again is not None:
            connection.execute(
                "INSERT INTO work.bank_journeys VALUES"
                " (%s, %s, %s, %s, %s, now() + interval '1 min')",
                (b"state", connection_id, new_id(), access.key_id, again),
            )


def kept_of(shell: Shell) -> list[tuple[str, str, bytes, bytes | None]]:
    with psycopg.connect(shell.environment["DATABASE_URL"]) as connection:
        query = "SELECT connection_id::text, key_id, access, refresh FROM log.bank_tokens"
        return connection.execute(query).fetchall()


def test_who_is_just_leaving_is_waited_for(database: str) -> None:
    leaving = psycopg.connect(database)
    with pytest.raises(StillRunning):
        refuse_company(database)
    Timer(0.2, leaving.close).start()
    refuse_company(database)
