"""Every list of the endpoint table, asked the same hard questions (AC-24, AC-25, AC-26)."""

import re
from typing import Any

import httpx2
import pytest

from api.endpoint import Endpoint
from ledger.identity import new_id
from ops.http import endpoints_of
from ops.settings import read_settings
from tests.journeys.people import Door, Person, Town
from tests.journeys.receiver import receiving
from tests.journeys.system import APIS, System
from tests.journeys.wire import problem_of, reason_of

SETTINGS = read_settings({"LEDGERBANK_ENV": "test"})
LISTS = {each.path: each for each in endpoints_of(SETTINGS) if each.listed}
every_list = pytest.mark.parametrize("path", LISTS)
WEBHOOKS = "/api/webhook-endpoints"
COMPARED = 60
KEYS_AT_ONCE, BYTES_OF_A_KEY = 200, 90
"""An address holds so many names; a name that is kept in a dictionary weighs as much."""


class Asker:
    """Asks one list as an administrator, of everybody's rows where there are such."""

    def __init__(self, town: Town, endpoint: Endpoint) -> None:
        self.person = town.admin
        self.endpoint = endpoint
        self.parameters = {field.name: field.kind.schema for field in endpoint.query or ()}
        self.everybody = {"scope": "all"} if "scope" in self.parameters else {}
        self.path = filled(self.person, endpoint.path)

    def ask(self, **asked: str) -> httpx2.Response:
        url = httpx2.URL(self.path, params=self.everybody | asked)
        return self.person.ask("GET", str(url))

    def pages(self, **asked: str) -> tuple[list[Any], dict[str, Any]]:
        """Return the rows of a page and what is told beside them."""
        answer = self.ask(**asked)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()["metadata"]["pagination"]
        return answer.json()["data"], told


def filled(person: Person, path: str) -> str:
    """Fill the places of a path with the first thing that is listed before them."""
    before, place, after = path.partition("/{")
    if not place:
        return path
    if before == "/api/streams":
        return f"{before}/user-{person.id}"
    rows = person.ask("GET", f"{before}?scope=all").json().get("data")
    rows = rows or person.ask("GET", before).json().get("data") or [{}]
    rest = after.partition("}")[2]
    return filled(person, f"{before}/{rows[0].get('id') or new_id()}{rest}")


@pytest.fixture(scope="module")
def _busy(town: Town) -> None:
    """Have some rows of every kind."""
    customer = town.customer()
    source, destination = town.account(customer), town.account(customer, None)
    with receiving() as receiver:
        endpoint = town.admin.made(
            WEBHOOKS, {"url": receiver.url, "event_types": ["account.closed"]}
        )
        for _ in range(4):
            town.admin.made(f"{WEBHOOKS}/{endpoint['id']}/test")
        receiver.of("ping", 4)
    for number in range(4):
        town.door.send(customer.transfer(source, destination, f"{number + 1}.00"))
        customer.payment(source, f"{number + 1}.00")


@pytest.fixture
def rows(town: Town, path: str, _busy: None) -> Asker:
    return Asker(town, LISTS[path])


@every_list
def test_pages_are_what_they_say(rows: Asker) -> None:
    if "page_size" not in rows.parameters:
        assert rows.pages(limit="3")[1]["type"] == "keyset"
        assert "page" not in rows.parameters
        return
    first, told = rows.pages(page_size="3")
    assert told["page_size"] == 3
    assert told["total_pages"] == -(-told["total_count"] // 3)
    assert (told["has_prev"], told["has_next"]) == (False, told["total_count"] > 3)
    assert len(first) == min(3, told["total_count"])
    assert rows.pages(page_size="3", page="0") == rows.pages(page="x", page_size="3")
    assert rows.pages(page_size="101")[1]["page_size"] == 100
    assert rows.pages(page_size="-1")[1]["page_size"] == 20
    _, beyond = rows.pages(page="999999", page_size="3")
    assert (beyond["has_next"], beyond["has_prev"]) == (False, True)


@every_list
def test_a_walk_shows_what_the_pages_show_and_ends_where_they_end(rows: Asker) -> None:
    if "date_to" in rows.parameters:
        now = rows.person.ask("GET", "/api/health").json()["timestamp"]
        rows.everybody |= {"date_to": now}
    whole, told = rows.pages(limit="100")
    assert told["type"] == "keyset"
    half = max(1, -(-len(whole[:COMPARED]) // 2))
    walked, at = rows.pages(limit=str(half))
    assert at["has_more"] == (len(whole) > half)
    if at["has_more"]:
        page, at = rows.pages(limit=str(half), cursor=at["next_cursor"])
        walked += page
        assert at["has_more"] == (told["has_more"] or len(whole) > 2 * half)
    assert (at["next_cursor"] is not None) == at["has_more"]
    assert places(walked) == places(whole[:COMPARED])


def places(rows: list[dict[str, Any]]) -> list[Any]:
    return [row.get("id") or row.get("position") or row for row in rows]


@every_list
def test_a_cursor_is_ours_and_of_this_list(rows: Asker, door: Door, town: Town) -> None:
    cursors = ["x", "", "e30", "A" * 40, "." * 10, "a" * 900]
    _, told = rows.pages(limit="1")
    genuine = told["next_cursor"]
    if genuine is not None:
        flipped = "B" if genuine[10] != "B" else "C"
        cursors += [genuine[:-2], genuine[:10] + flipped + genuine[11:]]
        usual = rows.parameters.get("sort", {}).get("default")
        other_ways = [f"{name}:{way}" for name in sorts_of(rows)[:1] for way in ("asc", "desc")]
        changes = [{"sort": way} for way in other_ways if way != usual]
        for changed in changes:
            assert reason_of(rows.ask(limit="1", cursor=genuine, **changed)) == "invalid_cursor"
        if "page" in rows.parameters:
            assert reason_of(rows.ask(cursor=genuine, page="1")) == "invalid_cursor"
    other = "/api/transfers" if rows.path != "/api/transfers" else "/api/payments"
    foreign = town.admin.ask("GET", f"{other}?scope=all&limit=1").json()
    cursors += filter(None, [foreign["metadata"]["pagination"]["next_cursor"]])
    for cursor in cursors:
        assert reason_of(rows.ask(cursor=cursor)) == "invalid_cursor", cursor
    assert door.ask("GET", rows.path).status_code == 401


def sorts_of(rows: Asker) -> list[str]:
    """Return what a list can be sorted by, as its refusal tells."""
    if "sort" not in rows.parameters:
        return []
    allowed: list[str] = problem_of(rows.ask(sort="password_hash"))["details"]["allowed"]
    return allowed


@every_list
def test_an_order_is_one_of_those_allowed(rows: Asker) -> None:
    allowed = sorts_of(rows)
    for name in allowed:
        rows.pages(sort=f"{name}:desc", limit="2")
    if "inserted_at" in allowed:
        assert places(rows.pages(sort="created_at:desc", limit="5")[0]) == places(
            rows.pages(sort="inserted_at:desc", limit="5")[0]
        )
    bad = [
        "password_hash",
        "id;drop",
        "",
        ",",
        "inserted_at:up",
        "inserted_at:",
        ",".join(["id"] * 5),
    ]
    for sort in bad if "sort" in rows.parameters else []:
        assert reason_of(rows.ask(sort=sort)) in {"invalid_sort_field", "missing_fields"}, sort


@every_list
def test_a_parameter_nobody_knows_is_refused_with_those_that_are(rows: Asker) -> None:
    for name in ("stauts", "password", "__proto__", "x" * 300):
        problem = problem_of(rows.ask(**{name: "1"}))
        assert problem["reason"] == "unknown_parameter"
        assert {*rows.parameters, "version"} == set(problem["details"]["allowed"])
    assert rows.ask(version="1").status_code == 200


@every_list
def test_a_filter_refuses_what_it_does_not_know(rows: Asker) -> None:
    for name, schema in rows.parameters.items():
        if name in {"page", "page_size", "limit", "sort", "cursor"}:
            continue
        assert reason_of(rows.ask(**{name: " "})) == "missing_fields", name
        if "enum" in schema or "format" in schema or name.startswith("amount_"):
            refused = rows.ask(**{name: "WRONG"})
            assert refused.status_code == 400, (name, refused.text)
            assert re.fullmatch("(invalid|missing)_.*", reason_of(refused)), name
        for member in schema.get("enum", ()):
            spelled = str(member).lower() if str(member).isupper() else str(member)
            assert rows.ask(**{name: spelled}).status_code == 200, member
    if "date_from" in rows.parameters:
        late, early = "2025-03-02T00:00:00Z", "2025-03-01T00:00:00+01:00"
        assert reason_of(rows.ask(date_from=late, date_to=early)) == "invalid_date_range"
    if "amount_min" in rows.parameters:
        assert reason_of(rows.ask(amount_min="2", amount_max="1.99")) == "invalid_amount_range"


def test_keys_that_nobody_knows_leave_nothing_behind(system: System, town: Town) -> None:
    servers = [system.running(name) for name in APIS]

    def flood(first: int, requests: int) -> None:
        for number in range(first, first + requests):
            query = "&".join(f"k{number:x}x{each:x}" for each in range(KEYS_AT_ONCE))
            answer = town.auditor.ask("GET", f"/api/transfers?{query}", server=number % 2)
            assert reason_of(answer) == "unknown_parameter"

    flood(0, 200)
    before = [each.memory_info().rss for each in servers]
    flood(200, 500)
    grown = sum(each.memory_info().rss for each in servers) - sum(before)
    assert grown < 500 * KEYS_AT_ONCE * BYTES_OF_A_KEY / 2, grown
