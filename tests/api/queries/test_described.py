"""Answers are what the OpenAPI document says they are, and parameters are described in it."""

import re
from typing import Any

import jsonschema_rs
import pytest

from api.openapi import document
from tests.api.queries.town import ENDPOINTS, Desk
from tests.api.test_openapi import response_of

DOCUMENT = document(ENDPOINTS, "1")


PLACE = re.compile(r"\{\w+\}")
NEEDED = {"/api/accounts/{id}/statement": {"from": "2025-03-01", "to": "2025-03-31"}}
"""Parameters without which nothing is shown."""


def described(path: str) -> dict[str, Any]:
    operation: dict[str, Any] = DOCUMENT["paths"][path]["get"]
    return operation


def targets(desk: Desk, path: str) -> list[str]:
    """Return real addresses for a path of the document."""
    town = desk.town
    transaction = desk.data(town.anna, "/api/transactions")[0]["id"]
    ids = {
        "/api/accounts": [town.hers, town.savings, town.his],
        "/api/payments": [town.pending, town.completed, town.failed, town.foreign],
        "/api/transfers": town.transfers,
        "/api/holds": [town.lapsed, town.lasting, town.processing],
        "/api/transactions": [transaction],
        "/api/events": ["1"],
        "/api/streams": [f"account-{town.hers}"],
    }
    parent = path.partition("/{")[0]
    return [PLACE.sub(each, path) for each in ids.get(parent, [""])]


@pytest.mark.parametrize("path", [each.path for each in ENDPOINTS if each.enveloped])
def test_answers_have_the_shape_that_is_promised(desk: Desk, path: str) -> None:
    content = described(path)["responses"]["200"]["content"]["application/json"]["schema"]
    components = {"components": DOCUMENT["components"]}
    validator = jsonschema_rs.validator_for({**content, **components}, validate_formats=True)
    for target in targets(desk, path):
        more: list[dict[str, str]] = [NEEDED.get(path, {})]
        if "scope" in parameters(path):
            more = [{"scope": "all"}, {"scope": "all", "limit": "2"}]
        if "at_position" in parameters(path):
            more = [*more, {"at_position": str(desk.town.history.position)}]
        for asked in more:
            validator.validate(desk.get(desk.town.ada, target, **asked).json())


def parameters(path: str) -> dict[str, Any]:
    told = described(path)["parameters"]
    return {each["name"]: each["schema"] for each in told if each.get("in") == "query"}


def test_parameters_are_described_by_what_they_accept() -> None:
    told = parameters("/api/payments")
    assert told["status"]["enum"] == ["PENDING", "PROCESSING", "COMPLETED", "FAILED", "CANCELLED"]
    assert told["account_id"] == {"type": "string", "format": "uuid"}
    assert told["date_from"] == {"type": "string", "format": "date-time"}
    assert told["sort"]["default"] == "inserted_at:desc"
    assert "account_id" not in parameters("/api/accounts/{id}/transactions")
    assert parameters("/api/accounts/{id}").keys() == {"at", "at_position"}
    assert parameters("/api/accounts/{id}/health") == {}


@pytest.mark.parametrize(
    ("path", "reasons"),
    [
        ("/api/accounts", ["invalid_status", "invalid_account_type", "invalid_currency_format"]),
        ("/api/transactions", ["invalid_direction", "invalid_transaction_type", "invalid_cursor"]),
        ("/api/payments", ["invalid_payment_type", "invalid_sort_field", "invalid_amount_range"]),
        ("/api/payments/stats", ["invalid_uuid_format", "unknown_parameter"]),
        ("/api/ledger/trial-balance", ["invalid_currency_format", "invalid_position"]),
    ],
)
def test_reasons_for_refusing_parameters_are_described(path: str, reasons: list[str]) -> None:
    refused = response_of(DOCUMENT, described(path), "400")["content"]["application/problem+json"][
        "schema"
    ]
    assert set(reasons) <= set(refused["allOf"][1]["properties"]["reason"]["enum"])
