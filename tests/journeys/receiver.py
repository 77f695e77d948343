"""A receiver of webhooks: keeps what it was sent, and answers what it is told to."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import msgspec
from typing_extensions import override

from tests.journeys.system import eventually


class Letter(msgspec.Struct, frozen=True):
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def told(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    def is_signed_by(self, secret: str) -> bool:
        """Verify it by the rules of Standard Webhooks."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signed = ".".join((
            self.headers["webhook-id"], self.headers["webhook-timestamp"], self.body.decode(),
        ))  # fmt: skip
        digest = base64.b64encode(hmac.new(key, signed.encode(), hashlib.sha256).digest()).decode()
        return f"v1,{digest}" in self.headers["webhook-signature"].split(" ")


class Receiver:
    """Listens on a port of its own; `answers` are given first, then 204."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            """Takes in letters."""

            def do_POST(self) -> None:  # the library's name
                size = int(self.headers["content-length"])
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.letters.append(Letter(self.path, headers, self.rfile.read(size)))
                status, more = receiver.answers.pop(0) if receiver.answers else (204, {})
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                self.send_header("content-length", "0")
                self.end_headers()

            @override
            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def of(self, event_type: str, times: int = 1) -> list[Letter]:
        """Wait for letters of a type; return all of them."""

        def found() -> list[Letter] | None:
            named = [each for each in self.letters if each.told["type"] == event_type]
            return named if len(named) >= times else None

        said: list[Letter] = eventually(found, f"{event_type} is delivered")
        return said


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    with answering(receiver.server):
        yield receiver


@contextmanager
def answering(server: ThreadingHTTPServer) -> Iterator[None]:
    """Let a server of the outside world answer for the length of the block."""
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
