"""The product as it is served: an API process on a town of its own, and clients from outside."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import msgspec
import uvloop

from ops.benches.checkpoints import wait_until_read
from ops.benches.deployment import HOST, Broken, Child, Deployment, free_port
from ops.benches.load import GRACE_SECONDS, Answers, Plan
from ops.benches.requests import Client
from ops.benches.town import Owner, Town
from ops.composition import open_books
from ops.passwords import passwords_of
from ops.settings import Settings
from schema.postgres import connect

PASSWORD = "measure twice, cut once"  # noqa: S105  # of people who exist for a minute
START_SECONDS = 10.0


class Served(msgspec.Struct, frozen=True):
    """An API process, and clients who are signed in to it."""

    deployment: Deployment
    dsn: str
    port: int
    api: Child
    clients: tuple[Client, ...]

    def load(self, script: str, seconds: float, connections: int) -> Answers:
        """Let clients follow a script. Raises `Broken` when one answer is wrong."""
        plan = Plan(script, self.port, seconds, self.clients[:connections])
        return load(self.deployment, self.dsn, plan)

    def catch_up(self) -> None:
        """Return when the read models have seen everything."""
        with connect(self.dsn) as connection:
            wait_until_read(connection)


@contextmanager
def serving(deployment: Deployment, name: str, people: int, accounts_each: int) -> Iterator[Served]:
    """Serve a new database with `people` signed in, for the length of the block."""
    dsn, port = deployment.database(name), free_port()
    owners = uvloop.run(settled(deployment.settings(dsn), dsn, people, accounts_each))
    with deployment.running(dsn, "ops", "serve", "--host", HOST, "--port", str(port)) as api:
        api.wait_for(f"http://{HOST}:{port}/api/health")
        with httpx2.Client(base_url=f"http://{HOST}:{port}", timeout=30) as http:
            clients = tuple(Client(signed_in(http, owner), owner.accounts) for owner in owners)
        yield Served(deployment, dsn, port, api, clients)


async def settled(
    settings: Settings, dsn: str, people: int, accounts_each: int
) -> tuple[Owner, ...]:
    """Let people move in who know their password."""
    passwords = passwords_of(settings)
    try:
        stored = await passwords.hashed(PASSWORD)
        async with open_books(settings, dsn) as books:
            town = Town(books.ledger, settings.core.index_key, stored)
            return await town.people(people, accounts_each)
    finally:
        passwords.close()


def signed_in(http: httpx2.Client, owner: Owner) -> str:
    """Sign somebody in; return their access token. Raises `Broken`."""
    answer = http.post("/api/auth/login", json={"email": owner.email, "password": PASSWORD})
    if not answer.is_success:
        raise Broken(f"nobody can sign in: {answer.status_code} {answer.text}")
    token: str = answer.json()["data"]["access_token"]
    return token


def load(deployment: Deployment, dsn: str, plan: Plan) -> Answers:
    """Put a load on a server from a process of its own. Raises `Broken` for a wrong answer."""
    planned, returned = deployment.folder / "plan.json", deployment.folder / "answers.json"
    planned.write_bytes(msgspec.json.encode(plan))
    returned.unlink(missing_ok=True)
    seconds = START_SECONDS + plan.seconds + GRACE_SECONDS
    deployment.run(dsn, "ops.benches.load", str(planned), str(returned), seconds=seconds)
    answers = msgspec.json.decode(returned.read_bytes(), type=Answers)
    if answers.wrong is not None:
        raise Broken(f"{plan.script}: {answers.wrong}")
    return answers
