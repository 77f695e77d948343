"""Commands about service accounts. A key is made by whoever asks; its hash is all that is kept."""

from ledger.commands.command import Command


class CreateServiceAccount(Command, frozen=True, kw_only=True):
    """`key_prefix` is the part of the key that may be shown; `key_hash` is SHA-256 of all of it.

    Data key `data_key_id` seals what the account writes and the answers it is given.
    """

    service_id: str
    name: str
    scopes: tuple[str, ...]
    key_prefix: str
    key_hash: bytes
    data_key_id: str


class RotateServiceKey(Command, frozen=True, kw_only=True):
    """Replace the key of a service account; the one before it is dead."""

    service_id: str
    key_prefix: str
    key_hash: bytes


class DisableServiceAccount(Command, frozen=True, kw_only=True):
    """End a service account for good."""

    service_id: str
