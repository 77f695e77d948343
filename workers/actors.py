"""Actors: every kind of work as a Dramatiq actor that receives a job id and nothing else."""

from collections.abc import Callable, Sequence

import dramatiq

from workers.attempts import Actor, Frame, attempt

UNLIMITED_MS = 7 * 24 * 60 * 60 * 1000
"""The time limit of work that has none: longer than any process is expected to live."""


def declare_actors(
    broker: dramatiq.Broker, frame: Frame, actors: Sequence[Actor]
) -> list[dramatiq.Actor[[str], None]]:
    """Declare `actors` on `broker`; once per process."""
    return [declare(broker, frame, actor) for actor in actors]


def declare(broker: dramatiq.Broker, frame: Frame, actor: Actor) -> dramatiq.Actor[[str], None]:
    """Declare one actor, interrupted at its time limit."""
    seconds = actor.time_limit_seconds
    limit_ms = UNLIMITED_MS if seconds is None else seconds * 1000
    return dramatiq.Actor(
        performing(frame, actor),
        actor_name=actor.name,
        queue_name=actor.queue,
        broker=broker,
        priority=0,
        options={"time_limit": limit_ms},
    )


def performing(frame: Frame, actor: Actor) -> Callable[[str], None]:
    """Return the function that tries a job of `actor`."""

    def perform(job_id: str) -> None:
        attempt(frame, actor, job_id)

    return perform
