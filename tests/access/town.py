"""The people of the matrix, and their records: made over HTTP when a row first asks for them."""

from collections.abc import Callable
from typing import Any

from ledger.identity import new_id
from ledger.policies.access import SCOPES
from tests.access.house import NOBODY, Caller, House

BLANK = {"currency": "USD", "account_type": "CHECKING", "account_name": "Everyday"}
PERSONAL = ("user", "session", "oneself", "throwaway", "machine", "unknown", "malformed", "")
"""Targets that even an auditor, who has no accounts, can be asked about."""
OWN_ALONE = ("oneself", "throwaway")
"""Targets of routes that have no other record to be asked about than the caller's."""


class Town:
    """Everybody there is, with what is theirs, found by kind and owner."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.people = {
            "anonymous": NOBODY,
            "user": house.customer(),
            "support": house.member("support"),
            "admin": house.member("admin"),
            "auditor": house.member("auditor"),
        }
        self.stranger = house.customer(server=1)
        self.admin = self.people["admin"]
        self.made: dict[tuple[str, str], str] = {}
        self.machines: dict[tuple[str, ...], Caller] = {}
        house.rows(RELAYED)
        self.sink = self.target("account", self.stranger)

    def caller(self, role: str, *, lasting: bool = True) -> Caller:
        """Return somebody of a role; one who does not last may lose all sessions."""
        if lasting or role == "anonymous":
            return self.people[role]
        return self.house.customer() if role == "user" else self.house.member(role)

    def machine(self, *scopes: str) -> Caller:
        """Return a service account with exactly these scopes."""
        if scopes not in self.machines:
            self.machines[scopes] = self.house.machine(self.admin, *scopes)
        return self.machines[scopes]

    def machines_without(self, scope: str) -> Caller:
        """Return a service account with every other scope."""
        return self.machine(*(each for each in SCOPES if each != scope))

    def target(self, kind: str, owner: Caller) -> str:
        """Return the id of a record of `owner`; most are the same whenever they are asked for."""
        makers: dict[str, Callable[[Caller], str]] = {
            "account": self.account,
            "payment": self.payment,
            "money in": self.money_in,
            "transfer": self.transfer,
            "transaction": self.transaction,
            "posting": self.posting,
            "hold": self.hold,
            "quote": self.quote,
            "connection": self.connection,
            "job": self.job,
            "endpoint": self.endpoint,
            "machine": lambda _: self.machine("ledger:read").id,
        }
        match kind:
            case "user" | "oneself" | "throwaway" | "":
                return owner.id
            case "unknown":
                return new_id()
            case "malformed":
                return "nothing-of-the-kind"
            case "session":
                return self.session(owner)
            case _:
                pass
        if (kind, owner.id) not in self.made:
            self.made[kind, owner.id] = makers[kind](owner)
        return self.made[kind, owner.id]

    def session(self, owner: Caller) -> str:
        """Sign in once more; return that session."""
        self.house.login(owner.email)
        newest = self.house.data(owner, "GET", "/api/auth/sessions?limit=1")
        return str(newest[0]["id"])

    def account(self, owner: Caller) -> str:
        """Open an account with money in it; an admin's own gets it from the stranger."""
        asked: dict[str, str] = BLANK | {"user_id": owner.id}
        if owner is not self.admin:
            asked["opening_balance"] = "500.00"
        found = self.house.data(self.admin, "POST", "/api/accounts", asked)
        if owner is self.admin:
            self.move(self.sink, found["id"], "100.00")
        return str(found["id"])

    def move(self, source: str, destination: str, amount: str) -> Any:
        asked = {
            "source_account_id": source,
            "destination_account_id": destination,
            "amount": amount,
            "description": "Moved",
        }
        return self.house.data(self.admin, "POST", "/api/transfers", asked)

    def payment(self, owner: Caller, direction: str = "DEBIT") -> str:
        asked = {
            "amount": "1.00",
            "direction": direction,
            "payment_type": "PAYMENT",
            "description": f"Of {owner.email} {new_id()}",
            "user_bank_account_id": self.target("account", owner),
        }
        return str(self.house.data(owner, "POST", "/api/payments", asked)["id"])

    def money_in(self, owner: Caller) -> str:
        return self.payment(owner, "CREDIT")

    def moved(self, owner: Caller) -> Any:
        """Move a cent away from the owner, to a bystander."""
        return self.move(self.target("account", owner), self.bystander(), "0.01")

    def bystander(self) -> str:
        """Return the account of somebody who takes no part in the matrix."""
        if ("bystander", "") not in self.made:
            self.made["bystander", ""] = self.account(self.house.customer())
        return self.made["bystander", ""]

    def transfer(self, owner: Caller) -> str:
        return str(self.moved(owner)["id"])

    def posting(self, owner: Caller) -> str:
        return str(self.moved(owner)["posting_id"])

    def transaction(self, owner: Caller) -> str:
        path = f"/api/accounts/{self.target('account', owner)}/transactions"
        return str(self.house.data(owner, "GET", path)[0]["id"])

    def endpoint(self, owner: Caller) -> str:
        asked = {"url": "https://1.1.1.1/", "event_types": ["*"]}
        return str(self.house.data(owner, "POST", "/api/webhook-endpoints", asked)["id"])

    def hold(self, owner: Caller) -> str:
        asked = {
            "account_id": self.target("account", owner),
            "amount": "0.01",
            "description": "Promised",
            "destination_account_id": self.bystander(),
        }
        return str(self.house.data(owner, "POST", "/api/holds", asked)["id"])

    def job(self, owner: Caller) -> str:
        """Have somebody's deletion prepared; nobody works on jobs here."""
        return str(self.house.rows(JOB.format(owner.id))[0][0])

    def connection(self, owner: Caller) -> str:
        """Let somebody ask for a connection; nobody goes to the bank."""
        return self.house.connection(owner)

    def quote(self, owner: Caller) -> str:
        asked = {
            "source_currency": "USD",
            "destination_currency": "EUR",
            "source_amount": "1.00",
        }
        return str(self.house.data(owner, "POST", "/api/fx/quotes", asked)["id"])


JOB = """
INSERT INTO work.jobs (
    id, queue, actor, state, priority, max_attempts, subject_type, subject_id, correlation_id,
    cause, inserted_at, scheduled_at
) VALUES (
    gen_random_uuid(), 'default', 'erase_user', 'available', 5, 4, 'user', '{}', 'req_town',
    'town', now(), now()
) RETURNING id::text
"""
RELAYED = "UPDATE work.relay SET position = 1000000000 RETURNING position"
"""No jobs are awaited here: what shows a payment's job need not wait for its relay."""
