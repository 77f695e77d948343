"""Where webhooks may be sent is judged when an endpoint is saved (AC-86)."""

import pytest

from tests.access.house import House

FORBIDDEN = (
    "https://127.0.0.1/", "https://10.0.0.1/", "https://169.254.169.254/latest/meta-data/",
    "https://[::1]/", "https://[::ffff:10.0.0.1]/", "https://0x7f000001/", "https://2130706433/",
    "https://localhost/", "http://1.1.1.1/", "https://user@1.1.1.1/", "https://1.1.1.1:22/",
)  # fmt: skip


@pytest.mark.parametrize("url", FORBIDDEN)
def test_an_endpoint_inside_is_refused(house: House, url: str) -> None:
    caller = house.customer()
    asked = {"url": url, "event_types": ["*"]}
    refused = house.ask(caller, "POST", "/api/webhook-endpoints", asked)
    assert (refused.status_code, refused.json()["reason"]) == (400, "url_not_allowed")
    made = house.data(caller, "POST", "/api/webhook-endpoints", asked | {"url": "https://1.1.1.1/"})
    changed = house.ask(caller, "PUT", f"/api/webhook-endpoints/{made['id']}", {"url": url})
    assert changed.json()["reason"] == "url_not_allowed"
