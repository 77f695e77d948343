"""The OpenAPI 3.1 document, generated from the endpoints that are really served."""

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec

from api.endpoint import Endpoint
from api.fields import Field
from api.kinds import table_schema
from api.problems import Problem
from api.reason_sets import reasons_of
from ledger.errors import Reason

WORD = re.compile(r"[A-Za-z0-9]+")
SCHEMAS = "#/components/schemas/{name}"
ENDED_IN_TIME = 200
Document = dict[str, Any]
HEADERS_IN: dict[str, tuple[str, Document]] = {
    "X-Correlation-ID": ("Names the story this request belongs to.", {"type": "string"}),
    "X-API-Version": ("The interface version.", {"type": "string", "enum": ["1", "v1"]}),
    "Idempotency-Key": (
        "Makes a command safe to repeat.",
        {"type": "string", "minLength": 1, "maxLength": 255},
    ),
    "If-Match": ("Versions the command may be applied to.", {"type": "string"}),
    "If-None-Match": ("Versions the client has already.", {"type": "string"}),
    "Ledger-Position": ("The answer has to be at least this fresh.", {"type": "integer"}),
    "Ledger-Consistency": ("`eventual` answers at once.", {"type": "string"}),
    "Ledger-Epoch": ("The store the position belongs to.", {"type": "string"}),
    "Prefer": ("`wait=<seconds>` waits for the outcome.", {"type": "string"}),
}
RATES: dict[str, str] = {
    "X-RateLimit-Limit": "Requests that pass in a window.",
    "X-RateLimit-Remaining": "Requests left in this window.",
    "X-RateLimit-Reset": "Unix time when the oldest counted request leaves the window.",
    "RateLimit-Policy": "The policy that counts: its quota and window in seconds.",
    "RateLimit": "What is left under that policy, and for how many seconds.",
}
ALWAYS = ("X-Correlation-ID", "X-API-Version")
HEADERS_OUT: dict[str, str] = {
    **RATES,
    "X-Correlation-ID": "Names the story this request belongs to.",
    "X-API-Version": "The interface version.",
    "ETag": "The version of the resource.",
    "Ledger-Position": "Up to where in the log the answer is complete.",
    "Ledger-Epoch": "The store the position belongs to.",
    "Idempotent-Replayed": "Set when this answer was first given to an earlier request.",
    "Preference-Applied": "How long the answer waited for the outcome.",
    "Location": "Where the new resource lies.",
    "Retry-After": "Seconds after which trying again can help.",
    "WWW-Authenticate": "How to sign in.",
}


def document(endpoints: Sequence[Endpoint], version: str) -> Document:
    """Return the whole document."""
    endpoints = [endpoint for endpoint in endpoints if endpoint.published]
    shapes, components = shapes_of(endpoints)
    paths: dict[str, Document] = defaultdict(dict)
    for endpoint in endpoints:
        paths[endpoint.path][endpoint.method.lower()] = operation(endpoint, shapes)
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
            "schemas": components,
            "parameters": {name: header_in(name) for name in HEADERS_IN},
            "headers": {name: header_out(HEADERS_OUT[name]) for name in HEADERS_OUT},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def shapes_of(endpoints: Sequence[Endpoint]) -> tuple[dict[str, Document], dict[str, Document]]:
    """Return the schema of every type endpoints answer with, by its name, and the components."""
    types: dict[str, Any] = {"Problem": Problem}
    for endpoint in endpoints:
        for each in (endpoint.data, endpoint.metadata):
            types.update({str(each): each} if each is not None else {})
    schemas, components = msgspec.json.schema_components(types.values(), ref_template=SCHEMAS)
    return dict(zip(types, schemas, strict=True)), dict(sorted(components.items()))


def operation(endpoint: Endpoint, shapes: dict[str, Document]) -> Document:
    """Describe one endpoint."""
    described: Document = {
        "operationId": operation_id(endpoint),
        "summary": endpoint.summary,
        "tags": [endpoint.tag],
        "parameters": parameters(endpoint),
        "responses": {**success(endpoint, shapes), **problems(endpoint)},
        "security": [] if endpoint.who.anonymous else [{"bearer": []}],
    }
    if not endpoint.who.anonymous:
        described["x-open-to"] = endpoint.who.required()
    if endpoint.body is not None and endpoint.body.fields:
        content = {"schema": table_schema(endpoint.body)}
        required = any(field.required for field in endpoint.body.fields) or endpoint.body.any_of
        described["requestBody"] = {"required": required, "content": {"application/json": content}}
    return described


def operation_id(endpoint: Endpoint) -> str:
    """Name an endpoint after its method and path: `getApiProblemsReason`."""
    words = WORD.findall(endpoint.path)
    return endpoint.method.lower() + "".join(word.capitalize() for word in words)


def parameters(endpoint: Endpoint) -> list[Document]:
    """Describe what goes into path, query and headers."""
    found = [parameter(field, "path") for field in endpoint.path_fields]
    found += [parameter(field, "query") for field in endpoint.query or ()]
    names = ["X-Correlation-ID", "X-API-Version"]
    names += ["Idempotency-Key"] if endpoint.keyed else []
    names += ["If-Match"] if endpoint.conditional else []
    if endpoint.reads:
        names += ["Ledger-Position", "Ledger-Consistency", "Ledger-Epoch"]
        names += [] if endpoint.listed else ["If-None-Match"]
    names += ["Prefer"] if endpoint.waits else []
    return found + [{"$ref": f"#/components/parameters/{name}"} for name in names]


def parameter(field: Field, place: str) -> Document:
    """Describe one parameter."""
    required = field.required or place == "path"
    return {"name": field.name, "in": place, "required": required, "schema": field.kind.schema}


def success(endpoint: Endpoint, shapes: dict[str, Document]) -> Document:
    """Describe the answer of a success; who waits may see another one, of the same shape."""
    names = [*ALWAYS, *rate_headers(endpoint)]
    names += ["Preference-Applied"] if endpoint.waits else []
    names += ["Ledger-Position", "Ledger-Epoch"] if endpoint.reads or endpoint.keyed else []
    names += ["Idempotent-Replayed"] if endpoint.keyed else []
    names += ["ETag"] if endpoint.conditional else []
    names += ["Location"] if endpoint.status in {201, 202, 303} else []
    described: Document = {"description": endpoint.summary, "headers": headers(names)}
    schema = shapes.get(str(endpoint.data), {})
    if endpoint.enveloped:
        schema = envelope_schema(schema, shapes.get(str(endpoint.metadata), {"type": "object"}))
    if endpoint.produces:
        described["content"] = {endpoint.produces: {"schema": schema}}
        described["content"] |= {each: {"schema": {"type": "string"}} for each in endpoint.exports}
    early = {str(ENDED_IN_TIME): described} if endpoint.waits else {}
    return {str(endpoint.status): described, **early}


def envelope_schema(data: Document, metadata: Document) -> Document:
    """Describe the success envelope around some data."""
    properties = {
        "data": data,
        "success": {"const": True},
        "timestamp": {"type": "string", "format": "date-time"},
        "correlation_id": {"type": "string"},
        "metadata": metadata,
    }
    return {"type": "object", "properties": properties, "required": list(properties)}


def problems(endpoint: Endpoint) -> Document:
    """Describe every refusal, by status, with the reasons it may have."""
    by_status: dict[int, list[Reason]] = defaultdict(list)
    for reason in reasons_of(endpoint):
        by_status[reason.fact.status].append(reason)
    names = [*ALWAYS, *rate_headers(endpoint)]
    return {str(status): refusal(status, by_status[status], names) for status in sorted(by_status)}


def rate_headers(endpoint: Endpoint) -> list[str]:
    """Name the headers that tell the rate, where one is kept."""
    return list(RATES) if endpoint.limited else []


def refusal(status: int, reasons: list[Reason], names: list[str]) -> Document:
    """Describe the refusals of one status."""
    names = list(names)
    names += ["Retry-After"] if any(reason.fact.retryable for reason in reasons) else []
    names += ["WWW-Authenticate"] if str(status) == "401" else []
    narrowed = {"properties": {"reason": {"enum": [str(reason) for reason in reasons]}}}
    schema = {"allOf": [{"$ref": SCHEMAS.format(name="Problem")}, narrowed]}
    return {
        "description": "; ".join(reason.fact.title for reason in reasons),
        "headers": headers(names),
        "content": {"application/problem+json": {"schema": schema}},
    }


def headers(names: list[str]) -> Document:
    """Refer to the headers of an answer."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def header_in(name: str) -> Document:
    """Describe a request header."""
    description, schema = HEADERS_IN[name]
    return {"name": name, "in": "header", "description": description, "schema": schema}


def header_out(description: str) -> Document:
    """Describe an answer header."""
    return {"description": description, "schema": {"type": "string"}}
