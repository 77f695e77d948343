"""Outside: one POST to a checked address, bounded in time and in what is read of the answer."""

import socket
import ssl
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from threading import Timer
from time import monotonic

from typing_extensions import override

from ledger.errors import Reason
from ledger.policies.outside import Target, permit_addresses
from workers.retries import Failed

CONNECTED_SECONDS, ANSWERED_SECONDS = 3.0, 10.0
ANSWER_BYTES_MAX = 64 * 1024


class Unanswered(Exception):
    """No answer came; the text says why, and nothing of what was sent."""


class Checked(HTTPConnection):
    """A connection to an address that was found to be allowed, whatever the name says by now."""

    def __init__(self, target: Target, address: str) -> None:
        super().__init__(target.host, target.port, timeout=CONNECTED_SECONDS)
        self.target, self.address = target, address

    @override
    def connect(self) -> None:
        """Connect to the address; a certificate must be that of the name."""
        plain = socket.create_connection((self.address, self.target.port), self.timeout)
        self.sock = plain
        if self.target.secure:
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(plain, server_hostname=self.target.host)


def post(target: Target, headers: Mapping[str, str], body: bytes, *, private: bool) -> int:
    """Send a body; return the status of the answer. Redirects are not followed."""
    began = monotonic()
    connection = Checked(target, permit_addresses(addresses_of(target), private=private))
    try:
        connection.connect()
        within(connection, ANSWERED_SECONDS - (monotonic() - began))
        return exchanged(connection, target, headers, body)
    except TimeoutError:
        raise Unanswered("no answer in time") from None
    except (OSError, HTTPException) as failure:
        raise Unanswered(type(failure).__name__) from None
    finally:
        connection.close()


def exchanged(connection: Checked, target: Target, headers: Mapping[str, str], body: bytes) -> int:
    """Send and read on a connection that is open, for a bounded time in all."""
    open_socket = connection.sock
    deadline = Timer(ANSWERED_SECONDS, hang_up, (open_socket,))
    deadline.daemon = True
    deadline.start()
    try:
        connection.request("POST", target.path, body, {"Host": target.authority, **headers})
        answer = connection.getresponse()
        answer.read(ANSWER_BYTES_MAX)
        return answer.status
    finally:
        deadline.cancel()


def within(connection: Checked, seconds: float) -> None:
    """Let no single wait be longer than what is left."""
    connection.sock.settimeout(max(seconds, 0.001))


def hang_up(open_socket: socket.socket) -> None:
    """End a connection under whoever reads from it."""
    try:
        open_socket.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def addresses_of(target: Target) -> list[str]:
    """Return every address that a host has now."""
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Failed(Reason.NOTIFICATION_DELIVERY_FAILED) from None
    return [str(address[0]) for *_, address in found]
