"""Nothing a client sends breaks a server (AC-9)."""

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from ledger.identity import new_id
from tests.journeys.people import PASSWORD, Ask, Door, Person, Town, is_behind, payment_body
from tests.journeys.wire import problem_of

ODD_TEXTS = st.sampled_from([
    "", " ", "\0", "a\0b", "0x10", "null", "true", "NaN", "-0", "1e400", "../../etc", "%s%n",
    "' OR 1=1 --", "\U0001d518", "\u202eevil", "CREDIT", "DEBIT", "USD", "10.00", "9999999999.99",
    "2026-02-30T00:00:00Z", "9999-12-31T23:59:59.999999Z", "0000-01-01T00:00:00+99:99",
])  # fmt: skip
TEXTS = st.one_of(ODD_TEXTS, st.text(max_size=60), st.uuids().map(str))
NUMBERS = st.one_of(st.integers(), st.just(10**400), st.just(-(2**63)), st.floats(allow_nan=False))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=12,
)
TYPES = st.sampled_from([
    "application/json", "application/json; charset=utf-8", "application/json; charset=latin-1",
    "application/vnd.api+json", "text/plain", "multipart/form-data", "", "a/b/c", "\x7f",
])  # fmt: skip
DEEP = b'{"a":' * 50 + b"1" + b"}" * 50
SURROGATE = b'{"description":"\\udfff\\ud800"}'
IDS = st.one_of(
    st.uuids().map(str),
    st.binary(min_size=16, max_size=16).map(lambda raw: "".join(f"%{byte:02x}" for byte in raw)),
    st.sampled_from(["%00", "%ff", "1", "null", "-1", "é", "%F0%9F%92%A9", "a" * 300, "*"]),
)
HEADERS = st.sampled_from([
    "accept", "idempotency-key", "if-match", "if-none-match", "ledger-position", "ledger-epoch",
    "ledger-consistency", "prefer", "x-api-version", "x-correlation-id", "traceparent", "origin",
    "authorization", "x-forwarded-for",
])  # fmt: skip
HEADER_TEXTS = st.one_of(
    st.sampled_from(["", "*", '"1"', "1", "-1", "9" * 40, "wait=99999999999", "chunked", ";=,"]),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40),
)
PARAMETERS = st.dictionaries(
    st.sampled_from([
        "page", "page_size", "limit", "cursor", "sort", "status", "currency", "user_id", "scope",
        "account_id", "date_from", "amount_min", "q", "version", "type", "\0", "é",
    ]),
    TEXTS,
    max_size=3,
)  # fmt: skip


@pytest.fixture(scope="package")
def document(door: Door) -> dict[str, Any]:
    """Give the OpenAPI document that the servers publish."""
    found: dict[str, Any] = door.ask("GET", "/api/docs/openapi.json").json()
    return found


def routes(document: dict[str, Any]) -> list[tuple[str, str, list[str]]]:
    """Return method, path and body fields of every route whose answers have an end."""
    found = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if "text/event-stream" in operation["responses"].get("200", {}).get("content", {}):
                continue
            content = operation.get("requestBody", {}).get("content", {})
            schema = content.get("application/json", {}).get("schema", {})
            if "$ref" in schema:
                schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
            found.append((method.upper(), path, list(schema.get("properties", {}))))
    return found


class Neighbourhood:
    """People to ask as, things to ask about, and bodies that would be accepted."""

    def __init__(self, document: dict[str, Any], town: Town) -> None:
        customer = town.customer()
        account, other = town.account(customer), town.account(customer)
        payment = customer.payment(account)["id"]
        self.routes = routes(document)
        self.people = [customer, town.admin, town.auditor, None]
        self.ids = st.one_of(st.sampled_from([account, payment, new_id()]), IDS)
        paid = payment_body(account, "1.00")
        self.accepted = {
            "/api/payments": paid,
            "/api/payments/validate": paid,
            "/api/transfers": {
                "source_account_id": account,
                "destination_account_id": other,
                "amount": "0.01",
                "description": "moved",
            },
            "/api/accounts": {
                "currency": "USD",
                "account_type": "CHECKING",
                "account_name": "Everyday",
            },
            "/api/users": {
                "email": "somebody@example.com",
                "full_name": "Some Body",
                "password": PASSWORD,
                "password_confirmation": PASSWORD,
            },
        }

    def path(self, data: st.DataObject, path: str) -> str:
        """Fill the places of a path."""
        while "{" in path:
            before, _, rest = path.partition("{")
            path = before + data.draw(self.ids) + rest.partition("}")[2]
        return path

    def body(self, data: st.DataObject, path: str, fields: list[str]) -> Any:
        """Draw a body that is nearly right, or nothing like it."""
        names = st.sampled_from(fields) if fields else TEXTS
        changes = st.dictionaries(names, VALUES, max_size=2)
        if path in self.accepted and data.draw(st.booleans()):
            return self.accepted[path] | data.draw(changes)
        objects = st.dictionaries(st.one_of(names, TEXTS), VALUES, max_size=6)
        bodies = [objects, VALUES, st.binary(max_size=40), st.just(SURROGATE), st.just(DEEP)]
        return data.draw(st.one_of(*bodies))

    def headers(self, data: st.DataObject, path: str, body: Any) -> dict[str, str]:
        """Draw who asks, and what they say they send."""
        person = data.draw(st.sampled_from(self.people))
        known = isinstance(person, Person) and not path.endswith("logout-all")
        headers = {"authorization": person.bearer} if person is not None and known else {}
        if body is not None and data.draw(st.integers(0, 3)) == 0:
            headers["content-type"] = data.draw(TYPES)
        if data.draw(st.integers(0, 3)) == 0:
            headers[data.draw(HEADERS)] = data.draw(HEADER_TEXTS)
        return headers


@pytest.fixture(scope="package")
def neighbourhood(document: dict[str, Any], town: Town) -> Neighbourhood:
    return Neighbourhood(document, town)


@settings(
    max_examples=600,
    deadline=None,
    phases=set(Phase) - {Phase.explain},
    derandomize=False,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_no_request_breaks_a_server(
    neighbourhood: Neighbourhood, door: Door, data: st.DataObject
) -> None:
    method, template, fields = data.draw(st.sampled_from(neighbourhood.routes))
    path = neighbourhood.path(data, template)
    body = None if method == "GET" else neighbourhood.body(data, template, fields)
    ask = Ask(method=method, path=path, body=body, headers=neighbourhood.headers(data, path, body))
    parameters = data.draw(PARAMETERS)
    arguments = ask.content() | ({"params": parameters} if parameters else {})
    answer = door.clients[data.draw(st.integers(0, 1))].request(**arguments)
    event(str(answer.status_code))
    assert answer.status_code < 500 or is_behind(answer), (ask, answer.text)
    if answer.status_code >= 400:
        problem_of(answer)
