"""Crafted tokens sent to a real server: each is turned away next to a good one that is not."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future

import pytest
from uvicorn import Server

from api.app import create_app
from api.principals import Authenticator
from api.queries.auth import ENDPOINTS
from api.service_keys import ServiceKeys
from api.tokens import TokenKeys
from api.wire import Wire
from ops.embedded.postgres import Place
from ops.server import server_config
from schema.postgres import open_pool
from tests.api.crafted_tokens import BEARER, CRAFTED, EDDSA_KEY, GOOD, KEYS, NOW, ORDERED, genuine
from tests.api.queries.conftest import copied
from tests.api.serving import Served
from tests.api.test_principals import let_in

UNSENDABLE = {"line end behind", "empty"}
"""No client lets it into a header."""
TOO_LARGE = {"ten megabytes": (413, "request_headers_too_large")}
CASES = {name: (craft, reason) for name, (craft, reason) in CRAFTED.items()} | {
    name: (lambda changes=changes: genuine(**changes), reason)
    for name, (changes, reason) in ORDERED.items()
}


@pytest.fixture(scope="module")
def served(postgres_server: Place, migrated: str) -> Iterator[Served]:
    """Serve the one route that tells whose token it is, at the time the tokens were crafted."""
    ready: Future[Server] = Future()
    with (
        copied(postgres_server, migrated) as database,
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):
        let_in(database)

        async def run() -> None:
            async with await open_pool(database, 2, "ledgerbank_app") as pool:
                authenticator = Authenticator(
                    tokens=KEYS,
                    pool=pool,
                    clock=lambda: NOW,
                    services=ServiceKeys(pool, lambda: NOW),
                )
                app = create_app(ENDPOINTS, authenticate=authenticator.authenticate)
                server = Server(server_config(app, "127.0.0.1", 0, Wire()))
                ready.set_result(server)
                await server.serve(sockets=[listener])

        thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
        thread.start()
        server, running = ready.result(10), Served(listener.getsockname()[1])
        try:
            yield running
        finally:
            running.client.close()
            server.should_exit = True
            thread.join(10)


def sent(served: Served, token: str) -> tuple[int, str, str]:
    """Send a token as its bytes; return status, reason and challenge."""
    headers = [(b"authorization", b"Bearer " + token.encode())]
    answer = served.client.request("GET", "/api/auth/validate", headers=headers)
    if answer.status_code == 200:
        assert answer.json()["data"]["user_id"] == BEARER.user_id
        return 200, "", ""
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    return problem["status"], problem["reason"], answer.headers.get("www-authenticate", "")


def test_the_table_is_long_enough() -> None:
    assert len(CASES.keys() - UNSENDABLE) >= 90


@pytest.mark.parametrize("name", sorted(CASES.keys() - UNSENDABLE))
def test_a_crafted_token_is_turned_away(served: Served, name: str) -> None:
    craft, reason = CASES[name]
    assert sent(served, GOOD)[0] == 200
    status, told, challenge = sent(served, craft())
    assert (status, told) == TOO_LARGE.get(name, (401, reason.value))
    if status == 401:
        assert challenge == 'Bearer realm="ledgerbank", error="invalid_token"'


def test_a_server_in_the_middle_of_a_rotation_takes_both_keys(served: Served) -> None:
    for keys in (KEYS, TokenKeys(EDDSA_KEY)):
        assert sent(served, keys.issue_access(BEARER, NOW))[0] == 200


def test_a_token_is_taken_from_one_header_alone(served: Served) -> None:
    for authorization in ([b"Basic " + GOOD.encode()], [GOOD.encode()], [b"Bearer"], []):
        headers = [(b"authorization", each) for each in authorization]
        headers += [(b"x-access-token", GOOD.encode()), (b"cookie", b"token=" + GOOD.encode())]
        answer = served.client.request(
            "GET", "/api/auth/validate", headers=headers, params={"token": GOOD}
        )
        assert (answer.status_code, answer.json()["reason"]) == (401, "invalid_token")
