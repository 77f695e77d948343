"""The documentation page in a real browser: it works under its own policy, and asks us alone."""

import time
from pathlib import Path

import pytest

from tests.access.house import House
from tests.browser import PROGRAM, Page, browsing

LIVE = "[id$=getApiHealthLive]"
ANSWER = (
    f"document.querySelector('{LIVE} .live-responses-table tbody .response-col_status')?.innerText"
)
SHOWN = "[...document.querySelectorAll('.opblock')].map(each => each.id)"
ONWARD = "(window.scrollBy(0, window.innerHeight / 2), window.scrollY)"
SETTLED_SECONDS = 0.05


@pytest.mark.timeout(300)
@pytest.mark.skipif(PROGRAM is None, reason="there is no browser on this machine")
def test_every_endpoint_is_shown_and_can_be_called(house: House, tmp_path: Path) -> None:
    url = str(house.clients[0].base_url).rstrip("/")
    document = house.clients[0].get("/api/docs/openapi.json").json()
    with browsing(tmp_path / "profile") as page:
        page.open(f"{url}/api/docs#/health/getApiHealthLive")
        page.press(f"{LIVE} .try-out__btn")
        page.press(f"{LIVE} .execute")
        assert page.wait_for(ANSWER).split()[0] == "200"
        assert all_shown(page) == {
            operation["operationId"]
            for methods in document["paths"].values()
            for operation in methods.values()
        }
        assert page.complaints == []
        assert f"{url}/api/health/live" in page.requested
        strange = [each for each in page.requested if not each.startswith((f"{url}/", "data:"))]
        assert strange == []


def all_shown(page: Page) -> set[str]:
    """Return what is shown of operations from the top of the page to its foot."""
    page.value("window.scrollTo(0, 0)")
    shown, seen_at = set[str](), -1.0
    while (place := float(page.value(ONWARD))) != seen_at:
        seen_at = place
        time.sleep(SETTLED_SECONDS)
        shown |= {each.rpartition("-")[2] for each in page.value(SHOWN)}
    return shown
