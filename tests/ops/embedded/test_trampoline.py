"""Where the kernel sends no death signal, somebody stands between parent and child."""

import os
import signal
import subprocess
import sys
import time

import psutil

from ops.embedded.trampoline import watch

WATCHER = """
import os, signal, sys
from ops.embedded.trampoline import watch
command = [sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(600)"]
if os.fork():
    os.wait()
else:
    watch(command, signal.SIGTERM, os.getppid())
"""


def ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_watched_child_ends_with_its_killed_parent() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WATCHER], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 10
    while not ended(pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_exit_code_of_a_watched_child_is_told() -> None:
    handlers = {
        number: signal.getsignal(number)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)
    }
    try:
        assert watch([sys.executable, "-c", "raise SystemExit(7)"], 15, os.getppid()) == 7
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
