"""What anybody may read: catalogue (AC-8), health, metrics, pages."""

import asyncio
import csv
from pathlib import Path

import pytest

from api.app import create_app
from api.probes import OUTBOX_ROWS, disk, judge, memory, outbox, projections, reachable, timed
from api.wire import Wire
from ledger.errors import CATALOGUE, Category
from ops.doctoring.complaint import Severity
from ops.doctoring.rounds import Rounds
from tests.api.desk import Paused, broken, things_uses
from tests.api.serving import Served, serving
from tests.api.test_problems import SECURITY

ROWS = list(
    csv.DictReader(
        Path("ledger/reasons.tsv").read_text(encoding="utf-8").splitlines(),
        delimiter="\t",
        quoting=csv.QUOTE_NONE,
    )
)
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'self'"
)


def test_the_catalogue_is_published_whole(served: Served) -> None:
    answer = served.get("/api/problems").json()
    expected = [
        {
            "code": row["reason"],
            "type": f"https://api.ledgerbank.com/problems/{row['reason']}",
            "status": int(row["status"]),
            "title": row["title"],
            "category": row["category"],
            "retryable": row["retryable"] == "true",
            "retry_delay_ms": int(row["delay_ms"]),
            "max_retry_attempts": int(row["max_retries"]),
        }
        for row in sorted(ROWS, key=lambda row: row["reason"])
    ]
    assert answer["data"] == expected
    metadata = answer["metadata"]
    assert metadata["total_errors"] == len(ROWS) == sum(metadata["counts"].values())
    assert metadata["categories"] == list(Category)
    assert metadata["api_version"] == "v1"


def test_every_reason_has_a_page_with_an_example(served: Served) -> None:
    for row in ROWS:
        entry = served.get(f"/api/problems/{row['reason']}").json()["data"]
        assert entry["description"] == row["description"]
        assert entry["examples"] == [CATALOGUE[row["reason"]].example]


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("/api/problems/no_such_reason", 404, "problem_not_found"),
        ("/api/problems/Bad", 400, "invalid_reason_format"),
        ("/api/problems/" + "a" * 65, 400, "invalid_reason_format"),
        ("/api/problems/a%00b", 404, "resource_not_found"),
        ("/api/problems/%C3%A4", 400, "invalid_reason_format"),
        ("/api/problems/category/nothing", 400, "invalid_category"),
        ("/api/problems/category/9", 400, "invalid_category_format"),
    ],
)
def test_what_the_catalogue_does_not_have(
    served: Served, path: str, status: int, reason: str
) -> None:
    answer = served.get(path)
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)


def test_every_category_has_a_page(served: Served) -> None:
    statuses = {}
    for category in Category:
        answer = served.get(f"/api/problems/category/{category}").json()
        assert {row["category"] for row in answer["data"]} <= {category}
        assert answer["metadata"]["total_errors"] == len(answer["data"])
        statuses[category] = answer["metadata"]["http_status"]
    assert statuses[Category.PROTOCOL] is None
    assert statuses[Category.RATE_LIMIT] == 429


def test_health_is_bare_and_quick(served: Served) -> None:
    health = served.get("/api/health").json()
    assert set(health) == {"status", "timestamp", "version", "uptime"}
    assert health["status"] == "ok"
    assert health["uptime"] > 0
    live = served.get("/api/health/live").json()
    assert set(live) == {"status", "timestamp", "uptime"}
    ready = served.get("/api/health/ready")
    assert ready.status_code == 200
    assert ready.json()["checks"] == {"database": "ok", "application": "ok"}
    detailed = served.get("/api/health/detailed")
    assert detailed.status_code == 200
    checks = ["database", "broker", "projections", "outbox", "memory", "disk"]
    assert detailed.json()["checks"] == dict.fromkeys(checks, "ok")
    seen = {"status": "warning", "checks": {"log": "ok", "backups": "warning"}}
    assert detailed.json()["doctor"] == seen, "what the doctor says degrades nothing"


def test_health_is_told_without_a_doctor_who_cannot_look() -> None:
    with serving(create_app((), things_uses(Paused(), doctor=broken))) as served:
        answer = served.get("/api/health/detailed")
        assert (answer.status_code, answer.json()["doctor"]) == (200, None)


def test_one_round_of_the_doctor_is_told_to_everybody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    walks: list[int] = []

    def walk() -> dict[str, Severity]:
        walks.append(1)
        return {"log": "ok"}

    async def ask() -> None:
        rounds = Rounds(walk)
        told = await asyncio.gather(*(rounds.latest() for _ in range(5)))
        assert told == [{"log": "ok"}] * 5
        assert len(walks) == 1
        monkeypatch.setattr("ops.doctoring.rounds.EVERY_SECONDS", 0.0)
        await rounds.latest()
        assert len(walks) == 2

    asyncio.run(ask())


def test_one_check_degrades_the_whole() -> None:
    uses = things_uses(Paused(), broker=broken)
    with serving(create_app((), uses)) as served:
        answer = served.get("/api/health/detailed")
        assert answer.status_code == 503
        assert answer.headers["content-type"].startswith("application/json")
        assert answer.headers["retry-after"] == "1"
        assert answer.json()["status"] == "degraded"
        assert answer.json()["checks"]["broker"] == "error"
        assert served.get("/api/health/ready").status_code == 200
        assert served.get("/api/metrics/health").json()["reason"] == "service_unavailable"


def test_readiness_needs_the_database() -> None:
    uses = things_uses(Paused(), database=broken)
    with serving(create_app((), uses)) as served:
        answer = served.get("/api/health/ready")
        assert (answer.status_code, answer.json()["status"]) == (503, "not_ready")
        assert answer.json()["checks"] == {"database": "error", "application": "error"}
        assert served.get("/api/health").status_code == 200


def test_probes_know_their_thresholds(tmp_path: Path) -> None:
    async def nothing() -> None:
        return None

    async def lag() -> tuple[bool, float]:
        return False, 11

    async def waiting() -> tuple[int, float]:
        return OUTBOX_ROWS + 1, 1

    async def stuck() -> tuple[int, float]:
        return 1, 601

    asked = judge(
        quick=timed(nothing),
        there=reachable(nothing),
        broken=reachable(broken),
        lagging=projections(lag),
        waiting=outbox(waiting),
        stuck=outbox(stuck),
        memory=memory(),
        disk=disk(tmp_path),
    )
    answers = asyncio.run(asked)
    assert {answers.pop("memory"), answers.pop("disk")} <= {"ok", "warning", "error"}
    assert answers == {
        "quick": "ok",
        "there": "ok",
        "broken": "error",
        "lagging": "warning",
        "waiting": "warning",
        "stuck": "error",
    }


def test_metrics_may_need_a_token() -> None:
    wire = Wire(metrics_token="scrape-me")
    with serving(create_app((), things_uses(Paused()), wire=wire)) as served:
        assert served.get("/api/metrics").json()["reason"] == "invalid_token"
        wrong = served.get("/api/metrics", authorization="Bearer scrape-you")
        assert wrong.status_code == 401
        assert served.get("/api/metrics", authorization="Bearer scrape-me").status_code == 200


def test_metrics_health_is_enveloped(served: Served) -> None:
    data = served.get("/api/metrics/health").json()["data"]
    assert (data["status"], data["service"], data["prometheus"]) == (
        "healthy",
        "metrics",
        "available",
    )
    assert data["checks"] == {"database": "ok", "cache": "ok"}


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/api/docs", "text/html; charset=utf-8"),
        ("/api/docs/docs.js", "text/javascript; charset=utf-8"),
        ("/api/docs/docs.css", "text/css; charset=utf-8"),
        ("/api/docs/swagger-ui.css", "text/css; charset=utf-8"),
        ("/api/docs/swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
        ("/favicon.ico", "image/svg+xml"),
        ("/robots.txt", "text/plain; charset=utf-8"),
    ],
)
def test_pages_are_served_from_here(served: Served, path: str, kind: str) -> None:
    answer = served.get(path, accept="text/html, image/avif")
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    policy = answer.headers["content-security-policy"]
    page = path.startswith("/api/docs")
    assert policy == (PAGE_POLICY if page else SECURITY["content-security-policy"])
    again = served.get(path, if_none_match=answer.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")


def test_the_page_asks_nobody_else(served: Served) -> None:
    page = served.get("/api/docs").text
    assert "//" not in page.replace("<!doctype html>", "")
    assert "<script>" not in page
    assert "style=" not in page


def test_the_front_door_leads_to_the_docs(served: Served) -> None:
    answer = served.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/api/docs")
    assert served.get("/robots.txt").text == "User-agent: *\nDisallow: /\n"
