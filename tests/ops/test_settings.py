"""Settings: documented defaults, every fail-fast rule, and no secret in any message."""

import os
import stat
import subprocess
import sys
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ops.settings import Settings, SettingsRefused, current_settings, read_settings
from ops.settings.generated import kept_keys, new_keys
from ops.settings.masked import STARS, masked
from ops.settings.reading import SETTINGS

KEYS = new_keys()
OTHER_KEYS = new_keys()
PROD = {
    **KEYS,
    "LEDGERBANK_ENV": "prod",
    "PUBLIC_URL": "https://ledger.example",
    "DATABASE_URL": "postgresql://app:s3cret-word@db/ledgerbank",
    "REDIS_URL": "redis://:s3cret-word@broker:6379/0",
}
SHORT = "x" * 31


def read(environment: Mapping[str, str], env_file: Path | None = None) -> Settings:
    return read_settings(environment, env_file=env_file, keep_keys=False)


def problems(environment: Mapping[str, str]) -> tuple[str, ...]:
    with pytest.raises(SettingsRefused) as refused:
        read(environment)
    return refused.value.problems


def test_development_needs_nothing() -> None:
    settings = read({})
    assert settings.core.env == "dev"
    assert settings.core.host == "127.0.0.1"
    assert settings.core.database_url is None
    assert settings.money.checking_daily_limit == Decimal("1000.00")
    assert settings.jobs.queues == {"banking": 3, "payments": 2, "notifications": 3, "default": 1}
    assert settings.core.log_format == "text"
    assert settings.flags.enable_rate_limiting
    assert settings.warnings == ()


def test_production_has_its_own_defaults() -> None:
    settings = read(PROD)
    assert settings.core.host == "0.0.0.0"
    assert settings.money.checking_daily_limit == Decimal("5000.00")
    assert settings.money.duplicate_window_minutes == 10
    assert settings.identity.admin_password_min_length == 20
    assert settings.banking.webhook_require_timestamp
    assert settings.core.log_format == "json"


def test_the_test_environment_is_quick_and_unlimited() -> None:
    settings = read({"LEDGERBANK_ENV": "test"})
    assert settings.identity.argon2_memory_kib == 1024
    assert not settings.flags.enable_rate_limiting
    assert settings.money.rail_poll_seconds == 1


def test_empty_means_not_set() -> None:
    assert read({"PORT": "", "CORS_ALLOWED_ORIGINS": " "}) != read({"PORT": "4001"})
    assert read({"PORT": ""}).core.port == 4000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CHECKING_DAILY_LIMIT", "-1"),
        ("SAVINGS_DAILY_LIMIT", "1e3"),
        ("MAX_SINGLE_TRANSACTION", "0"),
        ("DUPLICATE_WINDOW_MINUTES", "five"),
        ("USER_PASSWORD_MIN_LENGTH", "5"),
        ("ADMIN_PASSWORD_MIN_LENGTH", "256"),
        ("ACCESS_TOKEN_TTL_SECONDS", "0"),
        ("RETRY_EXTERNAL_MAX", "-1"),
        ("RETRY_SYSTEM_BASE_MS", "0"),
        ("RETRY_MULTIPLIER", "0.5"),
        ("JWT_SECRET", SHORT),
        ("SECRET_KEY_BASE", SHORT),
        ("INDEX_KEY", b64encode(b"k" * 31).decode()),
        ("DATA_KEY_ENCRYPTION_KEYS", b64encode(b"k" * 32).decode()),
        ("DATA_KEY_ENCRYPTION_KEYS", "k1:" + b64encode(b"k" * 16).decode()),
        ("TOKEN_ENCRYPTION_KEYS", "k1:"),
        ("AUDIT_SIGNING_KEY", "no key"),
        ("JWT_PRIVATE_KEY", "-----BEGIN nothing"),
        ("JWT_PREVIOUS_KEYS", "k0:none:" + SHORT),
        ("CORS_ALLOWED_ORIGINS", "*"),
        ("CORS_ALLOWED_ORIGINS", "https://a.example,https://b.example/path"),
        ("QUEUES", "payments:many"),
        ("QUEUES", "payments:0"),
        ("QUEUES", "stamps:1"),
        ("PORT", "65536"),
        ("POOL_SIZE", "201"),
        ("PUBLIC_URL", "localhost"),
        ("DATABASE_URL", "postgresql://app:pass word@db/x?=y"),
        ("REDIS_URL", "http://broker"),
        ("LEDGERBANK_ENV", "staging"),
        ("LOG_LEVEL", "loud"),
        ("DEMO_MODE", "yes"),
        ("FX_QUOTE_TTL_SECONDS", "301"),
        ("FX_RATES_SOURCE", "guess"),
        ("TRUSTED_PROXIES", "10.0.0.0/33"),
        ("IDEMPOTENCY_TTL_HOURS", "23"),
        ("READ_WAIT_MS", "10001"),
        ("MAX_BODY_BYTES", "1048577"),
        ("MAX_HEADER_BYTES", "8193"),
        ("SEAL_INTERVAL_SECONDS", "3601"),
        ("PAYMENT_WEBHOOK_SECRET", "x" * 15),
        ("WEBHOOK_DEDUPE_DAYS", "0"),
        ("SMTP_URL", "mail.example"),
        ("SMTP_URL", "smtp://mail.example?starttls=perhaps"),
        ("MAIL_FROM", "nobody"),
        ("ENABLE_TELEMETRY", "2"),
        ("JWT_KEY_ID", "a key"),
    ],
)
def test_a_wrong_value_stops_the_start_by_name(name: str, value: str) -> None:
    (line,) = problems({name: value})
    assert line.startswith(f"{name} must ")
    if SETTINGS[name].secret:
        assert value not in line


def test_a_problem_says_what_was_expected() -> None:
    expected = 'DUPLICATE_WINDOW_MINUTES must be an integer >= 0, got "five"'
    assert problems({"DUPLICATE_WINDOW_MINUTES": "five"}) == (expected,)


def test_all_problems_are_told_at_once() -> None:
    said = problems({"PORT": "x", "QUEUES": "y", "CHECKING_DAILY_LIMIT": "-0.01"})
    assert [line.split()[0] for line in said] == ["PORT", "CHECKING_DAILY_LIMIT", "QUEUES"]


def test_a_refresh_token_outlives_an_access_token() -> None:
    (line,) = problems({"ACCESS_TOKEN_TTL_SECONDS": "60", "REFRESH_TOKEN_TTL_SECONDS": "60"})
    assert line.startswith("REFRESH_TOKEN_TTL_SECONDS")


def test_production_names_every_missing_key() -> None:
    said = problems({"LEDGERBANK_ENV": "prod"})
    assert {line.split()[0] for line in said} == PROD.keys() - {"LEDGERBANK_ENV"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEMO_MODE", "true"),
        ("WEBHOOK_ALLOW_PRIVATE", "on"),
        ("PUBLIC_URL", "http://ledger.example"),
        ("DATABASE_URL", ""),
        ("REDIS_URL", ""),
        ("INDEX_KEY", ""),
        ("ARGON2_MEMORY_KIB", "19455"),
        ("ARGON2_TIME_COST", "1"),
        ("JWT_SECRET", "change-me-change-me-change-me-change-me"),
        ("BANK_WEBHOOK_SECRET", "demo-bank-webhook-secret"),
    ],
)
def test_production_refuses(name: str, value: str) -> None:
    (line,) = problems({**PROD, name: value})
    assert line.startswith(name)


def test_a_private_key_stands_in_for_the_token_secret() -> None:
    settings = read(
        {**PROD, "JWT_SECRET": "", "JWT_PRIVATE_KEY": KEYS["AUDIT_SIGNING_KEY"], "JWT_KEY_ID": "e1"}
    )
    assert settings.identity.jwt_secret is None
    assert settings.identity.jwt_key_id == "e1"


def test_a_key_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(KEYS["AUDIT_SIGNING_KEY"])
    settings = read({"AUDIT_SIGNING_KEY": str(tmp_path / "key.pem")})
    assert settings.identity.audit_signing_key == KEYS["AUDIT_SIGNING_KEY"]
    (line,) = problems({"AUDIT_SIGNING_KEY": str(tmp_path / "none.pem")})
    assert line.startswith("AUDIT_SIGNING_KEY")


def test_old_keys_keep_verifying() -> None:
    previous = f"k0:HS256:{OTHER_KEYS['JWT_SECRET']},old:EdDSA:{b64encode(b'p' * 32).decode()}"
    settings = read({"JWT_PREVIOUS_KEYS": previous})
    assert [key.kid for key in settings.identity.jwt_previous_keys] == ["k0", "old"]


def test_the_first_key_of_a_ring_is_the_active_one() -> None:
    ring = ",".join(f"{kid}:{b64encode(kid.encode() * 16).decode()}" for kid in ("n2", "o1"))
    settings = read({"DATA_KEY_ENCRYPTION_KEYS": ring})
    assert list(settings.identity.data_key_encryption_keys) == ["n2", "o1"]


def test_the_librarys_lossy_option_is_refused() -> None:
    (line,) = problems({"POSTGRES_ENABLE_DB_FUNCTIONS": "y"})
    assert line.startswith("POSTGRES_ENABLE_DB_FUNCTIONS")


def test_an_interpreter_without_assertions_is_refused() -> None:
    script = "from ops.settings import current_settings; current_settings()"
    ran = subprocess.run(
        [sys.executable, "-O", "-c", script], capture_output=True, text=True, check=False
    )
    assert "Python must run without -O" in ran.stderr


def test_demo_mode_brings_webhook_secrets() -> None:
    assert read({}).banking.bank_webhook_secret is None
    demo = read({"DEMO_MODE": "on"})
    assert demo.banking.bank_webhook_secret == "demo-bank-webhook-secret"


def test_other_names_are_accepted() -> None:
    settings = read(
        {
            "OBAN_QUEUES": "payments:7",
            "PHX_HOST": "ledger.local",
            "DB_HOST": "db",
            "DB_USER": "app",
            "DB_PASS": "p@ss/word",
            "DB_NAME": "books",
        }
    )
    assert settings.jobs.queues["payments"] == 7
    assert settings.core.public_url == "http://ledger.local:4000"
    assert settings.core.database_url == "postgresql://app:p%40ss%2Fword@db:5432/books"


def test_our_own_names_win() -> None:
    both = {"QUEUES": "payments:4", "OBAN_QUEUES": "payments:7"}
    assert read(both).jobs.queues["payments"] == 4
    url = "postgresql:///ours"
    assert read({"DATABASE_URL": url, "DB_HOST": "theirs"}).core.database_url == url


def test_names_without_effect_are_told_once() -> None:
    settings = read({"PHX_SERVER": "true", "USER_CACHE_TTL": "60", "LEDGERBANK_COLOUR": "red"})
    assert settings.warnings == (
        "PHX_SERVER, USER_CACHE_TTL: accepted, without effect",
        "LEDGERBANK_COLOUR is not a setting",
    )


def test_an_env_file_gives_way_to_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "settings.env"
    file.write_text(
        "# ours\nexport PORT=5000\nJWT_ISSUER='the bank' \nJWT_AUDIENCE=all # of them\n"
    )
    settings = read({"PORT": "6000"}, file)
    assert settings.core.port == 6000
    assert settings.identity.jwt_issuer == "the bank"
    assert settings.identity.jwt_audience == "all"


def test_a_wrong_env_file_is_told_without_its_content(tmp_path: Path) -> None:
    file = tmp_path / "settings.env"
    file.write_text("PORT=5000\ns3cret-word\n")
    with pytest.raises(SettingsRefused, match="line 2 is not NAME=value") as refused:
        read({}, file)
    assert "s3cret-word" not in str(refused.value)
    with pytest.raises(SettingsRefused, match="cannot be read"):
        read({}, tmp_path / "none.env")


def test_generated_keys_are_kept_and_private(tmp_path: Path) -> None:
    environment = {"DATA_DIR": str(tmp_path / "data")}
    first, second = read_settings(environment), read_settings(environment)
    assert first == second
    assert stat.S_IMODE((tmp_path / "data" / "keys.json").stat().st_mode) == 0o600


def test_keys_that_are_given_are_not_replaced(tmp_path: Path) -> None:
    given_key = {"DATA_DIR": str(tmp_path), "JWT_SECRET": "j" * 32}
    assert read_settings(given_key).identity.jwt_secret == "j" * 32


def test_a_damaged_key_file_is_never_overwritten(tmp_path: Path) -> None:
    kept_keys(tmp_path)
    (tmp_path / "keys.json").write_text("{")
    with pytest.raises(SettingsRefused, match=r"keys\.json"):
        read_settings({"DATA_DIR": str(tmp_path)})
    assert (tmp_path / "keys.json").read_text() == "{"


def test_a_new_kind_of_key_joins_the_kept_ones(tmp_path: Path) -> None:
    kept = kept_keys(tmp_path)
    (tmp_path / "keys.json").write_text(f'{{"JWT_SECRET": "{kept["JWT_SECRET"]}"}}')
    again = kept_keys(tmp_path)
    assert again["JWT_SECRET"] == kept["JWT_SECRET"]
    assert again.keys() == kept.keys()


def test_checking_writes_nothing(tmp_path: Path) -> None:
    read({"DATA_DIR": str(tmp_path / "data")})
    assert not (tmp_path / "data").exists()


def test_masked_settings_show_no_secret() -> None:
    shown = masked(read({**PROD, "JWT_PREVIOUS_KEYS": f"k0:HS256:{OTHER_KEYS['JWT_SECRET']}"}))
    everything = "\n".join(f"{name}={value}" for name, value in shown.items())
    for value in (*KEYS.values(), *OTHER_KEYS.values(), "s3cret-word"):
        assert value.partition(":")[2] not in everything or not value.partition(":")[2]
        assert value not in everything
    assert shown["DATABASE_URL"] == f"postgresql://app:{STARS}@db/ledgerbank"
    assert shown["DATA_KEY_ENCRYPTION_KEYS"] == f"k1:{STARS}"
    assert shown["QUEUES"] == "banking:3,payments:2,notifications:3,default:1"
    assert shown.keys() >= SETTINGS.keys()


def test_words_of_a_connection_string_are_masked_too() -> None:
    shown = masked(read({"DATABASE_URL": "host=db user=app password=s3cret-word"}))
    assert shown["DATABASE_URL"] == f"host=db user=app password={STARS}"


@given(st.dictionaries(st.sampled_from(sorted(SETTINGS)), st.text(max_size=40), max_size=6))
@example({"DATA_DIR": "~nobody-here/data"})
def test_any_environment_is_read_or_refused(environment: dict[str, str]) -> None:
    secret = {name: "s3cret-word" for name, setting in SETTINGS.items() if setting.secret}
    with suppress(SettingsRefused):
        read(environment)
    said = problems({**environment, **secret})
    assert "s3cret-word" not in "".join(said)


def test_this_process_is_read_with_flags_on_top(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("PORT", "5000")
    assert current_settings().core.port == 5000
    assert current_settings(overrides={"PORT": "6000"}).core.port == 6000
    assert os.environ["PORT"] == "5000"
