"""The life of an account at a bank: a seed decides what happens on it, and what goes wrong."""

from random import Random
from typing import Any

import httpx2

DAY_SECONDS = 86_400
YEAR_SECONDS = 365 * DAY_SECONDS
USERNAME = "carol"
YOUNG_MS = 8 * DAY_SECONDS * 1000
AMOUNT_MAX = 100_000
MUTABLE = ("amend", "remove", "reissue")
"""What happens to posted lines at some banks only."""
TROUBLES: tuple[dict[str, Any], ...] = (
    {"kind": "http_error", "status": 503},
    {"kind": "http_error", "status": 429},
    {"kind": "disconnect"},
    {"kind": "disconnect", "execute": True},
    {"kind": "malformed"},
    {"kind": "schema_drift"},
    {"kind": "truncate"},
    {"kind": "duplicate_page"},
    {"kind": "mutation"},
)


class Life:
    """Makes things happen by a bank's control interface; `mutable` for banks that change lines."""

    def __init__(self, url: str, seed: int, *, mutable: bool) -> None:
        self.http = httpx2.Client(base_url=f"{url}/_sandbox", trust_env=False, timeout=10)
        self.dice = Random(seed)  # noqa: S311  # a story, not a secret
        self.deeds = ["post", "post", "pend", "pend", "twin", "settle", "settle", "drop", "decline"]
        self.deeds += MUTABLE if mutable else ()
        self.control("POST", "/reset")
        self.control("PUT", "/settings", token_ttl_s=YEAR_SECONDS, consent_ttl_s=YEAR_SECONDS)
        fields = {"username": USERNAME, "name": "Carol", "currency": "EUR", "balance": 10**9}
        self.account_id: str = self.control("POST", "/accounts", **fields)["id"]

    def control(self, method: str, path: str, **told: Any) -> Any:
        """Ask the control interface."""
        answered = self.http.request(method, path, json=told or None)
        assert answered.is_success, answered.text
        return answered.json()

    def close(self) -> None:
        """Hang up."""
        self.http.close()

    def lines(self) -> list[dict[str, Any]]:
        """Return the lines as they really are."""
        told = self.control("GET", "/truth")["accounts"]
        (lines,) = (each["transactions"] for each in told if each["id"] == self.account_id)
        found: list[dict[str, Any]] = lines
        return found

    def truth(self) -> dict[str, tuple[int, str, str]]:
        """Return amount, status and description of every line, by its id."""
        return {
            each["id"]: (each["amount"], each["status"], each["description"])
            for each in self.lines()
        }

    def booked(self) -> int:
        """Return what the account really holds, whatever its bank reports."""
        told = self.control("GET", "/accounts")["accounts"]
        [booked] = [each["booked"] for each in told if each["id"] == self.account_id]
        amount: int = booked
        return amount

    def live(self, deeds: int) -> None:
        """Let so many things happen, and some time pass."""
        for _ in range(deeds):
            self.happen(self.dice.choice(self.deeds))
        self.control("POST", "/clock", advance_seconds=self.dice.randrange(2 * DAY_SECONDS))

    def happen(self, deed: str) -> None:
        """Let one thing happen, if there is a line it can happen to."""
        lines = self.lines()
        match deed:
            case "post" | "pend" | "decline":
                status = {"post": "posted", "pend": "pending", "decline": "declined"}[deed]
                self.add(self.amount(), f"Shop {self.dice.randrange(9)}", status)
            case "twin":
                if lines:
                    line = self.dice.choice(lines)
                    self.add(line["amount"], line["description"], "posted")
            case "settle" | "drop":
                self.end_pending(deed, [each for each in lines if each["status"] == "pending"])
            case _:
                self.change(deed, [each for each in lines if each["status"] == "posted"])

    def amount(self) -> int:
        """Return some amount, in or out."""
        return self.dice.choice((-1, 1)) * self.dice.randrange(1, AMOUNT_MAX)

    def add(self, amount: int, description: str, status: str) -> None:
        """Add a line."""
        fields = {"amount": amount, "description": description, "status": status}
        self.control("POST", "/transactions", account_id=self.account_id, **fields)

    def end_pending(self, deed: str, pending: list[dict[str, Any]]) -> None:
        """Post a pending line, perhaps with another amount, or take it back."""
        if not pending:
            return
        line = self.dice.choice(pending)
        path = f"/transactions/{line['id']}"
        if deed == "drop":
            self.control("DELETE", path)
            return
        other = {"amount": line["amount"] + self.dice.randrange(-5, 6)}
        self.control("POST", f"{path}/settle", **(other if self.dice.random() < 1 / 3 else {}))

    def change(self, deed: str, posted: list[dict[str, Any]]) -> None:
        """Change, take back or replace a posted line that is still young."""
        newest = max((each["occurred_at"] for each in posted), default=0)
        young = [each for each in posted if each["occurred_at"] > newest - YOUNG_MS]
        if not young:
            return
        path = f"/transactions/{self.dice.choice(young)['id']}"
        match deed:
            case "remove":
                self.control("DELETE", f"{path}?posted=true")
            case "reissue":
                self.control("POST", f"{path}/reissue", description="Told again")
            case _:
                self.control("POST", f"{path}/amend", amount=self.amount(), description="Amended")

    def trouble(self) -> None:
        """Plan some faults for whoever reads next."""
        for _ in range(self.dice.randrange(4)):
            fault = self.dice.choice(TROUBLES)
            match = {"path": "/transactions"}
            self.control("POST", "/faults", **fault, match=match, times=self.dice.randrange(1, 3))

    def calm(self) -> None:
        """Forget all faults."""
        self.control("DELETE", "/faults")


def difference(
    ours: dict[str, tuple[int, str, str]], theirs: dict[str, tuple[int, str, str]]
) -> tuple[dict[str, tuple[int, str, str]], dict[str, tuple[int, str, str]]]:
    """Return the lines of each side that the other does not have just so."""
    return (
        {name: line for name, line in ours.items() if theirs.get(name) != line},
        {name: line for name, line in theirs.items() if ours.get(name) != line},
    )
