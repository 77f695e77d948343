"""The control interface: time, truth, faults and everything else that only a sandbox can do."""

from collections.abc import Callable
from typing import Any

import msgspec

from ops.sandbox_bank import accounts, payments, webhooks
from ops.sandbox_bank.bank import Bank
from ops.sandbox_bank.books import Account, Books, Fault, Line, Settings, shown
from ops.sandbox_bank.chance import now, text_of
from ops.sandbox_bank.faults import add_fault
from ops.sandbox_bank.message import Rejected, Reply, Request, answer
from ops.sandbox_bank.wishes import (
    Amendment,
    Clock,
    NewAccount,
    NewLine,
    Reissue,
    Reported,
    Settling,
    moment,
    read,
)

ROOT = "/_sandbox"
SETTLEMENTS = {"instant", "deferred"}
LINE_STATUSES = {"pending", "posted", "declined"}


async def respond(bank: Bank, request: Request) -> Reply:
    """Do what is asked for. Raises `Rejected`."""
    parts = request.path.removeprefix(ROOT).strip("/").split("/")
    match request.method, parts:
        case "POST", ["payments", payment_id, ("settle" | "fail") as end]:
            return await finish(bank, payment_id, failed=end == "fail")
        case "POST", ["webhooks", "send"]:
            return await send(bank, request)
        case method, [noun, *rest] if noun in NOUNS:
            return NOUNS[noun](bank, request, method, rest)
        case _:
            raise Rejected(404, "not_found")


def health(bank: Bank, _request: Request, method: str, rest: list[str]) -> Reply:
    """Say that the bank is there."""
    expect(method, rest, "GET")
    return answer({"status": "ok", "time": text_of(now(bank.books))})


def reset(bank: Bank, _request: Request, method: str, rest: list[str]) -> Reply:
    """Go back to the initial data."""
    expect(method, rest, "POST")
    bank.reset()
    return answer({"status": "ok"})


def expect(method: str, rest: list[str], wanted: str) -> None:
    """Refuse what is not served. Raises `Rejected`."""
    if rest or method != wanted:
        raise Rejected(404, "not_found")


def accounts_route(bank: Bank, request: Request, method: str, rest: list[str]) -> Reply:
    """List and open accounts; report another balance; close one."""
    books = bank.books
    match method, rest:
        case "GET", []:
            return answer({"accounts": [told(books, each) for each in books.accounts.values()]})
        case "POST", []:
            asked = read(request, NewAccount)
            fields = msgspec.structs.asdict(asked)
            opening = fields.pop("balance")
            account = Account(id="", opening=opening, **fields)
            return answer(
                told(books, accounts.open_account(books, bank.chance, account)), status=201
            )
        case "POST", [account_id, "balance"]:
            account = accounts.account_of(books, account_id)
            account.drift = read(request, Reported).balance - books.booked(account_id)
            return answer(told(books, account))
        case "POST", [account_id, "close"]:
            account = accounts.account_of(books, account_id)
            account.closed = True
            return answer(told(books, account))
        case _:
            raise Rejected(404, "not_found")


def told(books: Books, account: Account) -> dict[str, Any]:
    """Return an account with what it reports and what is booked on it."""
    booked = books.booked(account.id)
    return {**shown(account), "balance": booked + account.drift, "booked": booked}


def transactions_route(bank: Bank, request: Request, method: str, rest: list[str]) -> Reply:
    """Add lines, post pending ones, change, replace and remove them."""
    books, chance = bank.books, bank.chance
    match method, rest:
        case "POST", []:
            return answer(shown(new_line(bank, read(request, NewLine))), status=201)
        case "POST", [line_id, "settle"]:
            return answer(shown(accounts.settle(books, line_id, read(request, Settling).amount)))
        case "POST", [line_id, "amend"]:
            return answer(shown(amend(books, line_id, read(request, Amendment))))
        case "POST", [line_id, "reissue"]:
            text = read(request, Reissue).description
            return answer(shown(accounts.reissue(books, chance, line_id, text)), status=201)
        case "DELETE", [line_id]:
            posted = request.query.get("posted") == "true"
            return answer(shown(accounts.remove(books, line_id, posted=posted)))
        case _:
            raise Rejected(404, "not_found")


def new_line(bank: Bank, asked: NewLine) -> Line:
    """Add a line as asked for."""
    if asked.status not in LINE_STATUSES:
        raise Rejected(400, "invalid_request", "status is pending, posted or declined")
    account = accounts.account_of(bank.books, asked.account_id)
    line = Line(
        id="",
        account_id=account.id,
        amount=asked.amount,
        currency=account.currency,
        description=asked.description,
        occurred_at=moment(asked.occurred_at) or 0,
        status=asked.status,
    )
    return accounts.add_line(bank.books, bank.chance, line)


def amend(books: Books, line_id: str, asked: Amendment) -> Line:
    """Change a line that clients may have read already."""
    line = accounts.line_of(books, line_id)
    line.amount = line.amount if asked.amount is None else asked.amount
    line.description = asked.description or line.description
    line.occurred_at = moment(asked.occurred_at) or line.occurred_at
    accounts.mark(books, line)
    return line


def settings_route(bank: Bank, request: Request, method: str, rest: list[str]) -> Reply:
    """Tell or change how the bank behaves; what is not said stays."""
    if method == "PUT" and not rest:
        merged = msgspec.structs.asdict(bank.books.settings) | request.json()
        try:
            changed = msgspec.convert(merged, Settings)
        except msgspec.ValidationError as failure:
            raise Rejected(400, "invalid_request", str(failure)) from failure
        if changed.settlement not in SETTLEMENTS:
            raise Rejected(400, "invalid_request", "settlement is instant or deferred")
        bank.books.settings = changed
        return answer(shown(changed))
    expect(method, rest, "GET")
    return answer(shown(bank.books.settings))


def faults_route(bank: Bank, request: Request, method: str, rest: list[str]) -> Reply:
    """Plan faults, list and forget them."""
    faults = bank.books.faults
    match method, rest:
        case "GET", []:
            return answer({"faults": [shown(each) for each in faults.values()]})
        case "POST", []:
            fault = add_fault(bank.books, bank.chance, read(request, Fault))
            return answer(shown(fault), status=201)
        case "DELETE", []:
            faults.clear()
            return answer({"faults": []})
        case "DELETE", [fault_id] if fault_id in faults:
            return answer(shown(faults.pop(fault_id)))
        case _:
            raise Rejected(404, "fault_not_found")


def requests_route(bank: Bank, request: Request, method: str, rest: list[str]) -> Reply:
    """Tell the calls received, all or those after a number or since a time."""
    expect(method, rest, "GET")
    since = request.query.get("since", "0")
    if since.isascii() and since.isdecimal():
        kept = [each for each in bank.journal if each.number > int(since)]
    else:
        earliest = text_of(moment(since) or 0)
        kept = [each for each in bank.journal if each.time >= earliest]
    return answer({"requests": [shown(each) for each in kept]})


def truth(bank: Bank, _request: Request, method: str, rest: list[str]) -> Reply:
    """Tell everything as it really is, to compare mirrors with."""
    expect(method, rest, "GET")
    books = bank.books
    return answer(
        {
            "accounts": [
                told(books, account)
                | {"transactions": [shown(line) for line in books.lines_of(account.id)]}
                for account in books.accounts.values()
            ],
            "payments": [shown(each) for each in books.payments.values()],
        }
    )


def clock(bank: Bank, request: Request, method: str, rest: list[str]) -> Reply:
    """Tell or change the bank's time."""
    if method == "POST" and not rest:
        set_clock(bank.books, read(request, Clock))
    else:
        expect(method, rest, "GET")
    stopped = bank.books.stopped_at is not None
    return answer({"now": text_of(now(bank.books)), "stopped": stopped})


def set_clock(books: Books, asked: Clock) -> None:
    """Move the bank's time."""
    wanted = (moment(asked.now) or now(books)) + asked.advance_seconds * 1000
    stopped = books.stopped_at is not None if asked.stopped is None else asked.stopped
    books.stopped_at = None
    books.clock_offset_ms += wanted - now(books)
    books.stopped_at = wanted if stopped else None


def consents_route(bank: Bank, _request: Request, method: str, rest: list[str]) -> Reply:
    """End what a user allowed: by time, or at the customer's wish."""
    match method, rest:
        case "POST", [username, ("expire" | "revoke") as end]:
            mine = [each for each in bank.books.consents.values() if each.username == username]
            for consent in mine:
                consent.revoked = consent.revoked or end == "revoke"
                consent.expires_at = min(consent.expires_at, now(bank.books))
            return answer({"consents": [shown(each) for each in mine]})
        case _:
            raise Rejected(404, "not_found")


async def finish(bank: Bank, payment_id: str, *, failed: bool) -> Reply:
    """End a deferred payment and tell the client of it."""
    payment = payments.finish(bank.books, bank.chance, payment_id, failed=failed)
    time = now(bank.books)
    wish = webhooks.status_of(payment, text_of(time))
    sent = await webhooks.send(bank.books.settings, wish, time)
    return answer({"payment": shown(payment), "webhooks": sent})


async def send(bank: Bank, request: Request) -> Reply:
    """Send a webhook as wished."""
    wish = read(request, webhooks.Wish)
    if wish.kind not in webhooks.PATHS:
        raise Rejected(400, "invalid_request", "kind is payments, banks or fraud")
    if bank.books.settings.webhook_url is None:
        raise Rejected(409, "no_webhook_url", "set webhook_url first")
    sent = await webhooks.send(bank.books.settings, wish, now(bank.books))
    return answer({"webhooks": sent})


NOUNS: dict[str, Callable[[Bank, Request, str, list[str]], Reply]] = {
    "health": health,
    "reset": reset,
    "accounts": accounts_route,
    "transactions": transactions_route,
    "settings": settings_route,
    "faults": faults_route,
    "requests": requests_route,
    "truth": truth,
    "clock": clock,
    "consents": consents_route,
}
