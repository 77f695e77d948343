"""A real uvicorn with uvloop and httptools on a loopback port, and raw requests to it."""

import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import msgspec
import uvloop
from uvicorn import Server

from api.asgi import App
from api.wire import Wire
from ops.server import server_config


class Answer(msgspec.Struct, frozen=True):
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        found = [value for key, value in self.headers if key == name]
        assert len(found) == 1, (name, self.headers)
        return found[0]

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Served:
    """A running server."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.client = httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=10)

    def request(self, method: str, path: str, **asked: Any) -> httpx2.Response:
        return self.client.request(method, path, **asked)

    def get(self, path: str, **headers: str) -> httpx2.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request("GET", path, headers=named)

    def post(self, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return self.request(
            "POST", path, content=content, headers={"content-type": "application/json", **named}
        )

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def raw(self, *parts: bytes) -> list[Answer]:
        """Send bytes as they are; read answers until the server closes or falls silent."""
        with self.connect() as connection:
            for part in parts:
                connection.sendall(part)
            return read_answers(connection)


def read_answers(connection: socket.socket, seconds: float = 0.5) -> list[Answer]:
    connection.settimeout(seconds)
    received = b""
    try:
        while chunk := connection.recv(65_536):
            received += chunk
    except TimeoutError:
        pass
    return parse_answers(received)


def parse_answers(received: bytes) -> list[Answer]:
    answers = []
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = [(n.lower(), v) for n, _, v in (line.partition(": ") for line in lines)]
        size = int(dict(headers).get("content-length", "0"))
        answers.append(Answer(int(first.split()[1]), headers, rest[:size]))
        received = rest[size:]
    return answers


@contextmanager
def serving(
    app: App, wire: Wire | None = None, after: Callable[[], Awaitable[None]] | None = None
) -> Iterator[Served]:
    """Serve `app` on a free loopback port for as long as the block runs, then wait for `after`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(server_config(app, "127.0.0.1", 0, wire or Wire()))

        async def serve() -> None:
            await server.serve(sockets=[listener])
            if after is not None:
                await after()

        thread = threading.Thread(target=lambda: uvloop.run(serve()), daemon=True)
        thread.start()
        served = Served(listener.getsockname()[1])
        try:
            yield served
        finally:
            served.client.close()
            server.should_exit = True
            thread.join(10)
            assert not thread.is_alive(), "the server stops when told to"
