"""Rate limits: who is counted under which policy, and what the answer says of it (http.md §1.13).

Whoever is counted is known to the store by a keyed hash, so that it holds no address.
"""

from hashlib import blake2b
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Literal, Protocol, TypeAlias

import msgspec

from api.asgi import HeaderList
from api.callers import Principal

PolicyName: TypeAlias = Literal["default", "login", "service"]
MILLISECONDS = 1_000
SUBJECT_BYTES = 16
HOUSEHOLD_BITS = 64
"""How much of an IPv6 address names one client: the rest is theirs to choose (RFC 6177)."""


class Policy(msgspec.Struct, frozen=True):
    """So many requests in any window of so many seconds."""

    name: PolicyName
    requests: int
    window_seconds: int


class Policies(msgspec.Struct, frozen=True, kw_only=True):
    """Humans and unknown callers, logins on top of that, service accounts."""

    default: Policy = Policy("default", 100, 60)
    login: Policy = Policy("login", 10, 60)
    service: Policy = Policy("service", 1_000, 60)


class Count(msgspec.Struct, frozen=True):
    """One question to the store: `requests` is 1 to count, 0 to look, -1 to take one back."""

    policy: Policy
    subject: str
    requests: int


class Standing(msgspec.Struct, frozen=True):
    """Where somebody stands in a window; times are Unix milliseconds by the store's clock.

    `oldest_leaves_at` is when the oldest counted request leaves the window, `free_at` when the
    next request passes.
    """

    passed: bool
    counted: int
    now: int
    oldest_leaves_at: int
    free_at: int


class Counter(Protocol):
    """Counts for all processes together."""

    async def ask(self, count: Count) -> Standing | None:
        """Return where the subject stands; None while the store cannot tell."""


class Rated(msgspec.Struct, frozen=True):
    """What became of one request under one policy; without `standing` nobody could count."""

    policy: Policy
    standing: Standing | None

    @property
    def passed(self) -> bool:
        """Say whether the request may go on."""
        return self.standing is None or self.standing.passed

    @property
    def remaining(self) -> int:
        """Return how many requests are left in the window."""
        if self.standing is None:
            return self.policy.requests
        return max(0, self.policy.requests - self.standing.counted)

    @property
    def wait_ms(self) -> int:
        """Return after how many milliseconds a request can pass."""
        return 0 if self.standing is None else max(1, self.standing.free_at - self.standing.now)

    def headers(self) -> HeaderList:
        """Return the headers of both families; who was not counted learns the policy only."""
        policy, standing = self.policy, self.standing
        name, requests = policy.name.encode(), policy.requests
        told = [
            (b"x-ratelimit-limit", b"%d" % requests),
            (b"ratelimit-policy", b'"%b";q=%d;w=%d' % (name, requests, policy.window_seconds)),
        ]
        if standing is None:
            return told
        left, wait_ms = self.remaining, standing.oldest_leaves_at - standing.now
        return [
            *told,
            (b"x-ratelimit-remaining", b"%d" % left),
            (b"x-ratelimit-reset", b"%d" % whole_seconds(standing.oldest_leaves_at)),
            (b"ratelimit", b'"%b";r=%d;t=%d' % (name, left, whole_seconds(wait_ms))),
        ]


class RateLimits:
    """The policies of a deployment over the counter of all its processes."""

    def __init__(self, counter: Counter, policies: Policies, secret: bytes) -> None:
        self.counter, self.policies, self.secret = counter, policies, secret

    async def judge(self, principal: Principal, address: str, requests: int = 1) -> Rated:
        """Count `requests` of a caller: by who they are, or else by where they come from."""
        policy = self.policies.service if principal.kind == "service" else self.policies.default
        if principal.id is None:
            return await self.count(policy, f"address {client_of(address)}", requests)
        return await self.count(policy, f"{principal.kind} {principal.id}", requests)

    async def judge_login(self, address: str, claim: str) -> Rated:
        """Count an attempt to sign in from an address to the account behind a claim."""
        return await self.count(self.policies.login, f"{client_of(address)} {claim}", 1)

    async def count(self, policy: Policy, subject: str, requests: int) -> Rated:
        """Ask the store."""
        digest = blake2b(subject.encode(), key=self.secret, digest_size=SUBJECT_BYTES).hexdigest()
        return Rated(policy, await self.counter.ask(Count(policy, digest, requests)))


def client_of(address: str) -> str:
    """Return what is counted as one client: an IPv4 address, or the network of an IPv6 one."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((int(parsed), HOUSEHOLD_BITS), strict=False))


def whole_seconds(milliseconds: int) -> int:
    """Return full seconds, rounded up."""
    return -(-milliseconds // MILLISECONDS)
