"""`ledgerbank keys rotate --index`: another key of keyed hashes, and no customer notices."""

import asyncio
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from ledger.policies.signatures import shown
from ops.http import open_app
from ops.readmodels import keks_of
from ops.settings import Settings, SettingsRefused, generated, read_settings
from schema.index_keys import earlier_keys, id_of, keyed_hash
from schema.postgres import connect
from schema.principals import email_claim
from schema.webhook_secrets import WebhookSecrets
from tests.access.house import NOBODY, PASSWORD, Caller, House, join, server
from tests.access.house import connect as ask_for_connection
from tests.ops.cli.books import change, rows
from tests.ops.cli.shell import Ran, Shell
from tests.projections.conftest import followed

OLD, NEW = b"i" * 32, b"j" * 32
EMAIL = "ann@example.com"
JOIN = {
    "email": EMAIL,
    "full_name": "Ann",
    "password": PASSWORD,
    "password_confirmation": PASSWORD,
}
KEYED = "SELECT namespace, key, holder FROM log.claims WHERE namespace = ANY(%s)"
NAMESPACES = ["email", "payment_fingerprint", "connection"]


def text(key: bytes) -> str:
    return b64encode(key).decode()


def settings_of(shell: Shell) -> Settings:
    return read_settings(shell.environment)


def dsn_of(shell: Shell) -> str:
    return shell.environment["DATABASE_URL"]


def claims(shell: Shell) -> dict[tuple[str, str], str]:
    """Return every claim that is a keyed hash, by namespace and holder."""
    found = rows(dsn_of(shell), KEYED, NAMESPACES)
    return {(namespace, holder): key for namespace, key, holder in found}


@contextmanager
def open_house(shell: Shell) -> Iterator[House]:
    """Serve with the settings of the shell for the length of the block."""
    settings, dsn = settings_of(shell), dsn_of(shell)
    with server(settings, dsn) as port, followed(dsn):
        house = House(dsn, [port], settings)
        yield house
        for client in house.clients:
            client.close()


class Before(msgspec.Struct, frozen=True, kw_only=True):
    """What people were told before the key was replaced."""

    joined: bytes
    secret: str
    payment: dict[str, Any]
    cursor: str
    connection: tuple[str, str, str]
    erased: str


def lived(shell: Shell, house: House) -> Before:
    """Let a customer join, pay, be told of it and connect a bank, and somebody else be erased."""
    dsn, settings = dsn_of(shell), settings_of(shell)
    joined = house.ask(NOBODY, "POST", "/api/users", JOIN, idempotency_key="join")
    assert joined.status_code == 201, joined.text
    ann, gone = house.login(EMAIL), house.customer()
    asyncio.run(join(settings, dsn, "root@example.com", "admin"))
    admin = house.login("root@example.com")
    for person in (ann, gone):
        asyncio.run(ask_for_connection(settings, dsn, person.id))
    [connection] = house.rows(ASKED, f'%"{ann.id}"%')
    house.data(admin, "DELETE", f"/api/users/{gone.id}")
    body = {"url": "http://127.0.0.1:9/", "event_types": ["*"]}
    endpoint = house.data(ann, "POST", "/api/webhook-endpoints", body)
    payment = started(house, ann, pay(house, admin, ann))
    house.customer()
    first = house.ask(admin, "GET", "/api/users?limit=1")
    return Before(
        joined=joined.content,
        secret=endpoint["secret"],
        payment=payment,
        cursor=first.json()["metadata"]["pagination"]["next_cursor"],
        connection=connection,
        erased=gone.email,
    )


def pay(house: House, admin: Caller, owner: Caller) -> dict[str, Any]:
    """Return the wish to pay out of an account that has money."""
    fields = {
        "currency": "USD",
        "account_type": "CHECKING",
        "account_name": "Everyday",
        "user_id": owner.id,
        "opening_balance": "500.00",
    }
    account = house.data(admin, "POST", "/api/accounts", fields)
    return {
        "amount": "10.00",
        "direction": "DEBIT",
        "payment_type": "PAYMENT",
        "description": "Rent of May",
        "user_bank_account_id": account["id"],
    }


def started(house: House, owner: Caller, wish: dict[str, Any]) -> dict[str, Any]:
    """Start a payment that nobody works on; return its wish."""
    made = house.data(owner, "POST", "/api/payments", wish)
    house.data(owner, "POST", f"/api/payments/{made['id']}/process", {})
    return wish


def noticed_nothing(house: House, before: Before) -> None:
    """See that all is as it was for the customer."""
    again = house.ask(NOBODY, "POST", "/api/users", JOIN, idempotency_key="join")
    assert (again.content, again.headers["idempotent-replayed"]) == (before.joined, "true")
    other = house.ask(
        NOBODY, "POST", "/api/users", JOIN | {"full_name": "Bo"}, idempotency_key="join"
    )
    assert other.json()["reason"] == "idempotency_key_reused"
    taken = house.ask(NOBODY, "POST", "/api/users", JOIN)
    assert taken.json()["reason"] == "email_already_exists"
    ann = house.login(EMAIL)
    made = house.data(ann, "POST", "/api/payments", before.payment)
    twice = house.ask(ann, "POST", f"/api/payments/{made['id']}/process", {})
    assert twice.json()["reason"] == "duplicate_transaction"
    admin = house.login("root@example.com")
    assert house.data(admin, "GET", f"/api/users?limit=1&cursor={before.cursor}")
    asked = {"email": before.erased, "password": PASSWORD}
    refused = house.ask(NOBODY, "POST", "/api/auth/login", asked)
    assert refused.json()["reason"] == "invalid_credentials"


def test_no_customer_notices_another_key(shell: Shell) -> None:
    shell.environment["WEBHOOK_ALLOW_PRIVATE"] = "true"
    with open_house(shell) as house:
        before = lived(shell, house)
    old = claims(shell)
    assert {namespace for namespace, _ in old} == set(NAMESPACES)
    shell.environment["INDEX_KEY"] = text(NEW)
    told = shell("--json", "keys", "rotate", "--index", PREVIOUS_INDEX_KEY=text(OLD)).json
    assert told == {
        "purpose": "index", "active": id_of(NEW), "previous": [id_of(OLD)], "renewed": 6,
    }  # fmt: skip
    new = claims(shell)
    assert not set(new.values()) & set(old.values())
    assert set(old) - set(new) <= {("connection", holder) for _, holder in old}
    user_id, branch_id, connection_id = before.connection
    wanted = keyed_hash(NEW, "connection", user_id, branch_id, "somebody")
    assert new["connection", connection_id] == wanted
    with open_house(shell) as house:
        noticed_nothing(house, before)
        endpoint = house.data(house.login(EMAIL), "GET", "/api/webhook-endpoints")[0]["id"]
        [(known,)] = house.rows(SECRET_ID)
        path = f"/api/webhook-endpoints/{endpoint}/rotate-secret"
        newer = house.data(house.login(EMAIL), "POST", path, {})["secret"]
        [(added,)] = house.rows(SECRET_ID)
    with connect(dsn_of(shell), "ledgerbank_app") as connection:
        secrets = WebhookSecrets(NEW, keks_of(settings_of(shell))).of(connection, [added, known])
    assert [shown(each) for each in secrets] == [newer, before.secret]
    found = shell("--json", "events", "list", "--type", "KeysRotated").json
    assert [each["data"]["details"] for each in found] == [told]
    changed = shell("--json", "events", "list", "--type", "ConfigurationChanged").json
    assert [each["data"]["details"]["settings"] for each in changed] == [["INDEX_KEY"]]
    listed = [(x["kid"], x["use"], x["count"]) for x in shell("--json", "keys", "list").json
              if x["purpose"] == "index"]  # fmt: skip
    assert listed == [
        (id_of(NEW), "hashing", len(claims(shell))),
        (id_of(OLD), "recognising", None),
    ]


def rotated(shell: Shell, **given: str) -> Ran:
    return shell("keys", "rotate", "--index", **given)


def test_another_key_than_that_of_the_claims_starts_nothing(shell: Shell) -> None:
    assert shell("seed-demo").code == 0
    old = claims(shell)
    ran = shell("users", "list", INDEX_KEY=text(NEW))
    assert (ran.code, "INDEX_KEY is not the key" in ran.err) == (3, True)
    settings = read_settings(shell.environment | {"INDEX_KEY": text(NEW)})

    async def serve() -> None:
        async with open_app(settings, dsn_of(shell), None):
            pass

    with pytest.raises(SettingsRefused, match="keys rotate --index"):
        asyncio.run(serve())
    found = [each for each in shell("--json", "doctor", INDEX_KEY=text(NEW)).json["checks"]
             if each["check"] == "keys"]  # fmt: skip
    assert [each["repair"] for each in found] == ["ledgerbank keys rotate --index"]
    for given in ({}, {"PREVIOUS_INDEX_KEY": text(b"x" * 32)}):
        ran = rotated(shell, INDEX_KEY=text(NEW), **given)
        assert (ran.code, "INDEX_KEY is not the key" in ran.err) == (3, True)
    ran = rotated(shell)
    assert (ran.code, "change it where it is kept" in ran.err) == (3, True)
    assert claims(shell) == old
    for secret in (text(NEW), text(OLD), NEW.hex()):
        assert secret not in ran.out + ran.err


def test_a_database_of_before_shows_its_key_by_its_addresses(shell: Shell) -> None:
    assert shell("seed-demo").code == 0
    change(dsn_of(shell), "DELETE FROM log.index_keys")
    ran = shell("users", "list", INDEX_KEY=text(NEW))
    assert (ran.code, "INDEX_KEY is not the key" in ran.err) == (3, True)
    assert rows(dsn_of(shell), "SELECT FROM log.index_keys") == []
    assert rotated(shell, INDEX_KEY=text(NEW), PREVIOUS_INDEX_KEY=text(OLD)).code == 0
    assert shell("users", "show", "--email", "alice@example.com", INDEX_KEY=text(NEW)).code == 0


def test_one_claim_of_a_third_key_voids_the_whole_rotation(shell: Shell) -> None:
    assert shell("seed-demo").code == 0
    change(dsn_of(shell), "UPDATE log.claims SET key = %s WHERE namespace = 'email' AND key = %s",
           "0" * 64, email_claim(OLD, "bob@example.com"))  # fmt: skip
    old = claims(shell)
    ran = rotated(shell, INDEX_KEY=text(NEW), PREVIOUS_INDEX_KEY=text(OLD))
    assert (ran.code, "1 claims in email" in ran.err) == (3, True)
    assert claims(shell) == old
    assert shell("users", "show", "--email", "alice@example.com").code == 0


@pytest.fixture
def kept(shell: Shell) -> Shell:
    """Give a shell over demo data whose index key was generated."""
    del shell.environment["INDEX_KEY"]
    assert shell("seed-demo").code == 0
    return shell


def keys_of(shell: Shell) -> dict[str, str]:
    return generated.stored(Path(shell.environment["DATA_DIR"], generated.FILE))


def finds_alice(shell: Shell) -> bool:
    return shell("users", "show", "--email", "alice@example.com").code == 0


def test_a_generated_key_gives_way_to_another(kept: Shell) -> None:
    first = keys_of(kept)["INDEX_KEY"]
    with psycopg.connect(dsn_of(kept)):
        ran = rotated(kept)
        assert (ran.code, "stop every process" in ran.err) == (1, True)
    assert keys_of(kept)["INDEX_KEY"] == first
    for _ in range(2):
        assert rotated(kept).code == 0
        assert finds_alice(kept)
    assert keys_of(kept)["INDEX_KEY"] != first
    assert "PREVIOUS_INDEX_KEY" not in keys_of(kept)
    with connect(dsn_of(kept), "ledgerbank_app") as connection:
        earlier = earlier_keys(connection, keks_of(settings_of(kept)))
    assert len(earlier) == 2
    assert text(earlier[1]) == first


def test_a_rotation_that_was_killed_is_finished_by_the_next(kept: Shell) -> None:
    generated.replace_index_key(Path(kept.environment["DATA_DIR"]))
    made = keys_of(kept)["INDEX_KEY"]
    assert not finds_alice(kept), "the claims are still those of the key before"
    assert rotated(kept).code == 0
    assert (keys_of(kept)["INDEX_KEY"], finds_alice(kept)) == (made, True)
    change(dsn_of(kept), "UPDATE log.index_keys SET told = false WHERE replaced_at IS NULL")
    assert rotated(kept).code == 0
    assert keys_of(kept)["INDEX_KEY"] == made, "only the audit log had not been told"
    told = kept("--json", "events", "list", "--type", "KeysRotated").json
    assert [each["data"]["details"]["renewed"] > 0 for each in told] == [True, False]


ASKED = """
SELECT convert_from(data, 'UTF8')::json -> 'data' ->> 'user_id',
    convert_from(data, 'UTF8')::json -> 'data' ->> 'bank_branch_id', right(stream_id, 36)
FROM log.events WHERE name = 'ConnectionRequested' AND convert_from(data, 'UTF8') LIKE %s
"""
SECRET_ID = """
SELECT convert_from(data, 'UTF8')::json -> 'data' ->> 'secret_id' FROM log.events
WHERE name IN ('WebhookEndpointRegistered', 'WebhookSecretRotated') ORDER BY position DESC LIMIT 1
"""
