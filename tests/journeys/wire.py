"""What every answer must look like, whoever asked for what (http.md §1)."""

import re
from typing import Any

import httpx2

from ledger.errors import CATALOGUE

SECURITY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-xss-protection": "1; mode=block",
    "referrer-policy": "strict-origin-when-cross-origin",
    "permissions-policy": "geolocation=(), microphone=(), camera=()",
}
CLOSED_POLICY = (
    "default-src 'none'; script-src 'none'; style-src 'none'; img-src 'none'; font-src 'none'; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
FACTS = {str(reason): fact for reason, fact in CATALOGUE.items()}
PROBLEM = frozenset({
    "type", "title", "status", "detail", "instance", "code", "reason", "category", "retryable",
    "timestamp", "details",
})  # fmt: skip
SOMETIMES = frozenset({"errors", "retry_after_ms", "max_retry_attempts"})
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
TELLTALE = re.compile(r'Traceback|psycopg|SELECT |relation "|asyncio|\.py\b|127\.0\.0\.1|/run/')


def seemly(answer: httpx2.Response) -> httpx2.Response:
    """Return an answer that keeps the promises all answers make."""
    headers = answer.headers
    for name, value in SECURITY.items():
        assert headers[name] == value, (name, answer.request.url)
    assert headers["x-api-version"] == "1"
    assert headers["x-correlation-id"]
    assert headers["x-request-id"]
    assert headers["traceparent"]
    assert "server" not in headers
    if "/api/docs" not in answer.request.url.path:
        assert headers["content-security-policy"] == CLOSED_POLICY
    if answer.status_code >= 400 and "/api/health" not in answer.request.url.path:
        problem_of(answer)
    return answer


def problem_of(answer: httpx2.Response) -> dict[str, Any]:
    """Return the problem document of an answer, found to be well formed."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    found: dict[str, Any] = answer.json()
    assert PROBLEM <= found.keys() <= PROBLEM | SOMETIMES, found.keys()
    fact = FACTS[found["reason"]]
    assert found["code"] == found["reason"]
    assert found["type"] == f"https://api.ledgerbank.com/problems/{found['reason']}"
    assert found["title"] == fact.title
    assert found["status"] == answer.status_code == fact.status, found
    assert found["category"] == fact.category
    assert found["retryable"] is fact.retryable
    replayed = answer.headers.get("idempotent-replayed") == "true"
    assert replayed or found["instance"] == answer.headers["x-correlation-id"]
    assert TIME.fullmatch(found["timestamp"])
    assert found["detail"]
    assert not TELLTALE.search(found["detail"]), found
    assert isinstance(found["details"], dict)
    assert ("retry-after" in answer.headers) == found["retryable"], found
    if found["retryable"]:
        assert int(answer.headers["retry-after"]) >= 1
    else:
        assert not found.keys() & {"retry_after_ms", "max_retry_attempts"}
    for item in found.get("errors", ()):
        assert item.keys() == {"field", "reason", "detail"}
        assert item["reason"] in FACTS
    if found.get("errors") and found["reason"] != "bulk_rejected":
        assert found["errors"][0]["reason"] == found["reason"]
    challenge = headers_of_challenge(answer)
    assert (challenge is not None) == (answer.status_code == 401), found
    return found


def headers_of_challenge(answer: httpx2.Response) -> str | None:
    challenge: str | None = answer.headers.get("www-authenticate")
    assert challenge is None or challenge.startswith('Bearer realm="ledgerbank"')
    return challenge


def reason_of(answer: httpx2.Response) -> str:
    return str(problem_of(answer)["reason"])
