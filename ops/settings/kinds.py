"""How the text of a setting is read; each reader says in its error what the value must be."""

import re
from collections.abc import Callable
from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

Value = TypeVar("Value")
Reader = Callable[[str], Value]

FLAGS = {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False}
DECIMAL = re.compile(r"-?\d{1,15}(\.\d{1,4})?", re.ASCII)
INTEGER = re.compile(r"-?\d{1,18}", re.ASCII)
QUEUE = re.compile(r"([a-z_]+):(\d{1,4})", re.ASCII)
DEFAULT_QUEUES = {"banking": 3, "payments": 2, "notifications": 3, "default": 1}


def text(raw: str) -> str:
    return raw


def path(raw: str) -> Path:
    try:
        return Path(raw).expanduser()
    except RuntimeError as homeless:
        raise ValueError("must not begin with the home of somebody unknown") from homeless


def flag(raw: str) -> bool:
    if raw.lower() not in FLAGS:
        raise ValueError("must be true, false, 1, 0, on or off")
    return FLAGS[raw.lower()]


def one_of(*choices: str) -> Reader[str]:
    def read(raw: str) -> str:
        if raw not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return raw

    return read


def integer(least: int, most: int | None = None) -> Reader[int]:
    wanted = f">= {least}" if most is None else f"from {least} to {most}"

    def read(raw: str) -> int:
        number = int(raw) if INTEGER.fullmatch(raw) else None
        if number is None or number < least or (most is not None and number > most):
            raise ValueError(f"must be an integer {wanted}")
        return number

    return read


def decimal(least: str, *, beyond: bool = False, noun: str = "money") -> Reader[Decimal]:
    """Read a plain decimal that is at least `least`, or `beyond` it."""

    def read(raw: str) -> Decimal:
        number = Decimal(raw) if DECIMAL.fullmatch(raw) else None
        if number is None or number < Decimal(least) or (beyond and number == Decimal(least)):
            raise ValueError(f"must be {noun} {'>' if beyond else '>='} {least}")
        return number

    return read


def many(read: Reader[Value]) -> Reader[tuple[Value, ...]]:
    """Read a comma-separated list, blanks around items not counted."""

    def read_all(raw: str) -> tuple[Value, ...]:
        return tuple(read(item.strip()) for item in raw.split(",") if item.strip())

    return read_all


def web_url(raw: str) -> str:
    """Read an http(s) address; it never ends in a slash."""
    parts = split(raw)
    if parts is None or parts[0] not in {"http", "https"} or not parts[1]:
        raise ValueError("must be an http or https URL")
    return raw.rstrip("/")


def origin(raw: str) -> str:
    """Read an exact origin: scheme, host, port, nothing more."""
    parts = split(raw)
    if parts is None or parts[0] not in {"http", "https"} or raw != f"{parts[0]}://{parts[1]}":
        raise ValueError("must list exact origins like https://example.com, never *")
    if not parts[1] or not re.fullmatch(r"[A-Za-z0-9.\-:\[\]]+", parts[1]):
        raise ValueError("must list exact origins like https://example.com, never *")
    return raw


def broker_url(raw: str) -> str:
    parts = split(raw)
    if parts is None or parts[0] not in {"redis", "rediss", "unix"}:
        raise ValueError("must be a redis, rediss or unix URL")
    return raw


def mail_url(raw: str) -> str:
    parts = split(raw)
    if parts is None or parts[0] not in {"smtp", "smtps"} or not parts[1]:
        raise ValueError("must be an smtp or smtps URL")
    asked = parse_qs(urlsplit(raw).query, keep_blank_values=True)
    if asked.keys() - {"starttls"} or set(asked.get("starttls", ())) - {"always", "never"}:
        raise ValueError("must say nothing but ?starttls=always or ?starttls=never")
    return raw


def database_url(raw: str) -> str:
    try:
        conninfo_to_dict(raw)
    except ProgrammingError as failure:
        raise ValueError("must be a PostgreSQL URL") from failure
    return raw


def network(raw: str) -> str:
    try:
        return str(ip_network(raw, strict=False))
    except ValueError as failure:
        raise ValueError("must list addresses or CIDR blocks") from failure


def mail_address(raw: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+|[^<>]*<[^@\s<>]+@[^@\s<>]+>", raw):
        raise ValueError("must be an e-mail address")
    return raw


def queues(raw: str) -> dict[str, int]:
    """Read `name:limit,…`; queues that are not named keep their own limit."""
    chosen: dict[str, int] = {}
    for item in many(text)(raw):
        found = QUEUE.fullmatch(item)
        if found is None or found[1] not in DEFAULT_QUEUES or int(found[2]) < 1:
            names = ", ".join(DEFAULT_QUEUES)
            raise ValueError(f"must be name:limit,… with limits >= 1 and names among {names}")
        chosen[found[1]] = int(found[2])
    return DEFAULT_QUEUES | chosen


def split(raw: str) -> tuple[str, str] | None:
    """Return scheme and address part; None when `raw` is no URL at all."""
    try:
        parts = urlsplit(raw)
        _ = parts.port
    except ValueError:
        return None
    return parts.scheme, parts.netloc
