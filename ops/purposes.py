"""Purposes: every kind of key of this deployment that can be replaced, and how."""

from collections.abc import Callable

import msgspec

from ops.index_rotation import finish_rotation, index_key, renew_index_key
from ops.rotations import (
    Rotated,
    audit_key,
    data_keys,
    renew_audit_key,
    renew_data_keys,
    replace_token_secret,
    token_secret,
)
from ops.sealing import seal_now
from ops.settings import Settings


def nothing_more(_settings: Settings, _dsn: str) -> None:
    """Leave everything as it is."""


class Rotation(msgspec.Struct, frozen=True):
    """How keys of a purpose are replaced, and what is told of it by the settings before and after.

    `help` says which keys those are; `finish` is what is left once the audit log was told.
    """

    help: str
    renew: Callable[[Settings, str], None]
    tell: Callable[[Settings, Settings, str], Rotated]
    finish: Callable[[Settings, str], object] = nothing_more


INDEX = "index"
ROTATIONS: dict[str, Rotation] = {
    "jwt": Rotation("The secret that tokens are signed with.", replace_token_secret, token_secret),
    "data": Rotation("The key that people's data keys are wrapped under.",
                     renew_data_keys, data_keys),
    "audit": Rotation("The key that checkpoints are signed with.",
                      renew_audit_key, audit_key, seal_now),
    INDEX: Rotation("The key of keyed hashes: addresses, duplicates, connections.",
                    renew_index_key, index_key, finish_rotation),
}  # fmt: skip
"""Every purpose whose keys can be replaced, by the flag that asks for it."""
