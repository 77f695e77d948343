"""The interface that the bank offers to its clients, in two dialects for the history.

At the root, changes are followed by an opaque cursor: lines that are new or have changed, and the
ids of those taken back. Under `/windows`, lines are listed by time and may change after they were
read.
"""

from typing import Any

import msgspec

from ops.sandbox_bank import authorization
from ops.sandbox_bank.bank import Bank
from ops.sandbox_bank.books import Account, Fault, Line, Payment
from ops.sandbox_bank.chance import moment_of, now, text_of
from ops.sandbox_bank.consents import consent_behind
from ops.sandbox_bank.message import Rejected, Reply, Request, answer
from ops.sandbox_bank.payments import Order, cancel, payment_of, submit

LIMIT_MAX = 100
OVERLAP = 5
"""How many lines of the page before a duplicated page tells again."""


def allowed(bank: Bank, request: Request) -> list[Account]:
    """Return the accounts that the caller's token opens. Raises `Rejected`."""
    consent = consent_behind(bank.books, request.headers.get("authorization", ""))
    return bank.books.of_consent(consent)


def one_of(accounts: list[Account], account_id: str | None) -> Account:
    """Return the account that is asked about, if it is among those allowed."""
    for account in accounts:
        if account.id == account_id:
            return account
    raise Rejected(404, "account_not_found")


def accounts(bank: Bank, request: Request) -> Reply:
    """Tell the accounts of the consent."""
    told = [
        {
            "id": each.id,
            "name": each.name,
            "currency": each.currency,
            "type": each.type,
            "last_four": each.last_four,
            "closed": each.closed,
        }
        for each in allowed(bank, request)
    ]
    return answer({"accounts": told})


def balance(bank: Bank, request: Request) -> Reply:
    """Tell what is booked on an account."""
    account = one_of(allowed(bank, request), request.query.get("account_id"))
    reported = bank.books.booked(account.id) + account.drift
    return answer(
        {
            "balance": reported,
            "currency": account.currency,
            "as_of": text_of(now(bank.books)),
        }
    )


def changes(bank: Bank, request: Request, fault: Fault | None) -> Reply:
    """Tell what has changed on an account after a cursor."""
    account = one_of(allowed(bank, request), request.query.get("account_id"))
    start, limit = place_of(bank, request.query.get("cursor")), limit_of(request)
    oldest = oldest_told(bank, request)
    later = sorted(
        (
            line
            for line in bank.books.lines.values()
            if line.account_id == account.id and line.changed > start and line.occurred_at >= oldest
        ),
        key=lambda line: line.changed,
    )
    page = later[:limit]
    again = before(bank, account, start) if fault is not None else []
    told = [line for line in (*again, *page) if not line.removed]
    return answer(
        {
            "transactions": [
                shown(line) | {"change": "added" if line.appeared > start else "modified"}
                for line in told
            ],
            "removed": [line.id for line in page if line.removed and line.appeared <= start],
            "next_cursor": f"c{page[-1].changed if page else start}",
            "has_more": len(later) > limit,
        }
    )


def before(bank: Bank, account: Account, start: int) -> list[Line]:
    """Return the last lines that a client has seen when it comes to `start`."""
    seen = [
        line
        for line in bank.books.lines.values()
        if line.account_id == account.id and line.changed <= start
    ]
    return sorted(seen, key=lambda line: line.changed)[-OVERLAP:]


def place_of(bank: Bank, cursor: str | None) -> int:
    """Read a cursor: how many changes the client has seen."""
    if not cursor:
        return 0
    number = cursor.removeprefix("c")
    if not number.isascii() or not number.isdecimal() or int(number) > bank.books.changes:
        raise Rejected(400, "invalid_cursor")
    return int(number)


def window(bank: Bank, request: Request, fault: Fault | None) -> Reply:
    """Tell the lines of an account from `since` (a time, or the id of the line before) on."""
    account = one_of(allowed(bank, request), request.query.get("account_id"))
    lines = [
        line
        for line in bank.books.lines_of(account.id)
        if line.occurred_at >= oldest_told(bank, request)
    ]
    first = index_since(lines, request.query.get("since"))
    if fault is not None:
        first = max(0, first - OVERLAP)
    return answer({"transactions": [shown(line) for line in lines[first:][: limit_of(request)]]})


def index_since(lines: list[Line], since: str | None) -> int:
    """Return where the lines begin that a client asks for. Raises `Rejected`."""
    if not since:
        return 0
    for index, line in enumerate(lines):
        if line.id == since:
            return index + 1
    try:
        moment = moment_of(since)
    except ValueError as failure:
        raise Rejected(400, "invalid_cursor") from failure
    return sum(line.occurred_at < moment for line in lines)


def oldest_told(bank: Bank, request: Request) -> int:
    """Return how far back the history goes: all of it at first, then only some days."""
    settings = bank.books.settings
    consent = consent_behind(bank.books, request.headers.get("authorization", ""))
    moment = now(bank.books)
    if not settings.full_history_s or moment < consent.given_at + settings.full_history_s * 1000:
        return 0
    return moment - settings.history_days * 86_400_000


def limit_of(request: Request) -> int:
    """Read how many lines a page may hold. Raises `Rejected`."""
    told = request.query.get("limit", str(LIMIT_MAX))
    if not told.isascii() or not told.isdecimal() or not 1 <= int(told) <= LIMIT_MAX:
        raise Rejected(400, "invalid_limit")
    return int(told)


def shown(line: Line) -> dict[str, Any]:
    """Return a line as clients see it."""
    return {
        "id": line.id,
        "amount": line.amount,
        "currency": line.currency,
        "description": line.description,
        "occurred_at": text_of(line.occurred_at),
        "status": line.status,
        "payment_id": line.payment_id,
    }


def pay(bank: Bank, request: Request, fault: Fault | None) -> Reply:
    """Take a payment order; 201 the first time, 200 ever after."""
    key = request.headers.get("idempotency-key")
    if not key:
        raise Rejected(400, "idempotency_key_missing")
    mine = allowed(bank, request)
    try:
        order = msgspec.convert(request.json(), Order)
    except msgspec.ValidationError as failure:
        raise Rejected(400, "invalid_payment", str(failure)) from failure
    one_of(mine, order.account_id)
    if order.amount <= 0 or order.direction not in {"CREDIT", "DEBIT"}:
        raise Rejected(400, "invalid_payment")
    declined = fault.reason if fault is not None else None
    payment, new = submit(bank.books, bank.chance, order, key, declined)
    return answer(standing(payment), status=201 if new else 200)


def payment(bank: Bank, request: Request, payment_id: str) -> Reply:
    """Tell how a payment stands."""
    allowed(bank, request)
    return answer(standing(payment_of(bank.books, payment_id)))


def call_off(bank: Bank, request: Request, payment_id: str) -> Reply:
    """Make sure that a payment is never executed, whatever still arrives under its id."""
    allowed(bank, request)
    return answer(standing(cancel(bank.books, bank.chance, payment_id)))


def standing(payment: Payment) -> dict[str, Any]:
    """Return a payment as clients see it."""
    return {
        "id": payment.id,
        "payment_id": payment.payment_id,
        "status": payment.status,
        "decline_reason": payment.decline_reason,
        "transaction_id": payment.transaction_id,
    }


def respond(bank: Bank, request: Request, fault: Fault | None) -> Reply:
    """Do what a client asks for. Raises `Rejected`."""
    path = request.path.removeprefix("/windows")
    match request.method, path.strip("/").split("/"):
        case "GET", ["oauth", "authorize"]:
            return authorization.authorize(bank.books, bank.chance, bank.client, request)
        case "POST", ["oauth", "authorize"]:
            return authorization.decide(bank.books, bank.chance, bank.client, request)
        case "POST", ["oauth2", "token"]:
            return authorization.token(bank.books, bank.chance, bank.client, request)
        case "POST", ["oauth2", "revoke"]:
            return authorization.end(bank.books, bank.client, request)
        case "GET", [".well-known", "oauth-authorization-server"]:
            return authorization.metadata(f"http://{request.headers.get('host', '')}")
        case _:
            return respond_to_holder(bank, request, fault, path)


def respond_to_holder(bank: Bank, request: Request, fault: Fault | None, path: str) -> Reply:
    """Do what the holder of an access token asks for. Raises `Rejected`."""
    match request.method, path.strip("/").split("/"):
        case "GET", ["accounts"]:
            return accounts(bank, request)
        case "GET", ["balance"]:
            return balance(bank, request)
        case "GET", ["transactions"]:
            own = fault if fault is not None and fault.kind == "duplicate_page" else None
            tell = changes if path == request.path else window
            return tell(bank, request, own)
        case "POST", ["payments"]:
            own = fault if fault is not None and fault.kind == "decline" else None
            return pay(bank, request, own)
        case "GET", ["payments", payment_id]:
            return payment(bank, request, payment_id)
        case "DELETE", ["payments", payment_id]:
            return call_off(bank, request, payment_id)
        case _:
            raise Rejected(404, "not_found")
