"""Commands about webhook endpoints. A secret is derived from its id by whoever needs it."""

from msgspec import UNSET, UnsetType

from ledger.commands.command import Command
from ledger.events.event import PersonalText


class RegisterEndpoint(Command, frozen=True, kw_only=True):
    endpoint_id: str
    user_id: str
    url: str
    event_types: tuple[str, ...]
    scope: str
    description: PersonalText | None
    secret_id: str


class UpdateEndpoint(Command, frozen=True, kw_only=True):
    """Change what is given."""

    endpoint_id: str
    url: str | UnsetType = UNSET
    event_types: tuple[str, ...] | UnsetType = UNSET
    description: PersonalText | UnsetType | None = UNSET
    status: str | UnsetType = UNSET


class RotateSecret(Command, frozen=True, kw_only=True):
    """Sign with another secret from now on, and for a day with the one before it too."""

    endpoint_id: str
    secret_id: str


class PingEndpoint(Command, frozen=True, kw_only=True):
    """Send something to an endpoint, to see that it arrives."""

    endpoint_id: str
    delivery_id: str


class DisableEndpoint(Command, frozen=True, kw_only=True):
    """Tell an endpoint nothing more until somebody puts it right."""

    endpoint_id: str
    cause: str


class RemoveEndpoint(Command, frozen=True, kw_only=True):
    endpoint_id: str
