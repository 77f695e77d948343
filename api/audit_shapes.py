"""Shapes of the audit log (http.md §3)."""

from typing import Any, Literal, TypeAlias

from api.shapes import Id, Shape, Time

Outcome: TypeAlias = Literal["success", "denied", "failure"]
ActorType: TypeAlias = Literal["user", "service", "system", "provider", "anonymous"]


class Actor(Shape, frozen=True):
    """Who it was; somebody who never proved who they are has no id."""

    type: ActorType
    id: Id | None
    role: str | None


class AuditEntry(Shape, frozen=True):
    """One line of the audit log; `ip` and `user_agent` are null once their key is gone."""

    position: int
    id: Id
    action: str
    outcome: Outcome
    actor: Actor
    subject_type: str | None
    subject_id: Id | None
    ip: str | None
    user_agent: str | None
    correlation_id: str
    details: dict[str, Any]
    recorded_at: Time
