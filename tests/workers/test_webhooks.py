"""Deliveries of webhooks: when they are tried again, when not, and where they never go (§7)."""

from typing import Any

import pytest
from typing_extensions import override

from ledger.commands.command import Command, Context
from ledger.identity import new_id
from schema.webhook_secrets import WebhookSecrets
from tests.journeys.receiver import Receiver, receiving
from tests.projections.history import KEKS
from tests.workers.conftest import Room
from workers.attempts import attempt
from workers.books import Books, Payment
from workers.database import transaction
from workers.deliveries import DELIVER, Delivery, ask_for_next, send_again, write_down
from workers.webhooks import DELAYS_MS, Webhooks

KEY = b"k" * 32


class Clerk(Books):
    """Takes down what it is asked to do."""

    def __init__(self) -> None:
        self.asked: list[Command] = []

    @override
    def payment(self, payment_id: str) -> Payment:
        raise AssertionError(payment_id)

    @override
    def handle(self, command: Command, context: Context) -> Any:
        self.asked.append(command)


class Post:
    """A post office with one endpoint."""

    def __init__(self, room: Room, url: str, *, private: bool = True) -> None:
        self.room, self.clerk, self.endpoint = room, Clerk(), new_id()
        self.actor = Webhooks(
            pool=room.pool,
            clock=room.clock,
            books=self.clerk,
            tell=lambda position, name, _: {"type": name, "position": position},
            secrets=WebhookSecrets(KEY, KEKS),
            private=private,
        ).actor()
        room.change(ENDPOINT, self.endpoint, new_id(), url, new_id())
        room.change(CURSOR, self.endpoint)

    def write(self, *positions: int) -> list[str]:
        rows = [
            Delivery(
                id=new_id(),
                endpoint_id=self.endpoint,
                event_type="ping",
                position=each,
                status="pending",
                round=1,
                attempts=0,
            )
            for each in positions
        ]
        for each in positions:
            self.room.change(EVENT, each, f"thing-{new_id()}", new_id(), new_id())
        with transaction(self.room.pool) as connection:
            write_down(connection, rows, self.room.clock.now)
            ask_for_next(connection, self.room.clock.now)
        return [each.id for each in rows]

    def jobs(self) -> list[tuple[str, str]]:
        """Return the jobs that are open: their ids, and whose they are."""
        return self.room.rows(OPEN, DELIVER)

    def work(self) -> None:
        """Try every job that is open once."""
        for job_id, _ in self.jobs():
            attempt(self.room.frame, self.actor, job_id)

    def told(self, identity: str) -> tuple[Any, ...]:
        [found] = self.room.rows(TOLD, identity)
        return found


def test_the_first_attempts_are_made_in_the_order_of_the_log(room: Room) -> None:
    with receiving() as receiver:
        post = Post(room, receiver.url)
        second, first = post.write(7, 3)
        receiver.answers = [(500, {})]
        assert [subject for _, subject in post.jobs()] == [first]
        post.work()
        assert {subject for _, subject in post.jobs()} == {first, second}
        post.work()
        assert [each.told["position"] for each in receiver.letters] == [3, 7]
        room.clock.pass_ms(DELAYS_MS[0])
        post.work()
        assert [each.told["position"] for each in receiver.letters] == [3, 7, 3]
        assert post.told(first) == ("delivered", 2, 204, None)


def test_a_delivery_that_nobody_takes_is_tried_on_schedule_and_then_dead(room: Room) -> None:
    with receiving() as receiver:
        post = Post(room, receiver.url)
        [one] = post.write(1)
        receiver.answers = [(503, {})] * 20
        for number, delay in enumerate(DELAYS_MS, start=1):
            post.work()
            assert len(receiver.letters) == number
            room.clock.pass_ms(delay - 1)
            post.work()
            assert len(receiver.letters) == number
            room.clock.pass_ms(1)
        post.work()
        assert post.told(one) == ("dead", 8, 503, "HTTP 503")
        assert post.jobs() == []
        letters = "SELECT reason, attempts FROM work.dead_letters"
        assert room.rows(letters) == [("notification_delivery_failed", 8)]
        assert post.clerk.asked == []


def test_ten_dead_deliveries_in_a_row_disable_an_endpoint(room: Room) -> None:
    with receiving() as receiver:
        post = Post(room, receiver.url)
        room.change("UPDATE work.webhook_cursors SET dead_in_row = 8")
        receiver.answers = [(410, {})]
        post.write(1)
        post.work()
        assert [each.cause for each in post.clerk.asked] == ["gone"]  # type: ignore[attr-defined]
        closed = Post(room, "http://127.0.0.1:1/")
        room.change("UPDATE work.webhook_cursors SET dead_in_row = 9")
        closed.write(2)
        for delay in (*DELAYS_MS, 0):
            closed.work()
            room.clock.pass_ms(delay)
        [disabled] = closed.clerk.asked
        assert disabled.cause == "deliveries_failed"  # type: ignore[attr-defined]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0x7f000001", "2130706433"])
def test_nothing_reaches_a_host_inside(room: Room, host: str) -> None:
    with receiving() as receiver:
        port = receiver.server.server_port
        post = Post(room, f"https://{host}:{port}/", private=False)
        [one] = post.write(1)
        post.work()
        status, attempts, answered, error = post.told(one)
        assert (status, attempts, answered) == ("dead", 1, None)
        assert error == "url_not_allowed"
        assert receiver.letters == []


def test_everything_is_sent_again_from_a_position_on(room: Room) -> None:
    with receiving() as receiver:
        post = Post(room, receiver.url)
        ids = post.write(1, 2, 3)
        for _ in ids:
            post.work()
        with transaction(room.pool) as connection:
            assert send_again(connection, post.endpoint, 2, room.clock.now) == 2
        for _ in ids:
            post.work()
        assert sent(receiver) == [ids[0], ids[1], ids[2], ids[1], ids[2]]


def sent(receiver: Receiver) -> list[str]:
    return [each.headers["webhook-id"] for each in receiver.letters]


ENDPOINT = """
INSERT INTO read.webhook_endpoints (
    id, user_id, scope, url, event_types, status, secret_id, position, version, inserted_at,
    updated_at
) VALUES (%s, %s, 'own', %s, '["*"]', 'ACTIVE', %s, 0, 1, '', '')
"""
CURSOR = "INSERT INTO work.webhook_cursors (endpoint_id, position) VALUES (%s, 0)"
EVENT = """
INSERT INTO log.events (
    position, stream_id, version, event_id, command_id, name, schema_version, data, actor_id,
    correlation_id, recorded_at, effective_at, content_hash, chain_hash
) VALUES (%s, %s, 1, %s, %s, 'Thing', 1, '{}', '', 'req_test', '', '', '', '')
"""
OPEN = """
SELECT id::text, subject_id FROM work.jobs
WHERE actor = %s AND state IN ('available', 'scheduled', 'retryable')
ORDER BY inserted_at, cause_position
"""
TOLD = """
SELECT status, attempts, response_status, last_error FROM work.deliveries WHERE id = %s
"""
