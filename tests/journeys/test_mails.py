"""Mails: what somebody should hear of reaches them once, wherever they are (jobs.md §8)."""

from typing import Any

from ledger.identity import new_id
from tests.journeys.people import PASSWORD, Person, Town
from tests.journeys.receiver import receiving
from tests.journeys.system import System, eventually
from tests.journeys.wire import reason_of
from tests.mailbox import Open

PASSWORD_CHANGED = "password was changed"


def changes_password(person: Person) -> str:
    """Change a password; return the story that this begins."""
    other, story = f"{PASSWORD} {new_id()}", f"story-{new_id()}"
    body = {
        "current_password": person.password,
        "new_password": other,
        "password_confirmation": other,
    }
    answer = person.ask("PUT", "/api/profile/password", body, x_correlation_id=story)
    assert answer.status_code == 200, answer.text
    person.password = other
    return story


def mailed(town: Town, story: str) -> Any:
    """Wait until the mail of a story is done; return its job."""

    def done() -> Any:
        found = town.support.get("/api/jobs?actor=send_email&state=completed&limit=100")
        return next((each for each in found if each["correlation_id"] == story), None)

    return eventually(done, "the mail's job is done")


def test_a_changed_password_is_told_of_once_even_by_a_server_that_refuses_at_first(
    system: System, town: Town, post: Open, customer: Person
) -> None:
    post.box.answers[customer.email] = ["451 come back later"]
    story = changes_password(customer)
    [mail] = post.box.about(customer.email, PASSWORD_CHANGED)
    [refused] = [each for each in post.box.refused if each.to == (customer.email,)]
    assert refused.message["message-id"] == mail.message["message-id"]
    assert mail.sender == "bank@example.com"
    assert mail.message["from"] == "Our Bank <bank@example.com>"
    assert mail.message["to"] == f"Some Customer <{customer.email}>"
    assert mail.text.startswith("Hello Some Customer,")

    job = mailed(town, story)
    assert (job["attempt"], job["queue"], job["subject_type"]) == (2, "notifications", "message")
    assert mail.message["message-id"] == f"<{job['subject_id']}@example.com>"
    assert [each["reason"] for each in job["errors"]] == ["notification_delivery_failed"]
    stranger = town.customer()
    assert reason_of(stranger.ask("GET", f"/api/jobs/{job['id']}")) == "insufficient_permissions"
    assert post.box.to(customer.email) == [mail]
    assert customer.email not in system.log.read_text(errors="replace")


def test_a_token_that_came_back_is_told_of(town: Town, post: Open, customer: Person) -> None:
    body = {"refresh_token": customer.refresh_token}
    assert town.door.ask("POST", "/api/auth/refresh", body).status_code == 200
    assert reason_of(town.door.ask("POST", "/api/auth/refresh", body)) == "token_revoked"
    [mail] = post.box.about(customer.email, "used your session")
    assert "We have ended the session" in mail.text


def test_a_payment_that_fails_unseen_is_told_of(town: Town, post: Open, customer: Person) -> None:
    account = town.account(customer, "5.00")
    payment = customer.payment(account, "10.00", processing="auto")
    [mail] = post.box.about(customer.email, "payment could not be made")
    assert "your payment of 10.00 USD failed on 20" in mail.text
    assert "Reason: Insufficient funds." in mail.text
    assert payment["id"] in mail.text
    assert payment["description"] not in mail.text


def test_an_endpoint_that_wants_no_more_is_told_of(post: Open, customer: Person) -> None:
    with receiving() as receiver:
        receiver.answers = [(410, {})]
        made = customer.made(
            "/api/webhook-endpoints", {"url": receiver.url, "event_types": ["ping"]}
        )
        customer.made(f"/api/webhook-endpoints/{made['id']}/test")
        [mail] = post.box.about(customer.email, "webhook endpoint was disabled")
        assert f"Address: {receiver.url} Reason: It answered 410 Gone." in mail.text


def test_nobody_writes_to_the_erased_nor_tells_their_programs(
    system: System, town: Town, post: Open, customer: Person
) -> None:
    endpoint = {"url": "http://127.0.0.1:9/hook", "event_types": ["account.closed"]}
    path = f"/api/webhook-endpoints/{customer.made('/api/webhook-endpoints', endpoint)['id']}"
    with system.paused("worker-1", "worker-2"):
        story = changes_password(customer)
        assert town.admin.ask("DELETE", f"/api/users/{customer.id}").status_code == 200
    assert mailed(town, story)["attempt"] == 1
    assert post.box.to(customer.email) == []
    eventually(lambda: town.auditor.ask("GET", path).status_code == 404, "the endpoint is gone")
