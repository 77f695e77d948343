"""The embedded servers as children of a supervisor."""

import signal
from functools import partial

from ops.embedded import postgres, valkey
from ops.embedded.folders import leave
from ops.supervisor import Child


def postgres_child(place: postgres.Place) -> Child:
    """Keep the PostgreSQL of `place` running."""
    return Child(
        name="postgres",
        start=partial(postgres.launch, place),
        ready=partial(postgres.answers, place),
        ready_seconds=postgres.START_SECONDS,
        stop_signal=signal.SIGINT,
        stop_seconds=postgres.STOP_SECONDS,
        after=partial(leave, place.sockets),
    )


def valkey_child(place: valkey.Place) -> Child:
    """Keep the Redis-protocol server of `place` running."""
    return Child(
        name="valkey",
        start=partial(valkey.launch, place),
        ready=partial(valkey.answers, place),
        ready_seconds=valkey.START_SECONDS,
        stop_seconds=valkey.STOP_SECONDS,
        after=partial(leave, place.socket.parent),
    )
