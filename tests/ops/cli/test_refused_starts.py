"""A start that is refused names the setting and shows no secret (AC-2)."""

import pytest

from tests.ops.cli.shell import Shell

SHORT = "thirty-one bytes of a secret..."
PROD = {"LEDGERBANK_ENV": "prod"}


@pytest.mark.parametrize("verb", ["serve", "worker"])
@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"CHECKING_DAILY_LIMIT": "-1"}, ["CHECKING_DAILY_LIMIT"]),
        ({"USER_PASSWORD_MIN_LENGTH": "5"}, ["USER_PASSWORD_MIN_LENGTH"]),
        ({"JWT_SECRET": SHORT}, ["JWT_SECRET"]),
        ({"SECRET_KEY_BASE": SHORT}, ["SECRET_KEY_BASE"]),
        ({"CORS_ALLOWED_ORIGINS": "*"}, ["CORS_ALLOWED_ORIGINS"]),
        ({"CORS_ALLOWED_ORIGINS": "https://a.example/path"}, ["CORS_ALLOWED_ORIGINS"]),
        ({"QUEUES": "banking:many"}, ["QUEUES"]),
        ({"RETRY_MULTIPLIER": "0.5"}, ["RETRY_MULTIPLIER"]),
        ({"RATE_LIMIT_REQUESTS": "0"}, ["RATE_LIMIT_REQUESTS"]),
        ({"TRUSTED_PROXIES": "everybody"}, ["TRUSTED_PROXIES"]),
        (PROD, ["PUBLIC_URL", "DATABASE_URL", "REDIS_URL", "AUDIT_SIGNING_KEY"]),
        (PROD | {"TOKEN_ENCRYPTION_KEYS": ""}, ["TOKEN_ENCRYPTION_KEYS"]),
        (PROD | {"DEMO_MODE": "on"}, ["DEMO_MODE"]),
        ({"CHECKING_DAILY_LIMIT": "x", "QUEUES": "x"}, ["CHECKING_DAILY_LIMIT", "QUEUES"]),
    ],
)
def test_a_refused_start_names_the_setting(
    bare: Shell, verb: str, changes: dict[str, str], names: list[str]
) -> None:
    ran = bare(verb, **changes)
    assert (ran.code, ran.out) == (3, "")
    lines = ran.err.splitlines()
    assert all(line.startswith("error: ") for line in lines)
    for name in names:
        assert sum(name in line for line in lines) == 1, ran.err
    assert SHORT not in ran.err
    assert "hush-hush" not in ran.err
