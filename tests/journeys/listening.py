"""Somebody who listens to a stream: every frame as it came, and how the stream ended."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Any

import httpx2
import msgspec

from tests.journeys.people import Person
from tests.journeys.system import eventually


class Heard(msgspec.Struct, frozen=True):
    """One frame."""

    id: int | None
    event: str
    data: dict[str, Any]


class Ear:
    """Listens in a thread of its own until the stream ends or nobody cares any more."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self.heard: list[Heard] = []
        self.ended, self.opened = Event(), Event()
        self.client = httpx2.Client(timeout=60)
        self.headers = headers
        self.thread = Thread(target=self.listen, args=(url,), daemon=True)
        self.response: httpx2.Response | None = None
        self.then: Callable[[Heard], None] = lambda _: None

    def listen(self, url: str) -> None:
        try:
            with self.client.stream("GET", url, headers=self.headers) as response:
                assert response.status_code == 200, response.read()
                self.response = response
                block: list[str] = []
                for line in response.iter_lines():
                    self.opened.set()
                    if line:
                        block.append(line)
                    else:
                        self.take(block)
                        block = []
        except (httpx2.HTTPError, OSError, RuntimeError):
            pass
        finally:
            self.ended.set()

    def hang_up(self) -> None:
        """Go without a word, and see that the thread ends."""
        if self.response is not None and not self.ended.is_set():
            stream = self.response.extensions["network_stream"]
            with suppress(OSError):
                stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        self.thread.join(10)
        assert self.ended.is_set()
        self.client.close()

    def take(self, block: list[str]) -> None:
        """Read one frame; comments are none."""
        fields = dict(line.split(": ", 1) for line in block if not line.startswith(":"))
        if fields:
            position = int(fields["id"]) if "id" in fields else None
            heard = Heard(position, fields["event"], json.loads(fields["data"]))
            self.then(heard)
            self.heard.append(heard)

    def events(self) -> list[str]:
        return [each.event for each in self.heard]

    def until(self, event: str, times: int = 1) -> list[Heard]:
        """Wait for frames of a name; return all of them."""

        def found() -> list[Heard] | None:
            named = [each for each in self.heard if each.event == event]
            return named if len(named) >= times else None

        frames: list[Heard] = eventually(found, f"{event} is heard", lambda: str(self.events()))
        return frames


@contextmanager
def listening(person: Person, *, server: int = 0, query: str = "", **headers: str) -> Iterator[Ear]:
    """Listen for the length of the block."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"{person.door.urls[server]}/api/stream{query}"
    with listening_at(url, person.bearer, **named) as ear:
        yield ear


@contextmanager
def listening_at(url: str, bearer: str, **headers: str) -> Iterator[Ear]:
    """Listen at an address for the length of the block."""
    ear = Ear(url, {"authorization": bearer, **headers})
    ear.thread.start()
    assert ear.opened.wait(10)
    try:
        yield ear
    finally:
        ear.hang_up()
