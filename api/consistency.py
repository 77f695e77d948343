"""How fresh a query must be: wait for the position it needs, or say why not (http.md §1.10)."""

import re
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

import msgspec

from api.asgi import Headers
from ledger.errors import Reason, Refused

POSITION = re.compile(rb"[0-9]{1,18}")
EVENTUAL = b"eventual"

Head: TypeAlias = Callable[[], Awaitable[int]]
"""The last committed position of the whole deployment, as of now."""


class Checkpoints(Protocol):
    """How far the read models of this deployment have come."""

    def reached(self, projections: tuple[str, ...]) -> int:
        """Return the position all of `projections` have applied."""

    def stopped(self, projections: tuple[str, ...]) -> bool:
        """Return whether one of `projections` has failed and will not move by itself."""

    async def wait(self, projections: tuple[str, ...], position: int, seconds: float) -> bool:
        """Wait until all of `projections` have applied `position`; False when time ran out."""


class Freshness(msgspec.Struct, frozen=True, kw_only=True):
    """Decides how long a query waits. `epoch` is the id of the store, renewed at every restore."""

    head: Head
    checkpoints: Checkpoints
    epoch: str
    wait_ms: int = 2_000

    async def settle(self, headers: Headers, projections: tuple[str, ...]) -> int:
        """Return the position the read model is complete up to: as fresh as it has to be."""
        demanded = self.demanded(headers)
        eventual = headers.get(b"ledger-consistency", b"").strip().lower() == EVENTUAL
        if eventual and demanded is None:
            return self.checkpoints.reached(projections)
        head = await self.head()
        if demanded is not None and demanded > head:
            raise Refused(Reason.INVALID_POSITION, header="Ledger-Position", head=head)
        needed = demanded or 0 if eventual else head
        reached = self.checkpoints.reached(projections)
        return reached if reached >= needed else await self.wait(projections, needed)

    async def wait(self, projections: tuple[str, ...], needed: int) -> int:
        """Wait for `needed`, as long as that can help."""
        stopped = self.checkpoints.stopped(projections)
        if stopped or not await self.checkpoints.wait(projections, needed, self.wait_ms / 1000):
            reached = self.checkpoints.reached(projections)
            raise Refused(Reason.PROJECTION_LAGGING, required=needed, reached=reached)
        return self.checkpoints.reached(projections)

    def demanded(self, headers: Headers) -> int | None:
        """Return the position the client demands; malformed or of another epoch is refused."""
        epoch = headers.get(b"ledger-epoch")
        if epoch is not None and epoch.decode("latin-1").lower() != self.epoch:
            raise Refused(Reason.INVALID_POSITION, header="Ledger-Epoch")
        position = headers.get(b"ledger-position")
        if position is None:
            return None
        if not POSITION.fullmatch(position):
            raise Refused(Reason.INVALID_POSITION, header="Ledger-Position")
        return int(position)
