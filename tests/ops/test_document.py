"""The published OpenAPI document is valid 3.1, and its own examples obey it (AC-99)."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from schemathesis.specs.openapi import definitions

from ledger.errors import CATALOGUE
from ops.http import endpoints_of, published_document
from ops.settings import read_settings
from tests.api.test_openapi import response_of

SETTINGS = read_settings({"LEDGERBANK_ENV": "test"})
DOCUMENT = published_document(SETTINGS)
TEXT = {"type": "string"}
"""How exports and pages are described, which are no JSON."""
OUTSIDE = {"/", "/favicon.ico", "/robots.txt"}


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def contents() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every media type of every body and answer, named."""
    for path, method, operation in operations():
        bodies = operation.get("requestBody", {}).get("content", {})
        yield from ((f"{method} {path} body", content) for content in bodies.values())
        for status in operation["responses"]:
            response = response_of(DOCUMENT, operation, status)
            for content in response.get("content", {}).values():
                yield f"{method} {path} {status}", content


def schemas(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every schema in a part of the document."""
    if isinstance(value, dict):
        found = value.get("schema")
        if isinstance(found, dict):
            yield found
        for each in value.values():
            yield from schemas(each)
    elif isinstance(value, list):
        for each in value:
            yield from schemas(each)


def components_of(schema: Any) -> dict[str, Any]:
    """Return the components a schema leads to, near and far."""
    found: dict[str, Any] = {}
    waiting = [schema]
    while waiting:
        for name in re.findall(r"#/components/schemas/([\w.]+)", str(waiting.pop())):
            if name not in found:
                found[name] = DOCUMENT["components"]["schemas"][name]
                waiting.append(found[name])
    return found


def test_the_document_is_openapi_3_1() -> None:
    problems = [error.message for error in definitions.OPENAPI_31_VALIDATOR.iter_errors(DOCUMENT)]
    assert problems == []


def test_every_schema_is_one() -> None:
    found = [*schemas(DOCUMENT["paths"]), *schemas(DOCUMENT["components"])]
    for schema in (*found, *DOCUMENT["components"]["schemas"].values()):
        jsonschema_rs.meta.validate(schema)


def test_every_example_obeys_its_schema() -> None:
    for name, content in {str(content): (name, content) for name, content in contents()}.values():
        needed = {"components": {"schemas": components_of(content["schema"])}}
        validator = jsonschema_rs.validator_for(content["schema"] | needed, validate_formats=True)
        examples = [content["example"]] if "example" in content else []
        for reference in content.get("examples", {}).values():
            reason = reference["$ref"].rpartition("/")[2]
            examples.append(DOCUMENT["components"]["examples"][reason]["value"])
        assert examples or content["schema"] in ({}, TEXT), name
        for example in examples:
            assert [error.message for error in validator.iter_errors(example)] == [], name


def test_every_reason_has_its_example() -> None:
    assert DOCUMENT["components"]["examples"].keys() == {str(reason) for reason in CATALOGUE}


def test_every_route_is_there_and_no_other() -> None:
    told = {(method.upper(), path) for path, method, _ in operations()}
    assert {(each.method, each.path) for each in endpoints_of(SETTINGS)} <= told
    for _, path in told:
        assert path.startswith("/api/") or path in OUTSIDE, path


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/api/payments/{id}/process", "post", "200"),
        ("/api/payments/{id}/process", "post", "202"),
        ("/api/accounts/{id}", "get", "304"),
        ("/api/docs", "get", "304"),
        ("/", "get", "303"),
        ("/api/payments/{id}", "delete", "412"),
        ("/api/accounts", "get", "503"),
    ],
)
def test_answers_beside_the_usual_one_are_described(path: str, method: str, status: str) -> None:
    assert status in DOCUMENT["paths"][path][method]["responses"]


def test_security_tells_who_is_admitted() -> None:
    told = {path: DOCUMENT["paths"][path]["get"]["security"] for path in DOCUMENT["paths"]
            if "get" in DOCUMENT["paths"][path]}  # fmt: skip
    assert told["/api/health"] == []
    assert told["/api/audit/log"] == [{"bearer": []}]
    assert told["/api/accounts"] == [{"bearer": []}, {"apiKey": ["accounts:read"]}]
    assert told["/api/auth/validate"] == [{"bearer": []}, {"apiKey": []}]
    schemes = DOCUMENT["components"]["securitySchemes"]
    assert {name for each in told.values() for way in each for name in way} <= schemes.keys()


def test_no_operation_has_the_same_name_as_another() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(names)) == len(names)
