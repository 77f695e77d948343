"""A mailbox: a real SMTP server that keeps what it is given, or refuses as it is told to."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import msgspec
from aiosmtpd.controller import Controller

SECONDS, POLL_SECONDS = 20.0, 0.05


class Posted(msgspec.Struct, frozen=True):
    """A mail as it came."""

    sender: str
    to: tuple[str, ...]
    message: EmailMessage

    @property
    def text(self) -> str:
        """Return what it says, without its line ends."""
        return " ".join(str(self.message.get_content()).split())


class Mailbox:
    """Keeps mails; `answers` to what is for an address are given first, instead of taking it."""

    def __init__(self) -> None:
        self.kept: list[Posted] = []
        self.refused: list[Posted] = []
        self.answers: dict[str, list[str]] = {}

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  # the library's name
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        posted = Posted(envelope.mail_from, tuple(envelope.rcpt_tos), message)
        answers = self.answers.get(posted.to[0])
        if answers:
            self.refused.append(posted)
            return answers.pop(0)
        self.kept.append(posted)
        return "250 taken"

    def to(self, address: str) -> list[Posted]:
        """Return what has come for an address."""
        return [each for each in self.kept if each.to == (address,)]

    def about(self, address: str, subject: str) -> list[Posted]:
        """Wait for mails of a subject to an address; return all of them."""
        until = time.monotonic() + SECONDS
        while not (
            found := [each for each in self.to(address) if subject in each.message["subject"]]
        ):
            assert time.monotonic() < until, f"no mail about {subject} came"
            time.sleep(POLL_SECONDS)
        return found


class Open(msgspec.Struct, frozen=True):
    """A mailbox that listens at a URL."""

    box: Mailbox
    url: str


@contextmanager
def mailbox(**more: Any) -> Iterator[Open]:
    """Listen on a port of its own for the length of the block."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=port, **more)
    controller.start()
    try:
        yield Open(box, f"smtp://127.0.0.1:{port}")
    finally:
        controller.stop()
