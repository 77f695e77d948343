"""Process managers: each folds the events of one process and says which jobs should follow.

The events of one command are never shown apart: a manager is asked what follows an event when
all events of its command have been folded.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any, TypeAlias

import msgspec
from psycopg import Connection

from ledger.events.recorded import Recorded
from workers.effects import Effect
from workers.jobs import Cause


class Unseen(msgspec.Struct, frozen=True, tag="unseen"):
    """A process of which no event came yet."""


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """A process that is over; nothing is remembered of it."""


class Step(msgspec.Struct, frozen=True):
    """An event of interest, with the command it belongs to."""

    command_id: str
    recorded: Recorded


class ProcessManager(msgspec.Struct, frozen=True, kw_only=True):
    """The pure parts of one process manager: events in, effects out.

    `states` is the union of its states, `Unseen` and `Ended` among them; `key` names the process
    an event belongs to.
    """

    name: str
    events: frozenset[str]
    states: Any
    key: Callable[[Recorded], str]
    evolve: Callable[[Any, Recorded], Any]
    react: Callable[[Any, Recorded], Sequence[Effect]]


Wish: TypeAlias = tuple[Effect, Cause]


def follow(
    connection: Connection[Any], manager: ProcessManager, steps: Iterable[Step]
) -> list[Wish]:
    """Fold `steps` into the stored states of their processes; return what follows."""
    mine = [step for step in steps if step.recorded.envelope.type in manager.events]
    if not mine:
        return []
    keys = {manager.key(step.recorded) for step in mine}
    states = {**dict.fromkeys(keys, Unseen()), **load(connection, manager, keys)}
    wishes: list[Wish] = []
    for _, command in groupby(mine, key=lambda step: step.command_id):
        wishes += reactions(manager, states, [step.recorded for step in command])
    save(connection, manager, states, mine[-1].recorded.position)
    return wishes


def reactions(
    manager: ProcessManager, states: dict[str, Any], command: list[Recorded]
) -> list[Wish]:
    """Fold the events of one command into `states`, then ask what follows each of them."""
    for recorded in command:
        key = manager.key(recorded)
        states[key] = manager.evolve(states[key], recorded)
    return [
        (wanted, cause_of(recorded))
        for recorded in command
        for wanted in manager.react(states[manager.key(recorded)], recorded)
    ]


def cause_of(recorded: Recorded) -> Cause:
    """Return the story a job continues that follows from `recorded`."""
    metadata = recorded.envelope.metadata
    return Cause(
        correlation_id=metadata.correlation_id,
        causation_id=recorded.envelope.id,
        traceparent=metadata.traceparent,
        position=recorded.position,
    )


def load(
    connection: Connection[Any], manager: ProcessManager, keys: Iterable[str]
) -> dict[str, Any]:
    """Return the stored states of the processes `keys`."""
    rows = connection.execute(LOAD, (manager.name, list(keys))).fetchall()
    return {key: msgspec.json.decode(state, type=manager.states) for key, state in rows}


def save(
    connection: Connection[Any], manager: ProcessManager, states: dict[str, Any], position: int
) -> None:
    """Store the states of processes that go on, forget those that ended."""
    living = {key: state for key, state in states.items() if not isinstance(state, Ended)}
    encoded = [msgspec.json.encode(state).decode() for state in living.values()]
    connection.execute(FORGET, (manager.name, list(states.keys() - living.keys())))
    connection.execute(SAVE, (manager.name, list(living), encoded, position))


LOAD = b"SELECT key, state FROM work.processes WHERE manager = %s AND key = ANY(%s)"

FORGET = b"DELETE FROM work.processes WHERE manager = %s AND key = ANY(%s)"

SAVE = b"""
INSERT INTO work.processes (manager, key, state, position)
SELECT manager, key, state::jsonb, position
FROM (SELECT %s::text AS manager, unnest(%s::text[]) AS key, unnest(%s::text[]) AS state,
             %s::bigint AS position) AS living
ON CONFLICT (manager, key) DO UPDATE SET state = EXCLUDED.state, position = EXCLUDED.position
"""
