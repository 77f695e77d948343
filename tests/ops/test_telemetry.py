"""Logs: one line per event, without secrets, for machines or for people."""

import io
import logging
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import structlog

from ops import telemetry


@pytest.fixture(autouse=True)
def unconfigured() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def written(form: str, level: str = "info", **values: Any) -> str:
    output = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    telemetry.configure(level, form, output)
    log = structlog.get_logger()
    log.debug("payment.looked_at")
    log.warning("payment.settled", **values)
    output.seek(0)
    return output.read()


def test_a_line_is_json_in_the_documented_order() -> None:
    structlog.contextvars.bind_contextvars(correlation_id="req_1")
    line = msgspec.json.decode(written("json", status=200, limit=Decimal("1.50")))
    assert list(line)[:3] == ["timestamp", "level", "message"]
    assert line["message"] == "payment.settled"
    assert line["level"] == "warning"
    assert line["correlation_id"] == "req_1"
    assert line["limit"] == "1.50"
    assert line["timestamp"].endswith("Z")


def test_text_is_for_people() -> None:
    shown = written("text", payment_id="p1")
    assert "payment.settled" in shown
    assert "payment_id=p1" in shown
    assert "looked_at" not in shown


def test_the_level_decides_what_is_written() -> None:
    assert "looked_at" in written("json", "debug")
    assert written("json", "error") == ""


@pytest.mark.parametrize("form", ["json", "text"])
def test_secrets_are_masked_by_the_name_of_their_field(form: str) -> None:
    shown = written(
        form, password="s3cret", headers={"Authorization": "Bearer s3cret"}, refresh_token="s3cret"
    )
    assert "s3cret" not in shown
    assert telemetry.STARS in shown


def test_a_failure_carries_its_traceback() -> None:
    line = msgspec.json.decode(written("json", exc_info=ValueError("broken machine")))
    assert "ValueError: broken machine" in line["exception"]


def test_an_interpreter_without_assertions_is_refused() -> None:
    script = "from ops import telemetry; telemetry.configure('info', 'json')"
    ran = subprocess.run(
        [sys.executable, "-O", "-c", script], capture_output=True, text=True, check=False
    )
    assert ran.returncode != 0
    assert "AssertionsOff" in ran.stderr


def test_what_libraries_say_is_a_line_like_any_other(capsys: pytest.CaptureFixture[str]) -> None:
    output = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    for _ in range(2):
        telemetry.configure("info", "json", output)
    library = logging.getLogger("a.library")
    library.info("ready")
    library.warning("error connecting in %r", "pool-1")
    output.seek(0)
    (line,) = map(msgspec.json.decode, output.read().splitlines())
    assert line["said"] == "error connecting in 'pool-1'"
    assert (line["message"], line["level"]) == ("library.said", "warning")
    assert line["library"] == "a.library"
    assert "pool-1" not in capsys.readouterr().err
