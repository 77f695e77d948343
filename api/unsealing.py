"""Unsealing: personal texts that a read model keeps under their owners' keys, read while shown."""

from collections.abc import Collection

from ledger.append.ports import Unavailable
from ledger.commands.asked import Reveal
from ledger.errors import Reason, Refused
from schema.vault import KeyVault


async def unsealing(vault: KeyVault, kids: Collection[str]) -> Reveal:
    """Return what reads texts sealed under `kids`. Raises `Refused(service_unavailable)`."""
    try:
        await vault.fetch(kids=kids)
    except Unavailable as failure:
        raise Refused(Reason.SERVICE_UNAVAILABLE) from failure
    return vault.reveal
