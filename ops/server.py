"""The HTTP server: uvicorn with uvloop and httptools, set to the wire's rules."""

import resource
import socket
from collections.abc import Callable

from typing_extensions import override
from uvicorn import Config
from uvicorn import Server as Uvicorn

from api.asgi import App
from api.protocol import protocol_of
from api.socket_protocol import SocketProtocol
from api.wire import Wire

STOP_SECONDS = 30
"""How long running requests may take to finish when the server stops (config.md §7)."""
BACKLOG = 2_048
OTHER_FILES = 500
"""Room for what is open besides connections: the pool, the broker, log and code."""


class Server(Uvicorn):
    """Serves until it is told to stop; streams that would go on for ever end then."""

    def __init__(self, config: Config, leave: Callable[[], None]) -> None:
        super().__init__(config)
        self.leave = leave

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let the application say goodbye first."""
        self.leave()
        await super().shutdown(sockets)


def allow_connections(count: int) -> None:
    """Let this process hold so many connections open, as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + OTHER_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def server_config(app: App, host: str, port: int, wire: Wire) -> Config:
    """Return how `app` is served; proxies are judged by the application alone."""
    return Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http=protocol_of(wire),
        ws=SocketProtocol,
        ws_per_message_deflate=False,
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=wire.deadlines.idle_seconds,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
