"""A private Redis-protocol server: what was queued survives its death."""

import os
import signal
import time
from pathlib import Path

import psutil
import pytest
import redis

from ops.embedded.lock import only_start
from ops.embedded.start import StartFailed
from ops.embedded.valkey import Place, valkey


def server(place: Place) -> int:
    return next(
        process.pid
        for process in psutil.process_iter(["name", "cmdline"])
        if str(place.socket) in " ".join(process.info["cmdline"] or [])
    )


def test_a_killed_broker_keeps_what_was_queued(server_dir: Path) -> None:
    with valkey(server_dir / "kept") as place:
        with redis.Redis.from_url(place.url) as connection:
            connection.rpush("queue", *range(100))
            time.sleep(1.2)  # The append-only file is flushed every second.
        os.kill(server(place), signal.SIGKILL)
    with valkey(server_dir / "kept") as again, redis.Redis.from_url(again.url) as connection:
        assert connection.llen("queue") == 100
        assert connection.config_get("appendonly") == {"appendonly": "yes"}


def test_a_second_broker_on_the_data_is_refused_and_the_first_lives(server_dir: Path) -> None:
    with valkey(server_dir / "twice", durable=False) as place:
        with pytest.raises(StartFailed, match="already runs"), valkey(server_dir / "twice"):
            pytest.fail("two brokers on one folder")
        with redis.Redis.from_url(place.url) as connection:
            assert connection.ping()


def test_the_broker_listens_on_its_socket_only(server_dir: Path) -> None:
    with valkey(server_dir / "alone", durable=False) as place:
        process = psutil.Process(server(place))
        assert [line.laddr for line in process.net_connections(kind="inet")] == []
        assert os.geteuid() != 0 or process.uids().real != 0


def test_a_second_start_says_who_holds_the_folder(tmp_path: Path) -> None:
    with (
        only_start(tmp_path),
        pytest.raises(StartFailed, match=f"process {os.getpid()}"),
        only_start(tmp_path),
    ):
        pytest.fail("two starts on one folder")
    with only_start(tmp_path):
        pass
