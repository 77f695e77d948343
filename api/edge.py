"""What all calls share: settings of the edge, authenticator, counters, the things routes use."""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from api.callers import Authenticate
from api.meters import Meters
from api.proxies import Proxies
from api.rate_limits import RateLimits
from api.spans import Spans
from api.wire import Wire
from ledger.errors import Refused


class Sees(Protocol):
    """Whoever watches calls for the audit log; it never holds one up."""

    def refused(self, call: Any, refused: Refused) -> None:
        """See that a call was refused."""

    def answered(self, call: Any) -> None:
        """See that a call was answered."""


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """Made once per application. `uses` holds by type whatever routes are made of.

    Without `rates` nobody is limited, without `spans` nothing is traced.
    """

    wire: Wire
    proxies: Proxies
    origins: frozenset[bytes]
    authenticate: Authenticate
    meters: Meters
    uses: Mapping[type, Any]
    rates: RateLimits | None = None
    witness: Sees | None = None
    spans: Spans | None = None


def make_edge(
    wire: Wire, authenticate: Authenticate, meters: Meters, uses: Mapping[type, Any]
) -> Edge:
    """Put an edge together from its settings; `RateLimits` are among the uses, if there are any."""
    return Edge(
        wire=wire,
        proxies=Proxies(wire.trusted_proxies),
        origins=frozenset(origin.encode() for origin in wire.origins),
        authenticate=authenticate,
        meters=meters,
        uses=uses,
        rates=uses.get(RateLimits),
        witness=uses.get(Sees),
        spans=uses.get(Spans),
    )
