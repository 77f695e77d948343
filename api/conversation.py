"""The conversation over one WebSocket: questions and answers, and what is told unasked."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import time
from typing import Any, TypeAlias

import msgspec

from api.asgi import Headers, Message, Receive, Send
from api.call import Call, caller_id
from api.consistency import Freshness
from api.envelope import now_text
from api.feed import Feed, Listener
from api.kinds import uuid
from api.open_streams import STANDING_SECONDS, OpenStream, opened
from api.reading import Reading, visible
from api.words import Ended, Gone, Pace, Words, words_in
from ledger.errors import Reason, Refused
from ledger.policies import access
from projections import accounts, payments
from projections.frames import NAMES, kinds_of
from projections.notices import Notice, Wanted

Payload: TypeAlias = dict[str, Any]
UNPROVEN, RESTARTING, TOO_SLOW = 4401, 1012, 1013
SENT_SECONDS = 10.0
WATCHED_MAX = 100
MILLISECONDS = 1_000
PAYMENT = ("status", "amount", "currency", "direction", "updated_at")
IDENTITY = uuid()
encode = msgspec.json.Encoder().encode


class Conversation:
    """One caller's. It speaks and listens in turn, so that who does not read is not read either."""

    def __init__(self, call: Call, receive: Receive, send: Send) -> None:
        self.call, self.receive, self.deliver = call, receive, send
        self.feed, self.pace = call.use(Feed), Pace()
        wanted = Wanted(owner=caller_id(call), kinds=kinds_of(NAMES))
        self.listener = Listener(wanted, 0)

    async def run(self, headers: Headers) -> None:
        """Converse until one of both has to go."""
        async with opened(self.call, "websocket", headers) as stream:
            with self.feed.listening(self.listener), suppress(Gone, TimeoutError):
                await self.say("payment_connected", self.welcome())
                await self.go_on(stream)

    async def go_on(self, stream: OpenStream) -> None:
        """Hear and tell in turn."""
        hearing = asyncio.ensure_future(self.receive())
        try:
            while True:
                ringing = asyncio.ensure_future(self.listener.rung.wait())
                either = {hearing, ringing}
                await asyncio.wait(either, timeout=STANDING_SECONDS, return_when="FIRST_COMPLETED")
                ringing.cancel()
                await self.stand(stream)
                if hearing.done():
                    await self.hear(hearing.result(), stream)
                    hearing = asyncio.ensure_future(self.receive())
                await self.tell()
        finally:
            hearing.cancel()

    async def stand(self, stream: OpenStream) -> None:
        """End the conversation with somebody who may not listen, or does not read."""
        reason = await stream.ended()
        if reason is not None:
            raise Ended(RESTARTING if reason is Reason.SERVICE_UNAVAILABLE else UNPROVEN)
        if self.listener.overrun:
            raise Ended(TOO_SLOW)

    async def tell(self) -> None:
        """Say what has come, each thing to whom it belongs or who asked for it."""
        taken: dict[int, Notice] = {each.position: each for each in self.listener.take()}
        for frames in await self.feed.frames(list(taken.values()), NAMES):
            for frame in frames:
                notice = taken[frame.position]
                if self.listener.wanted.takes(notice):
                    await self.say(frame.event, frame.payload)
                moved = frame.event in {"payment_created", "payment_notification"}
                if moved and notice.subject in self.listener.payments:
                    await self.say("payment_update", frame.payload)

    async def hear(self, message: Message, stream: OpenStream) -> None:
        """Answer one thing that was said."""
        if message["type"] != "websocket.disconnect":
            self.pace.count()
        try:
            words = words_in(message)
        except Refused as refused:
            await self.object_to(refused.reason, None)
            return
        if words.event == "authenticate":
            await self.prove_again(words, stream)
            return
        answer = ANSWERS.get(words.event)
        if answer is None:
            await self.object_to(Reason.INVALID_REQUEST, words.ref)
            return
        await self.say(*await answer(self, words), ref=words.ref)

    async def prove_again(self, words: Words, stream: OpenStream) -> None:
        """Take a newer token of the same person in place of the one that will expire."""
        token = words.told("token").encode("latin-1", "replace")
        headers = {**stream.headers, b"authorization": b"Bearer " + token}
        try:
            principal = await self.call.edge.authenticate(headers)
        except Refused:
            raise Ended(UNPROVEN) from None
        if principal.id != self.call.principal.id:
            raise Ended(UNPROVEN)
        stream.headers, self.call.principal = headers, principal
        await self.say("payment_connected", self.welcome(), ref=words.ref)

    async def object_to(self, reason: Reason, ref: str | None) -> None:
        """Say that something was not understood."""
        payload = {"error": reason, "message": reason.fact.title, "timestamp": now_text()}
        await self.say("error", payload, ref=ref)

    async def say(self, event: str, payload: Payload, ref: str | None = None) -> None:
        """Say one thing; who does not take it in is left."""
        said = {"event": event, "payload": payload, "ref": ref}
        message = {"type": "websocket.send", "text": encode(said).decode()}
        await asyncio.wait_for(self.deliver(message), SENT_SECONDS)

    def welcome(self) -> Payload:
        """Return what is said first."""
        return {
            "user_id": self.call.principal.id,
            "timestamp": now_text(),
            "message": "You are told of your payments and balances from now on.",
        }

    async def payment(self, words: Words) -> Payload:
        """Return a payment that the caller may read."""
        payment_id = IDENTITY.read(words.told("payment_id"), {})
        await self.call.use(Freshness).settle({}, ("payments",))
        found = await payments.one(self.call.use(Reading).pool, payment_id)
        item = visible(self.call, found, access.may_read_payment, Reason.PAYMENT_NOT_FOUND)
        record: Payload = msgspec.json.decode(item.data)
        return record


Answer: TypeAlias = Callable[[Conversation, Words], Awaitable[tuple[str, Payload]]]


def about(name: str, error: str, answer: Answer) -> Answer:
    """Answer with `error`, and why, what is asked about something one may not know of."""

    async def answered(conversation: Conversation, words: Words) -> tuple[str, Payload]:
        try:
            event, payload = await answer(conversation, words)
        except Refused as refused:
            event, payload = error, {"error": refused.reason}
        return event, {name: words.told(name), **payload, "timestamp": now_text()}

    return answered


async def tell_status(conversation: Conversation, words: Words) -> tuple[str, Payload]:
    """Tell how a payment stands."""
    found = await conversation.payment(words)
    return "payment_status_update", {name: found[name] for name in PAYMENT}


async def tell_balance(conversation: Conversation, words: Words) -> tuple[str, Payload]:
    """Tell what an account holds."""
    call, account_id = conversation.call, IDENTITY.read(words.told("account_id"), {})
    await call.use(Freshness).settle({}, ("accounts",))
    found = await accounts.balance(call.use(Reading).pool, account_id, now_text())
    item = visible(call, found, access.may_read_account, Reason.ACCOUNT_NOT_FOUND)
    held: Payload = msgspec.json.decode(item.data)
    told = {name: held[name] for name in ("balance", "available", "currency")}
    return "balance_update", {**told, "last_updated": held["as_of"]}


async def subscribe(conversation: Conversation, words: Words) -> tuple[str, Payload]:
    """Tell of a payment from now on."""
    payment_id = (await conversation.payment(words))["id"]
    watched = conversation.listener.payments | {payment_id}
    if len(watched) > WATCHED_MAX:
        raise Refused(Reason.RATE_LIMIT_EXCEEDED, limit=WATCHED_MAX)
    conversation.feed.watch(conversation.listener, watched)
    return "subscription_confirmed", {"message": "You are told of this payment from now on."}


async def unsubscribe(conversation: Conversation, words: Words) -> tuple[str, Payload]:
    """Tell of a payment no more."""
    payment_id = IDENTITY.read(words.told("payment_id"), {})
    listener = conversation.listener
    conversation.feed.watch(listener, listener.payments - {payment_id})
    return "subscription_ended", {"message": "You are told of this payment no more."}


async def pong(_: Conversation, __: Words) -> tuple[str, Payload]:
    """Say that somebody is here, and what time it is."""
    return "pong", {"timestamp": now_text(), "server_time": int(time() * MILLISECONDS)}


ANSWERS: dict[str, Answer] = {
    "payment_status": about("payment_id", "payment_error", tell_status),
    "balance_request": about("account_id", "balance_error", tell_balance),
    "subscribe_payment": about("payment_id", "payment_error", subscribe),
    "unsubscribe_payment": about("payment_id", "payment_error", unsubscribe),
    "ping": pong,
}
