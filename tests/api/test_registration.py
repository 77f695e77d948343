"""Registration over HTTP: one user per address, always a customer, once per key."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from api.passwords import Cost
from tests.api.bank import PASSWORD, Bank, opened
from tests.api.signing_in import data_of, login, reason, register, signed_in

PERSON = {
    "email": "alice@example.com",
    "full_name": "Alice Example",
    "password": PASSWORD,
    "password_confirmation": PASSWORD,
}


FAULTY: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    ({"email": None}, [("email", "missing_fields")]),
    ({"email": "alice"}, [("email", "invalid_email_format")]),
    ({"email": "a b@example.com"}, [("email", "invalid_email_format")]),
    ({"email": "a@b@example.com"}, [("email", "invalid_email_format")]),
    ({"email": "a@example." + "c" * 250}, [("email", "invalid_email_format")]),
    ({"full_name": " "}, [("full_name", "missing_fields")]),
    ({"full_name": "x" * 256}, [("full_name", "invalid_name_format")]),
    ({"full_name": "a\tb"}, [("full_name", "invalid_name_format")]),
    ({"full_name": 5}, [("full_name", "invalid_name_format")]),
    (
        {"password": "short", "password_confirmation": "short"},
        [("password", "invalid_password_format")],
    ),
    (
        {"password": "x" * 256, "password_confirmation": "x" * 256},
        [("password", "invalid_password_format")],
    ),
    (
        {"password_confirmation": "other"},
        [("password_confirmation", "invalid_password_format")],
    ),
    ({"password_confirmation": None}, [("password_confirmation", "missing_fields")]),
    (
        {"password": None, "password_confirmation": None},
        [("password", "missing_fields"), ("password_confirmation", "missing_fields")],
    ),
    ({"status": "ACTIVE"}, [("status", "unknown_field")]),
    (
        {"password": 12345678, "full_name": "", "email": "x"},
        [
            ("email", "invalid_email_format"),
            ("full_name", "missing_fields"),
            ("password", "invalid_password_format"),
            ("password_confirmation", "invalid_password_format"),
        ],
    ),
]


@pytest.fixture
def bank(database: str) -> Iterator[Bank]:
    with opened(database) as running:
        yield running


def test_a_user_is_answered_and_found_again(bank: Bank) -> None:
    answer = bank.served.post("/api/users", PERSON | {"full_name": " Alice <b>Example</b> "})
    assert answer.status_code == 201
    user = data_of(answer)
    assert answer.headers["location"] == f"/api/users/{user['id']}"
    assert answer.headers["etag"] == f'"{user["version"]}"' == '"2"'
    assert int(answer.headers["ledger-position"]) == 2
    assert user.pop("inserted_at") == user.pop("updated_at")
    assert user.pop("id")
    assert user == {
        "email": "alice@example.com",
        "full_name": "Alice <b>Example</b>",
        "status": "ACTIVE",
        "role": "user",
        "active": True,
        "verified": False,
        "suspended": False,
        "deleted": False,
        "last_login_at": None,
        "version": 2,
    }


@pytest.mark.parametrize("role", ["admin", "nonsense", 7, None, {"a": 1}])
def test_nobody_chooses_their_own_role(bank: Bank, role: Any) -> None:
    assert register(bank, role=role)["role"] == "user"


def test_every_bad_field_is_told(bank: Bank) -> None:
    for changes, faults in FAULTY:
        answer = bank.served.post("/api/users", PERSON | changes)
        problem = msgspec.json.decode(answer.content)
        assert answer.status_code == 400
        told = [(each["field"], each["reason"]) for each in problem["errors"]]
        assert (changes, told) == (changes, faults)
        assert PASSWORD not in answer.text
    assert bank.execute("SELECT FROM log.events") == []


def test_a_password_is_taken_exactly_as_sent(bank: Bank) -> None:
    password = "  blank at both ends  "
    user = register(bank, password=password, password_confirmation=password)
    assert login(bank, user["email"], password).status_code == 200
    assert reason(login(bank, user["email"], password.strip())) == (401, "invalid_credentials")


def test_an_address_belongs_to_one_user(bank: Bank) -> None:
    register(bank, "alice@example.com")
    for spelling in ("alice@example.com", " ALICE@Example.com "):
        answer = bank.served.post("/api/users", PERSON | {"email": spelling})
        assert reason(answer) == (409, "email_already_exists")


def test_of_many_registrations_at_once_one_wins(bank: Bank) -> None:
    def spelled(number: int) -> dict[str, Any]:
        letters = enumerate("alice@example.com")
        mixed = "".join(each.upper() if number >> place & 1 else each for place, each in letters)
        return PERSON | {"email": mixed + " " * (number % 3)}

    with opened(bank.dsn) as other, ThreadPoolExecutor(25) as threads:
        asked = [((bank, other)[number % 2], spelled(number)) for number in range(50)]
        answers = list(threads.map(lambda each: each[0].served.post("/api/users", each[1]), asked))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 49
    assert {reason(each) for each in answers if each.status_code == 409} == {
        (409, "email_already_exists")
    }
    assert len(bank.execute("SELECT FROM log.principals")) == 1


def test_a_key_registers_once(bank: Bank) -> None:
    def ask(key: str, **changes: Any) -> Any:
        return bank.served.post("/api/users", PERSON | changes, idempotency_key=key)

    first, again = ask("k1"), ask("k1")
    assert first.status_code == again.status_code == 201
    assert again.headers["idempotent-replayed"] == "true"
    assert first.content == again.content
    assert again.headers["location"] == first.headers["location"]
    assert reason(ask("k1", full_name="Bob")) == (422, "idempotency_key_reused")
    assert reason(ask("k2")) == (409, "email_already_exists")
    assert reason(ask("k2")) == (409, "email_already_exists")
    assert reason(ask("a key")) == (400, "invalid_idempotency_key")
    assert len(bank.execute("SELECT FROM log.principals")) == 1


def test_no_secret_and_no_address_lies_in_the_database(bank: Bank) -> None:
    tokens = signed_in(bank, register(bank, "canary@example.com", full_name="Cana Ry")["email"])
    login(bank, "stranger-canary@example.com", "wrong canary")
    dump = " ".join(
        str(row)
        for (table,) in bank.execute(
            "SELECT 'log.' || tablename FROM pg_tables WHERE schemaname = 'log'"
        )
        for row in bank.execute(f"SELECT encode(t::text::bytea, 'escape') FROM {table} AS t")
    )
    hexed = " ".join(part.encode().hex() for part in ("canary@example.com", "Cana Ry", PASSWORD))
    assert "UserRegistered" in dump
    for secret in ("canary", "Cana Ry", PASSWORD, *hexed.split(), tokens["refresh_token"]):
        assert secret not in dump


def test_a_hash_of_another_cost_is_replaced_at_the_next_login(bank: Bank) -> None:
    user = register(bank)
    question = "SELECT password_hash FROM log.credentials"
    assert "m=8,t=1" in bank.execute(question)[0][0]
    with opened(bank.dsn, Cost(memory_kib=16, time_cost=2)) as dearer:
        assert reason(login(dearer, user["email"], "wrong")) == (401, "invalid_credentials")
        assert "m=8,t=1" in bank.execute(question)[0][0]
        assert login(dearer, user["email"]).status_code == 200
        [(stored,)] = bank.execute(question)
        assert "m=16,t=2" in stored
        assert login(dearer, user["email"]).status_code == 200
        assert bank.execute(question) == [(stored,)]
