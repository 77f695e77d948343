"""Every kind of value: what it reads, and the reason it refuses with (http.md §1.6, AC-17)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import kinds, parameters
from api.fields import Faults, Field, FieldTable, Kind, read_body, read_query
from api.problems import Malformed
from ledger.errors import Reason, Refused

ID = "01956c1e-7a10-7cc3-9b1e-3f6a4f2b9c11"
READ: list[tuple[Kind, Any, Any]] = [
    (kinds.text(1, 5), "  a b ", "a b"),
    (kinds.text(1, 5), "ää ää", "ää ää"),
    (kinds.untrimmed(5, Reason.INVALID_PASSWORD_FORMAT), " ab ", " ab "),
    (kinds.pattern("[0-9]{4}"), " 1234 ", "1234"),
    (kinds.uuid(), f" {ID.upper()} ", ID),
    (kinds.enum("CREDIT", "DEBIT"), " credit ", "CREDIT"),
    (kinds.enum("own", "all", any_case=False), "own", "own"),
    (kinds.currency(), " USD ", "USD"),
    (kinds.currency(), "JPY", "JPY"),
    (kinds.money(), "0.01", "0.01"),
    (kinds.money(), "100", "100"),
    (kinds.money(), "999999999999999.12", "999999999999999.12"),
    (kinds.money(zero=True), "0", "0"),
    (kinds.money(zero=True), "0.00", "0.00"),
    (kinds.integer(0, 9), 9, 9),
    (kinds.boolean(), False, False),
    (kinds.timestamp(), "2025-03-01T10:30:00+01:00", "2025-03-01T09:30:00.000000Z"),
    (kinds.timestamp(), "2025-03-01t09:30:00.123456789z", "2025-03-01T09:30:00.123456Z"),
    (kinds.email(), "  MixedCase@Example.COM ", "mixedcase@example.com"),
    (kinds.url(), " https://a.example/x?y=1#z ", "https://a.example/x?y=1#z"),
    (kinds.anything(), {"x": 1}, {"x": 1}),
    (parameters.flag(), "true", True),
    (parameters.whole(1, 300), "300", 300),
    (parameters.position(), "0", 0),
    (parameters.page(), "3", 3),
    (parameters.page(), "x", 1),
    (parameters.page(), "0", 1),
    (parameters.page_size(), "101", 100),
    (parameters.page_size(), "0", 20),
    (parameters.page_size(), "-5", 20),
    (parameters.page_size(), "", 20),
]
REFUSED: list[tuple[Kind, list[Any], Reason]] = [
    (kinds.text(1, 5), ["123456", "", 5, [], {}, True, "a\0b"], Reason.INVALID_FIELD_VALUE),
    (
        kinds.text(1, 5, Reason.INVALID_NAME_FORMAT, plain=True),
        ["a\nb", "a\x7f", "a\x85x"],
        Reason.INVALID_NAME_FORMAT,
    ),
    (
        kinds.untrimmed(5, Reason.INVALID_PASSWORD_FORMAT),
        ["123456", 1],
        Reason.INVALID_PASSWORD_FORMAT,
    ),
    (
        kinds.pattern("[0-9]{4}"),
        ["123", "12345", 1234, "\u0661\u0662\u0663\u0664", "1234\n5"],
        Reason.INVALID_FIELD_VALUE,
    ),
    (
        kinds.uuid(),
        [ID.replace("-", ""), f"{{{ID}}}", ID + "0", 5, "x", "0" * 16],
        Reason.INVALID_UUID_FORMAT,
    ),
    (kinds.uuid(), ["", "  "], Reason.MISSING_FIELDS),
    (
        kinds.enum("CREDIT", reason=Reason.INVALID_DIRECTION),
        ["UP", 1, "", None],
        Reason.INVALID_DIRECTION,
    ),
    (kinds.enum("own", any_case=False), ["OWN"], Reason.INVALID_FIELD_VALUE),
    (
        kinds.currency(),
        ["usd", "XXX", "US", "USDD", 840, "ÄÖÜ", ""],
        Reason.INVALID_CURRENCY_FORMAT,
    ),
    (
        kinds.money(),
        [
            "1e2",
            " 1",
            "+1",
            "1,00",
            "Infinity",
            1,
            1.5,
            "01",
            ".5",
            "1.",
            "\u0661",
            "-",
            "1000000000000000",
            "1\n",
            True,
        ],
        Reason.INVALID_AMOUNT_FORMAT,
    ),
    (kinds.money(), ["0", "-1", "0.00", "-0.01", "-0"], Reason.NEGATIVE_AMOUNT),
    (kinds.money(zero=True), ["-1", "-0.01"], Reason.NEGATIVE_AMOUNT),
    (kinds.integer(0, 9), [10, -1, 1.0, "5", True, 10**30], Reason.INVALID_FIELD_VALUE),
    (kinds.boolean(), [0, "true", None], Reason.INVALID_FIELD_VALUE),
    (
        kinds.timestamp(),
        [
            "2025-03-01",
            "2025-03-01T09:30:00",
            "2025-02-30T00:00:00Z",
            "20250301T093000Z",
            "2025-03-01T24:00:00Z",
            "0001-01-01T00:00:00+23:59",
            "9999-12-31T23:59:59-23:59",
            "2025-03-01T09:30:60Z",
            "2025-03-01 09:30:00Z",
            5,
        ],
        Reason.INVALID_DATETIME_FORMAT,
    ),
    (
        kinds.email(),
        ["a", "a@b", "a b@c.d", "@c.d", "a@@b.c", "a@b.c" + "d" * 255, 5, "a\0@b.c"],
        Reason.INVALID_EMAIL_FORMAT,
    ),
    (
        kinds.url(),
        ["ftp://a", "/x", "http://", "http://u@h/", "http://a b/", "x" * 3000, 5],
        Reason.INVALID_URL_FORMAT,
    ),
    (parameters.flag(), ["TRUE", "1", ""], Reason.INVALID_FIELD_VALUE),
    (
        parameters.whole(1, 300),
        ["0", "301", "x", "-1", "1.0", "9" * 5000, "\u0661"],
        Reason.INVALID_FIELD_VALUE,
    ),
    (parameters.position(), ["-1", "x", "", "9" * 30], Reason.INVALID_POSITION),
]


@pytest.mark.parametrize(("kind", "sent", "meant"), READ)
def test_what_is_meant_is_read(kind: Kind, sent: Any, meant: Any) -> None:
    assert kind.read(sent, {}) == meant


@pytest.mark.parametrize(
    ("kind", "sent", "reason"), [(kind, sent, why) for kind, each, why in REFUSED for sent in each]
)
def test_anything_else_is_refused_with_its_reason(kind: Kind, sent: Any, reason: Reason) -> None:
    with pytest.raises(Refused) as refused:
        kind.read(sent, {})
    assert refused.value.reason is reason
    assert reason in (*kind.reasons, Reason.MISSING_FIELDS)


@pytest.mark.parametrize(
    ("amount", "currency", "reason"),
    [
        ("1.001", "USD", Reason.INVALID_AMOUNT_FORMAT),
        ("0.001", "USD", Reason.AMOUNT_TOO_SMALL),
        ("100.5", "JPY", Reason.INVALID_AMOUNT_FORMAT),
        ("100.5", "USD", None),
        ("0.001", "BHD", None),
        ("0.001", "nonsense", None),
    ],
)
def test_decimals_are_judged_by_the_currency_beside(
    amount: str, currency: str, reason: Reason | None
) -> None:
    assert refusal_of(kinds.money(), amount, {"currency": currency}) is reason


def refusal_of(kind: Kind, value: Any, document: dict[str, Any]) -> Reason | None:
    """Return why a kind refuses a value, or None when it reads it."""
    try:
        kind.read(value, document)
    except Refused as refused:
        return refused.reason
    return None


@given(st.text() | st.none() | st.integers() | st.floats() | st.lists(st.none()), st.data())
def test_no_value_breaks_a_kind(value: Any, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from([kind for kind, _, _ in REFUSED[:17]]))
    reason = refusal_of(kind, value, {"currency": value})
    assert reason in (None, *kind.reasons, Reason.MISSING_FIELDS)


TABLE = FieldTable((Field("a", kinds.text(1, 3), required=True), Field("b", kinds.integer(0, 1))))


def test_a_refusal_tells_the_facts_of_the_first_fault() -> None:
    faults = Faults()
    read_body(TABLE, {"c": 1, "b": 7}, faults)
    with pytest.raises(Malformed) as refused:
        faults.tell()
    assert refused.value.reason is Reason.UNKNOWN_FIELD
    assert refused.value.details == {"field": "c", "allowed": ["a", "b"]}
    assert [(each.field, each.detail) for each in refused.value.errors] == [
        ("c", "c is not a field of this request."),
        ("a", "a is required."),
        ("b", "b must be integer 0-1."),
    ]


def test_a_parameter_that_is_sent_is_not_blank() -> None:
    query = (Field("status", kinds.enum("A")), Field("page", parameters.page(), default=1))
    faults = Faults()
    assert read_query(query, {"status": "", "page": "", "version": "1"}, faults) == {"page": 1}
    assert [(each.field, each.reason) for each in faults.errors] == [("status", "missing_fields")]
    faults = Faults()
    read_query(query, {"stauts": "A"}, faults)
    assert faults.details == {
        "field": "stauts",
        "parameter": "stauts",
        "allowed": ["status", "page", "version"],
    }
