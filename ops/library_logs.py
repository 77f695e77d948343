"""What the libraries say, told as lines of our own log instead of beside it."""

import logging

import structlog
from typing_extensions import override

log = structlog.get_logger()


class Forwarder(logging.Handler):
    """Passes records on: warnings and worse, under one event name."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        said, facts = record.getMessage(), {"library": record.name, "exc_info": record.exc_info}
        if record.levelno >= logging.ERROR:
            log.error("library.said", said=said, **facts)
        else:
            log.warning("library.said", said=said, **facts)


def forward_library_logs() -> None:
    """Have every library of this process heard, once."""
    root = logging.getLogger()
    if not any(isinstance(each, Forwarder) for each in root.handlers):
        root.addHandler(Forwarder(logging.WARNING))
