"""The audit log: who did what to the security of the house, from where, and how it ended."""

from ipaddress import ip_address
from typing import Any

import msgspec

from ledger.errors import Reason
from ledger.events.audit import ACTIONS, AuditEvent, SecurityEvent, action_of
from ledger.events.user import UserDeleted
from ledger.identity import is_id
from projections.erasing import erasing
from projections.filters import dates, enum, identity, network_address
from projections.known import Known
from projections.log import Logged
from projections.page import Listing, Sort, Wanted
from projections.projector import Fold, On, Projector
from projections.rows import Table
from projections.selects import Page, fetch_page
from schema.postgres import Pool


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line; `ip` and `user_agent` are None once their key is gone, and so is `sealed_for`."""

    id: str
    position: int
    action: str
    outcome: str
    actor_type: str
    actor_id: str | None
    actor_role: str | None
    subject_type: str | None
    subject_id: str | None
    ip: str | None
    user_agent: str | None
    sealed_for: str | None
    correlation_id: str
    details: msgspec.Raw
    recorded_at: str


AUDIT_ENTRY = Table(
    "audit_log",
    AuditEntry,
    kept=False,
    owner="sealed_for",
    names=("ip", "user_agent", "sealed_for"),
)


def told(fold: Fold, logged: Logged[SecurityEvent]) -> None:
    """Add a line; nothing ever changes one, but the loss of a key."""
    event, trace = logged.event, logged.trace
    assert trace is not None, "security events come with their metadata"
    metadata = trace.metadata
    entry = AuditEntry(
        id=trace.id,
        position=logged.position,
        action=action_of(type(event)),
        outcome=event.outcome,
        actor_type=metadata.actor.type,
        actor_id=metadata.actor.id,
        actor_role=metadata.actor.role,
        subject_type=event.subject_type,
        subject_id=event.subject_id,
        correlation_id=metadata.correlation_id,
        details=msgspec.Raw(msgspec.json.encode(event.details)),
        recorded_at=logged.recorded_at,
        **origin_of(fold.known, trace.metadata),
    )
    fold.rows.of(AUDIT_ENTRY).put(entry)


def origin_of(known: Known, metadata: Any) -> dict[str, str | None]:
    """Return where it came from, as far as anybody may still know."""
    if metadata.ip is None:
        return {"ip": None, "user_agent": None, "sealed_for": None}
    address, owner = known.name(metadata.ip), known.owner(metadata.ip)
    agent = None if metadata.user_agent is None else known.name(metadata.user_agent)
    return {
        "ip": None if address is None else spelled(address),
        "user_agent": agent,
        "sealed_for": owner if owner is not None and is_id(owner) else None,
    }


def spelled(address: str) -> str:
    """Spell an IP address the one way it is looked for; what is none stays as it is."""
    try:
        return ip_address(address).compressed
    except ValueError:
        return address


PROJECTOR = Projector(
    "audit_log",
    (AUDIT_ENTRY,),
    {UserDeleted: erasing(AUDIT_ENTRY), **{kind: On(told) for kind in AuditEvent.__args__}},
)


async def page(pool: Pool, wanted: Wanted) -> Page:
    """Return lines of the audit log."""
    return await fetch_page(pool, LISTING, wanted, None)


LISTING = Listing(
    name="audit_log",
    table="read.audit_log",
    shape="""
position, id, action, outcome,
json_build_object('type', actor_type, 'id', actor_id, 'role', actor_role) AS actor,
subject_type, subject_id, ip, user_agent, correlation_id, details, recorded_at
""",
    filters=(
        enum("action", *ACTIONS, reason=Reason.INVALID_FIELD_VALUE),
        enum("outcome", "success", "denied", "failure", reason=Reason.INVALID_FIELD_VALUE),
        identity("actor_id"),
        identity("subject_id"),
        network_address("ip"),
        *dates("recorded_at"),
    ),
    sorts={
        "recorded_at": Sort("recorded_at"),
        "inserted_at": Sort("recorded_at"),
        "position": Sort("position", "bigint"),
    },
    usual="recorded_at:desc,position:desc",
)
