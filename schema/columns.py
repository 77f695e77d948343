"""The columns that a batch fills: those of its events and those of its commands."""

from ledger.append.ports import Decided
from schema.arrays import Bigints, Column, Contents, Smallints, Texts, Uuids


class EventColumns:
    """The arrays of a batch's events; the position of each follows from its place."""

    def __init__(self) -> None:
        self.stream_id, self.version, self.event_id = Texts(), Bigints(), Uuids()
        self.command_id, self.name, self.schema_version = Uuids(), Texts(), Smallints()
        self.data, self.actor_id, self.correlation_id = Contents(), Texts(), Texts()
        self.recorded_at, self.effective_at = Texts(), Texts()
        self.content_hash, self.chain_hash = Contents(), Contents()

    def add_command(self, each: Decided, events: int) -> None:
        """Append what all events of one command share."""
        metadata = each.metadata
        self.command_id.repeat(Uuids.element(each.command_id), events)
        self.actor_id.repeat(Texts.element(metadata.actor.id), events)
        self.correlation_id.repeat(Texts.element(metadata.correlation_id), events)
        now = Texts.element(each.now)
        self.recorded_at.repeat(now, events)
        if not each.back_dated:
            self.effective_at.repeat(now, events)
            return
        for place in range(events):
            self.effective_at.add(each.back_dated.get(place, each.now))

    def parameters(self) -> list[Column]:
        """Return the arrays in the order of the statement."""
        return [
            self.stream_id,
            self.version,
            self.event_id,
            self.command_id,
            self.name,
            self.schema_version,
            self.data,
            self.actor_id,
            self.correlation_id,
            self.recorded_at,
            self.effective_at,
            self.content_hash,
            self.chain_hash,
        ]


class CommandColumns:
    """The arrays of a batch's commands."""

    def __init__(self) -> None:
        self.scope, self.key, self.command_id = Texts(), Texts(), Uuids()
        self.request_hash, self.first, self.last = Contents(), Bigints(), Bigints()
        self.answer, self.answer_key, self.recorded_at = Contents(), Texts(), Texts()

    def add(self, each: Decided, first: int, last: int) -> None:
        """Append one command and the positions of its events."""
        self.scope.add(each.scope)
        self.key.add(each.key)
        self.command_id.add(each.command_id)
        self.request_hash.add(each.request_hash)
        self.first.add(first)
        self.last.add(last)
        self.answer.add(each.answer)
        self.answer_key.add(each.answer_key)
        self.recorded_at.add(each.now)

    def parameters(self) -> list[Column]:
        """Return the arrays in the order of the statement."""
        return [
            self.scope,
            self.key,
            self.command_id,
            self.request_hash,
            self.first,
            self.last,
            self.answer,
            self.answer_key,
            self.recorded_at,
        ]
