"""The workers of the bank: one that does everything but payments, and one for those alone."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO

from ops.settings import Settings, read_settings
from ops.work import work
from tests.ops.cli.shell import exit_code, unchanged
from tests.projections.conftest import wait_for
from workers.crashpoints import deadly

PAYMENTS = ("payments",)
OTHERS = ("banking", "notifications", "default")
WAIT_SECONDS = 60


class Crew:
    """Workers in threads; that for payments can give way to one that will not live long."""

    def __init__(self, settings: Settings, environment: dict[str, str]) -> None:
        self.settings, self.environment = settings, environment
        self.others = self.started(OTHERS)
        self.payments = self.started(PAYMENTS)

    def started(self, queues: tuple[str, ...]) -> tuple[threading.Thread, threading.Event]:
        stop = threading.Event()
        core = self.settings.core
        asked = (self.settings, core.database_url, core.redis_url, queues, stop)
        thread = threading.Thread(target=work, args=asked)
        thread.start()
        return thread, stop

    def close(self) -> None:
        for each in (self.payments, self.others):
            ended(*each)

    @contextmanager
    def doomed(self, crash_at: str) -> Iterator["subprocess.Popen[bytes]"]:
        """Let payments be worked on by a process that is killed at a crash point."""
        ended(*self.payments)
        told = json.dumps([crash_at, self.environment])
        process = subprocess.Popen([sys.executable, "-m", "tests.banks.crew", told])
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            self.payments = self.started(PAYMENTS)


def ended(thread: threading.Thread, stop: threading.Event) -> None:
    stop.set()
    thread.join(WAIT_SECONDS)
    assert not thread.is_alive(), "a worker ends when told to"


def books_hold(environment: dict[str, str], dsn: str, head: int) -> None:
    """Have the product itself check its books, once the read models are in step."""
    wait_for(dsn, head)
    said = StringIO()
    with unchanged(), redirect_stdout(said):
        os.environ.update(environment)
        code = exit_code(["ledger", "check"])
    assert code == 0, said.getvalue()


def main(crash_at: str, environment: dict[str, str]) -> None:
    settings = read_settings(environment)
    dsn, broker = str(settings.core.database_url), str(settings.core.redis_url)
    work(settings, dsn, broker, PAYMENTS, threading.Event(), crashpoint=deadly(crash_at))


if __name__ == "__main__":
    main(*json.loads(sys.argv[1]))
