"""Environment variables as they are found: the file beside them, other names, strangers."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

OTHER_NAMES = {"OBAN_QUEUES": "QUEUES"}
NO_EFFECT = frozenset({"PHX_SERVER", "ECTO_IPV6", "CACHE_ADAPTER"})
NO_EFFECT_ENDINGS = ("_CACHE_TTL", "_CACHE_TTL_SECONDS", "_CACHE_TTL_MS")
PORT_MAX = 65_535
TELEMETRY = ("OTEL_", "DEPLOYMENT_", "K8S_", "CLOUD_")


def read_env_file(path: Path) -> tuple[dict[str, str], list[str]]:
    """Return the variables of an env file and one problem per line that is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}, [f"env file {path} cannot be read"]
    found: dict[str, str] = {}
    problems: list[str] = []
    for number, line in enumerate(lines, start=1):
        words = line.strip().removeprefix("export ").strip()
        if not words or words.startswith("#"):
            continue
        name, equals, value = words.partition("=")
        if equals and name.strip().isidentifier():
            found[name.strip()] = unquoted(value.strip())
        else:
            problems.append(f"env file {path} line {number} is not NAME=value")
    return found, problems


def unquoted(value: str) -> str:
    quotes = value[:1]
    if len(value) > 1 and quotes in {"'", '"'} and value.endswith(quotes):
        return value[1:-1]
    return value.split(" #", 1)[0].rstrip()


def canonical(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what is set, other names replaced by ours; our own names win."""
    found = {name: value for name, value in environment.items() if value.strip()}
    for other, name in OTHER_NAMES.items():
        if other in found:
            found.setdefault(name, found[other])
    if "DB_HOST" in found:
        found.setdefault("DATABASE_URL", assembled_database_url(found))
    if address := public_url(found):
        found.setdefault("PUBLIC_URL", address)
    return found


def assembled_database_url(found: Mapping[str, str]) -> str:
    user = quote(found.get("DB_USER", "postgres"), safe="")
    password = quote(found.get("DB_PASS", ""), safe="")
    secret = f":{password}" if password else ""
    name = quote(found.get("DB_NAME", "ledgerbank"), safe="")
    return f"postgresql://{user}{secret}@{found['DB_HOST']}:{found.get('DB_PORT', '5432')}/{name}"


def public_url(found: Mapping[str, str]) -> str | None:
    """Return the own address that follows from a host or port alone; production speaks https."""
    port = found.get("PORT", "4000")
    production = found.get("LEDGERBANK_ENV") == "prod"
    if host := found.get("PHX_HOST"):
        return f"https://{host}" if production else f"http://{host}:{port}"
    return None if production or not is_port(port) else f"http://localhost:{port}"


def is_port(text: str) -> bool:
    return text.isdecimal() and int(text) <= PORT_MAX


def telemetry(found: Mapping[str, str]) -> dict[str, str]:
    """Return the standard variables of tracing and its resource attributes."""
    return {name: value for name, value in found.items() if name.startswith(TELEMETRY)}


def warnings(found: Mapping[str, str]) -> tuple[str, ...]:
    """Say which variables have no effect and which of ours nobody knows."""
    idle = sorted(name for name in found if name in NO_EFFECT or name.endswith(NO_EFFECT_ENDINGS))
    strangers = sorted(
        name for name in found if name.startswith("LEDGERBANK_") and name != "LEDGERBANK_ENV"
    )
    said = [f"{', '.join(idle)}: accepted, without effect"] if idle else []
    return (*said, *(f"{name} is not a setting" for name in strangers))
