"""Outbound: what the routes about webhook endpoints share (jobs.md §7)."""

import asyncio
import socket

import msgspec

from ledger.errors import Reason, Refused
from ledger.policies.outside import permit_addresses, target_of

RESOLVED_SECONDS = 3.0


class Outbound(msgspec.Struct, frozen=True):
    """`index_key` derives secrets; `private`: hosts inside the house may be told too."""

    index_key: bytes
    private: bool

    async def permit(self, url: str) -> None:
        """Refuse a URL that no webhook may be sent to; it is judged again at every delivery."""
        target = target_of(url, private=self.private)
        permit_addresses(await addresses_of(target.host, target.port), private=self.private)


async def addresses_of(host: str, port: int) -> list[str]:
    """Return every address of a host."""
    loop = asyncio.get_running_loop()
    try:
        found = await asyncio.wait_for(
            loop.getaddrinfo(host, port, type=socket.SOCK_STREAM), RESOLVED_SECONDS
        )
    except (OSError, UnicodeError, TimeoutError):
        raise Refused(Reason.URL_NOT_ALLOWED, field="url") from None
    return [str(address[0]) for *_, address in found]
