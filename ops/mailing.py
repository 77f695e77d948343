"""Settings → how mails leave the house: through an SMTP server, or into the log only."""

from urllib.parse import urlsplit

from ledger.application import Ledger
from ops.settings import Settings
from schema.codec import decode_envelope
from workers.attempts import Actor
from workers.database import Pool
from workers.mail_steps import LedgerPeople, MailSteps
from workers.post_office import LogOnly, PostOffice, SmtpOffice, server_of


def mail_actor(settings: Settings, pool: Pool, ledger: Ledger) -> Actor:
    """Return the kind of work that sends mails."""
    steps = MailSteps(
        pool=pool,
        decode=decode_envelope,
        people=LedgerPeople(ledger),
        office=office_of(settings),
    )
    return steps.actor()


def office_of(settings: Settings) -> PostOffice:
    """Return who takes mails."""
    url = settings.jobs.smtp_url
    return LogOnly() if url is None else SmtpOffice(server_of(url), sender_of(settings))


def sender_of(settings: Settings) -> str:
    """Return whom mails come from; where nothing is said, nobody who reads answers."""
    host = urlsplit(settings.core.public_url).hostname or "localhost"
    return settings.jobs.mail_from or f"LedgerBank <no-reply@{host}>"
