"""The mail process: what somebody should hear of even if they look at no screen (jobs.md §8)."""

from ledger.events.connection import ConnectionExpired
from ledger.events.payment import PaymentFailed
from ledger.events.recorded import Recorded
from ledger.events.session import RefreshTokenReuseDetected
from ledger.events.user import UserPasswordSet
from ledger.events.webhook_endpoint import WebhookEndpointDisabled
from ledger.identity import derived_id
from workers.jobs import JobWanted
from workers.process_managers import Ended, ProcessManager, Unseen

QUEUE = "notifications"
SEND = "send_email"
AT_REGISTRATION = "registration"
EVENTS = (
    PaymentFailed,
    UserPasswordSet,
    RefreshTokenReuseDetected,
    ConnectionExpired,
    WebhookEndpointDisabled,
)


def message_of(recorded: Recorded) -> str:
    """Return the id of the one message that an event can cause."""
    return derived_id("message", recorded.envelope.id)


def evolve(_: Unseen | Ended, __: Recorded) -> Ended:
    """Remember nothing: one event is the whole process."""
    return Ended()


def react(_: Unseen | Ended, recorded: Recorded) -> list[JobWanted]:
    """Ask for the one message of an event; whoever has just joined knows their password. Pure."""
    event = recorded.event
    if isinstance(event, UserPasswordSet) and event.by == AT_REGISTRATION:
        return []
    message_id = message_of(recorded)
    wanted = JobWanted(
        actor=SEND,
        queue=QUEUE,
        subject_type="message",
        subject_id=message_id,
        cause=message_id,
        unique_key=f"{SEND}/{message_id}",
    )
    return [wanted]


MAILS = ProcessManager(
    name="mail",
    events=frozenset(event.stored_as for event in EVENTS),
    states=Unseen | Ended,
    key=message_of,
    evolve=evolve,
    react=react,
)
