"""GET /api/problems…: the error catalogue, published (http.md §4.4)."""

import re
from collections import Counter
from typing import Any

import msgspec

from api.call import Call
from api.callers import ANYONE
from api.endpoint import Endpoint
from api.envelope import encoded
from api.fields import Field
from api.kinds import anything
from api.problems import TYPES
from api.reply import Reply
from ledger.errors import CATALOGUE, Category, Fact, Reason, Refused

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
LAST_UPDATED = "2026-11-21T00:00:00.000000Z"
"""When the catalogue was last changed; moves with `ledger/reasons.tsv`."""
DEFAULT_STATUS: dict[Category, int | None] = {
    Category.VALIDATION: 400,
    Category.AUTHENTICATION: 401,
    Category.AUTHORIZATION: 403,
    Category.NOT_FOUND: 404,
    Category.CONFLICT: 409,
    Category.BUSINESS_RULE: 422,
    Category.EXTERNAL_DEPENDENCY: 503,
    Category.SYSTEM: 500,
    Category.PROTOCOL: None,
    Category.RATE_LIMIT: 429,
}
assert DEFAULT_STATUS.keys() == set(Category), "every category has its row"
REASON, CATEGORY = (
    msgspec.structs.replace(anything(), schema={"type": "string"} | narrowed)
    for narrowed in ({"pattern": f"^{NAME.pattern}$"}, {"enum": [*map(str, Category)]})
)
"""Told to clients; the routes themselves judge, each with reasons of its own."""


class ProblemType(msgspec.Struct, frozen=True, kw_only=True):
    """One reason, as clients see it."""

    code: str
    type: str
    status: int
    title: str
    category: str
    retryable: bool
    retry_delay_ms: int
    max_retry_attempts: int


class ProblemEntry(ProblemType, frozen=True, kw_only=True):
    """One reason in full."""

    description: str
    examples: list[dict[str, Any]]


class CatalogueMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """What the whole catalogue comes to."""

    total_errors: int
    categories: list[str]
    counts: dict[str, int]
    api_version: str = "v1"
    last_updated: str = LAST_UPDATED


class CategoryMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """What one category comes to; `http_status` is its usual status."""

    category: str
    total_errors: int
    http_status: int | None


def problem_type(fact: Fact) -> ProblemType:
    """Return the public row of a reason."""
    return ProblemType(
        code=fact.reason,
        type=TYPES + fact.reason,
        status=fact.status,
        title=fact.title,
        category=fact.category,
        retryable=fact.retryable,
        retry_delay_ms=fact.delay_ms,
        max_retry_attempts=fact.max_retries,
    )


def problem_entry(fact: Fact) -> ProblemEntry:
    """Return the public row of a reason with its description and example."""
    row = msgspec.structs.asdict(problem_type(fact))
    return ProblemEntry(**row, description=fact.description, examples=[fact.example])


ROWS = sorted((problem_type(fact) for fact in CATALOGUE.values()), key=lambda row: row.code)
COUNTS = Counter(row.category for row in ROWS)
CATALOGUE_METADATA = CatalogueMetadata(
    total_errors=len(ROWS),
    categories=[*map(str, Category)],
    counts={str(category): COUNTS[category] for category in Category},
)


async def list_problems(_: Call) -> Reply:
    """List every reason the product gives for saying no."""
    return Reply(data=encoded(ROWS), metadata=encoded(CATALOGUE_METADATA))


async def show_problem(call: Call) -> Reply:
    """Show one reason with its description and an example."""
    reason = call.path["reason"]
    if not NAME.fullmatch(reason):
        raise Refused(Reason.INVALID_REASON_FORMAT)
    if reason not in CATALOGUE:
        raise Refused(Reason.PROBLEM_NOT_FOUND)
    return Reply(data=encoded(problem_entry(CATALOGUE[reason])))


async def list_problems_of_category(call: Call) -> Reply:
    """List the reasons of one category."""
    name = call.path["category"]
    if not NAME.fullmatch(name):
        raise Refused(Reason.INVALID_CATEGORY_FORMAT)
    if name not in set(Category):
        raise Refused(Reason.INVALID_CATEGORY, allowed=[*map(str, Category)])
    rows = [row for row in ROWS if row.category == name]
    metadata = CategoryMetadata(
        category=name, total_errors=len(rows), http_status=DEFAULT_STATUS[Category(name)]
    )
    return Reply(data=encoded(rows), metadata=encoded(metadata))


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/api/problems",
        handler=list_problems,
        who=ANYONE,
        summary="List every reason for a refusal",
        tag="problems",
        data=list[ProblemType],
        metadata=CatalogueMetadata,
    ),
    Endpoint(
        method="GET",
        path="/api/problems/{reason}",
        places=(Field("reason", REASON),),
        handler=show_problem,
        who=ANYONE,
        summary="Show one reason",
        tag="problems",
        data=ProblemEntry,
        reasons=(Reason.INVALID_REASON_FORMAT, Reason.PROBLEM_NOT_FOUND),
    ),
    Endpoint(
        method="GET",
        path="/api/problems/category/{category}",
        places=(Field("category", CATEGORY),),
        handler=list_problems_of_category,
        who=ANYONE,
        summary="List the reasons of one category",
        tag="problems",
        data=list[ProblemType],
        metadata=CategoryMetadata,
        reasons=(Reason.INVALID_CATEGORY_FORMAT, Reason.INVALID_CATEGORY),
    ),
)
