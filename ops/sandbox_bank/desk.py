"""The desk: every call comes by here, meets its fault, is answered and written down."""

import asyncio

from ops.sandbox_bank import control
from ops.sandbox_bank.bank import Bank
from ops.sandbox_bank.books import Fault, Payment
from ops.sandbox_bank.chance import now, text_of
from ops.sandbox_bank.faults import instead, meet, spoiled
from ops.sandbox_bank.interface import respond
from ops.sandbox_bank.message import Rejected, Reply, Request
from ops.sandbox_bank.payments import due, settle_payment
from ops.sandbox_bank.webhooks import send_until_taken, status_of

LOOK_SECONDS = 0.05


class Desk:
    """Takes calls one after the other; only waiting lets another call in between."""

    def __init__(self, bank: Bank) -> None:
        self.bank = bank
        self.sending: set[asyncio.Task[None]] = set()

    async def answer(self, request: Request) -> Reply:
        """Answer a client, or whoever controls the sandbox."""
        self.settle_due()
        if request.path.startswith(control.ROOT):
            reply = await self.obey(request)
        else:
            reply = await self.face(request)
        if request.method != "GET" or request.path.startswith("/oauth"):
            self.bank.keep()
        return reply

    async def obey(self, request: Request) -> Reply:
        """Do what the control interface asks for."""
        try:
            return await control.respond(self.bank, request)
        except Rejected as rejected:
            return rejected.reply()

    async def face(self, request: Request) -> Reply:
        """Answer a client of the bank, fault or no fault."""
        fault = meet(self.bank.books, self.bank.chance, request)
        if fault is not None:
            self.bank.keep()
        if fault is not None and fault.kind == "delay":
            await asyncio.sleep(fault.delay_ms / 1000)
        reply = instead(fault) or spoiled(self.respond(request, fault), fault)
        self.bank.write_down(request, reply)
        return reply

    def respond(self, request: Request, fault: Fault | None) -> Reply:
        """Do what a client asks for, within its limits."""
        try:
            self.bank.admit()
            return respond(self.bank, request, fault)
        except Rejected as rejected:
            return rejected.reply()

    def settle_due(self) -> None:
        """Settle the payments whose time has come, and tell of them."""
        for payment in due(self.bank.books):
            settle_payment(self.bank.books, self.bank.chance, payment)
            self.tell(payment)

    def tell(self, payment: Payment) -> None:
        """Send the webhook about a payment in the background."""
        moment = now(self.bank.books)
        sent = send_until_taken(
            self.bank.books.settings, status_of(payment, text_of(moment)), moment
        )
        task = asyncio.create_task(sent)
        self.sending.add(task)
        task.add_done_callback(self.sending.discard)

    async def keep_time(self) -> None:
        """Settle what is due even when nobody calls."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if due(self.bank.books):
                self.settle_due()
                self.bank.keep()
