"""Routes that only tests have: one of every kind the frame can carry."""

import asyncio

import psycopg

from api.call import Call
from api.callers import ADMIN, ANYONE, HUMAN, Principal, bearer_token
from api.consistency import Freshness
from api.endpoint import Endpoint
from api.envelope import encoded
from api.fields import Field, FieldTable
from api.kinds import currency, enum, integer, money, rows, text, untrimmed, uuid
from api.parameters import flag, page, page_size
from api.preconditions import accepted_versions, wait_seconds
from api.probes import Check, Probes
from api.reply import Bare, Reply
from ledger.errors import Reason, Refused

PAY = FieldTable(
    (
        Field("amount", money(), required=True),
        Field("direction", enum("CREDIT", "DEBIT", reason=Reason.INVALID_DIRECTION), required=True),
        Field("description", text(1, 255, Reason.INVALID_DESCRIPTION_FORMAT), required=True),
        Field("account_id", uuid(), required=True),
        Field("currency", currency()),
        Field("priority", integer(0, 9), default=0),
        Field("limit", money(zero=True), nullable=True),
        Field("password", untrimmed(255, Reason.INVALID_PASSWORD_FORMAT)),
    )
)
BULK = FieldTable((Field("items", rows(PAY, 1, 3, Reason.INVALID_BATCH_SIZE), required=True),))
PEOPLE = {
    "alice": Principal(kind="user", id="a", role="user", session_id="s", session_version=1),
    "admin": Principal(kind="user", id="b", role="admin"),
    "robot": Principal(kind="service", id="c", role="service", scopes=frozenset({"ledger:read"})),
}


async def authenticate(headers: dict[bytes, bytes], *, fresh: bool = True) -> Principal:
    assert isinstance(fresh, bool)
    token = bearer_token(headers)
    if token == "old":
        raise Refused(Reason.TOKEN_EXPIRED)
    if token not in PEOPLE:
        raise Refused(Reason.INVALID_TOKEN)
    return PEOPLE[token]


class Paused:
    """Checkpoints that a test moves by hand."""

    def __init__(self) -> None:
        self.at, self.failed, self.epoch, self.committed = 7, False, "ab12", 7
        self.moved = asyncio.Event()

    def reached(self, projections: tuple[str, ...]) -> int:
        assert projections == ("accounts",)
        return self.at

    def stopped(self, projections: tuple[str, ...]) -> bool:
        assert projections == ("accounts",)
        return self.failed

    async def wait(self, projections: tuple[str, ...], position: int, seconds: float) -> bool:
        deadline = asyncio.get_running_loop().time() + seconds
        while self.reached(projections) < position:
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(0.005)
        return True

    async def head(self) -> int:
        return self.committed


async def ok() -> Check:
    return "ok"


async def doctor() -> dict[str, Check]:
    return {"log": "ok", "backups": "warning"}


async def broken() -> Check:
    raise ConnectionRefusedError


async def echo(call: Call) -> Reply:
    return Reply(
        data=encoded(
            {
                "path": dict(call.path),
                "query": dict(call.query),
                "body": dict(call.body),
                "principal": call.principal.id,
                "key": call.idempotency_key,
                "if_match": accepted_versions(call.headers),
                "wait": wait_seconds(call.headers),
                "address": call.client_address,
            }
        ),
        version=4,
        location="/api/things/1" if call.scope["method"] == "POST" else None,
    )


async def empty(_: Call) -> Reply:
    return Reply(data=b"{}")


async def fail(call: Call) -> Reply:
    match call.path["how"]:
        case "refused":
            raise Refused(
                Reason.INSUFFICIENT_FUNDS,
                available="1.00",
                deep=[{"password_hash": "x", "ok": {"access_token": "y", "n": 1}}],
            )
        case "database":
            raise psycopg.errors.UndefinedTable("relation secret_table does not exist")
        case "gone":
            raise psycopg.OperationalError("connection to host db.internal lost")
        case "wrapped":
            raise RuntimeError from psycopg.OperationalError("lost")
        case "field":
            raise Refused(Reason.CURRENCY_MISMATCH, field="currency")
        case "busy":
            raise Refused(Reason.RATE_LIMIT_EXCEEDED, retry_after_ms=2_001)
        case _:
            pass
    raise ZeroDivisionError("secret text of an exception")


async def take_bytes(call: Call) -> Bare:
    return Bare(body=encoded({"size": len(await call.take_body())}))


def endpoint(method: str, path: str, handler: object, **more: object) -> Endpoint:
    fields = {"who": ANYONE, "summary": "Test", "tag": "test", **more}
    return Endpoint(method=method, path=path, handler=handler, **fields)  # type: ignore[arg-type]  # rows of a table


THINGS = (
    endpoint(
        "GET",
        "/api/things",
        echo,
        query=(
            Field("flag", flag()),
            Field("page", page(), default=1),
            Field("page_size", page_size(), default=20),
        ),
    ),
    endpoint("POST", "/api/things", echo, body=PAY, status=201, keyed=True),
    endpoint("POST", "/api/bulk", echo, body=BULK),
    endpoint("GET", "/api/things/{id}", echo, who=HUMAN),
    endpoint(
        "PUT",
        "/api/things/{id}",
        echo,
        who=ADMIN,
        body=FieldTable(
            (Field("description", text(1, 20)), Field("limit", money(zero=True), nullable=True)),
            any_of=True,
        ),
        conditional=True,
        keyed=True,
    ),
    endpoint("DELETE", "/api/things/{id}", echo, who=HUMAN.or_service("ledger:read")),
    endpoint("GET", "/api/fresh", echo, reads=("accounts",)),
    endpoint("GET", "/api/fail/{how}", fail, places=(Field("how", text(1, 20)),)),
    endpoint("GET", "/api/empty", empty),
    endpoint("POST", "/api/bytes", take_bytes, body=None),
    endpoint(
        "POST",
        "/api/auth/login",
        echo,
        body=FieldTable(
            (
                Field("email", text(1, 255), required=True),
                Field("password", text(1, 255), required=True),
            )
        ),
    ),
)


def things_uses(paused: Paused, **others: object) -> dict[type, object]:
    names = Probes.__struct_fields__
    well = dict.fromkeys(names, ok) | {"doctor": doctor}
    probes = Probes(**{**well, **others})  # type: ignore[arg-type]  # by name
    fresh = Freshness(head=paused.head, checkpoints=paused, epoch=paused.epoch, wait_ms=200)
    return {Probes: probes, Freshness: fresh}
