"""The floor of HTTP: the same server with an application that only says OK.

A process of its own: `python -m ops.benches.bare PORT`.
"""

import sys

from uvicorn import Server

from api.asgi import Receive, Scope, Send
from api.wire import Wire
from ops.server import server_config

BODY = b'{"status":"ok"}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]


async def say_ok(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer without looking at the request."""
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})


def main() -> None:
    """Serve until told to stop."""
    Server(server_config(say_ok, "127.0.0.1", int(sys.argv[1]), Wire())).run()


if __name__ == "__main__":
    main()
