"""The post office: hands a mail to an SMTP server, or to nobody but the log (jobs.md §8)."""

import smtplib
import ssl
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Protocol
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
import structlog
from typing_extensions import override

from ledger.errors import Reason
from workers.letters import Letter
from workers.retries import Failed

SECONDS = 10.0
PORTS = {"smtp": 25, "smtps": 465}
NEVER, ALWAYS, OFFERED = "never", "always", "offered"


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """A letter on its way. `id` is the same however often it is sent."""

    id: str
    user_id: str
    address: str
    name: str
    letter: Letter


class PostOffice(Protocol):
    """Takes mails."""

    def send(self, mail: Mail) -> None:
        """Hand over a mail; raise `Failed` when it was not taken."""


class LogOnly(PostOffice):
    """Without a server: what would be sent is a line of the log, without address and text."""

    @override
    def send(self, mail: Mail) -> None:
        structlog.get_logger().info("mail.logged", **facts_of(mail))


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """Where an SMTP server is, and how it is spoken to; `starttls` is always, never or offered."""

    host: str
    port: int
    secure: bool
    user: str | None
    password: str
    starttls: str


class SmtpOffice(PostOffice):
    """A real server; `sender` is the address that mails come from. Certificates are verified."""

    def __init__(self, server: Server, sender: str) -> None:
        self.server, self.sender = server, sender

    @override
    def send(self, mail: Mail) -> None:
        try:
            message = message_of(mail, self.sender)
            with self.connected() as smtp:
                smtp.send_message(message, parseaddr(self.sender)[1], [mail.address])
        except (smtplib.SMTPException, MessageError, OSError, ValueError) as failure:
            log = structlog.get_logger()
            log.warning("mail.refused", **facts_of(mail), failure=why(failure))
            raise Failed(Reason.NOTIFICATION_DELIVERY_FAILED) from None
        structlog.get_logger().info("mail.sent", **facts_of(mail))

    def connected(self) -> smtplib.SMTP:
        """Open a connection that is as private as was asked for, and sign in."""
        server, context = self.server, ssl.create_default_context()
        smtp: smtplib.SMTP
        if server.secure:
            smtp = smtplib.SMTP_SSL(server.host, server.port, timeout=SECONDS, context=context)
        else:
            smtp = smtplib.SMTP(server.host, server.port, timeout=SECONDS)
        try:
            smtp.ehlo()
            if wants_tls(server, offered=smtp.has_extn("starttls")):
                smtp.starttls(context=context)
            if server.user is not None:
                smtp.login(server.user, server.password)
        except BaseException:
            smtp.close()
            raise
        return smtp


def server_of(url: str) -> Server:
    """Read an SMTP URL. Who signs in over `smtp` does so over TLS, unless `starttls=never`."""
    parts = urlsplit(url)
    user = unquote(parts.username) if parts.username else None
    asked = parse_qs(parts.query).get("starttls", [OFFERED if user is None else ALWAYS])
    return Server(
        host=parts.hostname or "",
        port=parts.port or PORTS[parts.scheme],
        secure=parts.scheme == "smtps",
        user=user,
        password=unquote(parts.password or ""),
        starttls=asked[-1],
    )


def wants_tls(server: Server, *, offered: bool) -> bool:
    """Say whether a plain connection is to become a private one."""
    if server.secure or server.starttls == NEVER:
        return False
    return offered or server.starttls == ALWAYS


def message_of(mail: Mail, sender: str) -> EmailMessage:
    """Return a mail in the form of RFC 5322."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = Address(mail.name, addr_spec=mail.address)
    message["Subject"] = mail.letter.subject
    message["Message-ID"] = f"<{mail.id}@{parseaddr(sender)[1].rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.letter.text)
    return message


def why(failure: Exception) -> str:
    """Return what went wrong, without what was said: that may have an address in it."""
    code = getattr(failure, "smtp_code", None)
    return type(failure).__name__ if code is None else f"{type(failure).__name__} {code}"


def facts_of(mail: Mail) -> dict[str, str]:
    """Return what a log line tells of a mail."""
    return {"message_id": mail.id, "user_id": mail.user_id, "kind": mail.letter.kind}
