"""What a failed verb says, and with which code it ends."""

import errno
import sys

import httpx2
import psycopg
import redis
from cryptography.exceptions import InvalidTag
from psycopg_pool import PoolTimeout

from ledger.append.ports import Unavailable
from ledger.errors import Reason, Refused
from ops.backups.folder import NotRestorable
from ops.backups.taking import BackupFailed
from ops.embedded.postgres import InUse
from ops.embedded.start import StartFailed
from ops.erasures import UnreadableRegister
from ops.eventlog import OTHER_KEYS
from ops.log_files import Unfit
from ops.proving.bundle import Unreadable
from ops.rotations import StillRunning
from ops.settings import SettingsRefused
from projections.identities import Unbalanced
from projections.log import Hole, Undecodable
from projections.projector import Poisoned
from projections.rebuild import Differs
from schema.migrate import MigrationRefused
from schema.sealing import Altered

FAILED, MISCONFIGURED, UNREACHABLE = 1, 3, 4
TOLD = (
    Differs, Hole, Undecodable, Poisoned, Unbalanced, Altered, Unreadable, UnreadableRegister,
    NotRestorable, BackupFailed, Unfit, StillRunning, InUse,
)  # fmt: skip
"""What says by itself what is wrong."""


class CheckFailed(Exception):
    """A check came out badly; what it found has been printed."""


def exit_code_of(failure: BaseException) -> int:
    """Say on standard error what went wrong; return the exit code. Re-raises what is a bug."""
    if isinstance(failure, TOLD):
        return told(FAILED, str(failure))
    match failure:
        case CheckFailed():
            return FAILED
        case Refused(reason=Reason.SERVICE_UNAVAILABLE) | Unavailable():
            return told(UNREACHABLE, "the database cannot be reached")
        case Refused():
            return told(FAILED, f"{failure} {failure.details or ''}".rstrip())
        case _:
            return code_of_surroundings(failure)


def code_of_surroundings(failure: BaseException) -> int:
    """Say what around the program is not as it has to be; re-raises what is a bug."""
    match failure:
        case SettingsRefused() | StartFailed() | MigrationRefused():
            return told(MISCONFIGURED, *str(failure).splitlines())
        case InvalidTag():
            return told(MISCONFIGURED, OTHER_KEYS)
        case psycopg.OperationalError() | PoolTimeout():
            return told(UNREACHABLE, f"the database cannot be reached: {first_line(failure)}")
        case redis.ConnectionError() | redis.TimeoutError():
            return told(UNREACHABLE, f"the broker cannot be reached: {first_line(failure)}")
        case httpx2.TransportError():
            return told(UNREACHABLE, f"the server cannot be reached: {first_line(failure)}")
        case OSError():
            return code_of_files(failure)
        case _:
            raise failure


def code_of_files(failure: OSError) -> int:
    """Say which file cannot be used, or that there is no room; re-raises what is neither."""
    if failure.errno in {errno.ENOSPC, errno.EDQUOT}:
        return told(FAILED, f"{failure.strerror}: what was begun is not whole")
    if isinstance(failure.filename, str):
        return told(MISCONFIGURED, f"{failure.filename}: {failure.strerror}")
    raise failure


def told(code: int, *lines: str) -> int:
    """Print error lines; return `code`."""
    for line in lines:
        print(f"error: {line}", file=sys.stderr)
    return code


def first_line(failure: BaseException) -> str:
    """Return the first line of a failure's message."""
    return str(failure).partition("\n")[0]
