"""One start at a time on one data folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ops.embedded.start import StartFailed


@contextmanager
def only_start(data_dir: Path) -> Iterator[None]:
    """Hold the data folder; a second start says who holds it and touches nothing."""
    descriptor = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode() or "unknown"
            raise StartFailed(
                f"LedgerBank is already running on {data_dir} (process {holder}): "
                "stop it first, or choose another folder with --data-dir"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)
