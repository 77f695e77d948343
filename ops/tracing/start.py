"""Settings → tracing for the length of a process, or none of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Optional

from ops.settings import Settings
from ops.tracing.wanted import wanted

if TYPE_CHECKING:
    from ops.tracing.tracer import Tracer


@contextmanager
def tracing(settings: Settings, process: str) -> Iterator[Optional["Tracer"]]:
    """Trace what this `process` ("server", "worker", ...) does; what is left is sent at the end."""
    if not wanted(settings):
        yield None
        return
    from ops.tracing.sdk import exporting

    with exporting(settings, process) as tracer:
        yield tracer
