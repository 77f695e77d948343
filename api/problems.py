"""The error catalogue as RFC 9457 problem documents: one renderer for every no (http.md §1.3)."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import psycopg
from litestar.exceptions import ClientException, NotFoundException

from api.envelope import now_text
from api.reply import Bare
from ledger.errors import Category, ManyRefused, Reason, Refused

PROBLEM_JSON = b"application/problem+json"
TYPES = "https://api.ledgerbank.com/problems/"
NAME_LENGTH_MAX, ERRORS_MAX = 100, 1_000
SECRET_NAMES = frozenset({"secret", "private_key", "api_key", "authorization", "cookie"})
UNREACHABLE = ("08", "53", "57", "40", "55")
"""Classes of SQLSTATE that pass by themselves: connection, resources, shutdown, rollback, locks."""
FIELD_CATEGORIES = (Category.VALIDATION, Category.BUSINESS_RULE)


class FieldError(msgspec.Struct, frozen=True):
    """One bad field, addressed as the client wrote it: `amount`, `transfers[3].amount`."""

    field: str
    reason: str
    detail: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """The document every client parses when the answer is no."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    reason: str
    category: str
    retryable: bool
    timestamp: str
    details: dict[str, Any]
    errors: tuple[FieldError, ...] | msgspec.UnsetType = msgspec.UNSET
    retry_after_ms: int | msgspec.UnsetType = msgspec.UNSET
    max_retry_attempts: int | msgspec.UnsetType = msgspec.UNSET


class Malformed(Refused):
    """Fields are bad, all of them told at once; the first one names the problem."""

    def __init__(self, errors: Iterable[FieldError], details: Mapping[str, Any]) -> None:
        self.errors = tuple(errors)[:ERRORS_MAX]
        super().__init__(Reason(self.errors[0].reason), **details)


ENCODER = msgspec.json.Encoder(enc_hook=str)


def problem(
    refused: Refused,
    correlation_id: str,
    *,
    token_sent: bool = False,
    timestamp: str | None = None,
) -> Bare:
    """Render a refusal: document, status, and the headers that belong to its reason."""
    fact = refused.reason.fact
    details = {**refused.details}
    retry_after_ms = details.pop("retry_after_ms", fact.delay_ms)
    errors = field_errors(refused)
    document = Problem(
        type=TYPES + fact.reason,
        title=fact.title,
        status=fact.status,
        detail=detail_of(refused, errors),
        instance=correlation_id,
        code=fact.reason,
        reason=fact.reason,
        category=fact.category,
        retryable=fact.retryable,
        timestamp=timestamp or now_text(),
        details=without_secrets(details),
        errors=errors or msgspec.UNSET,
        retry_after_ms=retry_after_ms if fact.retryable else msgspec.UNSET,
        max_retry_attempts=fact.max_retries if fact.retryable else msgspec.UNSET,
    )
    return Bare(
        status=fact.status,
        body=ENCODER.encode(document),
        content_type=PROBLEM_JSON,
        headers=tuple(reason_headers(refused, retry_after_ms, token_sent=token_sent)),
    )


def reason_headers(
    refused: Refused, retry_after_ms: int, *, token_sent: bool
) -> Iterable[tuple[bytes, bytes]]:
    """Yield the headers a reason calls for: when to come back, how to sign in, what is allowed."""
    fact = refused.reason.fact
    if fact.retryable:
        yield b"retry-after", str(max(1, -(-retry_after_ms // 1000))).encode()
    if fact.status == 401:  # noqa: PLR2004 - the status has no better name than its number
        error = b', error="invalid_token"' if token_sent else b""
        yield b"www-authenticate", b'Bearer realm="ledgerbank"' + error
    if refused.reason is Reason.METHOD_NOT_ALLOWED:
        yield b"allow", ", ".join(refused.details["allowed"]).encode()


def field_errors(refused: Refused) -> tuple[FieldError, ...]:
    """Return the bad fields of a refusal; a rule that names one field counts as one."""
    if isinstance(refused, Malformed):
        return refused.errors
    if isinstance(refused, ManyRefused):
        return tuple(
            FieldError(field, each.reason, sentence(field, each.reason, each.details))
            for field, each in refused.refused[:ERRORS_MAX]
        )
    field, reason = refused.details.get("field"), refused.reason
    if not isinstance(field, str) or reason.fact.category not in FIELD_CATEGORIES:
        return ()
    return (FieldError(field, reason, sentence(field, reason, refused.details)),)


def detail_of(refused: Refused, errors: tuple[FieldError, ...]) -> str:
    """Say what is wrong: with the first bad field, or with the whole of many parts."""
    if errors and not isinstance(refused, ManyRefused):
        return errors[0].detail
    return sentence("", refused.reason, refused.details)


def sentence(field: str, reason: Reason, facts: Mapping[str, Any]) -> str:
    """Say in one sentence what is wrong with this occurrence."""
    name = field[:NAME_LENGTH_MAX]
    match reason:
        case Reason.MISSING_FIELDS if name:
            return f"{name} is required."
        case Reason.UNKNOWN_FIELD if name:
            return f"{name} is not a field of this request."
        case Reason.UNKNOWN_PARAMETER if name:
            return f"{name} is not a parameter of this request."
        case _ if name and (allowed := facts.get("allowed")):
            *others, last = map(str, allowed)
            return f"{name} must be {', '.join(others)}{' or ' if others else ''}{last}."
        case _ if name and (expected := facts.get("expected")):
            return f"{name} must be {expected}."
    return reason.fact.description


def without_secrets(value: Any) -> Any:
    """Return `value` without keys that may hold a secret, at any depth (errors.md §3, rule 2)."""
    if isinstance(value, Mapping):
        kept = {name: each for name, each in value.items() if not is_secret(str(name))}
        return {name: without_secrets(each) for name, each in kept.items()}
    if isinstance(value, list | tuple):
        return [without_secrets(each) for each in value]
    return value


def is_secret(name: str) -> bool:
    """Return whether a key of this name may hold a secret."""
    lowered = name.lower()
    return lowered in SECRET_NAMES or lowered.startswith("password") or "token" in lowered


def as_refused(failure: BaseException) -> Refused:
    """Return what the client is told about a failure; nothing of its text is."""
    if isinstance(failure, Refused):
        return failure
    if isinstance(failure, NotFoundException):
        return Refused(Reason.RESOURCE_NOT_FOUND)
    if isinstance(failure, ClientException):
        return Refused(Reason.INVALID_REQUEST)
    return Refused(database_reason(failure) or Reason.INTERNAL_SERVER_ERROR)


def database_reason(failure: BaseException | None) -> Reason | None:
    """Return the reason of a failed database, found anywhere in the chain of causes."""
    while failure is not None:
        if isinstance(failure, psycopg.OperationalError | psycopg.InterfaceError):
            passing = failure.sqlstate is None or failure.sqlstate.startswith(UNREACHABLE)
            return Reason.SERVICE_UNAVAILABLE if passing else Reason.DATABASE_ERROR
        if isinstance(failure, psycopg.Error):
            return Reason.DATABASE_ERROR
        failure = failure.__cause__ or failure.__context__
    return None
