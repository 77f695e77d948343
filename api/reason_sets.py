"""Why an endpoint may refuse: the common sets of http.md §2, and what its own table adds."""

from api.endpoint import Endpoint
from api.fields import Field
from ledger.errors import Reason

GENERAL = (
    Reason.INVALID_REQUEST,
    Reason.UNSUPPORTED_API_VERSION,
    Reason.RESOURCE_NOT_FOUND,
    Reason.METHOD_NOT_ALLOWED,
    Reason.NOT_ACCEPTABLE,
    Reason.REQUEST_HEADERS_TOO_LARGE,
    Reason.REQUEST_URI_TOO_LONG,
    Reason.RATE_LIMIT_EXCEEDED,
    Reason.INTERNAL_SERVER_ERROR,
    Reason.DATABASE_ERROR,
    Reason.SERVICE_UNAVAILABLE,
)
TOKEN = (
    Reason.INVALID_TOKEN,
    Reason.MISSING_REQUIRED_CLAIMS,
    Reason.INVALID_TOKEN_TYPE,
    Reason.TOKEN_NOT_YET_VALID,
    Reason.TOKEN_EXPIRED,
    Reason.INVALID_ISSUER,
    Reason.INVALID_AUDIENCE,
    Reason.TOKEN_REVOKED,
)
ROLE = (Reason.INSUFFICIENT_PERMISSIONS,)
BODY = (
    Reason.INVALID_JSON,
    Reason.UNKNOWN_FIELD,
    Reason.MISSING_FIELDS,
    Reason.INVALID_FIELD_VALUE,
    Reason.REQUEST_BODY_TOO_LARGE,
    Reason.UNSUPPORTED_MEDIA_TYPE,
)
QUERY = (Reason.UNKNOWN_PARAMETER, Reason.INVALID_FIELD_VALUE)
READ = (Reason.INVALID_POSITION, Reason.PROJECTION_LAGGING)
LIST = (
    Reason.MISSING_FIELDS,
    Reason.INVALID_CURSOR,
    Reason.INVALID_SORT_FIELD,
    Reason.INVALID_DATETIME_FORMAT,
    Reason.INVALID_DATE_RANGE,
    Reason.INVALID_AMOUNT_RANGE,
    Reason.INVALID_AMOUNT_FORMAT,
    Reason.INVALID_UUID_FORMAT,
)
KEYED = (
    Reason.INVALID_IDEMPOTENCY_KEY,
    Reason.IDEMPOTENCY_IN_PROGRESS,
    Reason.SERVICE_UNAVAILABLE,
    Reason.IDEMPOTENCY_KEY_REUSED,
)
CONDITIONAL = (Reason.VERSION_CONFLICT,)


def minds_blanks(parameter: Field) -> bool:
    """Say whether a parameter without a value is a mistake."""
    return not parameter.kind.forgiving


def reasons_of(endpoint: Endpoint) -> list[Reason]:
    """Return every reason an endpoint may give, in the order of the catalogue."""
    body_fields = () if endpoint.body is None else endpoint.body.fields
    commands = endpoint.method != "GET"
    found = {*GENERAL, *endpoint.reasons}
    found.update(() if endpoint.who.anonymous else (*TOKEN, *ROLE))
    found.update(ROLE if endpoint.who.people_only else ())
    found.update(BODY if commands else ())
    found.update(QUERY if endpoint.query is not None else ())
    found.update(READ if endpoint.reads else ())
    found.update(LIST if endpoint.listed else ())
    found.update(KEYED if endpoint.keyed else ())
    found.update(CONDITIONAL if endpoint.conditional else ())
    for field in (*endpoint.path_fields, *(endpoint.query or ()), *body_fields):
        found.update(field.kind.reasons)
        found.update({Reason.MISSING_FIELDS} if field.required else ())
    found.update({Reason.MISSING_FIELDS} if any(map(minds_blanks, endpoint.query or ())) else ())
    return [reason for reason in Reason if reason in found]
