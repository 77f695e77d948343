"""The story: two customers, a member of staff and an auditor; money moves through the house."""

from decimal import Decimal
from typing import Any

from ledger.identity import new_id
from ops.demo import ADMIN, AUDITOR
from ops.output import Output
from ops.tour.guide import Guide

PASSWORD = "a long enough pass phrase"  # noqa: S105  # of customers that only the tour knows
FUNDS, PAID, MOVED = Decimal("500.00"), Decimal("120.50"), Decimal("79.50")


class Customer:
    """Somebody who registers, signs in and holds one account."""

    def __init__(self, guide: Guide, name: str) -> None:
        self.guide, self.name = guide, name
        self.email = f"{name.lower()}-{new_id()}@example.com"
        self.bearer = ""
        self.account_id = ""
        self.user_id = ""

    def join(self) -> None:
        """Register and sign in."""
        body = {
            "email": self.email,
            "full_name": f"{self.name} Tourist",
            "password": PASSWORD,
            "password_confirmation": PASSWORD,
        }
        answer = self.guide.ask(self.name, "POST /api/users", body, expect=201)
        self.user_id = answer.data["id"]
        self.bearer = sign_in(self.guide, self.name, self.email, PASSWORD)

    def balance(self, expected: Decimal) -> None:
        """See the account's balance, which is what the story says."""
        path = f"GET /api/accounts/{self.account_id}/balance"
        found = self.ask(path, expect=200).data["balance"]
        self.guide.check(f"{self.name} has {expected}", found == str(expected), found=found)

    def ask(self, request: str, body: Any = None, *, expect: int, **headers: str) -> Any:
        """Ask as this customer."""
        return self.guide.ask(
            self.name, request, body, expect=expect, Authorization=self.bearer, **headers
        )


def sign_in(guide: Guide, who: str, email: str, password: str) -> str:
    """Sign in; return the value of the Authorization header."""
    body = {"email": email, "password": password}
    answer = guide.ask(who, "POST /api/auth/login", body, expect=200)
    return f"Bearer {answer.data['access_token']}"


def play(url: str, output: Output) -> None:
    """Tell the whole story against the system at `url`. Raises `CheckFailed`."""
    guide = Guide(url, output)
    ada, ben = Customer(guide, "Ada"), Customer(guide, "Ben")
    guide.chapter("Two people join and open accounts; an administrator funds one.")
    staff = sign_in(guide, "Admin", ADMIN.email, ADMIN.password)
    for customer, funds in ((ada, FUNDS), (ben, None)):
        customer.join()
        open_account(guide, customer, staff, funds)
    guide.chapter("Ada pays by a payment: created, validated, started, completed by a worker.")
    pay(guide, ada)
    guide.chapter("Ada sends money to Ben. Asked twice with one key, it moves once.")
    move(guide, ada, ben)
    guide.chapter("Ada tries to spend what she does not have, and what is not hers.")
    overdraw(guide, ada, ben)
    guide.chapter("An auditor looks at the books.")
    audit(guide)
    guide.finish()


def open_account(guide: Guide, customer: Customer, staff: str, funds: Decimal | None) -> None:
    """Open an account; only an administrator can give it an opening balance."""
    body = {
        "currency": "EUR",
        "account_type": "CHECKING",
        "account_name": f"{customer.name}'s account",
        "user_id": customer.user_id,
    }
    if funds is None:
        answer = customer.ask("POST /api/accounts", body, expect=201)
    else:
        body["opening_balance"] = str(funds)
        customer.ask("POST /api/accounts", body, expect=403)
        answer = guide.ask("Admin", "POST /api/accounts", body, expect=201, Authorization=staff)
    customer.account_id = answer.data["id"]
    customer.balance(funds or Decimal("0.00"))


def pay(guide: Guide, ada: Customer) -> None:
    """Make a payment and see it through to its posting."""
    body = {
        "amount": str(PAID),
        "direction": "DEBIT",
        "payment_type": "PAYMENT",
        "description": "Museum tickets",
        "user_bank_account_id": ada.account_id,
    }
    rehearsed = ada.ask("POST /api/payments/validate", body, expect=200)
    guide.check("the payment would pass", rehearsed.data["valid"] is True)
    payment = ada.ask("POST /api/payments", body, expect=201).data
    path = f"POST /api/payments/{payment['id']}/process"
    done = ada.ask(path, expect=200, Prefer="wait=30").data
    guide.check("it is COMPLETED", done["status"] == "COMPLETED", found=done["status"])
    ada.ask(path, expect=409)
    ada.balance(FUNDS - PAID)


def move(guide: Guide, ada: Customer, ben: Customer) -> None:
    """Transfer money, and repeat the request under its key."""
    body = {
        "source_account_id": ada.account_id,
        "destination_account_id": ben.account_id,
        "amount": str(MOVED),
        "description": "Half of the hotel",
    }
    key = new_id()
    first = ada.ask("POST /api/transfers", body, expect=201, Idempotency_Key=key)
    again = ada.ask("POST /api/transfers", body, expect=201, Idempotency_Key=key)
    guide.check("the second answer is the first one", first.body == again.body)
    guide.check("and says so", again.headers.get("idempotent-replayed") == "true")
    other = {**body, "amount": "1.00"}
    ada.ask("POST /api/transfers", other, expect=422, Idempotency_Key=key)
    ada.balance(FUNDS - PAID - MOVED)
    ben.balance(MOVED)
    listed = ben.ask(f"GET /api/accounts/{ben.account_id}/transactions", expect=200).data
    guide.check("Ben sees it", [each["amount"] for each in listed] == [str(MOVED)])


def overdraw(guide: Guide, ada: Customer, ben: Customer) -> None:
    """Be refused: too much money, and somebody else's."""
    body = {
        "source_account_id": ada.account_id,
        "destination_account_id": ben.account_id,
        "amount": str(FUNDS),
        "description": "Too much",
    }
    refused = ada.ask("POST /api/transfers", body, expect=422).body
    reason = refused["reason"]
    guide.check("the reason is told", reason == "insufficient_funds", found=reason)
    theft = {**body, "source_account_id": ben.account_id, "destination_account_id": ada.account_id}
    refused = ada.ask("POST /api/transfers", theft | {"amount": "1.00"}, expect=403).body
    guide.check("no figure of Ben's is told", str(MOVED) not in str(refused))
    ada.ask("GET /api/ledger/trial-balance", expect=403)
    ada.balance(FUNDS - PAID - MOVED)


def audit(guide: Guide) -> None:
    """See that every currency sums to zero."""
    auditor = sign_in(guide, "Auditor", AUDITOR.email, AUDITOR.password)
    path = "GET /api/ledger/trial-balance"
    books = guide.ask("Auditor", path, expect=200, Authorization=auditor).data
    guide.check("all currencies balance", all(each["balanced"] for each in books))
    for each in books:
        total = sum(Decimal(row["balance"]) for row in each["rows"])
        guide.check(f"{each['currency']} sums to zero", total == 0, found=str(total))
