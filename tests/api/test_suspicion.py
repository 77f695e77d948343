"""Scanners are recognised by what they look for; people are not taken for them. And the sieve."""

from typing import Any

import pytest

from api.sieve import Sieve
from api.suspicion import suspicion

SCANNED = [
    ("/.env", "", "path"),
    ("/.git/config", "", "path"),
    ("/index.php", "", "path"),
    ("/wp-login.php", "", "path"),
    ("/%2eenv", "", "path"),
    ("/cgi-bin/test", "", "path"),
    ("/api/../../etc/passwd", "", "path"),
    ("/api/%2e%2e/x", "", "payload"),
    ("/api/users", "q=%3Cscript%3Ealert(1)", "payload"),
    ("/api/users", "q=1'+OR+'1'='1", "payload"),
    ("/api/users", "q=1+union+all+select+1", "payload"),
    ("/api/users", "x=${jndi:ldap://a}", "payload"),
]
HARMLESS = [
    ("/api/accounts", "sort=created_at:desc"),
    ("/api/nothing", ""),
    ("/api/transactions", "q=Rent+for+union+street"),
    ("/api/users", "email=environment@example.php.net"),
    ("/", ""),
]


def asked(path: str, query: str = "", status: int = 404, **headers: str) -> str | None:
    scope: dict[str, Any] = {"raw_path": path.encode(), "query_string": query.encode()}
    named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return suspicion(scope, named, status)


@pytest.mark.parametrize(("path", "query", "pattern"), SCANNED)
def test_what_scanners_ask_is_recognised(path: str, query: str, pattern: str) -> None:
    assert asked(path, query) == pattern
    assert asked(path, query, status=200) is None


@pytest.mark.parametrize(("path", "query"), HARMLESS)
def test_what_people_ask_is_not(path: str, query: str) -> None:
    assert asked(path, query, user_agent="Mozilla/5.0", referer="https://example.com/") is None


def test_a_scanner_that_says_so_is_believed() -> None:
    assert asked("/api/health", status=200, user_agent="Mozilla/5.0 Nikto/2.5") == "scanner"
    assert asked("/api/health", referer="() { :; }; echo") == "header"


def test_a_sieve_lets_so_many_through_in_a_while_and_counts_the_rest() -> None:
    now = [100.0]
    sieve = Sieve(lambda: now[0])
    assert [sieve.passes("a", 2, 60) for _ in range(5)] == [0, 0, None, None, None]
    assert sieve.passes("b", 2, 60) == 0
    now[0] += 59
    assert sieve.passes("a", 2, 60) is None
    now[0] += 1
    assert [sieve.passes("a", 2, 60) for _ in range(3)] == [4, 0, None]


def test_a_sieve_does_not_grow() -> None:
    sieve = Sieve(kinds_max=100)
    for number in range(1_000):
        sieve.passes(number, 1, 60)
    assert len(sieve.flows) == 100
    assert sieve.passes(999, 1, 60) is None
