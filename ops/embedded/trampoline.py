"""Become another program, without privileges and bound to the life of the parent.

Run as `python -I -S trampoline.py SIGNAL PARENT UID GID COMMAND…`; knows the standard library only.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1
WATCH_SECONDS = 0.25
UNCHANGED = -1


def main(arguments: Sequence[str]) -> None:
    """Drop to `UID:GID` (-1: stay), promise to stop with the parent, then become `COMMAND`."""
    death_signal, parent, uid, gid = map(int, arguments[:4])
    command = list(arguments[4:])
    if uid != UNCHANGED:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal)
        if os.getppid() == parent:
            os.execvp(command[0], command)  # noqa: S606  # no shell is wanted
    else:
        sys.exit(watch(command, death_signal, parent))


def watch(command: Sequence[str], death_signal: int, parent: int) -> int:
    """Stand between parent and child where the kernel sends no death signal."""
    with subprocess.Popen(command) as child:  # noqa: S603  # the command is ours
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
            signal.signal(number, lambda received, _frame: child.send_signal(received))
        while child.poll() is None:
            if os.getppid() != parent:
                child.send_signal(death_signal)
                return child.wait()
            time.sleep(WATCH_SECONDS)
        return child.returncode


if __name__ == "__main__":
    main(sys.argv[1:])
