"""The settings themselves, group by group: field `x_y` is the environment variable `X_Y`."""

import os
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import msgspec

from api.token_keys import VerifyingKey
from ops.settings import kinds, secrets
from ops.settings.setting import Environment
from ops.settings.setting import Setting as Is

LIMIT = kinds.decimal("0")
COUNT = kinds.integer(1)
ORIGINS = (
    "http://localhost:3000,http://localhost:3001,http://localhost:5173,http://localhost:8080,"
    "https://ledgerbank.com,https://www.ledgerbank.com"
)
CORES = str(max(1, (os.cpu_count() or 1) - 1))


class Core(msgspec.Struct, frozen=True, kw_only=True):
    """Where the program runs and what it runs on; no URL means a private server of its own."""

    env: Annotated[
        Environment,
        Is(name="LEDGERBANK_ENV", read=kinds.one_of("dev", "test", "prod"), default="dev"),
    ]
    host: Annotated[str, Is(read=kinds.text, default="127.0.0.1", prod="0.0.0.0")]  # noqa: S104  # behind a proxy
    port: Annotated[int, Is(read=kinds.integer(1, 65_535), default="4000")]
    public_url: Annotated[
        str, Is(read=kinds.web_url, default="http://localhost:4000", required=True)
    ]
    database_url: Annotated[str | None, Is(read=kinds.database_url, secret=True, required=True)]
    migration_database_url: Annotated[str | None, Is(read=kinds.database_url, secret=True)]
    pool_size: Annotated[int, Is(read=kinds.integer(1, 200), default="10")]
    redis_url: Annotated[str | None, Is(read=kinds.broker_url, secret=True, required=True)]
    data_dir: Annotated[Path, Is(read=kinds.path, default="./ledgerbank-data")]
    pg_bin: Annotated[Path | None, Is(read=kinds.path)]
    secret_key_base: Annotated[str, Is(read=secrets.at_least(32), secret=True, required=True)]
    index_key: Annotated[bytes, Is(read=secrets.symmetric_key, secret=True, required=True)]
    previous_index_key: Annotated[bytes | None, Is(read=secrets.symmetric_key, secret=True)]
    demo_mode: Annotated[bool, Is(read=kinds.flag, default="off")]
    log_level: Annotated[
        str, Is(read=kinds.one_of("debug", "info", "warning", "error"), default="info")
    ]
    log_format: Annotated[
        str, Is(read=kinds.one_of("json", "text"), default="text", test="json", prod="json")
    ]


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """Limits are plain numbers in the account's own currency."""

    checking_daily_limit: Annotated[Decimal, Is(read=LIMIT, default="1000.00", prod="5000.00")]
    savings_daily_limit: Annotated[Decimal, Is(read=LIMIT, default="500.00", prod="2000.00")]
    credit_daily_limit: Annotated[Decimal, Is(read=LIMIT, default="2000.00", prod="10000.00")]
    investment_daily_limit: Annotated[Decimal, Is(read=LIMIT, default="5000.00", prod="25000.00")]
    default_daily_limit: Annotated[Decimal, Is(read=LIMIT, default="1000.00", prod="5000.00")]
    max_single_transaction: Annotated[
        Decimal, Is(read=kinds.decimal("0", beyond=True), default="10000.00", prod="50000.00")
    ]
    min_payment_amount: Annotated[Decimal | None, Is(read=LIMIT)]
    duplicate_window_minutes: Annotated[int, Is(read=kinds.integer(0), default="5", prod="10")]
    payment_auto_process: Annotated[bool, Is(read=kinds.flag, default="off")]
    fx_rates_source: Annotated[str, Is(read=kinds.one_of("static", "ecb"), default="static")]
    fx_rates_file: Annotated[Path | None, Is(read=kinds.path)]
    fx_quote_ttl_seconds: Annotated[int, Is(read=kinds.integer(5, 300), default="30")]
    rail_poll_seconds: Annotated[int, Is(read=COUNT, default="60", test="1")]
    rail_settlement_timeout_hours: Annotated[int, Is(read=COUNT, default="24")]


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """People, passwords, tokens and the keys that protect them."""

    user_password_min_length: Annotated[int, Is(read=kinds.integer(6, 255), default="8", prod="12")]
    support_password_min_length: Annotated[
        int, Is(read=kinds.integer(6, 255), default="15", prod="18")
    ]
    auditor_password_min_length: Annotated[
        int, Is(read=kinds.integer(6, 255), default="15", prod="18")
    ]
    admin_password_min_length: Annotated[
        int, Is(read=kinds.integer(6, 255), default="15", prod="20")
    ]
    access_token_ttl_seconds: Annotated[int, Is(read=COUNT, default="900")]
    refresh_token_ttl_seconds: Annotated[int, Is(read=COUNT, default="604800")]
    jwt_secret: Annotated[str | None, Is(read=secrets.at_least(32), secret=True, required=True)]
    jwt_private_key: Annotated[str | None, Is(read=secrets.signing_pem, secret=True)]
    jwt_key_id: Annotated[str | None, Is(read=secrets.key_id)]
    jwt_previous_keys: Annotated[
        tuple[VerifyingKey, ...],
        Is(read=kinds.many(secrets.previous_key), default="", secret=True),
    ]
    jwt_issuer: Annotated[str, Is(read=kinds.text, default="ledger-bank-api")]
    jwt_audience: Annotated[str, Is(read=kinds.text, default="ledger-bank-api")]
    argon2_memory_kib: Annotated[int, Is(read=kinds.integer(8), default="19456", test="1024")]
    argon2_time_cost: Annotated[int, Is(read=COUNT, default="2", test="1")]
    argon2_parallelism: Annotated[int, Is(read=COUNT, default="1")]
    password_hash_concurrency: Annotated[int, Is(read=COUNT, default=CORES)]
    login_failures_before_delay: Annotated[int, Is(read=COUNT, default="5")]
    login_max_delay_seconds: Annotated[int, Is(read=COUNT, default="300")]
    data_key_encryption_keys: Annotated[
        dict[str, bytes], Is(read=secrets.key_ring, secret=True, required=True)
    ]
    token_encryption_keys: Annotated[
        dict[str, bytes], Is(read=secrets.key_ring, secret=True, required=True)
    ]
    audit_signing_key: Annotated[str, Is(read=secrets.signing_pem, secret=True, required=True)]


class Http(msgspec.Struct, frozen=True, kw_only=True):
    """Budgets and bounds of requests."""

    rate_limit_requests: Annotated[int, Is(read=COUNT, default="100")]
    rate_limit_window_seconds: Annotated[int, Is(read=COUNT, default="60")]
    rate_limit_login_requests: Annotated[int, Is(read=COUNT, default="10")]
    rate_limit_service_requests: Annotated[int, Is(read=COUNT, default="1000")]
    trusted_proxies: Annotated[tuple[str, ...], Is(read=kinds.many(kinds.network), default="")]
    cors_allowed_origins: Annotated[
        tuple[str, ...], Is(read=kinds.many(kinds.origin), default=ORIGINS)
    ]
    idempotency_ttl_hours: Annotated[int, Is(read=kinds.integer(24), default="24")]
    read_wait_ms: Annotated[int, Is(read=kinds.integer(0, 10_000), default="2000")]
    metrics_token: Annotated[str | None, Is(read=kinds.text, secret=True)]
    max_body_bytes: Annotated[int, Is(read=kinds.integer(1, 1_048_576), default="1048576")]
    max_header_bytes: Annotated[int, Is(read=kinds.integer(1, 8_192), default="8192")]
    max_url_bytes: Annotated[int, Is(read=kinds.integer(1, 2_048), default="2048")]


DEMO_BANK_URL = "http://localhost:4010"
"""Where a demo's own bank listens, when the settings name no other."""


class Banking(msgspec.Struct, frozen=True, kw_only=True):
    """Banks we talk to and messages they send; a webhook without secret is refused."""

    sandbox_bank_url: Annotated[str | None, Is(read=kinds.web_url, demo=DEMO_BANK_URL)]
    sandbox_client_id: Annotated[str, Is(read=kinds.text, default="ledgerbank")]
    sandbox_client_secret: Annotated[
        str, Is(read=kinds.text, default="sandbox-secret", secret=True)
    ]
    monzo_client_id: Annotated[str | None, Is(read=kinds.text)]
    monzo_client_secret: Annotated[str | None, Is(read=kinds.text, secret=True)]
    monzo_api_url: Annotated[str, Is(read=kinds.web_url, default="https://api.monzo.com")]
    monzo_auth_url: Annotated[str, Is(read=kinds.web_url, default="https://auth.monzo.com")]
    provider_timeout_ms: Annotated[int, Is(read=COUNT, default="10000")]
    connect_return_url: Annotated[str | None, Is(read=kinds.web_url)]
    payment_webhook_secret: Annotated[
        str | None, Is(read=secrets.at_least(16), demo="demo-payment-webhook-secret", secret=True)
    ]
    bank_webhook_secret: Annotated[
        str | None, Is(read=secrets.at_least(16), demo="demo-bank-webhook-secret", secret=True)
    ]
    fraud_webhook_secret: Annotated[
        str | None, Is(read=secrets.at_least(16), demo="demo-fraud-webhook-secret", secret=True)
    ]
    webhook_require_timestamp: Annotated[bool, Is(read=kinds.flag, default="off", prod="on")]
    webhook_dedupe_days: Annotated[int, Is(read=COUNT, default="30")]


class Jobs(msgspec.Struct, frozen=True, kw_only=True):
    """Background work, retries and messages out."""

    queues: Annotated[dict[str, int], Is(read=kinds.queues, default="default:1")]
    retry_external_max: Annotated[int, Is(read=kinds.integer(0, 100), default="3")]
    retry_external_base_ms: Annotated[int, Is(read=COUNT, default="1000")]
    retry_system_max: Annotated[int, Is(read=kinds.integer(0, 100), default="2")]
    retry_system_base_ms: Annotated[int, Is(read=COUNT, default="500")]
    retry_multiplier: Annotated[
        Decimal, Is(read=kinds.decimal("1", noun="a number"), default="2.0")
    ]
    job_retention_days: Annotated[int, Is(read=COUNT, default="7")]
    seal_interval_seconds: Annotated[int, Is(read=kinds.integer(1, 3_600), default="60")]
    webhook_allow_private: Annotated[bool, Is(read=kinds.flag, default="off")]
    smtp_url: Annotated[str | None, Is(read=kinds.mail_url, secret=True)]
    mail_from: Annotated[str | None, Is(read=kinds.mail_address)]


class Flags(msgspec.Struct, frozen=True, kw_only=True):
    """Parts that can be switched off."""

    enable_duplicate_detection: Annotated[bool, Is(read=kinds.flag, default="on")]
    enable_rate_limiting: Annotated[bool, Is(read=kinds.flag, default="on", test="off")]
    enable_circuit_breaker: Annotated[bool, Is(read=kinds.flag, default="on", test="off")]
    enable_security_audit: Annotated[bool, Is(read=kinds.flag, default="on")]
    enable_telemetry: Annotated[bool, Is(read=kinds.flag, default="on")]
    enable_advanced_validation: Annotated[bool, Is(read=kinds.flag, default="off", prod="on")]
