"""Logs: one event name with key-values, as a JSON line for machines or as text for people."""

import sys
from functools import cache
from typing import Any, TextIO

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from ops.library_logs import forward_library_logs

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
SECRET_WORDS = ("password", "secret", "token", "authorization", "cookie", "private_key", "api_key")
STARS = "********"
JSON = msgspec.json.Encoder(enc_hook=str)


class AssertionsOff(Exception):
    """Python runs with -O, so nothing would guard the books. Seen at start only."""


def configure(level: str, form: str, output: TextIO | None = None) -> None:
    """Send the log of this process to `output` (standard error); call it once, first of all.

    Raises `AssertionsOff` under `python -O`.
    """
    if sys.flags.optimize:
        raise AssertionsOff("Python must run without -O: assertions guard the books")
    forward_library_logs()
    stream = sys.stderr if output is None else output
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        mask_secrets,
    ]
    match form:
        case "json":
            structlog.configure(
                processors=[*shared, message_first, render_json],
                wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
                logger_factory=structlog.BytesLoggerFactory(stream.buffer),
                cache_logger_on_first_use=True,
            )
        case _:
            structlog.configure(
                processors=[*shared, structlog.dev.ConsoleRenderer(colors=stream.isatty())],
                wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
                logger_factory=structlog.WriteLoggerFactory(stream),
                cache_logger_on_first_use=True,
            )


def mask_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Put stars for the value of every field whose name says that it is secret."""
    return {name: masked(name, value) for name, value in event.items()}


@cache
def secret(name: str) -> bool:
    """Say whether a field's name says that its value is secret; names are few."""
    return any(word in name.lower() for word in SECRET_WORDS)


def masked(name: str, value: Any) -> Any:
    if secret(name):
        return STARS
    if isinstance(value, dict):
        return {str(inner): masked(str(inner), content) for inner, content in value.items()}
    return value


def message_first(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Order a line as it is documented: timestamp, level, message, then the rest."""
    first = {
        "timestamp": event.pop("timestamp"),
        "level": event.pop("level"),
        "message": event.pop("event"),
    }
    return first | dict(event)


def render_json(_logger: WrappedLogger, _method: str, event: EventDict) -> bytes:
    return JSON.encode(event)
