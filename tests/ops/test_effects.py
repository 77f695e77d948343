"""Every setting that is honoured changes something after a restart (AC-3)."""

import asyncio
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import structlog

from ops.composition import rules_of as decision_rules_of
from ops.demo import ALICE
from ops.mailing import office_of, sender_of
from ops.passwords import lengths_of, passwords_of
from ops.rate_limits import policies_of
from ops.sealing import signer
from ops.settings import Settings, read_settings
from ops.settings.generated import signing_key
from ops.settings.reading import SETTINGS
from ops.signing_in import patience_of
from ops.verbs.database import seed
from ops.work import rules_of as retry_rules_of
from schema.signatures import signer_of
from tests.ops.visitor import TYPES, Visitor, served
from workers.post_office import SmtpOffice

ORIGIN, OTHER_ORIGIN = "http://localhost:3000", "https://elsewhere.example"
HANDED_ON = {"LOG_FORMAT", "PG_BIN"}
"""Settings that one function is given as they are, which has tests of its own."""

AUDIT_KEY = signing_key()
USUAL = {"ACCESS_TOKEN_TTL_SECONDS": "900", "READ_WAIT_MS": "2000"}
CHANGED = {
    "CHECKING_DAILY_LIMIT": "10.00",
    "SAVINGS_DAILY_LIMIT": "20.00",
    "CREDIT_DAILY_LIMIT": "30.00",
    "INVESTMENT_DAILY_LIMIT": "40.00",
    "MAX_SINGLE_TRANSACTION": "60.00",
    "MIN_PAYMENT_AMOUNT": "2.00",
    "ENABLE_DUPLICATE_DETECTION": "off",
    "PAYMENT_AUTO_PROCESS": "on",
    "USER_PASSWORD_MIN_LENGTH": "9",
    "ACCESS_TOKEN_TTL_SECONDS": "100",
    "REFRESH_TOKEN_TTL_SECONDS": "1000",
    "JWT_ISSUER": "somebody-else",
    "JWT_AUDIENCE": "somebody",
    "JWT_KEY_ID": "another-key",
    "ARGON2_MEMORY_KIB": "512",
    "ARGON2_TIME_COST": "2",
    "ARGON2_PARALLELISM": "2",
    "LOGIN_FAILURES_BEFORE_DELAY": "1",
    "ENABLE_RATE_LIMITING": "on",
    "RATE_LIMIT_REQUESTS": "5000",
    "RATE_LIMIT_WINDOW_SECONDS": "30",
    "RATE_LIMIT_LOGIN_REQUESTS": "7",
    "TRUSTED_PROXIES": "127.0.0.0/8",
    "CORS_ALLOWED_ORIGINS": OTHER_ORIGIN,
    "READ_WAIT_MS": "100",
    "METRICS_TOKEN": "let-me-see",
    "MAX_BODY_BYTES": "1000",
    "MAX_HEADER_BYTES": "1500",
    "MAX_URL_BYTES": "300",
    "WEBHOOK_ALLOW_PRIVATE": "on",
    "ENABLE_SECURITY_AUDIT": "off",
    "ENABLE_ADVANCED_VALIDATION": "on",
}
See = Callable[[Visitor], Any]


def daily(account_type: str) -> See:
    """See whether 45.00 leaves an account of this type in a day."""
    return lambda visitor: visitor.moved(account_type, "45.00")


SEEN: dict[str, tuple[See, Any, Any]] = {
    **{f"{each}_DAILY_LIMIT": (daily(each), "moved", "daily_limit_exceeded") for each in TYPES},
    "MAX_SINGLE_TRANSACTION": (
        lambda v: v.moved("INVESTMENT", "61.00"), "moved", "amount_exceeds_limit",
    ),
    "MIN_PAYMENT_AMOUNT": (lambda v: v.paid("1.00"), "processing", "amount_too_small"),
    "ENABLE_DUPLICATE_DETECTION": (
        lambda v: v.paid("5.00", times=2), "duplicate_transaction", "processing",
    ),
    "PAYMENT_AUTO_PROCESS": (lambda v: v.starts_by_itself(), False, True),
    "USER_PASSWORD_MIN_LENGTH": (
        lambda v: v.registered(8), "registered", "invalid_password_format",
    ),
    "ACCESS_TOKEN_TTL_SECONDS": (lambda v: v.claims("access")["life"], 900, 100),
    "REFRESH_TOKEN_TTL_SECONDS": (lambda v: v.claims("refresh")["life"], 604_800, 1_000),
    "JWT_ISSUER": (lambda v: v.claims("access")["iss"], "ledger-bank-api", "somebody-else"),
    "JWT_AUDIENCE": (lambda v: v.claims("access")["aud"], "ledger-bank-api", "somebody"),
    "JWT_KEY_ID": (lambda v: v.claims("access")["kid"] == "another-key", False, True),
    **{
        name: (lambda v: v.registered(12) and v.newest_hash(), "m=1024,t=1,p=1", "m=512,t=2,p=2")
        for name in ("ARGON2_MEMORY_KIB", "ARGON2_TIME_COST", "ARGON2_PARALLELISM")
    },
    "LOGIN_FAILURES_BEFORE_DELAY": (
        lambda v: v.locked_out(), "invalid_credentials", "login_throttled",
    ),
    **{
        name: (lambda v: v.headers_of().get("ratelimit-policy"), None, '"default";q=5000;w=30')
        for name in ("ENABLE_RATE_LIMITING", "RATE_LIMIT_REQUESTS", "RATE_LIMIT_WINDOW_SECONDS")
    },
    "RATE_LIMIT_LOGIN_REQUESTS": (
        lambda v: v.login(ALICE.email, ALICE.password).headers.get("ratelimit-policy"),
        None, '"login";q=7;w=30',
    ),
    "TRUSTED_PROXIES": (
        lambda v: "strict-transport-security" in v.headers_of(x_forwarded_proto="https"),
        False, True,
    ),
    "CORS_ALLOWED_ORIGINS": (
        lambda v: [
            v.headers_of(origin=each).get("access-control-allow-origin")
            for each in (ORIGIN, OTHER_ORIGIN)
        ],
        [ORIGIN, None], [None, OTHER_ORIGIN],
    ),
    "READ_WAIT_MS": (lambda v: v.waits_for_projections(), True, False),
    "METRICS_TOKEN": (lambda v: v.status_of("/api/metrics"), 200, 401),
    "MAX_BODY_BYTES": (
        lambda v: v.login("a@example.com", "x" * 1_000).status_code, 401, 413,
    ),
    "MAX_HEADER_BYTES": (lambda v: v.status_of("/api/problems", x_much="x" * 1_400), 200, 413),
    "MAX_URL_BYTES": (
        lambda v: v.status_of("/api/health?x=" + "x" * 300), 200, 414,
    ),
    "WEBHOOK_ALLOW_PRIVATE": (lambda v: v.told_at_home(), "url_not_allowed", "registered"),
    "ENABLE_SECURITY_AUDIT": (lambda v: v.denials_told(), 1, 0),
    "ENABLE_ADVANCED_VALIDATION": (lambda v: v.branch_added(), "added", "invalid_field_value"),
}  # fmt: skip
"""What a visitor sees: how to look, what is seen usually, and what with the changed settings."""


def composed(settings: Settings) -> dict[str, Any]:
    """Return what some settings become where no visitor sees it soon."""
    lengths, policies, rules = lengths_of(settings), policies_of(settings), retry_rules_of(settings)
    decided, passwords = decision_rules_of(settings), passwords_of(settings)
    passwords.close()
    return {
        "SUPPORT_PASSWORD_MIN_LENGTH": lengths.minima["support"],
        "AUDITOR_PASSWORD_MIN_LENGTH": lengths.minima["auditor"],
        "ADMIN_PASSWORD_MIN_LENGTH": lengths.minima["admin"],
        "PASSWORD_HASH_CONCURRENCY": passwords.admitted_max,
        "LOGIN_MAX_DELAY_SECONDS": patience_of(settings).seconds_max,
        "RATE_LIMIT_SERVICE_REQUESTS": policies.service.requests,
        "RETRY_EXTERNAL_MAX": len(rules.external_ms),
        "RETRY_EXTERNAL_BASE_MS": rules.external_ms[0],
        "RETRY_SYSTEM_MAX": len(rules.system_ms),
        "RETRY_SYSTEM_BASE_MS": rules.system_ms[0],
        "RETRY_MULTIPLIER": rules.external_ms[1],
        "SEAL_INTERVAL_SECONDS": settings.jobs.seal_interval_seconds,
        "AUDIT_SIGNING_KEY": signer(settings).key_id,
        "DUPLICATE_WINDOW_MINUTES": decided.duplicate_window_seconds,
        "DEFAULT_DAILY_LIMIT": decided.daily_limit_default,
        "SMTP_URL": type(office_of(settings)),
        "MAIL_FROM": sender_of(settings),
    }


COMPOSED = {
    "SUPPORT_PASSWORD_MIN_LENGTH": ("20", 20),
    "AUDITOR_PASSWORD_MIN_LENGTH": ("21", 21),
    "ADMIN_PASSWORD_MIN_LENGTH": ("22", 22),
    "PASSWORD_HASH_CONCURRENCY": ("3", 153),
    "LOGIN_MAX_DELAY_SECONDS": ("77", 77),
    "RATE_LIMIT_SERVICE_REQUESTS": ("9", 9),
    "RETRY_EXTERNAL_MAX": ("5", 5),
    "RETRY_EXTERNAL_BASE_MS": ("70", 70),
    "RETRY_SYSTEM_MAX": ("4", 4),
    "RETRY_SYSTEM_BASE_MS": ("80", 80),
    "RETRY_MULTIPLIER": ("3.0", 3_000),
    "SEAL_INTERVAL_SECONDS": ("7", 7),
    "AUDIT_SIGNING_KEY": (AUDIT_KEY, signer_of(AUDIT_KEY).key_id),
    "DUPLICATE_WINDOW_MINUTES": ("7", 420),
    "DEFAULT_DAILY_LIMIT": ("12.50", Decimal("12.50")),
    "SMTP_URL": ("smtp://mail.example", SmtpOffice),
    "MAIL_FROM": ("bank@example.com", "bank@example.com"),
}


@pytest.fixture(scope="module")
def seen(module_database: str, valkey: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return what is seen of one deployment before and after a restart with other settings."""
    folder = str(tmp_path_factory.mktemp("effects"))
    structlog.configure(processors=[dropped])
    found = []
    for number, changes in enumerate((USUAL, CHANGED)):
        settings = read_settings({"LEDGERBANK_ENV": "test", "DATA_DIR": folder, **changes})
        if number == 0:
            asyncio.run(seed(settings, module_database))
        with served(settings, module_database, valkey) as url:
            visitor = Visitor(url, module_database)
            found.append({name: see(visitor) for name, (see, _, _) in SEEN.items()})
            visitor.client.close()
    structlog.reset_defaults()
    return found


def dropped(*_: object) -> Any:
    raise structlog.DropEvent


@pytest.mark.parametrize("name", SEEN)
def test_a_setting_changes_what_is_seen(seen: list[dict[str, Any]], name: str) -> None:
    before, after = seen
    _, usual, changed = SEEN[name]
    assert (before[name], after[name]) == (usual, changed)
    assert name in CHANGED


@pytest.mark.parametrize("name", COMPOSED)
def test_a_setting_reaches_the_part_it_is_for(name: str, tmp_path: Path) -> None:
    raw, expected = COMPOSED[name]
    usual, changed = (
        composed(read_settings({"LEDGERBANK_ENV": "test", "DATA_DIR": str(tmp_path), **changes}))
        for changes in ({}, {name: raw})
    )
    assert changed[name] == expected
    assert usual[name] != expected


def test_every_setting_has_a_test_of_its_effect() -> None:
    """Those that are not seen here are in tests of the parts they are for."""
    told = "".join(
        path.read_text(encoding="utf-8")
        for path in Path("tests").rglob("*.py")
        if path.name not in {"test_settings.py", "test_effects.py"}
    )
    shown = {*SEEN, *COMPOSED, *HANDED_ON}
    assert {each for each in SETTINGS if each not in shown and each not in told} == set()


def test_no_setting_is_read_by_nobody() -> None:
    """What no part asks for has no effect, whatever the documentation says."""
    sources = (path for path in Path("ops").rglob("*.py") if "settings" not in path.parts)
    text = "".join(path.read_text(encoding="utf-8") for path in sources)
    fields = {name: "env" if name == "LEDGERBANK_ENV" else name.lower() for name in SETTINGS}
    unread = {name for name, field in fields.items() if not re.search(rf"\.{field}\b", text)}
    assert unread == set()
