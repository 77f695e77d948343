"""Attempts to sign in: counted per address and e-mail, on top of the address (AC-22, 23)."""

from collections.abc import Iterator

import pytest
import redis

from api.rate_limits import Policies, Policy
from tests.api.bank import PASSWORD, Bank, Parts, followed, opened
from tests.api.signing_in import login, reason, register, signed_in

POLICIES = Policies(default=Policy("default", 20, 60), login=Policy("login", 4, 60))


@pytest.fixture(scope="module")
def bank(module_database: str, valkey: str) -> Iterator[Bank]:
    parts = Parts(counted_at=valkey, policies=POLICIES)
    with followed(module_database), opened(module_database, parts=parts) as running:
        yield running


@pytest.fixture(autouse=True)
def _forgotten(valkey: str) -> None:
    with redis.Redis.from_url(valkey) as store:
        for key in store.scan_iter("ledgerbank:rate:*"):
            store.delete(key)


def test_the_login_policy_is_judged_on_top_of_the_address(bank: Bank) -> None:
    email = register(bank)["email"]
    policies = []
    for password in (PASSWORD, PASSWORD, "wrong", PASSWORD):
        answer = login(bank, email, password)
        assert answer.status_code in {200, 401}
        policies.append(answer.headers["ratelimit"].rpartition(";t=")[0])
    assert policies == [f'"login";r={left}' for left in (3, 2, 1, 0)]
    refused = login(bank, email.upper())
    assert reason(refused) == (429, "rate_limit_exceeded")
    assert refused.json()["details"] == {"policy": "login", "limit": 4, "window_seconds": 60}
    assert refused.headers["ratelimit-policy"] == '"login";q=4;w=60'
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert login(bank, "somebody@example.com", "wrong").status_code == 401


def test_a_refused_login_costs_its_address_nothing(bank: Bank) -> None:
    email = "somebody.else@example.com"
    for _ in range(4):
        assert login(bank, email, "wrong").status_code == 401
    for _ in range(30):
        assert reason(login(bank, email, "wrong")) == (429, "rate_limit_exceeded")
    there = login(bank, "a.third@example.com", "wrong")
    assert there.status_code == 401
    assert bank.served.post("/api/auth/login", {}).headers["x-ratelimit-remaining"] == "14"


def test_only_whole_attempts_count_for_a_login(bank: Bank) -> None:
    for _ in range(6):
        body = {"email": "not an address", "password": "x"}
        answer = bank.served.post("/api/auth/login", body)
        assert answer.status_code == 400
        assert answer.headers["ratelimit-policy"] == '"default";q=20;w=60'


def test_people_behind_one_address_have_budgets_of_their_own(bank: Bank) -> None:
    for _ in range(2):
        tokens = signed_in(bank)
        headers = {"authorization": f"Bearer {tokens['access_token']}"}
        answer = bank.served.get("/api/auth/validate", **headers)
        assert answer.headers["ratelimit"].startswith('"default";r=19;')
