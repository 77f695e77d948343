"""Traces: one request, all that follows from it, and who is told outside, in one tree."""

from collections.abc import Callable
from secrets import token_hex
from typing import Any

import pytest

from tests.journeys.collector import Collector, Told
from tests.journeys.people import Person, Town, payment_body
from tests.journeys.receiver import receiving
from tests.journeys.system import System, eventually
from tests.journeys.test_mails import changes_password
from tests.journeys.test_webhooks import registered
from tests.mailbox import Open

CALLER_SPAN = "00f067aa0ba902b7"


@pytest.fixture
def trace() -> str:
    return token_hex(16)


def parent(trace: str, flags: str = "01") -> str:
    return f"00-{trace}-{CALLER_SPAN}-{flags}"


def one(spans: list[Told], name: str, test: Callable[[Told], Any] = lambda _: True) -> Told | None:
    return next((each for each in spans if each.name == name and test(each)), None)


def test_a_payment_is_one_trace_from_its_request_to_who_is_told(
    town: Town, customer: Person, collector: Collector, trace: str
) -> None:
    account = town.account(customer)
    payment = customer.payment(account, "10.00")
    with receiving() as receiver, registered(customer, receiver, "payment.completed"):
        path = f"/api/payments/{payment['id']}/process"
        asked = customer.ask("POST", path, traceparent=parent(trace), tracestate="vendor=7")
        assert asked.is_success
        [letter] = receiver.of("payment.completed")
        spans = eventually(lambda: whole(collector.of(trace)), "all of it is traced")

    server, job, told = spans
    assert (server.kind, server.parent, server.process) == ("SERVER", CALLER_SPAN, "server")
    assert asked.headers["traceparent"] == f"00-{trace}-{server.id}-01"
    assert server.name == "POST /api/payments/{id}/process"
    assert server.facts["http.response.status_code"] == asked.status_code
    assert (job.kind, job.parent, job.process) == ("CONSUMER", server.id, "worker")
    assert job.facts["ledgerbank.outcome"] == "completed"
    assert (told.kind, told.facts["peer.service"]) == ("CLIENT", "webhook")
    assert letter.headers["traceparent"] == f"00-{trace}-{told.id}-01"
    names = {each.name for each in collector.of(trace)}
    assert {"command ProcessPayment", "append"} <= names
    assert {each.resource["k8s.pod.name"] for each in spans} == {"pod-7"}
    assert {each.resource["service.name"] for each in spans} == {"ledgerbank"}
    assert {headers["x-hush"] for headers in collector.headers} == {"hush-hush"}


def whole(spans: list[Told]) -> tuple[Told, Told, Told] | None:
    """Return the spans of the request, of its first job and of the call, once all are there."""
    server = next((each for each in spans if each.kind == "SERVER"), None)
    job = one(spans, "process process_payment")
    told = next((each for each in spans if each.kind == "CLIENT"), None)
    return (server, job, told) if server and job and told else None


def test_a_mail_is_in_the_trace_of_what_it_tells(
    customer: Person, post: Open, collector: Collector
) -> None:
    story = changes_password(customer)

    def of_story() -> Told | None:
        return next(
            (e for e in collector.spans if e.facts.get("ledgerbank.correlation_id") == story), None
        )

    request = eventually(of_story, "the request is traced")
    mail = eventually(lambda: one(collector.of(request.trace), "smtp send_mail"), "the mail is")
    assert (mail.kind, mail.facts["server.address"]) == ("CLIENT", "127.0.0.1")
    assert post.box.to(customer.email)


def test_what_the_caller_does_not_sample_is_not_sent(
    town: Town, customer: Person, collector: Collector, trace: str
) -> None:
    quiet = token_hex(16)
    account = town.account(customer)
    for each, flags in ((quiet, "00"), (trace, "01")):
        told = parent(each, flags)
        made = customer.made("/api/payments", payment_body(account), traceparent=told)
        path = f"/api/payments/{made['id']}/process"
        customer.ask("POST", path, prefer="wait=30", traceparent=told)
    eventually(lambda: one(collector.of(trace), "process process_payment"), "the other is sent")
    assert collector.of(quiet) == []


def test_a_request_nobody_serves_is_named_by_its_method(
    customer: Person, collector: Collector, trace: str
) -> None:
    customer.ask("GET", "/api/nowhere/at-all?secret=1", traceparent=parent(trace))
    [span] = eventually(lambda: collector.of(trace), "it is traced")
    assert (span.name, span.facts["http.response.status_code"]) == ("GET", 404)
    assert not span.failed
    assert "nowhere" not in str(span)


def test_read_models_are_traced_in_batches(system: System, collector: Collector) -> None:
    assert system.process("projections") is not None
    batch = eventually(lambda: one(collector.spans, "project"), "a batch is traced")
    assert batch.process == "projections"
    assert batch.facts["ledgerbank.events"] >= 1
