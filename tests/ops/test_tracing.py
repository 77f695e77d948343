"""Tracing from inside one process: what is told of it and of calls, and when there is none."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from ledger.identity import new_id
from ops.settings import Settings, read_settings
from ops.tracing import sdk
from ops.tracing.resource import attributes_of
from ops.tracing.start import tracing
from ops.tracing.tracer import Request, Tracer
from ops.tracing.wanted import wanted
from tests.journeys.collector import Collector, collecting
from tests.journeys.receiver import receiving
from tests.journeys.system import eventually
from workers.banks.calls import Call, Calls, Objection
from workers.breakers import NoBreakers, bank_api

SOON = {"OTEL_BSP_SCHEDULE_DELAY": "50"}
NOBODY = "http://127.0.0.1:9"


def settings(folder: Path, **told: str) -> Settings:
    return read_settings({"LEDGERBANK_ENV": "test", "DATA_DIR": str(folder), **told})


def begun(tracer: Tracer) -> Request:
    """Begin a request, in a context of its own as each has."""
    return copy_context().run(tracer.begin, "GET", {})


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as opened:
        yield opened


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": NOBODY}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": NOBODY}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": NOBODY, "ENABLE_TELEMETRY": "false"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": NOBODY, "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": NOBODY, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_SERVICE_NAME": "bank"}, False),
    ],
)
def test_spans_are_exported_to_a_collector_unless_switched_off(
    tmp_path: Path, told: dict[str, str], expected: object
) -> None:
    assert wanted(settings(tmp_path, **told)) is expected


def test_without_tracing_nothing_that_traces_is_even_loaded(tmp_path: Path) -> None:
    """What runs is loaded here, switched off; the Redis client loads the metrics it could tell."""
    told = {"OTEL_EXPORTER_OTLP_ENDPOINT": NOBODY, "ENABLE_TELEMETRY": "false"}
    told |= {"LEDGERBANK_ENV": "test", "DATA_DIR": str(tmp_path), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", SILENT], env=told, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["None", "[]"]


SILENT = """
import sys
import ops.verbs.run
TRACING = ("opentelemetry.exporter", "google.protobuf", "ops.tracing.sdk", "ops.tracing.tracer")
from ops.settings import current_settings
from ops.tracing.start import tracing
with tracing(current_settings(), "server") as tracer:
    print(tracer, [name for name in sys.modules if name.startswith(TRACING)])
"""


def test_the_resource_tells_where_a_process_runs_and_no_other_programs_keys(tmp_path: Path) -> None:
    told = {
        "DEPLOYMENT_ENVIRONMENT": "staging",
        "K8S_NAMESPACE_NAME": "money",
        "K8S_POD_NAME": "api-7",
        "CLOUD_REGION": "eu-west-1",
        "CLOUD_AVAILABILITY_ZONE": "eu-west-1a",
        "CLOUD_API_KEY": "hush-hush",
        "K8S_TOKEN": "hush-hush",
    }
    found = attributes_of(settings(tmp_path, **told), "worker")
    assert found["deployment.environment.name"] == "staging"
    assert found["k8s.namespace.name"] == "money"
    assert found["k8s.pod.name"] == "api-7"
    assert found["cloud.region"] == "eu-west-1"
    assert found["cloud.availability_zone"] == "eu-west-1a"
    assert (found["service.name"], found["ledgerbank.process"]) == ("ledgerbank", "worker")
    assert "hush-hush" not in found.values()
    usual = attributes_of(settings(tmp_path), "worker")
    assert usual["deployment.environment.name"] == "test"


def test_the_standard_variables_win_and_are_not_left_behind(
    tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)
    told = {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{collector.url}/v1/traces",
        "OTEL_SERVICE_NAME": "bank",
        "OTEL_RESOURCE_ATTRIBUTES": "team=ledger",
    }
    with tracing(settings(tmp_path, **told), "server") as tracer:
        assert tracer is not None
        begun(tracer).span.end()
    [span] = collector.spans
    assert (span.name, span.process) == ("GET", "server")
    assert (span.resource["service.name"], span.resource["team"]) == ("bank", "ledger")
    assert "OTEL_SERVICE_NAME" not in os.environ


def test_a_sampler_decides_for_all_that_follows(tmp_path: Path, collector: Collector) -> None:
    told = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_TRACES_SAMPLER": "always_off"}
    with tracing(settings(tmp_path, **told), "server") as tracer:
        assert tracer is not None
        request = begun(tracer)
        assert request.traceparent.endswith("-00")
        request.span.end()
    assert collector.raw == []


def test_a_call_to_a_bank_carries_the_trace_and_tells_no_path(
    tmp_path: Path, collector: Collector
) -> None:
    told = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, **SOON}
    with (
        tracing(settings(tmp_path, **told), "worker") as tracer,
        receiving() as bank,
    ):
        assert tracer is not None
        calls = Calls("sandbox", NoBreakers(), 2_000, lambda _: 0, spans=tracer)
        bank.answers.append((409, {}))
        account = new_id()
        for _ in range(2):
            asked(calls, f"{bank.url}/{account}")
        calls.close()
        eventually(lambda: len(collector.spans) == 2, "both calls are told")
    refused, answered = collector.spans
    assert (refused.failed, refused.facts["error.type"]) == (True, "409")
    assert (answered.failed, answered.facts["http.response.status_code"]) == (False, 204)
    for span, letter in zip(collector.spans, bank.letters, strict=True):
        assert (span.name, span.kind) == ("sandbox create_payment", "CLIENT")
        assert letter.headers["traceparent"] == f"00-{span.trace}-{span.id}-01"
    assert account not in b"".join(collector.raw).decode("latin-1")


def asked(calls: Calls, url: str) -> None:
    """Ask a bank; it may say no."""
    call = Call(
        operation="create_payment", method="POST", url=url, shape=Any, breaker=bank_api("sandbox")
    )
    try:
        calls.ask(call)
    except Objection as objection:
        assert objection.status == 409  # noqa: PT017  # whether it says no is the caller's business


def test_a_collector_that_is_away_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sdk, "STOP_SECONDS", 0.3)
    told = {"OTEL_EXPORTER_OTLP_ENDPOINT": NOBODY, "OTEL_BSP_SCHEDULE_DELAY": "10"}
    with capture_logs() as said:
        with tracing(settings(tmp_path, **told), "server") as tracer:
            assert tracer is not None
            began = time.monotonic()
            for _ in range(5_000):
                begun(tracer).span.end()
        assert time.monotonic() - began < 5
    events = [each["event"] for each in said]
    assert events.count("tracing.said") == 1
    assert events[-1] == "traces.left_behind"


def test_a_collector_that_refuses_is_told_of_seldom(tmp_path: Path, collector: Collector) -> None:
    url = f"{collector.url}/elsewhere"
    told = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": url, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "1"}
    with capture_logs() as said, tracing(settings(tmp_path, **told), "server") as tracer:
        assert tracer is not None
        for _ in range(5):
            begun(tracer).span.end()
        eventually(lambda: len(collector.raw) == 5, "all are refused")
    lost = [each for each in said if each["event"] == "traces.not_exported"]
    assert [each["spans"] for each in lost] == [1]
