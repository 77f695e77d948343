"""The machine the figures belong to: figures of different machines do not compare."""

import os
import platform
import time
from pathlib import Path
from statistics import median

import msgspec
import psutil

from ops.benches.deployment import Deployment
from ops.embedded.postgres import OWNER
from schema.postgres import connect

WRITES = 64
BLOCK = b"\0" * 8192


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What the figures depend on; `load` is how busy the machine was before we came."""

    cores: int
    load: float
    python: str
    postgres: str
    file_system: str
    disk_write_ms: float
    """How long a block takes to reach the disk (fsync): where it takes nothing, it is none."""

    def lines(self) -> list[str]:
        """Return it for people."""
        return [
            f"{self.cores} cores, load {self.load:.1f} before the start;"
            f" Python {self.python}, PostgreSQL {self.postgres}, fsync on;"
            f" {self.file_system}, {self.disk_write_ms:.2f} ms per fsync"
        ]


def this_machine(deployment: Deployment) -> Machine:
    """Describe the machine, and the disk below the deployment."""
    with connect(deployment.server.url(OWNER)) as connection:
        row = connection.execute("SHOW server_version").fetchone()
    assert row is not None, "a server has a version"
    return Machine(
        cores=len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or 1,
        load=os.getloadavg()[0],
        python=platform.python_version(),
        postgres=str(row[0]).split()[0],
        file_system=file_system(deployment.folder),
        disk_write_ms=1e3 * disk_write_seconds(deployment.folder),
    )


def file_system(folder: Path) -> str:
    """Return the type of the file system that holds `folder`."""
    mounts = [
        (len(Path(each.mountpoint).parts), each.fstype)
        for each in psutil.disk_partitions(all=True)
        if folder.is_relative_to(each.mountpoint)
    ]
    return max(mounts, default=(0, "unknown"))[1]


def disk_write_seconds(folder: Path) -> float:
    """Return how long it takes to bring one block to the disk."""
    taken: list[float] = []
    with (folder / "block").open("wb", buffering=0) as file:
        for _ in range(WRITES):
            began = time.perf_counter()
            file.write(BLOCK)
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - began)
    return median(taken)
