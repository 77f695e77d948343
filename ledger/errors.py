"""The error catalogue: every reason for saying no, and `Refused` that carries one.

`reasons.tsv` beside this file is the catalogue itself; its names and `Reason` are the same set.
"""

import csv
from collections.abc import Sequence
from enum import StrEnum
from importlib.resources import files
from typing import Any

import msgspec
from typing_extensions import override


class Category(StrEnum):
    """What kind of no: decides whether trying again can help."""

    VALIDATION = "validation"
    AUTHENTICATION = "authentication"
    AUTHORIZATION = "authorization"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    BUSINESS_RULE = "business_rule"
    EXTERNAL_DEPENDENCY = "external_dependency"
    SYSTEM = "system"
    PROTOCOL = "protocol"
    RATE_LIMIT = "rate_limit"


class Reason(StrEnum):
    """Codes that clients rely on: add freely, rename never."""

    MISSING_FIELDS = "missing_fields"
    INVALID_AMOUNT_FORMAT = "invalid_amount_format"
    INVALID_DIRECTION = "invalid_direction"
    INVALID_PAYMENT_TYPE = "invalid_payment_type"
    INVALID_TRANSACTION_TYPE = "invalid_transaction_type"
    INVALID_STATUS = "invalid_status"
    INVALID_ROLE = "invalid_role"
    INVALID_EMAIL_FORMAT = "invalid_email_format"
    INVALID_PASSWORD_FORMAT = "invalid_password_format"
    INVALID_NAME_FORMAT = "invalid_name_format"
    INVALID_UUID_FORMAT = "invalid_uuid_format"
    INVALID_DATETIME_FORMAT = "invalid_datetime_format"
    INVALID_DESCRIPTION_FORMAT = "invalid_description_format"
    INVALID_REFERENCE_FORMAT = "invalid_reference_format"
    INVALID_CURRENCY_FORMAT = "invalid_currency_format"
    INVALID_COUNTRY_FORMAT = "invalid_country_format"
    INVALID_URL_FORMAT = "invalid_url_format"
    URL_NOT_ALLOWED = "url_not_allowed"
    INVALID_ACCOUNT_TYPE = "invalid_account_type"
    INVALID_ACCOUNT_NAME_FORMAT = "invalid_account_name_format"
    AMOUNT_TOO_SMALL = "amount_too_small"
    DESCRIPTION_REQUIRED = "description_required"
    DESCRIPTION_TOO_LONG = "description_too_long"
    WEBHOOK_PROCESSING_FAILED = "webhook_processing_failed"
    INVALID_REASON_FORMAT = "invalid_reason_format"
    INVALID_CATEGORY = "invalid_category"
    INVALID_CATEGORY_FORMAT = "invalid_category_format"
    INVALID_REQUEST = "invalid_request"
    INVALID_JSON = "invalid_json"
    UNKNOWN_FIELD = "unknown_field"
    UNKNOWN_PARAMETER = "unknown_parameter"
    INVALID_FIELD_VALUE = "invalid_field_value"
    INVALID_SORT_FIELD = "invalid_sort_field"
    INVALID_CURSOR = "invalid_cursor"
    INVALID_DATE_RANGE = "invalid_date_range"
    INVALID_AMOUNT_RANGE = "invalid_amount_range"
    INVALID_POSITION = "invalid_position"
    INVALID_IDEMPOTENCY_KEY = "invalid_idempotency_key"
    INVALID_SCHEDULE = "invalid_schedule"
    INVALID_DESTINATION = "invalid_destination"
    INVALID_BATCH_SIZE = "invalid_batch_size"
    INVALID_OAUTH_STATE = "invalid_oauth_state"
    UNSUPPORTED_API_VERSION = "unsupported_api_version"
    INVALID_CREDENTIALS = "invalid_credentials"
    INVALID_PASSWORD = "invalid_password"
    INVALID_TOKEN = "invalid_token"
    TOKEN_EXPIRED = "token_expired"
    TOKEN_REVOKED = "token_revoked"
    INVALID_TOKEN_TYPE = "invalid_token_type"
    MISSING_REQUIRED_CLAIMS = "missing_required_claims"
    UNAUTHORIZED = "unauthorized"
    INVALID_REFRESH_TOKEN_FORMAT = "invalid_refresh_token_format"
    INVALID_ISSUER = "invalid_issuer"
    INVALID_AUDIENCE = "invalid_audience"
    TOKEN_NOT_YET_VALID = "token_not_yet_valid"
    FORBIDDEN = "forbidden"
    INSUFFICIENT_PERMISSIONS = "insufficient_permissions"
    UNAUTHORIZED_ACCESS = "unauthorized_access"
    CONFIRMATION_REQUIRED = "confirmation_required"
    USER_NOT_FOUND = "user_not_found"
    ACCOUNT_NOT_FOUND = "account_not_found"
    PAYMENT_NOT_FOUND = "payment_not_found"
    TOKEN_NOT_FOUND = "token_not_found"
    BANK_NOT_FOUND = "bank_not_found"
    BRANCH_NOT_FOUND = "branch_not_found"
    CONNECTION_NOT_FOUND = "connection_not_found"
    TRANSACTION_NOT_FOUND = "transaction_not_found"
    TRANSFER_NOT_FOUND = "transfer_not_found"
    POSTING_NOT_FOUND = "posting_not_found"
    HOLD_NOT_FOUND = "hold_not_found"
    QUOTE_NOT_FOUND = "quote_not_found"
    DISCREPANCY_NOT_FOUND = "discrepancy_not_found"
    JOB_NOT_FOUND = "job_not_found"
    SESSION_NOT_FOUND = "session_not_found"
    SERVICE_ACCOUNT_NOT_FOUND = "service_account_not_found"
    WEBHOOK_ENDPOINT_NOT_FOUND = "webhook_endpoint_not_found"
    EVENT_NOT_FOUND = "event_not_found"
    STREAM_NOT_FOUND = "stream_not_found"
    CHECKPOINT_NOT_FOUND = "checkpoint_not_found"
    PROJECTION_NOT_FOUND = "projection_not_found"
    BREAKER_NOT_FOUND = "breaker_not_found"
    PROBLEM_NOT_FOUND = "problem_not_found"
    RESOURCE_NOT_FOUND = "resource_not_found"
    EMAIL_ALREADY_EXISTS = "email_already_exists"
    ALREADY_PROCESSED = "already_processed"
    DUPLICATE_TRANSACTION = "duplicate_transaction"
    LAST_ADMIN = "last_admin"
    VERSION_CONFLICT = "version_conflict"
    IDEMPOTENCY_IN_PROGRESS = "idempotency_in_progress"
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    BANK_ALREADY_EXISTS = "bank_already_exists"
    BRANCH_ALREADY_EXISTS = "branch_already_exists"
    CONNECTION_ALREADY_EXISTS = "connection_already_exists"
    ACCOUNT_ALREADY_LINKED = "account_already_linked"
    INVALID_ACCOUNT_TRANSITION = "invalid_account_transition"
    HOLD_NOT_ACTIVE = "hold_not_active"
    QUOTE_ALREADY_USED = "quote_already_used"
    POSTING_ALREADY_REVERSED = "posting_already_reversed"
    JOB_NOT_CANCELLABLE = "job_not_cancellable"
    REBUILD_IN_PROGRESS = "rebuild_in_progress"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    ACCOUNT_INACTIVE = "account_inactive"
    DAILY_LIMIT_EXCEEDED = "daily_limit_exceeded"
    AMOUNT_EXCEEDS_LIMIT = "amount_exceeds_limit"
    NEGATIVE_AMOUNT = "negative_amount"
    NEGATIVE_BALANCE = "negative_balance"
    CURRENCY_MISMATCH = "currency_mismatch"
    ACCOUNT_FROZEN = "account_frozen"
    ACCOUNT_SUSPENDED = "account_suspended"
    SAME_ACCOUNT_TRANSFER = "same_account_transfer"
    ACCOUNT_NOT_EMPTY = "account_not_empty"
    HOLD_AMOUNT_EXCEEDED = "hold_amount_exceeded"
    QUOTE_EXPIRED = "quote_expired"
    QUOTE_MISMATCH = "quote_mismatch"
    UNSUPPORTED_CURRENCY_PAIR = "unsupported_currency_pair"
    PAYMENT_DECLINED = "payment_declined"
    PROCESSING_CANCELLED = "processing_cancelled"
    CONNECTION_INACTIVE = "connection_inactive"
    CONSENT_DENIED = "consent_denied"
    CONSENT_EXPIRED = "consent_expired"
    RAIL_UNAVAILABLE = "rail_unavailable"
    REVERSAL_NOT_ALLOWED = "reversal_not_allowed"
    CREDIT_LIMIT_NOT_ALLOWED = "credit_limit_not_allowed"
    BULK_REJECTED = "bulk_rejected"
    TIMEOUT = "timeout"
    SERVICE_UNAVAILABLE = "service_unavailable"
    BANK_API_ERROR = "bank_api_error"
    PAYMENT_PROVIDER_ERROR = "payment_provider_error"
    CIRCUIT_BREAKER_OPEN = "circuit_breaker_open"
    PROVIDER_RATE_LIMITED = "provider_rate_limited"
    SYNC_FAILED = "sync_failed"
    NOTIFICATION_DELIVERY_FAILED = "notification_delivery_failed"
    SETTLEMENT_OVERDUE = "settlement_overdue"
    INTERNAL_SERVER_ERROR = "internal_server_error"
    DATABASE_ERROR = "database_error"
    CONFIGURATION_ERROR = "configuration_error"
    PAYMENT_PROCESSING_FAILED = "payment_processing_failed"
    PROJECTION_LAGGING = "projection_lagging"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    NOT_ACCEPTABLE = "not_acceptable"
    REQUEST_BODY_TOO_LARGE = "request_body_too_large"
    REQUEST_HEADERS_TOO_LARGE = "request_headers_too_large"
    REQUEST_URI_TOO_LONG = "request_uri_too_long"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    RATE_LIMIT_EXCEEDED = "rate_limit_exceeded"
    LOGIN_THROTTLED = "login_throttled"
    PERIOD_CLOSED = "period_closed"

    @property
    def fact(self) -> "Fact":
        """Return the row of the catalogue: status, category, advice."""
        return CATALOGUE[self]


class Fact(msgspec.Struct, frozen=True):
    """One row of the catalogue."""

    reason: str
    category: Category
    status: int
    title: str
    retryable: bool
    max_retries: int
    delay_ms: int
    description: str
    example: dict[str, Any]


class Refused(Exception):
    """The rules say no. Nothing was recorded; the caller is told the reason and the facts."""

    def __init__(self, reason: Reason, **details: Any) -> None:
        super().__init__(reason, details)
        self.reason = reason
        self.details = details

    @override
    def __str__(self) -> str:
        return f"{self.reason}: {self.reason.fact.title}"


class ManyRefused(Refused):
    """Several parts of one wish were refused; each is addressed as the asker wrote it."""

    def __init__(
        self, reason: Reason, refused: Sequence[tuple[str, Refused]], **details: Any
    ) -> None:
        super().__init__(reason, **details)
        self.refused = tuple(refused)


def read_catalogue() -> dict[str, Fact]:
    """Read `reasons.tsv` into one `Fact` per reason, in file order."""
    text = files("ledger").joinpath("reasons.tsv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    return {
        row["reason"]: msgspec.convert(
            {**row, "example": msgspec.json.decode(row["example"])}, Fact, strict=False
        )
        for row in rows
    }


CATALOGUE = read_catalogue()
assert CATALOGUE.keys() == set(Reason), "the catalogue and the reasons are the same set"
