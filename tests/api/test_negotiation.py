"""Versions and media types (AC-13), and the order of the stages around them."""

import pytest

from tests.api.serving import Served


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("*/*", 200),
        ("", 200),
        ("application/*", 200),
        ("application/json", 200),
        ("application/problem+json", 200),
        ("application/vnd.api+json;version=1", 200),
        ("application/json;version=1", 200),
        ('application/json; version="v1"', 200),
        ("text/html,application/xhtml+xml,*/*;q=0.8", 200),
        ("text/plain;version=9, application/json", 200),
        ("application/json;version=2", 400),
        ("application/vnd.api+json; version=v2", 400),
        ("application/json;version=", 400),
        ("text/html", 406),
        ("application/json;q=0", 406),
        ("application/xml, text/*", 406),
        ("text/html;version=2", 406),
    ],
)
def test_accept_decides_version_and_media_type(served: Served, accept: str, status: int) -> None:
    answer = served.get("/api/empty", accept=accept)
    assert answer.status_code == status
    reasons = {200: None, 400: "unsupported_api_version", 406: "not_acceptable"}
    assert answer.json().get("reason") == reasons[status]
    if status == 400:
        assert answer.json()["details"] == {"supported_versions": ["1", "v1"]}


@pytest.mark.parametrize(("version", "status"), [("1", 200), ("v1", 200), ("2", 400), ("V1", 400)])
def test_header_and_query_decide_the_version(served: Served, version: str, status: int) -> None:
    assert served.get("/api/empty", x_api_version=version).status_code == status
    assert served.get(f"/api/empty?version={version}").status_code == status


def test_the_first_place_wins(served: Served) -> None:
    both = {"accept": "application/json;version=1", "x_api_version": "2"}
    assert served.get("/api/empty?version=3", **both).status_code == 200
    assert served.get("/api/empty?version=3", x_api_version="1").status_code == 200


def test_metrics_take_any_accept(served: Served) -> None:
    served.get("/api/empty")
    answer = served.get("/api/metrics", accept="text/plain;version=0.0.4")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'ledgerbank_http_requests_total{method="GET",route="/api/empty",status="200"}' in (
        answer.text
    )
    assert "ledgerbank_http_request_duration_seconds_bucket" in answer.text


def test_stages_answer_in_order(served: Served) -> None:
    wrong = {"accept": "text/html", "x_api_version": "2", "authorization": "Bearer nobody"}
    long = "?x=" + "a" * 2048
    path = "/api/things/not-a-uuid"
    stages = [
        ("GET", f"/api/nothing{long}", wrong, "request_uri_too_long"),
        ("GET", "/api/nothing", wrong, "resource_not_found"),
        ("PATCH", path, wrong, "method_not_allowed"),
        ("PUT", path, wrong, "unsupported_api_version"),
        ("PUT", path, {**wrong, "x_api_version": "1"}, "not_acceptable"),
        ("PUT", path, {"authorization": "Bearer nobody"}, "invalid_token"),
        ("PUT", path, {"authorization": "Bearer alice"}, "insufficient_permissions"),
        ("PUT", path, {"authorization": "Bearer admin"}, "unsupported_media_type"),
    ]
    for method, target, headers, reason in stages:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = served.request(method, target, content=b"{", headers=named)
        assert answer.json()["reason"] == reason
    admin = {"authorization": "Bearer admin", "content-type": "application/json"}
    assert served.request("PUT", path, content=b"{", headers=admin).json()["reason"] == (
        "invalid_json"
    )
    errors = served.request("PUT", path, content=b'{"x":1}', headers=admin).json()["errors"]
    assert [error["field"] for error in errors] == ["id", "x"]


def test_a_service_needs_the_scope_or_an_open_door(served: Served) -> None:
    path = "/api/things/01956c1e-7a10-7cc3-9b1e-3f6a4f2b9c11"
    robot = {"authorization": "bearer robot"}
    assert served.request("DELETE", path, headers=robot).status_code == 200
    refused = served.request("GET", path, headers=robot).json()
    assert refused["details"]["role"] == "service"
