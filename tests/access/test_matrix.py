"""Every cell of the policy matrix, over HTTP: each role, on their own record and on another's."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from api.endpoint import Endpoint
from api.envelope import now_text
from ops.http import endpoints_of
from ops.settings import read_settings
from tests.access.house import SETTINGS, Caller, House
from tests.access.matrix import FORBIDDEN, MATRIX, ROLES, UNAUTHORIZED, Row
from tests.access.town import OWN_ALONE, PERSONAL, Town

CONFIRM = "confirmation_required"
PLACEHOLDER = re.compile(r"\{(id|name|position|period|key|correlation_id)\}")
TABLE = endpoints_of(read_settings(SETTINGS, keep_keys=False))
SERVED: dict[tuple[str, str], Endpoint] = {
    (endpoint.method, endpoint.path): endpoint for endpoint in TABLE
}
ALWAYS = {"/api/problems", "/api/health/live", "/api/docs/openapi.json"}
ROWS = [each for each in MATRIX if each.route in SERVED or each.path in ALWAYS]


@pytest.fixture(scope="module")
def town(house: House) -> Town:
    return Town(house)


def named(row: Row) -> str:
    return f"{row.action}: {row.method} {row.path}{row.query}"


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_a_row_of_the_matrix(town: Town, row: Row) -> None:
    wrong = [
        f"{role} on {whose}: expected {'yes' if allowed else 'no'}, got {status} {reason}"
        for role, caller, whose, owner, allowed in cells(town, row)
        for status, reason in [asked(town, row, caller, owner)]
        if not is_right(row, role, whose, status, reason, allowed=allowed)
    ]
    assert wrong == []


def cells(town: Town, row: Row) -> Iterator[tuple[str, Caller, str, Caller, bool]]:
    """Yield who asks about whose record, and whether they may."""
    for role, cell in zip(ROLES, row.cells, strict=True):
        if role == "service":
            yield from machine_cells(town, cell)
            continue
        caller = town.caller(role, lasting=row.target != "throwaway")
        if row.target not in OWN_ALONE or role == "anonymous":
            yield role, caller, "other", town.stranger, cell in {"all", "others"}
        has_some = role not in {"anonymous", "auditor"} or row.target in PERSONAL
        if role != "anonymous" and has_some:
            yield role, caller, "own", caller, cell in {"all", "own"}


def machine_cells(town: Town, cell: str) -> Iterator[tuple[str, Caller, str, Caller, bool]]:
    """Yield the service account that has the scope and nothing else, and one with all others."""
    if cell in {"no", "all"}:
        yield "service", town.machines_without(""), "other", town.stranger, cell == "all"
        return
    yield f"service {cell}", town.machine(cell), "other", town.stranger, True
    yield f"service without {cell}", town.machines_without(cell), "other", town.stranger, False


def asked(town: Town, row: Row, caller: Caller, owner: Caller) -> tuple[int, str]:
    """Ask what the row is about; return status and reason."""
    names = {"target": town.target(row.target, owner), "sink": town.sink}
    path = PLACEHOLDER.sub("{target}", row.path) + row.query.replace("{now}", now_text())
    answer = town.house.ask(
        caller,
        row.method,
        path.format(**names),
        filled(row.body, names),
        headers=row.headers,
    )
    return answer.status_code, "" if answer.is_success else told(answer.json())


def told(problem: Any) -> str:
    """Return why a request was refused; a bulk says it of its items."""
    rejected = problem["reason"] == "bulk_rejected"
    return str(problem["errors"][0]["reason"] if rejected else problem["reason"])


def filled(body: Any, names: dict[str, str]) -> Any:
    """Return a body with ids in the places of their names."""
    match body:
        case dict():
            return {name: filled(each, names) for name, each in body.items()}
        case list():
            return [filled(each, names) for each in body]
        case str():
            return body.format(**names)
        case _:
            return body


def is_right(row: Row, role: str, whose: str, status: int, reason: str, *, allowed: bool) -> bool:
    """Say whether an answer is what the cell wants."""
    if allowed:
        return status in row.admitted and reason not in {FORBIDDEN, UNAUTHORIZED}
    if role == "anonymous":
        return (status, reason) == (401, "invalid_token")
    cell = dict(zip(ROLES, row.cells, strict=True)).get(role)
    if cell == "own" and whose == "other":
        return (status, reason) == row.otherwise
    return status == 403 and reason in {FORBIDDEN, UNAUTHORIZED, CONFIRM}


def test_every_published_route_that_asks_who_calls_has_a_row() -> None:
    told = {each.route for each in MATRIX}
    asking = {
        route
        for route, endpoint in SERVED.items()
        if endpoint.published and (not endpoint.who.anonymous or endpoint.who.people_only)
    }
    assert asking - told == set()


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_a_route_is_open_to_whom_its_rows_say(row: Row) -> None:
    """See that the edge turns nobody away whom some row of the same route lets in."""
    endpoint = SERVED.get(row.route)
    if endpoint is None:
        return
    same = [each.cells for each in MATRIX if each.route == row.route]
    columns = {role: {cells[place] for cells in same} for place, role in enumerate(ROLES)}
    open_to = {role for role in ROLES[1:5] if columns[role] - {"no"}}
    scopes = columns["service"] - {"no", "all"}
    if endpoint.who.anonymous:
        assert columns["anonymous"] == {"all"}
        return
    assert endpoint.who.roles == open_to
    assert endpoint.who.scopes == scopes
    assert endpoint.who.any_service is ("all" in columns["service"])
