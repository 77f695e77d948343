"""Settings → how mails leave the house: through an SMTP server, or into the log only."""

from urllib.parse import urlsplit

from typing_extensions import override

from ledger.application import Ledger
from ops.settings import Settings
from schema.codec import decode_envelope
from workers.attempts import Actor
from workers.database import Pool
from workers.mail_steps import LedgerPeople, MailSteps
from workers.post_office import LogOnly, Mail, PostOffice, SmtpOffice, server_of
from workers.spans import UNTRACED, Outward, Spans


class TracedOffice(PostOffice):
    """A real server whose every mail is a span."""

    def __init__(self, office: SmtpOffice, spans: Spans) -> None:
        self.office, self.spans = office, spans

    @override
    def send(self, mail: Mail) -> None:
        server = self.office.server
        call = Outward(peer="smtp", operation="send_mail", host=server.host, port=server.port)
        with self.spans.call(call):
            self.office.send(mail)


def mail_actor(settings: Settings, pool: Pool, ledger: Ledger, spans: Spans = UNTRACED) -> Actor:
    """Return the kind of work that sends mails."""
    steps = MailSteps(
        pool=pool,
        decode=decode_envelope,
        people=LedgerPeople(ledger),
        office=traced(office_of(settings), spans),
    )
    return steps.actor()


def traced(office: PostOffice, spans: Spans) -> PostOffice:
    """Return who takes mails, seen by `spans` where they leave the house."""
    return TracedOffice(office, spans) if isinstance(office, SmtpOffice) else office


def office_of(settings: Settings) -> PostOffice:
    """Return who takes mails."""
    url = settings.jobs.smtp_url
    return LogOnly() if url is None else SmtpOffice(server_of(url), sender_of(settings))


def sender_of(settings: Settings) -> str:
    """Return whom mails come from; where nothing is said, nobody who reads answers."""
    host = urlsplit(settings.core.public_url).hostname or "localhost"
    return settings.jobs.mail_from or f"LedgerBank <no-reply@{host}>"
