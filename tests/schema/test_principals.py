"""Principals: read in one round trip, as the append transactions left them."""

import asyncio
from typing import Any

import psycopg
import pytest

from ledger.identity import new_id
from schema.postgres import connect_async
from schema.principals import CredentialRow, credential_of, email_claim, principal_of

KEY = b"k" * 32
ALICE, SESSION, ENDED, BOBS = (new_id() for _ in range(4))
BOB = new_id()


@pytest.fixture
def people(database: str) -> str:
    """Two users; Alice has a session that lives and one that ended."""
    with psycopg.connect(database) as connection:
        for user_id, role, status, version in (
            (ALICE, "admin", "ACTIVE", 4),
            (BOB, "user", "SUSPENDED", 1),
        ):
            connection.execute(
                "INSERT INTO log.principals VALUES (%s, %s, %s, %s)",
                (user_id, role, status, version),
            )
            connection.execute(
                "INSERT INTO log.credentials VALUES (%s, %s)", (user_id, f"hash of {role}")
            )
            connection.execute(
                "INSERT INTO log.claims VALUES ('email', %s, %s, NULL, 1)",
                (email_claim(KEY, f"{role}@example.com"), user_id),
            )
        for session_id, user_id, alive in (
            (SESSION, ALICE, True),
            (ENDED, ALICE, False),
            (BOBS, BOB, True),
        ):
            connection.execute(
                "INSERT INTO log.session_state VALUES (%s, %s, %s, %s, %s)",
                (session_id, user_id, new_id(), alive, "2025-03-01T09:30:00.000000Z"),
            )
    return database


def read(database: str, question: Any, *asked: str) -> Any:
    async def run() -> Any:
        async with await connect_async(database, "ledgerbank_app") as connection:
            return await question(connection, *asked)

    return asyncio.run(run())


def test_a_user_and_their_session(people: str) -> None:
    row = read(people, principal_of, ALICE, SESSION)
    assert (row.role, row.status, row.session_version) == ("admin", "ACTIVE", 4)
    assert row.session_alive is True
    assert row.session_expires_at == "2025-03-01T09:30:00.000000Z"
    assert row.alive


@pytest.mark.parametrize(
    ("user_id", "session_id", "session_alive"),
    [(ALICE, ENDED, False), (ALICE, new_id(), None), (ALICE, BOBS, None), (BOB, BOBS, True)],
    ids=["an ended session", "no session", "of somebody else", "of a suspended user"],
)
def test_what_does_not_live(
    people: str, user_id: str, session_id: str, *, session_alive: bool | None
) -> None:
    row = read(people, principal_of, user_id, session_id)
    assert row.session_alive is session_alive
    assert not row.alive


def test_an_unknown_user_has_no_row(people: str) -> None:
    assert read(people, principal_of, new_id(), SESSION) is None


def test_a_credential_is_found_by_its_claim_only(people: str) -> None:
    claim = email_claim(KEY, "admin@example.com")
    assert read(people, credential_of, claim) == CredentialRow(
        ALICE, "hash of admin", "admin", "ACTIVE"
    )
    assert read(people, credential_of, "admin@example.com") is None
    assert read(people, credential_of, email_claim(b"x" * 32, "admin@example.com")) is None


def test_a_claim_shows_nothing_of_the_address() -> None:
    claim = email_claim(KEY, "alice@example.com")
    assert claim == email_claim(KEY, "alice@example.com") != email_claim(KEY, "alicf@example.com")
    assert len(claim) == 64
    assert "alice" not in claim
