"""The OpenAPI 3.1 document, generated from the endpoints that are really served."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from api.described_headers import (
    ALWAYS,
    HEADERS_IN,
    HEADERS_OUT,
    asked_headers,
    header_in,
    header_out,
    referred,
    refusal_headers,
    revalidates,
    told_headers,
)
from api.endpoint import Endpoint
from api.fields import Field
from api.kinds import table_schema
from api.problems import TYPES, Problem
from api.reason_sets import reasons_of
from api.samples import FORMATS, sample
from ledger.errors import CATALOGUE, Fact, Reason

WORD = re.compile(r"[A-Za-z0-9]+")
SCHEMAS = "#/components/schemas/{name}"
ENDED_IN_TIME = 200
Document = dict[str, Any]
JSON_BODIES = ("application/json", "application/vnd.api+json")
VERSION = {
    "name": "version",
    "in": "query",
    "description": "The interface version, where no header says it.",
    "schema": {"type": "string", "enum": ["1", "v1"]},
}
SECURITY = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The access token of a signed-in person.",
    },
    "apiKey": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "lbk_<id>_<secret>",
        "description": "The API key of a service account.",
    },
}
REFUSED_FROM = 400


def document(endpoints: Sequence[Endpoint], version: str) -> Document:
    """Return the whole document."""
    endpoints = [endpoint for endpoint in endpoints if endpoint.published]
    shapes, components = shapes_of(endpoints)
    paths: dict[str, Document] = defaultdict(dict)
    for endpoint in endpoints:
        described = operation(endpoint, shapes, components)
        paths[endpoint.path][endpoint.method.lower()] = described
    responses = shared(list(paths.values()))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "LedgerBank",
            "version": version,
            "summary": "An event-sourced ledger and bank",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in sorted({each.tag for each in endpoints})],
        "paths": dict(paths),
        "components": {
            "schemas": dict(sorted(components.items())),
            "parameters": {"version": VERSION, **{name: header_in(name) for name in HEADERS_IN}},
            "headers": {name: header_out(name) for name in HEADERS_OUT},
            "responses": responses,
            "examples": {str(reason): problem_example(fact) for reason, fact in CATALOGUE.items()},
            "securitySchemes": SECURITY,
        },
    }


def shared(paths: Sequence[Document]) -> dict[str, Document]:
    """Move refusals to where all operations refer to them, each said once; return them."""
    names: dict[bytes, str] = {}
    found: dict[str, Document] = {}
    for described in (each for path in paths for each in path.values()):
        responses = described["responses"]
        for status in (each for each in responses if int(each) >= REFUSED_FROM):
            content = msgspec.json.encode(responses[status])
            name = names.setdefault(content, f"Refused{status}.{len(names) + 1}")
            found[name] = responses[status]
            responses[status] = {"$ref": f"#/components/responses/{name}"}
    return found


def shapes_of(endpoints: Sequence[Endpoint]) -> tuple[dict[str, Document], dict[str, Document]]:
    """Return the schema of every type endpoints answer with, by its name, and the components."""
    types: dict[str, Any] = {"Problem": Problem}
    for endpoint in endpoints:
        for each in (endpoint.data, endpoint.metadata):
            types.update({str(each): each} if each is not None else {})
    schemas, components = msgspec.json.schema_components(types.values(), ref_template=SCHEMAS)
    components |= {
        request_name(each): table_schema(each.body)
        for each in endpoints
        if each.body is not None and each.body.fields
    }
    return dict(zip(types, schemas, strict=True)), components


def operation(
    endpoint: Endpoint, shapes: Mapping[str, Document], components: Mapping[str, Document]
) -> Document:
    """Describe one endpoint."""
    refused = problems(endpoint)
    if endpoint.unwell is not None:
        shown = success(endpoint, endpoint.unwell, shapes, components)["content"]
        refused[str(endpoint.unwell)]["content"] |= shown
    described: Document = {
        "operationId": operation_id(endpoint),
        "summary": endpoint.summary,
        "tags": [endpoint.tag],
        "parameters": parameters(endpoint),
        "responses": {**successes(endpoint, shapes, components), **refused},
        "security": security(endpoint),
    }
    if not endpoint.who.anonymous:
        described["x-open-to"] = endpoint.who.required()
    if endpoint.body is not None and endpoint.body.fields:
        schema = {"$ref": SCHEMAS.format(name=request_name(endpoint))}
        content = {"schema": schema, "example": sample(schema, components)}
        required = any(field.required for field in endpoint.body.fields) or endpoint.body.any_of
        described["requestBody"] = {
            "required": required,
            "content": dict.fromkeys(JSON_BODIES, content),
        }
    return described


def security(endpoint: Endpoint) -> list[Document]:
    """Describe how to prove who calls: as a person, or as a service where those are admitted."""
    who = endpoint.who
    if who.anonymous:
        return []
    services = [{"apiKey": sorted(who.scopes)}] if who.scopes or who.any_service else []
    return [*([{"bearer": []}] if who.roles else []), *services]


def operation_id(endpoint: Endpoint) -> str:
    """Name an endpoint after its method and path: `getApiProblemsReason`."""
    words = WORD.findall(endpoint.path)
    return endpoint.method.lower() + "".join(word.capitalize() for word in words)


def request_name(endpoint: Endpoint) -> str:
    """Name the body of an endpoint."""
    name = operation_id(endpoint)
    return f"{name[0].upper()}{name[1:]}Request"


def parameters(endpoint: Endpoint) -> list[Document]:
    """Describe what goes into path, query and headers."""
    found = [parameter(field, "path") for field in endpoint.path_fields]
    found += [parameter(field, "query") for field in endpoint.query or ()]
    names = ["version", *asked_headers(endpoint)]
    return found + [{"$ref": f"#/components/parameters/{name}"} for name in names]


def parameter(field: Field, place: str) -> Document:
    """Describe one parameter."""
    required = field.required or place == "path"
    return {"name": field.name, "in": place, "required": required, "schema": field.kind.schema}


def successes(
    endpoint: Endpoint, shapes: Mapping[str, Document], components: Mapping[str, Document]
) -> Document:
    """Describe every answer of a success, by status."""
    statuses = {endpoint.status, *endpoint.also, *((ENDED_IN_TIME,) if endpoint.waits else ())}
    found = {str(each): success(endpoint, each, shapes, components) for each in sorted(statuses)}
    if revalidates(endpoint):
        described = "The client has this version already"
        found["304"] = {"description": described, "headers": referred([*ALWAYS, "ETag"])}
    return found


def success(
    endpoint: Endpoint,
    status: int,
    shapes: Mapping[str, Document],
    components: Mapping[str, Document],
) -> Document:
    """Describe the answer of one success."""
    headers = told_headers(endpoint, status)
    described: Document = {"description": endpoint.summary, "headers": headers}
    schema = shapes.get(str(endpoint.data), {})
    if endpoint.enveloped:
        schema = envelope_schema(schema, shapes.get(str(endpoint.metadata), {"type": "object"}))
    if endpoint.produces:
        content: Document = {"schema": schema}
        if schema:
            content["example"] = sample(schema, components)
        described["content"] = {endpoint.produces: content}
        described["content"] |= {each: {"schema": {"type": "string"}} for each in endpoint.exports}
    return described


def envelope_schema(data: Document, metadata: Document) -> Document:
    """Describe the success envelope around some data."""
    properties = {
        "data": data,
        "success": {"const": True},
        "timestamp": {"type": "string", "format": "date-time"},
        "correlation_id": {"type": "string", "examples": ["req_5f0c4f6d0f3e4b6f9d6d0d7c8a1b2c3d"]},
        "metadata": metadata,
    }
    return {"type": "object", "properties": properties, "required": list(properties)}


def problems(endpoint: Endpoint) -> Document:
    """Describe every refusal, by status, with the reasons it may have."""
    by_status: dict[int, list[Reason]] = defaultdict(list)
    for reason in reasons_of(endpoint):
        by_status[reason.fact.status].append(reason)
    return {
        str(status): refusal(endpoint, status, by_status[status]) for status in sorted(by_status)
    }


def refusal(endpoint: Endpoint, status: int, reasons: list[Reason]) -> Document:
    """Describe the refusals of one status."""
    narrowed = {"properties": {"reason": {"enum": [str(reason) for reason in reasons]}}}
    schema = {"allOf": [{"$ref": SCHEMAS.format(name="Problem")}, narrowed]}
    examples = {str(each): {"$ref": f"#/components/examples/{each}"} for each in reasons}
    return {
        "description": "; ".join(reason.fact.title for reason in reasons),
        "headers": refusal_headers(endpoint, status, reasons),
        "content": {"application/problem+json": {"schema": schema, "examples": examples}},
    }


def problem_example(fact: Fact) -> Document:
    """Return the problem document of a reason as somebody may see it."""
    told: Document = {
        "type": TYPES + fact.reason,
        "title": fact.title,
        "status": fact.status,
        "detail": fact.description,
        "instance": "req_5f0c4f6d0f3e4b6f9d6d0d7c8a1b2c3d",
        "code": fact.reason,
        "reason": fact.reason,
        "category": fact.category,
        "retryable": fact.retryable,
        "timestamp": FORMATS["date-time"],
        "details": fact.example,
    }
    if fact.retryable:
        told |= {"retry_after_ms": fact.delay_ms, "max_retry_attempts": fact.max_retries}
    return {"summary": fact.title, "value": told}
