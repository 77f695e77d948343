"""The HTTP server: uvicorn with uvloop and httptools, set to the wire's rules."""

from uvicorn import Config

from api.asgi import App
from api.protocol import protocol_of
from api.wire import Wire

STOP_SECONDS = 30
"""How long running requests may take to finish when the server stops (config.md §7)."""
KEEP_ALIVE_SECONDS = 30
BACKLOG = 2_048


def server_config(app: App, host: str, port: int, wire: Wire) -> Config:
    """Return how `app` is served; proxies are judged by the application alone."""
    return Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http=protocol_of(wire),
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
