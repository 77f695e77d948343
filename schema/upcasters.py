"""Old payloads into today's shape: dict in, dict out, one schema version at a time.

An upcaster never imports a domain class: it knows two shapes of a document, not two versions
of the program. Add one when an event changes; never edit or remove one.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

Payload: TypeAlias = dict[str, Any]
Step: TypeAlias = Callable[[Payload], Payload]

UPCASTERS: dict[tuple[str, int], Step] = {}
"""The step that lifts (stored name, schema version) to the next version."""


def current_version(name: str) -> int:
    """Return the schema version that `name` is written at today."""
    version = 1
    while (name, version) in UPCASTERS:
        version += 1
    return version


def upcast(name: str, version: int, payload: Payload) -> Payload:
    """Bring one stored payload up to date; today's payloads pass through."""
    while step := UPCASTERS.get((name, version)):
        payload, version = step(payload), version + 1
    return payload
