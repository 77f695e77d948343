"""A bank that answers as Monzo does: the shapes of its API, recorded, over a sandbox bank's books.

So the same lines, faults and amendments can be asked of it as of the sandbox bank itself.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from typing_extensions import override

from ops.sandbox_bank.bank import Bank
from ops.sandbox_bank.books import Fault
from ops.sandbox_bank.desk import Desk
from ops.sandbox_bank.message import Rejected, Reply, Request, answer
from ops.sandbox_bank.serving import beside
from tests.ops.sandbox_bank.customer import CHALLENGE, CLIENT, VERIFIER

NOUNS = {"/accounts": "accounts", "/balance": "balance", "/transactions": "transactions"}
OWNER = "user_00009238aMBIIrS5Rdncq9"
PKCE = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
ERRORS = {
    401: "unauthorized.bad_access_token.evicted",
    403: "forbidden.insufficient_permissions",
    404: "not_found",
    400: "bad_request",
}


class MonzoDesk(Desk):
    """Hears Monzo's calls, asks the books by windows, and answers in Monzo's shapes."""

    @override
    def respond(self, request: Request, fault: Fault | None) -> Reply:
        match request.method, request.path:
            case "GET", "/":
                asked = {**request.query, **PKCE}
                return super().respond(changed(request, "/oauth/authorize", query=asked), fault)
            case "POST", "/oauth2/token":
                proven = request.body + f"&code_verifier={VERIFIER}".encode()
                reply = super().respond(changed(request, request.path, body=proven), fault)
                return told(reply, tokens)
            case "POST", "/oauth2/logout":
                return self.logged_out(request)
            case "GET", path if path in NOUNS:
                reply = super().respond(changed(request, f"/windows{path}"), fault)
                return told(reply, SHAPES[NOUNS[path]])
            case _:
                return Rejected(404, "not_found").reply()

    def logged_out(self, request: Request) -> Reply:
        token = request.headers["authorization"].removeprefix("Bearer ")
        form = f"client_id={CLIENT.client_id}&client_secret={CLIENT.client_secret}&token={token}"
        return super().respond(changed(request, "/oauth2/revoke", body=form.encode()), None)


def changed(request: Request, path: str, **changes: Any) -> Request:
    return msgspec.structs.replace(request, path=path, **changes)


def told(reply: Reply, shape: Any) -> Reply:
    """Return a reply in Monzo's shape; its errors are a code, a message and parameters."""
    if reply.status == 302 or not reply.body:
        return reply
    fields = msgspec.json.decode(reply.body)
    if reply.status == 200:
        return answer(shape(fields))
    code = ERRORS.get(reply.status, "internal_service")
    if fields.get("error") == "invalid_grant":
        code = "unauthorized.bad_refresh_token"
    error = {"code": code, "message": "…", "params": {}}
    return answer(error, status=reply.status, headers=reply.headers)


def tokens(fields: dict[str, Any]) -> dict[str, Any]:
    kept = ("access_token", "expires_in", "refresh_token", "token_type")
    return {name: fields[name] for name in kept} | {
        "client_id": "oauth2client_00009QeQIJ",
        "user_id": OWNER,
    }


def accounts(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        "accounts": [
            {
                "id": each["id"],
                "closed": each["closed"],
                "created": "2015-11-13T12:17:42Z",
                "description": each["name"],
                "type": "uk_retail",
                "currency": each["currency"],
                "country_code": "GB",
                "owners": [{"user_id": OWNER, "preferred_name": each["name"]}],
                "account_number": f"1234{each['last_four']}",
                "sort_code": "040004",
            }
            for each in fields["accounts"]
        ]
    }


def balance(fields: dict[str, Any]) -> dict[str, Any]:
    amount = fields["balance"]
    return {
        "balance": amount,
        "total_balance": amount,
        "balance_including_flexible_savings": amount,
        "currency": fields["currency"],
        "spend_today": 0,
        "local_currency": "",
        "local_exchange_rate": 0,
        "local_spend": [],
    }


def transactions(fields: dict[str, Any]) -> dict[str, Any]:
    return {"transactions": [line(each) for each in fields["transactions"]]}


def line(each: dict[str, Any]) -> dict[str, Any]:
    shown = {
        "id": each["id"],
        "created": each["occurred_at"],
        "description": each["description"],
        "amount": each["amount"],
        "fees": {},
        "currency": each["currency"],
        "merchant": None,
        "notes": "",
        "metadata": {},
        "labels": None,
        "attachments": None,
        "category": "general",
        "is_load": False,
        "settled": each["occurred_at"] if each["status"] == "posted" else "",
        "local_amount": each["amount"],
        "local_currency": each["currency"],
        "updated": each["occurred_at"],
        "account_id": "acc_00009237aqC8c5umZmrRdh",
        "counterparty": {},
        "scheme": "mastercard",
        "dedupe_id": "",
        "originator": False,
        "include_in_spending": True,
    }
    declined = {"decline_reason": "INSUFFICIENT_FUNDS"} if each["status"] == "declined" else {}
    return shown | declined


SHAPES = {"accounts": accounts, "balance": balance, "transactions": transactions}


@contextmanager
def monzo_stub(seed: int = 7) -> Iterator[str]:
    """Run the stub for the length of the block; gives its address."""
    with beside(Bank(CLIENT, seed), desk=MonzoDesk) as url:
        yield url
