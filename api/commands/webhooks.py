"""POST /api/webhooks/…: signed messages of payment providers, banks and fraud detectors."""

from collections.abc import Awaitable, Callable
from typing import Any

from api.asking import Desk
from api.call import Call
from api.callers import ANYONE
from api.endpoint import Endpoint, Handler
from api.envelope import encoded, enveloped, now_text
from api.fields import Field
from api.kinds import text
from api.reply import Bare
from api.routing import position_headers
from api.shapes import Shape
from api.webhooks import (
    KINDS,
    BankNewsReported,
    FraudTold,
    Inbox,
    Letter,
    PaymentReported,
    needed,
    opened,
    wrong,
)
from api.witness import origin_of
from ledger.commands.asked import Answer, Asked, Loaded, Reveal
from ledger.commands.command import Command, Context
from ledger.commands.webhook import ReportBankNews, ReportFraud, ReportPayment
from ledger.errors import Reason, Refused
from ledger.events.recorded import Actor
from ledger.identity import derived_id, is_id, new_id

STATUSES = ("pending", "completed", "failed", "cancelled")
SEVERITIES = ("low", "medium", "high", "critical")
ACTIONS = ("none", "review", "block")
SCORE_MAX = 100


async def payment_status(call: Call) -> Bare:
    """Take how a payment stands."""
    letter = await opened(call, "payments")
    document = letter.document
    needed(document, "payment_id", "status", "amount")
    status = one_of(document, "status", STATUSES)
    command = ReportPayment(
        webhook_id=name_of("payments", letter),
        event_id=letter.event_id,
        payment_id=id_of(document, "payment_id"),
        status=status,
        amount=text_of(document, "amount"),
        currency=optional_text(document, "currency"),
        external_transaction_id=optional_text(document, "external_transaction_id"),
        failure_reason=optional_text(document, "failure_reason"),
    )

    def show(loaded: Loaded, *, duplicate: bool) -> PaymentReported:
        state: Any = loaded.state
        return PaymentReported(
            message="The status has been taken.",
            payment_id=command.payment_id,
            status=state.status,
            result=state.result,
            duplicate=duplicate,
            timestamp=now_text(),
        )

    return await taken(call, "payments", command, show)


async def bank_sync(call: Call) -> Bare:
    """Take that a bank has news."""
    letter = await opened(call, "banks")
    document = letter.document
    needed(document, "user_id", "bank_id", "accounts_synced")
    synced = document["accounts_synced"]
    if type(synced) is not int or synced < 0:
        raise wrong("accounts_synced")
    user_id, bank_id = id_of(document, "user_id"), id_of(document, "bank_id")
    live = await live_connections(call, user_id, bank_id)
    command = ReportBankNews(
        webhook_id=name_of("banks", letter),
        event_id=letter.event_id,
        user_id=user_id,
        bank_id=bank_id,
        connections=tuple((connection_id, new_id()) for connection_id in live),
    )

    def show(loaded: Loaded, *, duplicate: bool) -> BankNewsReported:
        state: Any = loaded.state
        return BankNewsReported(
            message="The news has been taken.",
            user_id=user_id,
            accounts_synced=synced,
            jobs=[derived_id("job", "sync_connection", key) for key in state.jobs],
            duplicate=duplicate,
            timestamp=now_text(),
        )

    return await taken(call, "banks", command, show)


async def fraud_detection(call: Call) -> Bare:
    """Take what a detector thinks of a payment."""
    letter = await opened(call, "fraud")
    document = letter.document
    needed(document, "payment_id", "severity", "risk_score")
    score = document["risk_score"]
    if type(score) not in {int, float} or not 0 <= score <= SCORE_MAX:
        raise wrong("risk_score")
    action = "none"
    if document.get("recommended_action") is not None:
        action = one_of(document, "recommended_action", ACTIONS)
    severity = one_of(document, "severity", SEVERITIES)
    command = ReportFraud(
        webhook_id=name_of("fraud", letter),
        event_id=letter.event_id,
        payment_id=id_of(document, "payment_id"),
        severity=severity,
        risk_score=str(score),
        recommended_action=action,
    )

    def show(loaded: Loaded, *, duplicate: bool) -> FraudTold:
        state: Any = loaded.state
        return FraudTold(
            message="The suspicion has been taken.",
            payment_id=command.payment_id,
            severity=severity,
            recommended_action=action,
            action_taken=state.result,
            duplicate=duplicate,
            timestamp=now_text(),
        )

    return await taken(call, "fraud", command, show)


async def by_any_name(call: Call) -> Bare:
    """Take a message under the short name of its kind."""
    kind = call.path["provider"]
    if kind not in KINDS:
        raise Refused(Reason.UNAUTHORIZED)
    return await HANDLERS[kind](call)


async def taken(call: Call, kind: str, command: Command, show: Callable[..., Shape]) -> Bare:
    """Hand a message to the ledger, and tell what was made of it, now or the first time."""
    context = Context(
        actor=Actor(type="provider", id=kind),
        correlation_id=call.ids.id,
        traceparent=call.ids.traceparent,
        origin=origin_of(call),
    )
    desk, told_at = call.use(Desk), now_text()

    def render(loaded: Loaded, _: Reveal) -> Answer:
        duplicate = loaded.updated_at < told_at
        return Answer(200, encoded(show(loaded, duplicate=duplicate)))

    outcome = await desk.handle(command, context, Asked(render=render))
    assert outcome.answer is not None, "a command with a renderer has an answer"
    body = enveloped(outcome.answer.body, b"{}", call.ids.id, told_at)
    return Bare(body=body, headers=tuple(position_headers(outcome.position, desk.epoch)))


async def live_connections(call: Call, user_id: str, bank_id: str) -> list[str]:
    """Return the connections of a customer with a bank that may live; the ledger judges them."""
    async with call.use(Inbox).pool.connection() as connection:
        found = await (await connection.execute(LIVE, (user_id, bank_id))).fetchall()
    return [row[0] for row in found]


def name_of(kind: str, letter: Letter) -> str:
    """Return the one id of a message, however often it comes."""
    return derived_id("webhook", kind, letter.event_id)


def id_of(document: dict[str, Any], field: str) -> str:
    """Return an id that a message names."""
    value = document[field]
    if not isinstance(value, str) or not is_id(value):
        raise wrong(field)
    return value.lower()


def one_of(document: dict[str, Any], field: str, words: tuple[str, ...]) -> str:
    """Return a word that a message says, out of a few."""
    value = document[field]
    if value not in words:
        raise wrong(field)
    return str(value)


def text_of(document: dict[str, Any], field: str) -> str:
    """Return a text that a message says."""
    value = document[field]
    if not isinstance(value, str):
        raise wrong(field)
    return value


def optional_text(document: dict[str, Any], field: str) -> str | None:
    """Return a text that a message may say."""
    return None if document.get(field) is None else text_of(document, field)


HANDLERS: dict[str, Callable[[Call], Awaitable[Bare]]] = {
    "payments": payment_status,
    "banks": bank_sync,
    "fraud": fraud_detection,
}
PROVIDER = Field("provider", text(1, 100), required=True)
REFUSED = (Reason.UNAUTHORIZED, Reason.WEBHOOK_PROCESSING_FAILED)


def message(path: str, handler: Handler, summary: str, data: Any, *reasons: Reason) -> Endpoint:
    """Return the route of one kind of message."""
    return Endpoint(
        method="POST",
        path=path,
        handler=handler,
        who=ANYONE,
        summary=summary,
        tag="Webhooks",
        body=None,
        places=(PROVIDER,),
        data=data,
        reasons=(*REFUSED, *reasons),
    )


ENDPOINTS = (
    message(
        "/api/webhooks/payments/status", payment_status, "Tell how a payment stands",
        PaymentReported, Reason.PAYMENT_NOT_FOUND,
    ),
    message(
        "/api/webhooks/banks/sync", bank_sync, "Tell that a bank has news",
        BankNewsReported, Reason.USER_NOT_FOUND, Reason.BANK_NOT_FOUND,
    ),
    message(
        "/api/webhooks/fraud/detection", fraud_detection, "Tell a suspicion of fraud",
        FraudTold, Reason.PAYMENT_NOT_FOUND,
    ),
    message(
        "/api/webhooks/{provider}", by_any_name, "Tell any of the three",
        dict[str, Any],
        Reason.PAYMENT_NOT_FOUND, Reason.USER_NOT_FOUND, Reason.BANK_NOT_FOUND,
    ),
)  # fmt: skip
LIVE = """
SELECT id::text FROM read.connections
WHERE user_id = %s AND bank_id = %s AND status IN ('ACTIVE', 'ERROR') ORDER BY inserted_at, id
"""
