"""Outside: where webhooks may be sent (jobs.md §7). Whoever resolves a name asks for every address.

A server that calls any URL its customers name must not become their way into its own network.
"""

import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

import msgspec

from ledger.errors import Reason, Refused

URL_LENGTH_MAX = 2_048
HTTPS_PORT, HTTP_PORT, PORT_FREE_FROM, PORT_MAX = 443, 80, 1_024, 65_535
HOST = re.compile(r"[0-9A-Za-z._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]", re.ASCII)
UNPRINTABLE = re.compile(r"[^!-~]")
TRANSLATED = IPv6Network("64:ff9b::/96")
CLOSED = tuple(
    ip_network(each)
    for each in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
        "::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/9",
        "ff00::/8",
    )
)
"""Private, loopback, link-local, shared, documentation, multicast, reserved; tunnels to them."""


class Target(msgspec.Struct, frozen=True):
    """A URL taken apart; `path` has the query with it."""

    secure: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Return what the `Host` header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = HTTPS_PORT if self.secure else HTTP_PORT
        return host if self.port == usual else f"{host}:{self.port}"


def target_of(url: str, *, private: bool) -> Target:
    """Take a URL apart, or refuse its form; `private` ones may be `http` and on any port."""
    if len(url) > URL_LENGTH_MAX or UNPRINTABLE.search(url) or "\\" in url:
        raise Refused(Reason.INVALID_URL_FORMAT, field="url")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Refused(Reason.INVALID_URL_FORMAT, field="url") from None
    schemes = {"https", "http"} if private else {"https"}
    host = parts.hostname or ""
    if parts.scheme not in {"https", "http"} or not HOST.fullmatch(bracketed(host)):
        raise Refused(Reason.INVALID_URL_FORMAT, field="url")
    if parts.scheme not in schemes or parts.username is not None or parts.password is not None:
        raise Refused(Reason.URL_NOT_ALLOWED, field="url")
    secure = parts.scheme == "https"
    port = port if port is not None else (HTTPS_PORT if secure else HTTP_PORT)
    if not (private or port == HTTPS_PORT or PORT_FREE_FROM <= port <= PORT_MAX):
        raise Refused(Reason.URL_NOT_ALLOWED, field="url")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(secure, host, port, path)


def bracketed(host: str) -> str:
    """Return a host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def permit_addresses(addresses: list[str], *, private: bool) -> str:
    """Return the first address of a host; refused unless all of them are public."""
    if not addresses or not (private or all(map(is_public, addresses))):
        raise Refused(Reason.URL_NOT_ALLOWED, field="url")
    return addresses[0]


def is_public(address: str) -> bool:
    """Say whether an address belongs to the internet, and to nothing behind it."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    parsed = embedded(parsed)
    closed = any(parsed.version == each.version and parsed in each for each in CLOSED)
    return parsed.is_global and not closed


def embedded(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 address stands for, or the address itself."""
    if not isinstance(address, IPv6Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in TRANSLATED:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address
