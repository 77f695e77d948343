"""Journal: the audit log of one UTC day; it keeps silent where enough has been said."""

from typing import Any

import msgspec

from ledger.commands.audit import RecordSecurityEvent
from ledger.events.audit import SecurityEvent, Silence
from ledger.times import later_by


class Journal(msgspec.Struct, frozen=True, tag="journal"):
    """What deciding needs: which silences still last. The events themselves are in the log."""

    silences: tuple[Silence, ...] = ()


EMPTY = Journal()


def decide(journal: Journal, command: RecordSecurityEvent, now: str) -> list[SecurityEvent]:
    """Take down an event, unless a silence about the same lasts."""
    if command.quiet_about is None:
        return [command.event]
    if any(each.key == command.quiet_about for each in lasting(journal, now)):
        return []
    silence = Silence(command.quiet_about, later_by(now, command.quiet_seconds))
    return [msgspec.structs.replace(command.event, silence=silence)]


def evolve(journal: Journal, event: Any, at: str) -> Journal:
    """Apply a fact. Never refuses: what is recorded has happened."""
    if event.silence is None:
        return journal
    return Journal((*lasting(journal, at), event.silence))


def lasting(journal: Journal, now: str) -> tuple[Silence, ...]:
    """Return the silences that are not over."""
    return tuple(each for each in journal.silences if each.until > now)
