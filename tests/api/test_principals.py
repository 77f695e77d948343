"""Who calls: a good token counts only while its session does, whatever is remembered."""

import asyncio
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from api.callers import Principal
from api.principals import Authenticator, nothing_remembered
from api.tokens import Bearer
from ledger.errors import Reason, Refused
from ledger.identity import new_id
from schema.postgres import open_pool
from schema.principals import PrincipalRow
from tests.api.crafted_tokens import BEARER, KEYS, NOW, genuine

LIVING = PrincipalRow(role="user", status="ACTIVE", session_version=3, session_alive=True)
TOKEN = KEYS.issue_access(BEARER, NOW)


def let_in(database: str) -> None:
    """Let the bearer of the crafted tokens have a living session."""
    with psycopg.connect(database) as connection:
        connection.execute(
            "INSERT INTO log.principals VALUES (%s, 'support', 'ACTIVE', 3)", (BEARER.user_id,)
        )
        connection.execute(
            "INSERT INTO log.session_state VALUES (%s, %s, %s, true, '')",
            (BEARER.session_id, BEARER.user_id, new_id()),
        )


@pytest.fixture
def alice(database: str) -> str:
    let_in(database)
    return database


def change(database: str, statement: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(statement.encode())


def authenticated(
    database: str, authorization: bytes | None, remembered: Any = nothing_remembered, **how: bool
) -> Principal:
    async def run() -> Principal:
        pool = await open_pool(database, 2, "ledgerbank_app")
        try:
            authenticator = Authenticator(
                tokens=KEYS, pool=pool, clock=lambda: NOW, remembered=remembered
            )
            headers = {} if authorization is None else {b"authorization": authorization}
            return await authenticator.authenticate(headers, **how)
        finally:
            await pool.close()

    return asyncio.run(run())


def refused(work: Callable[[], Any]) -> Reason:
    with pytest.raises(Refused) as caught:
        work()
    return caught.value.reason


def bearer(token: str = TOKEN) -> bytes:
    return b"Bearer " + token.encode()


@pytest.mark.parametrize("scheme", [b"Bearer", b"bearer", b"BEARER", b"bEaReR"])
def test_a_living_session_is_admitted_with_the_role_of_this_moment(
    alice: str, scheme: bytes
) -> None:
    principal = authenticated(alice, scheme + b" " + TOKEN.encode())
    assert principal == Principal(
        kind="user",
        id=BEARER.user_id,
        role="support",
        session_id=BEARER.session_id,
        session_version=3,
        expires_at="2027-01-15T08:15:00.000000Z",
    )


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        b"",
        b"Bearer",
        b"Bearer ",
        TOKEN.encode(),
        b"Basic " + TOKEN.encode(),
        b"Token " + TOKEN.encode(),
        b"Bearer " + TOKEN.encode() + b", Bearer " + TOKEN.encode(),
        b"Bearer lbk_0192f5c1_c2VjcmV0c2VjcmV0c2VjcmV0",
        b"Bearer \xff\xfe",
    ],
)
def test_anything_else_is_no_token(alice: str, authorization: bytes | None) -> None:
    assert authenticated(alice, bearer()).id == BEARER.user_id
    assert refused(lambda: authenticated(alice, authorization)) is Reason.INVALID_TOKEN


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("DELETE FROM log.principals", Reason.INVALID_TOKEN),
        ("DELETE FROM log.session_state", Reason.TOKEN_REVOKED),
        ("UPDATE log.session_state SET alive = false", Reason.TOKEN_REVOKED),
        ("UPDATE log.session_state SET user_id = gen_random_uuid()", Reason.TOKEN_REVOKED),
        ("UPDATE log.principals SET status = 'SUSPENDED'", Reason.TOKEN_REVOKED),
        ("UPDATE log.principals SET status = 'DELETED'", Reason.TOKEN_REVOKED),
        ("UPDATE log.principals SET session_version = 4", Reason.TOKEN_REVOKED),
    ],
)
@pytest.mark.parametrize("fresh", [True, False])
def test_what_has_ended_is_refused(
    alice: str, statement: str, reason: Reason, *, fresh: bool
) -> None:
    assert authenticated(alice, bearer(), fresh=fresh).id == BEARER.user_id
    change(alice, statement)
    assert refused(lambda: authenticated(alice, bearer(), fresh=fresh)) is reason


def test_a_verified_token_that_is_remembered_is_still_judged(alice: str) -> None:
    async def run() -> None:
        pool = await open_pool(alice, 2, "ledgerbank_app")
        authenticator = Authenticator(tokens=KEYS, pool=pool, clock=lambda: NOW)
        headers = {b"authorization": bearer()}
        await authenticator.authenticate(headers)
        change(alice, "UPDATE log.principals SET session_version = 4")
        with pytest.raises(Refused) as caught:
            await authenticator.authenticate(headers)
        assert caught.value.reason is Reason.TOKEN_REVOKED
        await pool.close()

    asyncio.run(run())


def test_a_command_may_be_admitted_by_memory_and_a_query_may_not(alice: str) -> None:
    change(alice, "UPDATE log.principals SET role = 'admin'")
    asked = []

    def remembered(user_id: str, session_id: str) -> PrincipalRow:
        asked.append((user_id, session_id))
        return LIVING

    assert authenticated(alice, bearer(), remembered, fresh=False).role == "user"
    assert asked == [(BEARER.user_id, BEARER.session_id)]
    assert authenticated(alice, bearer(), remembered, fresh=True).role == "admin"
    assert authenticated(alice, bearer(), remembered).role == "admin"


@pytest.mark.parametrize(
    "memory",
    [
        None,
        PrincipalRow(role="user", status="SUSPENDED", session_version=3, session_alive=True),
        PrincipalRow(role="user", status="ACTIVE", session_version=2, session_alive=True),
        PrincipalRow(role="user", status="ACTIVE", session_version=3, session_alive=False),
        PrincipalRow(role="user", status="ACTIVE", session_version=3, session_alive=None),
    ],
)
def test_memory_alone_turns_nobody_away(alice: str, memory: PrincipalRow | None) -> None:
    principal = authenticated(alice, bearer(), lambda *_: memory, fresh=False)
    assert principal.role == "support"


def test_a_refresh_token_is_no_access_token(alice: str) -> None:
    token = KEYS.issue_refresh(BEARER, new_id(), NOW)
    assert refused(lambda: authenticated(alice, bearer(token))) is Reason.INVALID_TOKEN_TYPE


def test_a_token_of_an_unknown_user(alice: str) -> None:
    stranger = KEYS.issue_access(Bearer(new_id(), BEARER.session_id, 3), NOW)
    assert refused(lambda: authenticated(alice, bearer(stranger))) is Reason.INVALID_TOKEN


def test_an_ended_token_never_reaches_the_database() -> None:
    async def run() -> None:
        pool: Any = None
        authenticator = Authenticator(tokens=KEYS, pool=pool, clock=lambda: NOW)
        with pytest.raises(Refused) as caught:
            await authenticator.authenticate({b"authorization": bearer(genuine(exp=NOW))})
        assert caught.value.reason is Reason.TOKEN_EXPIRED

    asyncio.run(run())
