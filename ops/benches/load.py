"""A load on an HTTP server: keep-alive connections, each asking again once it was answered.

A process of its own: `python -m ops.benches.load PLAN RESULT`, both JSON files.
"""

import asyncio
import sys
import time
from pathlib import Path
from typing import cast

import httptools
import msgspec
import uvloop
from typing_extensions import override

from ops.benches.requests import SCRIPTS, Client, Script, Unexpected

GRACE_SECONDS = 20.0


class Plan(msgspec.Struct, frozen=True):
    """Which script all clients follow against a port of this machine, and for how long."""

    script: str
    port: int
    seconds: float
    clients: tuple[Client, ...]


class Answers(msgspec.Struct):
    """What came back: latencies in seconds by series, and the first answer that was wrong."""

    latencies: dict[str, list[float]] = {}
    requests: int = 0
    seconds: float = 0.0
    wrong: str | None = None


class Connection(asyncio.Protocol):
    """One client: asks, reads the answer, asks again until time is up."""

    def __init__(self, script: Script, answers: Answers, end: float) -> None:
        self.script, self.answers, self.end = script, answers, end
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.parser = httptools.HttpResponseParser(self)
        self.body: list[bytes] = []
        self.asked_at, self.leaving = 0.0, False
        self.asking = next(script)

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.WriteTransport", transport)
        self.ask()

    @override
    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if not self.leaving and self.answers.wrong is None:
            self.answers.wrong = f"the connection was lost: {exc!r}"
        if not self.closed.done():
            self.closed.set_result(None)

    def ask(self) -> None:
        """Send the next request of the script."""
        self.asked_at = time.perf_counter()
        self.transport.write(self.asking.request)

    def on_body(self, part: bytes) -> None:
        """Keep a part of the answer."""
        self.body.append(part)

    def on_message_complete(self) -> None:
        """Judge the answer and go on."""
        now = time.perf_counter()
        body, self.body = b"".join(self.body), []
        self.answers.requests += 1
        if self.asking.series is not None:
            self.answers.latencies.setdefault(self.asking.series, []).append(now - self.asked_at)
        status = self.parser.get_status_code()
        if status // 100 != 2:  # noqa: PLR2004  # every 2xx is a success (RFC 9110)
            self.fail(f"{status} {body.decode(errors='replace')}")
            return
        try:
            answered, self.asking = self.asking, self.script.send(body)
        except Unexpected as told:
            self.fail(str(told))
            return
        over = now >= self.end and answered.stops
        if over or self.answers.wrong is not None:
            self.leave()
        else:
            self.ask()

    def fail(self, wrong: str) -> None:
        """Note what is wrong and stop."""
        self.answers.wrong = self.answers.wrong or wrong
        self.leave()

    def leave(self) -> None:
        """Close the connection; nothing is open on it."""
        self.leaving = True
        self.transport.close()


async def follow(plan: Plan) -> Answers:
    """Let every client follow the script until time is up and its last answer is there."""
    loop, answers = asyncio.get_running_loop(), Answers()
    began = time.perf_counter()
    end = began + plan.seconds
    connections = [
        Connection(SCRIPTS[plan.script](client), answers, end) for client in plan.clients
    ]
    for connection in connections:
        await loop.create_connection(lambda each=connection: each, "127.0.0.1", plan.port)  # type: ignore[misc]
    await asyncio.wait_for(
        asyncio.gather(*(connection.closed for connection in connections)),
        plan.seconds + GRACE_SECONDS,
    )
    answers.seconds = time.perf_counter() - began
    return answers


def main(plan_file: str, result_file: str) -> None:
    """Follow the plan of one file and write what came back to another."""
    plan = msgspec.json.decode(Path(plan_file).read_bytes(), type=Plan)
    answers = uvloop.run(follow(plan))
    Path(result_file).write_bytes(msgspec.json.encode(answers))


if __name__ == "__main__":
    main(*sys.argv[1:])
