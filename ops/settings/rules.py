"""Fail-fast rules that span settings: one line per problem, no secret in any."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from ops.settings.setting import Setting

Values: TypeAlias = Mapping[str, Any]
"""What could be read, by the name of its variable."""

SAMPLES = frozenset(
    {
        "demo-payment-webhook-secret",
        "demo-bank-webhook-secret",
        "demo-fraud-webhook-secret",
        "sandbox-secret",
    }
)
SAMPLE_WORDS = ("change-me", "changeme", "change_me", "replace-me", "your-secret", "example-key")
ARGON2_LEAST = {"ARGON2_MEMORY_KIB": 19_456, "ARGON2_TIME_COST": 2, "ARGON2_PARALLELISM": 1}
REFUSED_IN_PROD = ("DEMO_MODE", "WEBHOOK_ALLOW_PRIVATE")


def broken(values: Values, found: Mapping[str, str], settings: Mapping[str, Setting]) -> list[str]:
    """Return one line per broken rule."""
    problems = [*everywhere(values, found)]
    if values.get("LEDGERBANK_ENV") == "prod":
        problems += [*in_production(values), *missing(values, settings), *samples(found, settings)]
    return problems


def everywhere(values: Values, found: Mapping[str, str]) -> Iterator[str]:
    access, refresh = (values.get(f"{kind}_TOKEN_TTL_SECONDS") for kind in ("ACCESS", "REFRESH"))
    if access and refresh and refresh <= access:
        yield "REFRESH_TOKEN_TTL_SECONDS must be larger than ACCESS_TOKEN_TTL_SECONDS"
    memory, lanes = values.get("ARGON2_MEMORY_KIB"), values.get("ARGON2_PARALLELISM")
    if memory and lanes and memory < 8 * lanes:
        yield "ARGON2_MEMORY_KIB must be at least 8 times ARGON2_PARALLELISM"
    if values.get("FX_RATES_SOURCE") == "ecb" and values.get("FX_RATES_FILE", "") is None:
        yield "FX_RATES_SOURCE ecb needs FX_RATES_FILE: where eurofxref-daily.xml lies"
    if found.get("POSTGRES_ENABLE_DB_FUNCTIONS", "").lower() in {
        "y",
        "yes",
        "t",
        "true",
        "on",
        "1",
    }:
        yield "POSTGRES_ENABLE_DB_FUNCTIONS must be off: it loses events for readers of the log"


def in_production(values: Values) -> Iterator[str]:
    for name in REFUSED_IN_PROD:
        if values.get(name):
            yield f"{name} must be off in prod"
    if (values.get("PUBLIC_URL") or "https:").startswith("http:"):
        yield "PUBLIC_URL must be https in prod"
    for name, least in ARGON2_LEAST.items():
        if values.get(name, least) < least:
            yield f"{name} must not be below {least} in prod"


def missing(values: Values, settings: Mapping[str, Setting]) -> Iterator[str]:
    """Name what production must be given; a private key stands in for the token secret."""
    for name, setting in settings.items():
        absent = name in values and values[name] is None
        replaced = name == "JWT_SECRET" and values.get("JWT_PRIVATE_KEY") is not None
        if setting.required and absent and not replaced:
            yield f"{name} is required in prod"


def samples(found: Mapping[str, str], settings: Mapping[str, Setting]) -> Iterator[str]:
    """Name secrets that everybody can read in the documentation."""
    for name, setting in settings.items():
        value = found.get(name, "")
        known = value in SAMPLES or any(word in value.lower() for word in SAMPLE_WORDS)
        if setting.secret and known:
            yield f"{name} must not be a documented sample in prod"
