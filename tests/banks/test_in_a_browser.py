"""Connecting in a real browser: consent on the bank's own page, and back with the cookie."""

from pathlib import Path

import pytest

from tests.access.house import House
from tests.banks.outside import Outside
from tests.browser import PROGRAM, browsing

ASK = """
fetch('/api/bank-connections', {{
    method: 'POST',
    headers: {{'content-type': 'application/json', authorization: 'Bearer {bearer}'}},
    body: JSON.stringify({{bank_branch_id: '{branch}', username: '{username}'}}),
}}).then(answer => answer.json()).then(told => {{
    window.where = told.data.authorization_url;
}})
"""
READY = "location.pathname === '/api/health/live' && document.body !== null"
TOLD = "location.pathname === '/api/bank-connections/callback' && document.body.innerText"
FORGOTTEN = "document.cookie === '' || document.cookie"


@pytest.mark.timeout(300)
@pytest.mark.skipif(PROGRAM is None, reason="there is no browser on this machine")
def test_a_customer_consents_and_comes_back(house: House, outside: Outside, tmp_path: Path) -> None:
    customer = outside.customer(43_210)
    url = str(house.clients[0].base_url).rstrip("/")
    asked = ASK.format(
        bearer=customer.caller.bearer, branch=outside.branch, username=customer.username
    )
    with browsing(tmp_path / "profile") as page:
        page.tell("Page.setBypassCSP", enabled=True)
        page.open(f"{url}/api/health/live")
        page.wait_for(READY)
        page.value(asked)
        where = page.wait_for("window.where")
        page.tell("Page.setBypassCSP", enabled=False)
        assert where.startswith(f"{outside.sandbox.url}/oauth/authorize?")
        assert page.value(FORGOTTEN) is True, "no script can read what binds the way"
        page.open(where)
        assert "ends in 4242" in page.wait_for("document.querySelector('li')?.innerText")
        page.press("button.yes")
        told = page.wait_for(TOLD)
        assert '"status":"ACTIVE"' in told.replace(" ", "")
        page.open(where)
        page.press("button.no")
        assert "invalid_oauth_state" in page.wait_for(TOLD)
    account = outside.until(
        lambda: house.data(customer.caller, "GET", "/api/accounts"), "the account"
    )[0]
    shown = f"/api/accounts/{account['id']}"
    outside.until(
        lambda: house.data(customer.caller, "GET", shown)["balance"] == "432.10", "the first sync"
    )
