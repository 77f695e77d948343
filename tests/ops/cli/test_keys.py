"""`ledgerbank keys`: ids are told and keys never; a generated secret is replaced by a new one."""

from base64 import b64encode
from time import time

import msgspec
import psycopg
import pytest

from api.tokens import Bearer, TokenKeys
from ledger.errors import Refused
from ledger.identity import new_id
from ops.settings import read_settings
from ops.signing_in import tokens_of
from schema.token_ring import TokenRing
from tests.api.crafted_tokens import PEM
from tests.ops.cli.shell import Shell

BEARER = Bearer(new_id(), new_id(), 1)


@pytest.fixture
def kept(bare: Shell) -> Shell:
    """Give a shell whose token secret was generated."""
    del bare.environment["JWT_SECRET"]
    return bare


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
    assert told == {"signing": second.signing.kid, "verifying": [first.signing.kid]}
    assert second.signing.kid != first.signing.kid
    assert verifies(second, token)
    assert not verifies(first, second.issue_access(BEARER, int(time())))
    ran = kept("keys", "rotate", "--jwt")
    assert ran.lines == [f"signing {known(kept).signing.kid}", f"verifying {second.signing.kid}"]
    assert not verifies(known(kept), token)


def test_ids_are_listed_and_no_keys(kept: Shell) -> None:
    old = known(kept).signing.kid
    kept("keys", "rotate", "--jwt")
    listed = kept("--json", "keys", "list").json
    told = [(each["purpose"], each["kid"], each["algorithm"], each["use"]) for each in listed]
    assert told == [
        ("jwt", known(kept).signing.kid, "HS256", "signing"),
        ("jwt", old, "HS256", "verifying"),
        ("data", "k1", "AES-256-GCM", "sealing"),
        ("tokens", "k1", "AES-256-GCM", "sealing"),
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


@pytest.mark.parametrize("flags", [(), ("--jwt", "--tokens")])
def test_what_to_rotate_must_be_said(kept: Shell, flags: tuple[str, ...]) -> None:
    assert kept("keys", "rotate", *flags).code == 2


def test_bank_tokens_are_brought_under_the_newest_key(shell: Shell) -> None:
    old, new, lost = (bytes([each]) * 32 for each in (1, 2, 3))
    vault = {name: TokenRing({name: key}) for name, key in (("old", old), ("lost", lost))}
    first, second, stranger = new_id(), new_id(), new_id()
    keep(shell, first, vault["old"], "refresh me")
    keep(shell, second, vault["old"], None)
    given = {"TOKEN_ENCRYPTION_KEYS": f"new:{text(new)},old:{text(old)}"}
    ran = shell("keys", "rotate", "--tokens", **given)
    assert (ran.code, ran.lines) == (0, ["sealing new: 2 connections, 1 on their way"])
    rows = kept_of(shell)
    ring = TokenRing({"new": new})
    assert {key_id for _, key_id, _, _ in rows} == {"new"}
    opened = {
        connection: [each and ring.open("new", each, connection) for each in sealed]
        for connection, _, *sealed in rows
    }
    assert opened == {first: ["use me", "refresh me"], second: ["use me", None]}
    ran = shell("keys", "rotate", "--tokens", **given)
    assert ran.lines == ["sealing new: 0 connections, 0 on their way"]
    assert kept_of(shell) == rows
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
