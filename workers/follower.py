"""The follower: the loop of the live relay, and the patience of those that stand by."""

from collections.abc import Callable, Sequence
from threading import Event
from time import monotonic
from typing import TypeAlias

import psycopg
import structlog

from workers.broker import Unreachable
from workers.dispatch import Dispatcher
from workers.ear import Ear
from workers.relay import Overtaken, Relay

Chore: TypeAlias = Callable[[], None]
"""What is done at every sweep, by one process of the deployment; doing it again changes nothing."""
POLL_MS = 50
STAND_BY_SECONDS = 2
UNREACHABLE_SECONDS = 1


class Follower:
    """Relays, dispatches and sweeps while it holds the lease; else waits for it."""

    def __init__(
        self,
        relay: Relay,
        dispatcher: Dispatcher,
        ear: Ear,
        sweep_seconds: int = 5,
        chores: Sequence[Chore] = (),
    ) -> None:
        self.relay, self.dispatcher, self.ear = relay, dispatcher, ear
        self.chores = chores
        self.sweep_seconds = sweep_seconds
        self.log = structlog.get_logger()
        self.sweep_at = self.renew_at = self.publish_at = monotonic()

    def run(self, stop: Event) -> None:
        """Follow until `stop`. An outage of the database is waited out."""
        while not stop.is_set():
            try:
                self.stand_by(stop)
            except Overtaken:
                self.log.warning("relay.overtaken", holder=self.relay.holder)
            except psycopg.Error as failure:
                self.log.warning("relay.interrupted", failure=str(failure))
                stop.wait(UNREACHABLE_SECONDS)
        self.ear.close()

    def stand_by(self, stop: Event) -> None:
        """Take the lease as soon as it is free, and live with it."""
        token = self.relay.acquire()
        if token is None:
            stop.wait(STAND_BY_SECONDS)
            return
        self.log.info("relay.live", holder=self.relay.holder, token=token)
        self.sweep_at = self.renew_at = self.publish_at = monotonic()
        while not stop.is_set():
            self.live(token, stop)
        self.relay.release(token)

    def live(self, token: int, stop: Event) -> None:
        """Do all there is to do now; wait when there is nothing."""
        self.renew(token)
        busy = self.relay.has_work(token)
        while busy and self.relay.turn(token) and not stop.is_set():
            self.renew(token)
        self.publish(busy=busy)
        self.ear.wait(stop, POLL_MS)

    def renew(self, token: int) -> None:
        """Prolong the lease three times in its life."""
        if monotonic() >= self.renew_at:
            self.relay.renew(token)
            self.renew_at = monotonic() + self.relay.lease_seconds / 3

    def publish(self, *, busy: bool) -> None:
        """Dispatch when something is due and sweep when it is time.

        An unreachable broker is left alone for a moment: the log is followed without it.
        """
        if monotonic() < self.publish_at:
            return
        try:
            if monotonic() >= self.sweep_at:
                self.sweep_at = monotonic() + self.sweep_seconds
                for chore in self.chores:
                    chore()
                self.dispatcher.sweep()
            if busy:
                self.dispatcher.dispatch()
        except Unreachable as failure:
            self.log.warning("broker.unreachable", failure=str(failure))
            self.publish_at = monotonic() + UNREACHABLE_SECONDS
