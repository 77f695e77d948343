"""Streams end with the token that opened them (AC-90)."""

import time

import jwt
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.access.house import SECRET, Caller, House
from tests.journeys.listening import Heard, listening_at

LIFE_SECONDS, CLOSED_SECONDS = 2, 5


def short_lived(caller: Caller) -> str:
    """Return a token of a caller that is over soon; the house knows its key."""
    claims = jwt.decode(caller.bearer, options={"verify_signature": False})
    claims["exp"] = int(time.time()) + LIFE_SECONDS
    return jwt.encode(claims, SECRET, "HS256", headers={"kid": "old"})


def closed_with(socket: ClientConnection) -> int:
    """Return the code that a conversation ends with."""
    try:
        while True:
            socket.recv(timeout=CLOSED_SECONDS)
    except ConnectionClosed as closed:
        return 0 if closed.rcvd is None else int(closed.rcvd.code)


def test_both_kinds_of_stream_end_when_the_token_is_over(house: House) -> None:
    token = short_lived(house.customer())
    url = str(house.clients[0].base_url).rstrip("/")
    over = time.monotonic() + LIFE_SECONDS
    headers = {"authorization": f"Bearer {token}"}
    with (
        connect(f"{url.replace('http', 'ws', 1)}/api/ws", additional_headers=headers) as socket,
        listening_at(f"{url}/api/stream", f"Bearer {token}") as ear,
    ):
        assert ear.ended.wait(LIFE_SECONDS + CLOSED_SECONDS)
        assert closed_with(socket) == 4401
    assert time.monotonic() - over < CLOSED_SECONDS
    assert ear.heard == [Heard(None, "stream_closed", {"reason": "token_expired"})]
