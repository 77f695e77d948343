"""A connection that became a WebSocket: bounded messages, and close codes as documented."""

import asyncio
from typing import Any

from typing_extensions import override
from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.server import ServerProtocol

FRAME_BYTES_MAX = 16 * 1024
UNREADABLE = 1003
MEANT = {1007: UNREADABLE, 1009: UNREADABLE}
"""What is too long, or no text, is nothing this conversation accepts (events_audit.md §3.2)."""


class Frames(ServerProtocol):
    """Reads and writes frames of one connection."""

    @override
    def fail(self, code: int, reason: str = "") -> None:
        """Close with the code that clients are told to expect."""
        super().fail(MEANT.get(code, code), reason)

    @override
    def send_close(self, code: int | None = None, reason: str = "") -> None:
        """Close with the code that clients are told to expect."""
        super().send_close(None if code is None else MEANT.get(code, code), reason)


class SocketProtocol(WebSocketsSansIOProtocol):
    """One WebSocket, as uvicorn serves it."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.conn = Frames(extensions=[], max_size=FRAME_BYTES_MAX)
