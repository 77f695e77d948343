"""Secrets planted through a run are nowhere to be found afterwards (AC-12, 41; I-19)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from secrets import token_hex

import httpx2
import msgspec
import psycopg
import pytest

from ops.embedded.valkey import Place as ValkeyPlace
from tests.journeys.collector import Collector
from tests.journeys.people import Ask, Person, Town, payment_body
from tests.journeys.places import broker, keys_of, tables
from tests.journeys.receiver import receiving
from tests.journeys.system import System, eventually
from tests.power import Power

CREDENTIALS = "log.credentials"
"""The one table of hashes."""


class Planted(msgspec.Struct):
    """What was sent in confidence: secrets nobody may keep, and what is somebody's own."""

    story: str
    first_position: int
    secrets: list[str]
    personal: list[str]
    refusals: list[str]


def canary(kind: str) -> str:
    return f"canary-{kind}-{token_hex(8)}"


@pytest.fixture(scope="module")
def planted(system: System, town: Town) -> Planted:
    """Live through everything that goes well or badly with a password and a token."""
    password, wrong, forged = canary("password"), canary("guess"), canary("token")
    email, name, text = f"{canary('mail')}@example.com", canary("name"), canary("text")
    story = canary("story")
    first = int(town.auditor.ask("GET", "/api/profile").headers["ledger-position"])
    found = Planted(story, first, [password, wrong, forged], [email, name, text], [])

    def tell(method: str, path: str, body: object = None, **headers: str) -> httpx2.Response:
        asked = {"x-correlation-id": story} | {n.replace("_", "-"): v for n, v in headers.items()}
        answer = town.door.send(Ask(method=method, path=path, body=body, headers=asked))
        if answer.status_code >= 400:
            found.refusals.append(f"{answer.headers} {answer.text}")
        return answer

    fresh = {"email": email, "full_name": name, "password": password}
    tell("POST", "/api/users", fresh | {"password_confirmation": wrong})
    town.door.ask("POST", "/api/users", {wrong: "x"})
    town.door.ask("GET", f"/api/{password}")
    assert tell("POST", "/api/users", fresh | {"password_confirmation": password}).is_success
    tell("POST", "/api/users", fresh | {"password_confirmation": password})
    sign_in(tell, email, password, wrong)
    somebody = Person(town.door, email, password)
    found.secrets += [somebody.bearer.removeprefix("Bearer "), somebody.refresh_token]
    abuse_tokens(tell, somebody, forged)
    spend(town, somebody, text)
    found.secrets += machine_keys(tell, town) + webhook_secrets(somebody)
    with broken(system):
        bearer = town.auditor.bearer
        tell("GET", f"/api/ledger/trial-balance?x={wrong}", authorization=bearer)
        assert tell("GET", "/api/ledger/trial-balance", authorization=bearer).status_code == 500
    renewed = tell("POST", "/api/auth/refresh", {"refresh_token": somebody.refresh_token})
    found.secrets += [renewed.json()["data"][kind] for kind in ("access_token", "refresh_token")]
    tell("POST", "/api/auth/refresh", {"refresh_token": somebody.refresh_token})
    return found


def sign_in(tell: Callable[..., httpx2.Response], email: str, password: str, wrong: str) -> None:
    """Sign in in every way that does not work."""
    login = "/api/auth/login"
    assert tell("POST", login, {"email": email, "password": wrong}).status_code == 401
    query = tell("POST", f"{login}?email={email}&password={password}", {})
    assert (query.status_code, query.json()["reason"]) == (400, "missing_fields")
    tell("POST", login, {"email": email, "password": {"deep": password}})
    tell("POST", login, {"email": email, "passphrase": password})
    tell("POST", login, {"email": f"{email}.{'x' * 250}", "password": password})
    tell("POST", login, f'{{"email":"{email}","password":"{password}"'.encode())
    tell("POST", login, f"email={email}&password={password}".encode(), content_type="text/plain")
    tell("DELETE", login, {"password": password})


def abuse_tokens(tell: Callable[..., httpx2.Response], somebody: Person, forged: str) -> None:
    """Send tokens where they do not belong."""
    token = somebody.bearer.removeprefix("Bearer ")
    for sent in (f"Bearer {forged}", f"Basic {forged}", f"{somebody.bearer}x", f"Bearer {token}."):
        assert tell("GET", "/api/profile", authorization=sent).status_code == 401
    tell("GET", f"/api/profile?token={token}", authorization=somebody.bearer)
    tell("POST", "/api/auth/refresh", {"refresh_token": token})
    tell("POST", "/api/auth/logout", {"refresh_token": forged})
    tell("GET", "/api/accounts?sort=" + forged, authorization=somebody.bearer)
    tell("GET", "/api/accounts?cursor=" + forged, authorization=somebody.bearer)
    tell("POST", "/api/transfers", {}, authorization=somebody.bearer, idempotency_key="")


def machine_keys(tell: Callable[..., httpx2.Response], town: Town) -> list[str]:
    """Make a machine, replace its key, and use the old one; return both keys."""
    key = canary("key")
    asked = {"name": "Robot", "scopes": ["accounts:read"]}
    made = town.admin.made("/api/service-accounts", asked, idempotency_key=key)
    town.admin.made("/api/service-accounts", asked, idempotency_key=key)
    rotated = town.admin.made(f"/api/service-accounts/{made['id']}/rotate-key")
    old, new = f"Bearer {made['api_key']}", f"Bearer {rotated['api_key']}"
    assert tell("GET", "/api/accounts", authorization=new).status_code == 200
    assert tell("GET", "/api/accounts", authorization=old).status_code == 401
    assert tell("POST", "/api/transfers", {}, authorization=new).status_code == 403
    return [made["api_key"], rotated["api_key"]]


def webhook_secrets(somebody: Person) -> list[str]:
    """Have a webhook signed with one secret, and then with another; return both."""
    with receiving() as receiver:
        asked = {"url": receiver.url, "event_types": ["*"]}
        made = somebody.made("/api/webhook-endpoints", asked, idempotency_key=canary("key"))
        path = f"/api/webhook-endpoints/{made['id']}"
        rotated = somebody.made(f"{path}/rotate-secret")
        somebody.made(f"{path}/test")
        assert receiver.of("ping")
        assert somebody.ask("DELETE", path).is_success
    return [made["secret"], rotated["secret"]]


def spend(town: Town, somebody: Person, text: str) -> None:
    """Let jobs run, one of which fails."""
    account = town.account(somebody, "10.00", account_name=text)
    for amount in ("1.00", "2.00"):
        payment = somebody.made("/api/payments", payment_body(account, amount) | {
            "description": f"{text} {amount}"
        })  # fmt: skip
        somebody.ask("POST", f"/api/payments/{payment['id']}/process", prefer="wait=30")
    moved = somebody.transfer(account, town.account(somebody, None), "3.00")
    body = moved.body | {"description": text}
    town.door.send(msgspec.structs.replace(moved, body=body))
    town.door.send(msgspec.structs.replace(moved, body=body | {"amount": "1000.00"}))


@contextmanager
def broken(system: System) -> Iterator[None]:
    """Take a right away from the servers, so that a route of theirs fails."""
    with psycopg.connect(system.environment["DATABASE_URL"], autocommit=True) as owner:
        owner.execute("REVOKE SELECT ON read.trial_balance FROM ledgerbank_app")
        try:
            yield
        finally:
            owner.execute("GRANT SELECT ON read.trial_balance TO ledgerbank_app")


def held_by(text: str, words: list[str]) -> list[str]:
    return [word for word in words if word in text]


def test_no_refusal_repeats_what_was_sent_in_confidence(planted: Planted) -> None:
    assert len(planted.refusals) > 15
    for refusal in planted.refusals:
        assert held_by(refusal, planted.secrets + planted.personal) == [], refusal


def test_no_line_of_the_log_holds_a_secret_or_a_name(system: System, planted: Planted) -> None:
    written = system.log.read_text(errors="replace")
    assert planted.story in written
    keys = keys_of(system)
    assert len(keys) >= 5
    words = [*planted.secrets, *planted.personal, *keys, "$argon2", "Bearer ey"]
    assert held_by(written, words) == []


def test_no_span_holds_a_secret_or_a_name(collector: Collector, planted: Planted) -> None:
    eventually(lambda: told_in(collector, planted.story), "the story is traced")
    sent = b"".join(collector.raw).decode("latin-1")
    assert held_by(sent, planted.secrets + planted.personal) == []


def told_in(collector: Collector, story: str) -> bool:
    return any(each.facts.get("ledgerbank.correlation_id") == story for each in collector.spans)


def test_no_table_holds_a_secret_and_few_hold_a_name(system: System, planted: Planted) -> None:
    dump = dict(tables(system.environment["DATABASE_URL"]))
    assert planted.story in dump["log.events"]
    assert set(planted.personal) <= set(held_by("".join(dump.values()), planted.personal))
    for table, rows in dump.items():
        hashes = [] if table == CREDENTIALS else ["$argon2"]
        assert held_by(rows, planted.secrets + hashes + keys_of(system)) == [], table
        if not table.startswith("read."):
            assert held_by(rows, planted.personal) == [], table


def test_no_event_tells_a_secret_to_those_who_may_read_it(system: System, planted: Planted) -> None:
    told = system.ledgerbank("--json", "events", "list", "--from", str(planted.first_position),
                              "--limit", "100000")  # fmt: skip
    assert told.code == 0
    assert held_by(told.output, planted.personal) == planted.personal
    assert held_by(told.output + told.errors, [*planted.secrets, "$argon2"]) == []


def test_the_broker_carries_nothing_but_ids(
    system: System, broker_switch: Power[ValkeyPlace], planted: Planted
) -> None:
    carried = broker(broker_switch.place.url)
    assert "ledgerbank-jobs" in carried
    assert held_by(carried, planted.secrets + planted.personal) == []
    assert system.environment["REDIS_URL"] == broker_switch.place.url


def test_a_deleted_person_is_nowhere(system: System, town: Town) -> None:
    """AC-97: answers, the log as it is read, read models and log lines hold nothing of theirs."""
    name, text = canary("name"), canary("text")
    somebody = town.customer()
    somebody.ask("PUT", "/api/profile", {"full_name": name}, if_match="*")
    theirs = [somebody.email, name, text]
    spend(town, somebody, text)
    written = system.log.stat().st_size
    assert held_by(told_of(town, somebody.id), theirs) == theirs
    assert town.admin.ask("DELETE", f"/api/users/{somebody.id}").status_code == 200

    eventually(lambda: system.rows(ERASED, somebody.id), "what they had is looked after")
    assert held_by(told_of(town, somebody.id), theirs) == []
    for table, rows in tables(system.environment["DATABASE_URL"]):
        assert held_by(rows, theirs) == [], table
    listed = system.ledgerbank("--json", "events", "list", "--limit", "100000")
    assert somebody.id in listed.output
    assert held_by(listed.output, theirs) == []
    assert held_by(system.log.read_bytes()[written:].decode(errors="replace"), theirs) == []


def told_of(town: Town, user_id: str) -> str:
    """Return what staff are told of a person and their accounts."""
    accounts = town.admin.get(f"/api/accounts?user_id={user_id}")
    paths = [
        *(f"/api/{each}?user_id={user_id}" for each in ("accounts", "payments", "transfers")),
        f"/api/users/{user_id}",
        f"/api/streams/user-{user_id}",
        f"/api/audit/log?actor_id={user_id}",
        *(f"/api/transactions?account_id={each['id']}" for each in accounts),
        *(f"/api/streams/account-{each['id']}" for each in accounts),
    ]
    return "\n".join(town.auditor.ask("GET", path).text for path in paths)


ERASED = """
SELECT FROM work.jobs WHERE actor = 'erase_user' AND subject_id = %s AND state = 'completed'
"""
