"""Tokens: each crafted one is refused for its own reason, next to a good one that is not."""

import json
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import tokens
from api.token_keys import verifying_key
from api.tokens import Terms, TokenKeys
from ledger.errors import Reason, Refused
from ledger.identity import new_id
from tests.api.crafted_tokens import (
    ABSENT,
    BEARER,
    CLAIMS,
    CRAFTED,
    EDDSA_KEY,
    GOOD,
    HMAC_KEY,
    KEYS,
    NOW,
    ORDERED,
    SECRET,
    genuine,
    with_payload,
)


def reason_of(token: str, token_type: Any = "access", now: int = NOW) -> Reason:
    with pytest.raises(Refused) as caught:
        KEYS.verify(token, token_type, now)
    return caught.value.reason


def test_the_table_is_long_enough() -> None:
    assert len(CRAFTED) >= 40


@pytest.mark.parametrize("name", CRAFTED)
def test_a_crafted_token_is_refused_for_its_reason(name: str) -> None:
    craft, reason = CRAFTED[name]
    assert KEYS.verify(GOOD, "access", NOW).sub == BEARER.user_id
    assert reason_of(craft()) is reason


@pytest.mark.parametrize("name", ORDERED)
def test_the_first_reason_is_told(name: str) -> None:
    changes, reason = ORDERED[name]
    assert reason_of(genuine(**changes)) is reason


@pytest.mark.parametrize("signing", [HMAC_KEY, EDDSA_KEY])
def test_what_is_issued_is_verified(signing: Any) -> None:
    keys = TokenKeys(signing, terms=Terms(access_seconds=60, refresh_seconds=600))
    jti = new_id()
    access = keys.verify(keys.issue_access(BEARER, NOW), "access", NOW)
    refresh = keys.verify(keys.issue_refresh(BEARER, jti, NOW), "refresh", NOW)
    assert (access.sub, access.sid, access.sv) == (BEARER.user_id, BEARER.session_id, 3)
    assert (refresh.jti, access.exp, refresh.exp) == (jti, NOW + 60, NOW + 600)
    assert access.expires_at == "2027-01-15T08:01:00.000000Z"


def test_a_token_says_nothing_personal() -> None:
    token = KEYS.issue_access(BEARER, NOW)
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "kid": "hmac", "typ": "JWT"}
    claims = jwt.decode(token, options={"verify_signature": False})
    assert set(claims) == set(CLAIMS)


def test_the_edges_of_time() -> None:
    token = genuine(nbf=NOW + 5, exp=NOW + 6)
    assert KEYS.verify(token, "access", NOW).exp == NOW + 6
    assert KEYS.verify(token, "access", NOW + 5).exp == NOW + 6
    assert reason_of(token, now=NOW + 6) is Reason.TOKEN_EXPIRED
    assert reason_of(genuine(nbf=NOW + 60), now=NOW + 54) is Reason.TOKEN_NOT_YET_VALID


def test_nothing_requires_nbf() -> None:
    assert KEYS.verify(genuine(nbf=ABSENT), "access", NOW).nbf is None


def test_a_verified_token_is_remembered_but_not_as_another_type_nor_for_ever() -> None:
    keys = TokenKeys(HMAC_KEY)
    token = genuine(exp=NOW + 100)
    first = keys.verify(token, "access", NOW)
    assert keys.verify(token, "access", NOW + 59) is first
    assert keys.verify(token, "access", NOW + 60) is not first
    with pytest.raises(Refused) as caught:
        keys.verify(token, "refresh", NOW + 61)
    assert caught.value.reason is Reason.INVALID_TOKEN_TYPE
    assert caught.value.details == {"expected": "refresh"}
    with pytest.raises(Refused) as caught:
        keys.verify(token, "access", NOW + 100)
    assert caught.value.reason is Reason.TOKEN_EXPIRED
    assert caught.value.details == {"expired_at": "2027-01-15T08:01:40.000000Z"}


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "CACHED_TOKENS", 3)
    keys = TokenKeys(HMAC_KEY)
    for _ in range(10):
        keys.verify(keys.issue_access(BEARER, NOW), "access", NOW)
    assert len(keys.verified) == 3


def test_refused_tokens_are_not_remembered() -> None:
    keys = TokenKeys(HMAC_KEY)
    for craft, _ in CRAFTED.values():
        with pytest.raises(Refused):
            keys.verify(craft(), "access", NOW)
    assert keys.verified == {}


def test_a_rotated_key_still_verifies_until_it_is_dropped() -> None:
    old = TokenKeys(HMAC_KEY)
    token = old.issue_access(BEARER, NOW)
    rotated = TokenKeys(EDDSA_KEY, [verifying_key(f"hmac:HS256:{SECRET}")])
    assert rotated.verify(token, "access", NOW).sub == BEARER.user_id
    assert jwt.get_unverified_header(rotated.issue_access(BEARER, NOW))["kid"] == "ed"
    with pytest.raises(Refused):
        TokenKeys(EDDSA_KEY).verify(token, "access", NOW)


@given(st.text(max_size=300) | st.from_regex(r"[\w-]{1,40}\.[\w-]{1,80}\.[\w-]{0,80}"))
def test_no_text_is_a_token_by_chance(text: str) -> None:
    assert reason_of(text) is Reason.INVALID_TOKEN


@given(
    st.dictionaries(
        st.sampled_from(sorted(CLAIMS)),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner, max_size=2),
            max_leaves=3,
        ),
        min_size=1,
    )
)
def test_no_claim_whatever_it_holds_breaks_the_machine(changes: dict[str, Any]) -> None:
    try:
        KEYS.verify(with_payload(json.dumps(CLAIMS | changes).encode()), "access", NOW)
        status = 200
    except Refused as refused:
        status = refused.reason.fact.status
    assert status in {200, 401}
