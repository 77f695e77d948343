"""What a client of the bank does to register, sign in and be told no."""

from itertools import count
from typing import Any

import httpx2
import msgspec

from tests.api.bank import PASSWORD, Bank

NUMBERS = count(1)


def register(bank: Bank, email: str | None = None, **fields: Any) -> dict[str, Any]:
    """Register somebody and return their profile."""
    address = email or f"person{next(NUMBERS)}@example.com"
    body = {
        "email": address,
        "full_name": "Alice Example",
        "password": PASSWORD,
        "password_confirmation": PASSWORD,
    }
    answer = bank.served.post("/api/users", body | fields)
    assert answer.status_code == 201, answer.text
    return data_of(answer)


def login(bank: Bank, email: str, password: Any = PASSWORD) -> httpx2.Response:
    return bank.served.post("/api/auth/login", {"email": email, "password": password})


def signed_in(bank: Bank, email: str | None = None) -> dict[str, Any]:
    """Register when need be, sign in and return tokens and user."""
    answer = login(bank, email or register(bank)["email"])
    assert answer.status_code == 200, answer.text
    return data_of(answer)


def refresh(bank: Bank, token: str) -> httpx2.Response:
    return bank.served.post("/api/auth/refresh", {"refresh_token": token})


def validate(bank: Bank, tokens: dict[str, Any]) -> httpx2.Response:
    return bank.served.get("/api/auth/validate", authorization=f"Bearer {tokens['access_token']}")


def post_as(bank: Bank, tokens: dict[str, Any], path: str) -> httpx2.Response:
    return bank.served.request(
        "POST", path, headers={"authorization": f"Bearer {tokens['access_token']}"}
    )


def data_of(answer: httpx2.Response) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.json.decode(answer.content)["data"]
    return data


def reason(answer: httpx2.Response) -> tuple[int, str]:
    problem = msgspec.json.decode(answer.content)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.status_code == problem["status"]
    return answer.status_code, problem["reason"]
