"""The documentation page in a real browser: it works under its own policy, and asks us alone."""

from pathlib import Path

import pytest

from tests.access.house import House
from tests.browser import PROGRAM, browsing

OPERATIONS = "document.querySelectorAll('.opblock').length"
LIVE = "[id$=getApiHealthLive]"
ANSWER = (
    f"document.querySelector('{LIVE} .live-responses-table tbody .response-col_status')?.innerText"
)


@pytest.mark.timeout(300)
@pytest.mark.skipif(PROGRAM is None, reason="there is no browser on this machine")
def test_every_endpoint_is_shown_and_can_be_called(house: House, tmp_path: Path) -> None:
    url = str(house.clients[0].base_url).rstrip("/")
    document = house.clients[0].get("/api/docs/openapi.json").json()
    with browsing(tmp_path / "profile") as page:
        page.open(f"{url}/api/docs")
        shown = page.wait_for(OPERATIONS)
        page.press(f"{LIVE} button")
        page.press(f"{LIVE} .try-out__btn")
        page.press(f"{LIVE} .execute")
        assert page.wait_for(ANSWER).split()[0] == "200"
        assert shown == sum(len(methods) for methods in document["paths"].values())
        assert page.complaints == []
        assert f"{url}/api/health/live" in page.requested
        strange = [each for each in page.requested if not each.startswith((f"{url}/", "data:"))]
        assert strange == []
