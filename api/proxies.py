"""Whom we believe about the client: the peer, unless it is a trusted proxy (http.md §1.13)."""

from functools import lru_cache
from ipaddress import ip_address, ip_network

from api.asgi import Headers, Scope

CACHED = 4_096


class Proxies:
    """Knows the proxies of a deployment and reads what they say about a request."""

    def __init__(self, trusted: tuple[str, ...]) -> None:
        self.networks = tuple(ip_network(each, strict=False) for each in trusted)
        self.trusts = lru_cache(CACHED)(self.is_trusted)

    def is_trusted(self, address: str) -> bool:
        """Return whether `address` is one of our proxies; anything that is no address is not."""
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self.networks)

    def client_address(self, scope: Scope, headers: Headers) -> str:
        """Return the right-most address that is not a trusted proxy, starting from the peer."""
        peer = peer_address(scope)
        forwarded = headers.get(b"x-forwarded-for")
        if forwarded is None or not self.trusts(peer):
            return peer
        for hop in reversed(forwarded.decode("latin-1").split(",")):
            address = hop.strip()
            if not is_address(address):
                return peer
            if not self.trusts(address):
                return address
            peer = address
        return peer

    def is_https(self, scope: Scope, headers: Headers) -> bool:
        """Return whether the client spoke HTTPS, to us or to a proxy we trust."""
        if scope["scheme"] == "https":
            return True
        said = headers.get(b"x-forwarded-proto")
        if said is None or not self.trusts(peer_address(scope)):
            return False
        return said.split(b",")[-1].strip().lower() == b"https"


def peer_address(scope: Scope) -> str:
    """Return the address at the other end of the connection."""
    client = scope.get("client")
    return client[0] if client else "unknown"


def is_address(text: str) -> bool:
    """Return whether `text` is an IP address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
