"""The OpenAPI document tells the truth about what is served (AC-1, http.md §4.3)."""

from typing import Any

import jsonschema_rs
import msgspec
import pytest

from api import books, shapes
from api.commands import payments
from api.openapi import document
from api.queries import health
from api.shapes import Shape
from tests.api.desk import THINGS
from tests.api.serving import Served


@pytest.fixture(scope="module")
def openapi(served: Served) -> dict[str, Any]:
    found: dict[str, Any] = served.get("/api/docs/openapi.json").json()
    return found


def operations(openapi: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in openapi["paths"].values() for operation in path.values()]


def test_both_addresses_show_the_same(served: Served, openapi: dict[str, Any]) -> None:
    assert served.get("/api/swagger.json").json() == openapi
    assert openapi["openapi"] == "3.1.0"


def test_every_route_is_described(openapi: dict[str, Any]) -> None:
    for endpoint in THINGS:
        assert endpoint.method.lower() in openapi["paths"][endpoint.path]
    for path in ("/api/health", "/api/problems/{reason}", "/api/metrics", "/api/docs"):
        assert path in openapi["paths"]
    ids = [operation["operationId"] for operation in operations(openapi)]
    assert len(set(ids)) == len(ids)


def test_every_described_route_answers(served: Served, openapi: dict[str, Any]) -> None:
    for path, methods in openapi["paths"].items():
        for method in methods:
            target = path.replace("{how}", "refused").replace("{id}", "x")
            answer = served.request(method.upper(), target)
            assert answer.status_code not in {405, 500}
            assert (answer.json()["reason"] if answer.status_code == 404 else None) != (
                "resource_not_found"
            )


def test_every_reference_leads_somewhere(openapi: dict[str, Any]) -> None:
    def references(value: Any) -> Any:
        if isinstance(value, dict):
            if "$ref" in value:
                yield value["$ref"]
            value = list(value.values())
        if isinstance(value, list):
            for each in value:
                yield from references(each)

    for reference in references(openapi):
        target: Any = openapi
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]


def test_a_command_is_described_in_full(openapi: dict[str, Any]) -> None:
    put = openapi["paths"]["/api/things/{id}"]["put"]
    assert put["security"] == [{"bearer": []}]
    assert put["x-open-to"] == ["admin"]
    names = [each.get("name") or each["$ref"].split("/")[-1] for each in put["parameters"]]
    assert names == [
        "id", "version", "X-Correlation-ID", "X-Request-ID", "traceparent", "X-API-Version",
        "Idempotency-Key", "If-Match",
    ]  # fmt: skip
    contents = put["requestBody"]["content"]
    assert contents["application/json"] == contents["application/vnd.api+json"]
    reference = contents["application/json"]["schema"]["$ref"]
    schema = openapi["components"]["schemas"][reference.rpartition("/")[2]]
    assert schema["minProperties"] == 1
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == {"description", "limit"}
    reasons = reasons_of(openapi, put)
    assert {
        "version_conflict",
        "invalid_idempotency_key",
        "negative_amount",
        "token_revoked",
        "insufficient_permissions",
        "invalid_uuid_format",
        "unknown_field",
    } <= reasons
    assert "projection_lagging" not in reasons


def response_of(document: dict[str, Any], operation: dict[str, Any], status: str) -> dict[str, Any]:
    """Return the description of one answer, following where it refers to."""
    response: dict[str, Any] = operation["responses"][status]
    reference = response.get("$ref", "").rpartition("/")[2]
    return dict(document["components"]["responses"][reference]) if reference else response


def reasons_of(openapi: dict[str, Any], operation: dict[str, Any]) -> set[str]:
    return {
        reason
        for status in operation["responses"]
        if int(status) >= 400
        for reason in response_of(openapi, operation, status)["content"][
            "application/problem+json"
        ]["schema"]["allOf"][1]["properties"]["reason"]["enum"]
    }


def test_answers_fit_their_description(served: Served, openapi: dict[str, Any]) -> None:
    checks = [
        ("get", "/api/health", "/api/health"),
        ("get", "/api/health/detailed", "/api/health/detailed"),
        ("get", "/api/problems", "/api/problems"),
        ("get", "/api/problems/{reason}", "/api/problems/timeout"),
        ("get", "/api/problems/{reason}", "/api/problems/nothing"),
        ("get", "/api/problems/category/{category}", "/api/problems/category/protocol"),
        ("get", "/api/metrics/health", "/api/metrics/health"),
        ("get", "/api/things/{id}", "/api/things/1"),
    ]
    for method, path, target in checks:
        answer = served.request(method.upper(), target)
        operation = openapi["paths"][path][method]
        response = response_of(openapi, operation, str(answer.status_code))
        (content,) = response["content"].values()
        schema = {**content["schema"], "components": openapi["components"]}
        jsonschema_rs.validator_for(schema).validate(answer.json())


def test_every_shape_can_be_described() -> None:
    found = [
        each
        for module in (shapes, books)
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Shape)
    ]
    _, components = msgspec.json.schema_components(found)
    for each in found:
        described = components[each.__name__]
        assert described.get("required", []) == list(each.__struct_encode_fields__), each


def test_a_route_that_waits_tells_both_of_its_answers() -> None:
    told = document(payments.ENDPOINTS, "1")["paths"]["/api/payments/{id}/process"]["post"]
    started, ended = (told["responses"][status] for status in ("202", "200"))
    assert started["content"] == ended["content"]
    assert "Preference-Applied" in ended["headers"]
    put = document(payments.ENDPOINTS, "1")["paths"]["/api/payments/{id}"]["put"]
    assert "202" not in put["responses"]


def test_an_empty_application_has_a_document() -> None:
    assert document((), "1")["paths"] == {}


def test_a_server_that_is_not_well_says_so_in_the_shape_it_is_described_in() -> None:
    told = document(health.ENDPOINTS, "1")["paths"]["/api/health/detailed"]["get"]["responses"]
    (name,) = told["503"].values()
    contents = document(health.ENDPOINTS, "1")["components"]["responses"][name.rpartition("/")[2]][
        "content"
    ]
    assert (
        contents["application/json"]["schema"]
        == told["200"]["content"]["application/json"]["schema"]
    )
    assert "application/problem+json" in contents
