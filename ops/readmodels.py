"""The read models of this deployment, and the process that keeps them in step with the log."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Optional

from ops.processes import process_name
from ops.settings import Settings
from projections.catalogue import BY_NAME
from projections.rebuild import Plan, Report, rebuild
from projections.runner import Runner
from schema.seals import KeyEncryptionKeys

if TYPE_CHECKING:
    from ops.tracing.tracer import Tracer


def keks_of(settings: Settings) -> KeyEncryptionKeys:
    """Return the keys that wrap everybody's data keys."""
    return KeyEncryptionKeys(settings.identity.data_key_encryption_keys)


def runner(
    settings: Settings, dsn: str, names: Sequence[str] = (), tracer: Optional["Tracer"] = None
) -> Runner:
    """Return what moves the named projections along, or all of them."""
    chosen = [BY_NAME[name] for name in names or BY_NAME]
    if tracer is None:
        return Runner(dsn, chosen, keks_of(settings), holder=process_name())
    from ops.tracing.inside import TracedRunner

    return TracedRunner(dsn, chosen, keks_of(settings), holder=process_name(), tracer=tracer)


def making(settings: Settings, dsn: str) -> Callable[[str], Report]:
    """Return what makes a read model again, going on with a copy that was left."""
    keks = keks_of(settings)
    return lambda name: rebuild(dsn, BY_NAME[name], keks, plan=Plan(resume=True))
