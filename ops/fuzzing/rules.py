"""What an answer must be beyond the usual checks: refused only for what no schema can say."""

from typing import Any

from schemathesis import Case, CheckContext, Response

NO_NUL = "no NUL characters"
"""What no text may hold, whatever schema lets it (http.md §1.5)."""
REFUSED, PROTOCOL = 400, frozenset({405, 406, 413, 414, 415})
BEYOND = {
    "amount_too_small": "what a unit is depends on the currency",
    "invalid_amount_format": "how many decimals there are depends on the currency",
    "invalid_amount_range": "two parameters in the wrong order",
    "invalid_currency_format": "which codes are in use is not in a pattern",
    "invalid_cursor": "a cursor is signed",
    "invalid_date_range": "two parameters in the wrong order",
    "invalid_datetime_format": "a time may lie in the future, or a day not exist",
    "invalid_destination": "a destination goes with one kind of payment only",
    "invalid_field_value": "one field contradicts another",
    "invalid_idempotency_key": "quotes come in pairs",
    "invalid_oauth_state": "a state is one that was given out",
    "invalid_password_format": "two passwords have to be the same, and as long as a setting says",
    "invalid_position": "a position above the head, or of another store",
    "invalid_schedule": "a time may be over, or too far away",
    "invalid_sort_field": "at most four fields, separated by commas",
    "invalid_url_format": "a host has limits of its own within the length of the whole",
    "missing_fields": "what is blank once trimmed is missing, and one field may ask for another",
    "unknown_parameter": "two parameters exclude each other",
    "url_not_allowed": "where a name leads is not in the name",
}
"""Why a request may be refused although its schema allows it, by reason."""


def refused_for_what_no_schema_says(
    _context: CheckContext, response: Response, case: Case[Any]
) -> bool | None:
    """See that what the document allows is refused only for what it cannot express.

    Replaces `positive_data_acceptance`, which knows statuses but no reasons.
    """
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return None
    if response.status_code not in {REFUSED, *PROTOCOL}:
        return None
    told = response.json()
    reason, rule = told["reason"], told["details"].get("rule")
    known = reason in BEYOND or (reason == "invalid_json" and rule == NO_NUL)
    assert known, f"allowed by its schema, and yet refused as {reason}"
    return None
