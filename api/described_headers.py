"""The headers of requests and answers, as the OpenAPI document describes them (http.md §1)."""

from collections.abc import Iterable
from typing import Any

from api.endpoint import Endpoint
from ledger.errors import Reason

Document = dict[str, Any]
TEXT: Document = {"type": "string"}
WHOLE: Document = {"type": "integer", "minimum": 0}
HEADERS_IN: dict[str, tuple[str, Document]] = {
    "X-Correlation-ID": (
        "Names the story this request belongs to; what is ill-formed is replaced.",
        {**TEXT, "examples": ["order-4711"]},
    ),
    "X-Request-ID": ("Names this request; what is ill-formed is replaced.", TEXT),
    "traceparent": ("W3C trace context, continued when it is valid.", TEXT),
    "X-API-Version": ("The interface version.", {**TEXT, "enum": ["1", "v1"]}),
    "Idempotency-Key": (
        "Makes a command safe to repeat: the first answer is given again. Visible ASCII, bare or "
        "as a quoted structured-field string.",
        {**TEXT, "pattern": "^[!#-~][!-~]{0,254}$", "examples": ["a-key-of-your-own"]},
    ),
    "If-Match": ("Versions the command may be applied to.", {**TEXT, "examples": ['"4"']}),
    "If-None-Match": ("Versions the client has already.", {**TEXT, "examples": ['"4"']}),
    "Ledger-Position": ("The answer has to be at least this fresh.", WHOLE),
    "Ledger-Consistency": ("`eventual` answers at once.", {**TEXT, "examples": ["eventual"]}),
    "Ledger-Epoch": ("The store the position belongs to.", {**TEXT, "pattern": "^[0-9a-fA-F]+$"}),
    "Prefer": (
        "`wait=<seconds>` (0 to 30) waits for the outcome.",
        {**TEXT, "examples": ["wait=10"]},
    ),
}
HEADERS_OUT: dict[str, tuple[str, Document]] = {
    "X-Correlation-ID": ("Names the story this request belongs to.", TEXT),
    "X-Request-ID": ("Names this request.", TEXT),
    "traceparent": ("The span of the server.", TEXT),
    "X-API-Version": ("The interface version.", {**TEXT, "const": "1"}),
    "Cache-Control": ("Who may keep the answer, and for how long.", TEXT),
    "ETag": ("The version of the resource.", TEXT),
    "Ledger-Position": ("Up to where in the log the answer is complete.", WHOLE),
    "Ledger-Epoch": ("The store the position belongs to.", TEXT),
    "Idempotent-Replayed": (
        "Set when this answer was first given to an earlier request.",
        {**TEXT, "const": "true"},
    ),
    "Preference-Applied": ("The preference that was honoured.", TEXT),
    "Location": ("Where the new resource lies.", {**TEXT, "format": "uri-reference"}),
    "Retry-After": ("Seconds after which trying again can help.", {**WHOLE, "minimum": 1}),
    "WWW-Authenticate": ("How to sign in.", TEXT),
    "Allow": ("The methods of this path.", TEXT),
    "X-RateLimit-Limit": ("How many requests the window allows.", WHOLE),
    "X-RateLimit-Remaining": ("How many are left of them.", WHOLE),
    "X-RateLimit-Reset": ("When the window moves on, in epoch seconds.", WHOLE),
    "RateLimit": ("What is left of the window, as a structured field.", TEXT),
    "RateLimit-Policy": ("The policy that applies, as a structured field.", TEXT),
}
ALWAYS = ("X-Correlation-ID", "X-Request-ID", "traceparent", "X-API-Version", "Cache-Control")
"""What every answer of every stage has."""
LIMITED = (
    "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "RateLimit",
    "RateLimit-Policy",
)  # fmt: skip
"""What answers of limited routes have while rate limiting is on."""
CREATED = frozenset({201, 202, 303})
REQUIRED = frozenset({*ALWAYS, "Allow", "Retry-After", "WWW-Authenticate"})


def asked_headers(endpoint: Endpoint) -> list[str]:
    """Return the request headers that mean something to an endpoint."""
    names = ["X-Correlation-ID", "X-Request-ID", "traceparent", "X-API-Version"]
    names += ["Idempotency-Key"] if endpoint.keyed else []
    names += ["If-Match"] if endpoint.conditional else []
    names += ["Ledger-Position", "Ledger-Consistency", "Ledger-Epoch"] if endpoint.reads else []
    names += ["If-None-Match"] if revalidates(endpoint) else []
    return names + (["Prefer"] if endpoint.waits else [])


def told_headers(endpoint: Endpoint, status: int) -> Document:
    """Refer to the headers a success may have."""
    names = [*ALWAYS, *(LIMITED if endpoint.limited else ())]
    names += ["Ledger-Position", "Ledger-Epoch"] if endpoint.reads or endpoint.keyed else []
    names += ["Idempotent-Replayed"] if endpoint.keyed else []
    names += ["ETag"] if endpoint.tagged or is_versioned(endpoint) else []
    names += ["Location"] if status in CREATED else []
    return referred(names + (["Preference-Applied"] if endpoint.waits else []))


def refusal_headers(endpoint: Endpoint, status: int, reasons: Iterable[Reason]) -> Document:
    """Refer to the headers a refusal may have; those of its status it always has."""
    names = [*ALWAYS, *(LIMITED if endpoint.limited else ())]
    names += ["Retry-After"] if all(reason.fact.retryable for reason in reasons) else []
    names += ["WWW-Authenticate"] if status == Reason.INVALID_TOKEN.fact.status else []
    return referred(names + (["Allow"] if Reason.METHOD_NOT_ALLOWED in reasons else []))


def revalidates(endpoint: Endpoint) -> bool:
    """Say whether an endpoint can answer that the client has the newest version already."""
    return endpoint.method == "GET" and (endpoint.tagged or is_versioned(endpoint))


def is_versioned(endpoint: Endpoint) -> bool:
    """Say whether what an endpoint shows has a version, and hence a tag."""
    return "version" in getattr(endpoint.data, "__struct_fields__", ()) and endpoint.enveloped


def referred(names: Iterable[str]) -> Document:
    """Refer to the headers of an answer."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def header_in(name: str) -> Document:
    """Describe a request header."""
    description, schema = HEADERS_IN[name]
    return {"name": name, "in": "header", "description": description, "schema": schema}


def header_out(name: str) -> Document:
    """Describe an answer header; `required` says that where it is named it always is."""
    description, schema = HEADERS_OUT[name]
    return {"description": description, "schema": schema, "required": name in REQUIRED}
