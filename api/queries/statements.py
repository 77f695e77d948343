"""GET /api/accounts/{id}/statement: what was booked in a period (ledger.md §9)."""

from collections.abc import AsyncGenerator, Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from api.books import Statement
from api.call import Call
from api.callers import HUMAN
from api.endpoint import Endpoint
from api.envelope import encoded
from api.fields import Document, Field, Kind
from api.kinds import enum
from api.negotiation import WELCOME
from api.parameters import FIRST_MOMENT, LAST_MOMENT, day_or_timestamp
from api.queries import statement_message, statement_table
from api.reading import Reading, permit, viewer_of
from api.reply import JSON, Stream
from ledger.errors import Reason, Refused
from ledger.money import decimal_text
from ledger.policies import access
from projections import statements
from projections.statements import Account, Figures, Period
from schema.postgres import Pool

COVERED_MAX = timedelta(days=366)


class Asked(msgspec.Struct, frozen=True):
    """A statement that somebody may see: of which account, over what, and what it comes to."""

    pool: Pool
    account: Account
    period: Period
    figures: Figures
    viewer: str | None


async def show_statement(call: Call) -> Stream:
    """Show what was booked on an account between two moments, as data or as a document."""
    pool = call.use(Reading).pool
    account = await statements.account_of(pool, call.path["id"])
    if account is None:
        raise Refused(Reason.ACCOUNT_NOT_FOUND)
    permit(call, access.may_read_account, [account.owner])
    period = Period(call.query["from"], call.query["to"])
    figures = await statements.figures_of(pool, account, period)
    return FORMATS[call.query["format"]](Asked(pool, account, period, figures, viewer_of(call)))


def as_data(asked: Asked) -> Stream:
    """Return the statement as JSON."""
    return Stream(pieces=data_of(asked), content_type=JSON)


async def data_of(asked: Asked) -> AsyncGenerator[bytes, None]:
    """Yield the statement: its head with all figures, then its lines."""
    yield encoded(head_of(asked))[:-1] + b',"lines":['
    between, figures = b"", asked.figures
    pages = statements.shaped_lines(
        asked.pool, asked.account, asked.period, figures.last, asked.viewer
    )
    async for page in pages:
        yield between + b",".join(page)
        between = b","
    yield b"]}"


def head_of(asked: Asked) -> dict[str, str]:
    """Return everything but the lines."""
    account, period, figures = asked.account, asked.period, asked.figures
    amounts = {
        "opening_balance": figures.opening,
        "closing_balance": figures.closing,
        "total_credits": figures.credits,
        "total_debits": figures.debits,
    }
    return {
        "account_id": account.id,
        "currency": account.currency,
        "from": period.since,
        "to": period.until,
        **{name: decimal_text(minor, account.currency) for name, minor in amounts.items()},
    }


def as_table(asked: Asked) -> Stream:
    """Return the statement as a table for spreadsheets."""
    return Stream(
        pieces=rows_of(asked),
        content_type=b"text/csv; charset=utf-8",
        headers=(attachment(asked, "csv"),),
    )


async def rows_of(asked: Asked) -> AsyncGenerator[bytes, None]:
    """Yield the table, header first."""
    yield statement_table.header()
    async for page in lines_of(asked):
        yield statement_table.rows(page, asked.account.currency)


def as_message(asked: Asked) -> Stream:
    """Return the statement as a message that accounting programs take in."""
    return Stream(
        pieces=message_of(asked),
        content_type=b"application/xml",
        headers=(attachment(asked, "xml"),),
    )


async def message_of(asked: Asked) -> AsyncGenerator[bytes, None]:
    """Yield the message: balances and sums, then the entries."""
    yield statement_message.head(asked.account, asked.period, asked.figures)
    async for page in lines_of(asked):
        yield statement_message.entries(page, asked.account.currency)
    yield statement_message.FOOT


def lines_of(asked: Asked) -> Any:
    """Return the lines of a statement, page by page."""
    return statements.lines(asked.pool, asked.account, asked.period, asked.figures.last)


def attachment(asked: Asked, ending: str) -> tuple[bytes, bytes]:
    """Return the header that names the file to keep the statement in."""
    first, last = asked.period.since[:10], asked.period.until[:10]
    name = f"statement-{asked.account.id}-{first}-{last}.{ending}"
    return b"content-disposition", f'attachment; filename="{name}"'.encode()


def ending() -> Kind:
    """Accept the end of a period that is not before its begin, and not too long after it."""
    end = day_or_timestamp(LAST_MOMENT)
    begin = day_or_timestamp(FIRST_MOMENT)

    def read(value: Any, document: Document) -> str:
        until: str = end.read(value, document)
        try:
            since = begin.read(document.get("from", ""), document)
        except Refused:
            return until
        covered = datetime.fromisoformat(until) - datetime.fromisoformat(since)
        if not timedelta(0) <= covered <= COVERED_MAX:
            raise Refused(Reason.INVALID_DATE_RANGE, expected="0 to 366 days after from")
        return until

    reasons = (*end.reasons, Reason.INVALID_DATE_RANGE)
    return Kind(read=read, schema=end.schema, reasons=reasons)


FORMATS: dict[str, Callable[[Asked], Stream]] = {
    "json": as_data,
    "csv": as_table,
    "camt053": as_message,
}
EXPORTS = ("text/csv", "application/xml")
ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/accounts/{id}/statement",
        handler=show_statement,
        who=HUMAN,
        summary="Show the statement of an account",
        tag="Accounts",
        query=(
            Field("from", day_or_timestamp(FIRST_MOMENT), required=True),
            Field("to", ending(), required=True),
            Field("format", enum(*FORMATS), default="json"),
        ),
        reads=("accounts", "transactions"),
        data=Statement,
        exports=EXPORTS,
        accepts=WELCOME | frozenset(EXPORTS),
        reasons=(Reason.UNAUTHORIZED_ACCESS, Reason.ACCOUNT_NOT_FOUND),
    ),
)
