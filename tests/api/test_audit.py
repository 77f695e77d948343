"""The audit log over HTTP: true outcomes, true actors, no address in clear (AC-95)."""

from collections.abc import Iterator
from typing import Any

import httpx2
import msgspec
import pytest

from api.call import Call
from api.reply import Reply
from ledger.commands.user import DeleteUser
from ledger.errors import Reason, Refused
from ledger.identity import new_id
from ops.embedded.postgres import Place
from projections.audit_log import PROJECTOR
from projections.rebuild import verify
from schema.seals import KeyEncryptionKeys
from tests.api.bank import PASSWORD, WRAPPING_KEYS, Bank, Parts, followed, opened
from tests.api.desk import endpoint
from tests.api.queries.conftest import copied
from tests.api.signing_in import data_of, login, post_as, reason, refresh, register, signed_in

AGENT = "Browser/1.0 (told by nobody else)"
Row = dict[str, Any]


async def too_many(_: Call) -> Reply:
    raise Refused(Reason.RATE_LIMIT_EXCEEDED, policy="default", limit=100, window_seconds=60)


async def unsigned(_: Call) -> Reply:
    raise Refused(Reason.UNAUTHORIZED)


async def found(_: Call) -> Reply:
    return Reply(data=b"{}")


MORE = (
    endpoint("GET", "/api/busy", too_many),
    endpoint("POST", "/api/webhooks/payments/status", unsigned),
    endpoint("GET", "/api/found", found),
)


@pytest.fixture(scope="module")
def bank(postgres_server: Place, migrated: str) -> Iterator[Bank]:
    """Serve one bank to all tests here: each has people of its own."""
    with (
        copied(postgres_server, migrated) as database,
        followed(database),
        opened(database, parts=Parts(more=MORE)) as running,
    ):
        running.served.client.headers["user-agent"] = AGENT
        yield running


def sign_in_as(bank: Bank, role: str) -> dict[str, Any]:
    """Sign somebody in whom the edge takes for a member of staff."""
    tokens = signed_in(bank)
    bank.execute("UPDATE log.principals SET role = %s WHERE user_id = %s", role, id_of(tokens))
    return tokens


@pytest.fixture(scope="module")
def auditor(bank: Bank) -> dict[str, Any]:
    return sign_in_as(bank, "auditor")


def id_of(tokens: dict[str, Any]) -> str:
    return str(tokens["user"]["id"])


def bearer(tokens: dict[str, Any]) -> dict[str, str]:
    return {"authorization": f"Bearer {tokens['access_token']}"}


def look(bank: Bank, tokens: dict[str, Any], **asked: Any) -> httpx2.Response:
    return bank.served.request("GET", "/api/audit/log", headers=bearer(tokens), params=asked)


def told(bank: Bank, auditor: dict[str, Any], **asked: Any) -> list[Row]:
    answer = look(bank, auditor, **{"page_size": 100, **asked})
    assert answer.status_code == 200, answer.text
    rows: list[Row] = answer.json()["data"]
    return rows


def new_since(bank: Bank, auditor: dict[str, Any], before: list[Row]) -> list[Row]:
    """Return what was told since, oldest first."""
    known = {row["id"] for row in before}
    return [row for row in reversed(told(bank, auditor)) if row["id"] not in known]


def briefly(rows: list[Row]) -> list[tuple[str, str, str, Any]]:
    return [
        (row["action"], row["outcome"], row["actor"]["type"], row["actor"]["id"]) for row in rows
    ]


def test_a_life_of_logins_is_told(bank: Bank, auditor: dict[str, Any]) -> None:
    before = told(bank, auditor)
    profile = register(bank)
    me, email = profile["id"], profile["email"]
    login(bank, email, "wrong")
    tokens = data_of(login(bank, email))
    refreshed = data_of(refresh(bank, tokens["refresh_token"]))
    refresh(bank, tokens["refresh_token"])
    assert reason(bank.served.get("/api/auth/me", **bearer(refreshed))) == (401, "token_revoked")
    again = data_of(login(bank, email))
    bank.served.post("/api/auth/logout", {"refresh_token": again["refresh_token"]})
    post_as(bank, data_of(login(bank, email)), "/api/auth/logout-all")
    rows = new_since(bank, auditor, before)
    assert briefly(rows) == [
        ("LoginFailed", "failure", "anonymous", None),
        ("LoginSucceeded", "success", "user", me),
        ("RefreshTokenReuseDetected", "denied", "user", me),
        ("TokenRejected", "denied", "anonymous", None),
        ("LoginSucceeded", "success", "user", me),
        ("LoggedOut", "success", "user", me),
        ("LoginSucceeded", "success", "user", me),
        ("AllSessionsEnded", "success", "user", me),
    ]
    for row in rows:
        assert (row["ip"], row["user_agent"]) == ("127.0.0.1", AGENT)
        assert row["subject_id"] in {me, None}
        assert row["correlation_id"].startswith("req_")
    assert rows[-1]["details"] == {"cause": "logout_all"}


def test_an_entry_is_told_in_full(bank: Bank, auditor: dict[str, Any]) -> None:
    tokens = signed_in(bank)
    answer = look(bank, tokens)
    assert reason(answer) == (403, "insufficient_permissions")
    [row] = told(bank, auditor, actor_id=id_of(tokens), action="AccessDenied")
    position, recorded_at = row.pop("position"), row.pop("recorded_at")
    [(stored,)] = bank.execute("SELECT data FROM log.events WHERE position = %s", position)
    envelope = msgspec.json.decode(bytes(stored))
    assert (envelope["id"], envelope["recorded_at"]) == (row.pop("id"), recorded_at)
    assert envelope["stream_id"] == f"audit-{recorded_at[:10].replace('-', '')}"
    assert row == {
        "action": "AccessDenied",
        "outcome": "denied",
        "actor": {"type": "user", "id": id_of(tokens), "role": "user"},
        "subject_type": None,
        "subject_id": None,
        "ip": "127.0.0.1",
        "user_agent": AGENT,
        "correlation_id": answer.headers["x-correlation-id"],
        "details": {
            "reason": "insufficient_permissions",
            "method": "GET",
            "route": "/api/audit/log",
        },
    }


def test_a_failed_login_tells_no_address_in_clear(bank: Bank, auditor: dict[str, Any]) -> None:
    before = told(bank, auditor)
    for email in ("nobody.at.all@example.com", "NOBODY.at.all@example.com", "other@example.com"):
        assert reason(login(bank, email)) == (401, "invalid_credentials")
    hashes = [row["details"]["address_hash"] for row in new_since(bank, auditor, before)]
    assert hashes[0] == hashes[1] != hashes[2]
    dump = bank.execute("SELECT string_agg(encode(data, 'escape'), '') FROM log.events")[0][0]
    for secret in ("nobody.at.all", "other@example", PASSWORD, AGENT, "127.0.0.1"):
        assert secret not in dump


def test_waiting_addresses_are_told_once_a_minute(bank: Bank, auditor: dict[str, Any]) -> None:
    before = told(bank, auditor)
    email = register(bank)["email"]
    for _ in range(5):
        login(bank, email, "wrong")
    for _ in range(3):
        assert reason(login(bank, email)) == (429, "login_throttled")
    rows = briefly(new_since(bank, auditor, before))
    failed, throttled = ("failure", "anonymous", None), ("denied", "anonymous", None)
    assert rows == [("LoginFailed", *failed)] * 5 + [("LoginThrottled", *throttled)]


def test_what_strangers_repeat_is_told_once(bank: Bank, auditor: dict[str, Any]) -> None:
    other_kind = f"Bearer {signed_in(bank)['refresh_token']}"
    before = told(bank, auditor)
    for _ in range(3):
        bank.served.get("/api/auth/me", authorization=other_kind)
        bank.served.get("/api/busy")
        bank.served.get("/.env")
        bank.served.get("/api/found", user_agent="sqlmap/1.7")
    rows = new_since(bank, auditor, before)
    assert [(row["action"], row["details"]) for row in rows] == [
        ("TokenRejected", {"reason": "invalid_token_type"}),
        ("RateLimitExceeded", {"policy": "default", "limit": 100}),
        ("SuspiciousRequest", {"pattern": "path"}),
        ("SuspiciousRequest", {"pattern": "scanner"}),
    ]


def test_a_message_without_a_signature_is_told(bank: Bank, auditor: dict[str, Any]) -> None:
    before = told(bank, auditor)
    bank.served.post("/api/webhooks/payments/status", b"")
    [row] = new_since(bank, auditor, before)
    assert (row["action"], row["outcome"]) == ("WebhookRejected", "denied")
    assert row["details"]["route"] == "/api/webhooks/payments/status"


def test_denials_of_one_person_do_not_flood_the_log(bank: Bank, auditor: dict[str, Any]) -> None:
    tokens = signed_in(bank)
    for _ in range(40):
        assert look(bank, tokens).status_code == 403
    assert len(told(bank, auditor, actor_id=id_of(tokens), action="AccessDenied")) == 30


def test_filters_narrow(bank: Bank, auditor: dict[str, Any]) -> None:
    tokens = signed_in(bank)
    look(bank, tokens)
    mine = {"actor_id": id_of(tokens)}
    assert briefly(told(bank, auditor, **mine)) == [
        ("AccessDenied", "denied", "user", id_of(tokens)),
        ("LoginSucceeded", "success", "user", id_of(tokens)),
    ]
    [denied] = told(bank, auditor, outcome="DENIED", **mine)
    assert denied["action"] == "AccessDenied"
    [login_] = told(bank, auditor, subject_id=id_of(tokens).upper(), action="loginsucceeded")
    assert login_["subject_type"] == "user"
    at = login_["recorded_at"]
    assert told(bank, auditor, date_from=at, date_to=at) == [login_]
    assert told(bank, auditor, ip="::ffff:7f00:1") == []
    assert told(bank, auditor, ip=" 127.0.0.1 ", **mine) == told(bank, auditor, **mine)
    places = [row["position"] for row in told(bank, auditor)]
    assert places == sorted(places, reverse=True)
    assert told(bank, auditor, sort="created_at:asc", **mine) == [login_, denied]


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"action": "Anything"}, "invalid_field_value"),
        ({"outcome": "maybe"}, "invalid_field_value"),
        ({"actor_id": "me"}, "invalid_uuid_format"),
        ({"subject_id": "me"}, "invalid_uuid_format"),
        ({"ip": "300.0.0.1"}, "invalid_field_value"),
        ({"date_from": "yesterday"}, "invalid_datetime_format"),
        ({"ip": ""}, "missing_fields"),
        ({"user_agent": "x"}, "unknown_parameter"),
        ({"sort": "ip"}, "invalid_sort_field"),
        ({"cursor": "x"}, "invalid_cursor"),
    ],
)
def test_bad_questions_are_refused(
    bank: Bank, auditor: dict[str, Any], asked: dict[str, str], why: str
) -> None:
    assert reason(look(bank, auditor, **asked)) == (400, why)


@pytest.mark.parametrize("role", ["user", "support", "auditor", "admin"])
def test_only_admins_and_auditors_look(bank: Bank, role: str) -> None:
    may = role in {"auditor", "admin"}
    assert look(bank, sign_in_as(bank, role)).status_code == (200 if may else 403)
    assert bank.served.get("/api/audit/log").status_code == 401


def test_an_erased_person_came_from_nowhere(bank: Bank, auditor: dict[str, Any]) -> None:
    tokens = signed_in(bank)
    [before] = told(bank, auditor, actor_id=id_of(tokens))
    assert (before["ip"], before["user_agent"]) == ("127.0.0.1", AGENT)
    bank.ask(DeleteUser(user_id=id_of(tokens), erasure_id=new_id()))
    [row] = told(bank, auditor, actor_id=id_of(tokens))
    assert (row["action"], row["ip"], row["user_agent"]) == ("LoginSucceeded", None, None)
    assert verify(bank.dsn, PROJECTOR, KeyEncryptionKeys(WRAPPING_KEYS)).compared


def test_what_can_be_switched_off_is(database: str) -> None:
    with followed(database), opened(database, parts=Parts(more=MORE, starred=False)) as bank:
        auditor = sign_in_as(bank, "auditor")
        tokens = signed_in(bank)
        look(bank, tokens)
        bank.served.get("/api/auth/me", authorization="Bearer garbage")
        bank.served.get("/api/busy")
        bank.served.get("/.env")
        bank.served.post("/api/webhooks/payments/status", b"")
        login(bank, "somebody@example.com")
        actions = [row["action"] for row in told(bank, auditor)]
        assert actions == ["LoginFailed", "LoginSucceeded", "LoginSucceeded"]
