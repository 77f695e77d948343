"""Words: what is said over a WebSocket, in both directions (events_audit.md §3.2)."""

from collections import deque
from time import monotonic
from typing import Any

import msgspec

from api.asgi import Message, Receive
from ledger.errors import Reason, Refused

UNREADABLE, TOO_MANY = 1003, 4429
SAID_MAX, WINDOW_SECONDS = 20, 1.0
REF_LENGTH_MAX = 64


class Ended(Exception):
    """The conversation is over; whoever was spoken to is told this code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Gone(Exception):
    """Nobody is there any more."""


class Words(msgspec.Struct, frozen=True):
    """One thing said: an event, its payload, and a mark that the reply repeats."""

    event: str
    payload: dict[str, Any] = {}
    ref: str | None = None

    def told(self, name: str) -> str:
        """Return a text of the payload."""
        value = self.payload.get(name)
        return value if isinstance(value, str) else ""


class Pace:
    """How fast somebody speaks; faster than allowed ends the conversation."""

    def __init__(self) -> None:
        self.said: deque[float] = deque(maxlen=SAID_MAX)

    def count(self) -> None:
        """Count one more thing that was said."""
        now = monotonic()
        if len(self.said) == SAID_MAX and now - self.said[0] < WINDOW_SECONDS:
            raise Ended(TOO_MANY)
        self.said.append(now)


def words_in(message: Message) -> Words:
    """Read what was said: JSON as text, in the form of `Words`; anything else is refused."""
    if message["type"] == "websocket.disconnect":
        raise Gone
    text = message.get("text")
    if text is None:
        raise Ended(UNREADABLE)
    try:
        words = msgspec.convert(msgspec.json.decode(text), Words)
    except msgspec.ValidationError:
        raise Refused(Reason.INVALID_REQUEST, expected="event, payload, ref") from None
    except (msgspec.DecodeError, RecursionError):
        raise Ended(UNREADABLE) from None
    if words.ref is not None and len(words.ref) > REF_LENGTH_MAX:
        raise Refused(Reason.INVALID_REQUEST, field="ref")
    return words


async def heard_first(receive: Receive) -> str:
    """Return the token in the first thing said; whoever says something else is not known."""
    try:
        words = words_in(await receive())
    except Gone:
        raise Refused(Reason.INVALID_TOKEN) from None
    if words.event != "authenticate":
        raise Refused(Reason.INVALID_TOKEN)
    return words.told("token")
