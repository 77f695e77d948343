"""Commands about webhook endpoints: register, change, sign anew, try, remove (http.md §4.19)."""

from functools import partial
from typing import Any

from api.asking import Told, ask
from api.call import Call, caller_id
from api.callers import CUSTOMER
from api.endpoint import Endpoint
from api.envelope import now_text
from api.fields import Document, Field, FieldTable, Kind
from api.kinds import enum, text
from api.outbound import Outbound
from api.reply import Bare
from api.shapes import Message
from api.webhook_shapes import Delivery, SignedWebhookEndpoint, WebhookEndpoint
from ledger.commands.asked import Loaded, Reveal
from ledger.commands.webhook_endpoint import (
    PingEndpoint,
    RegisterEndpoint,
    RemoveEndpoint,
    RotateSecret,
    UpdateEndpoint,
)
from ledger.errors import Reason, Refused
from ledger.events.event import Private
from ledger.identity import new_id
from ledger.policies.bulletins import EVERYTHING, NAMES, PING
from ledger.policies.outside import URL_LENGTH_MAX, target_of
from ledger.policies.signatures import secret_of, shown

TYPES_MAX, DESCRIPTION_LENGTH_MAX = 50, 255


async def register(call: Call) -> Bare:
    """Let the caller be told of events, and show the secret this once."""
    body, user_id, outbound = call.body, caller_id(call), call.use(Outbound)
    await outbound.permit(body["url"])
    secret_id = new_id()
    command = RegisterEndpoint(
        endpoint_id=new_id(),
        user_id=user_id,
        url=body["url"],
        event_types=tuple(body["event_types"]),
        scope=body["scope"],
        description=described(body, user_id),
        secret_id=secret_id,
    )
    told = signed(outbound, secret_id, status=201, location="/api/webhook-endpoints/{id}")
    return await ask(call, command, told)


async def update(call: Call) -> Bare:
    """Change what is given; a URL is judged like a new one."""
    body: dict[str, Any] = dict(call.body)
    if "url" in body:
        await call.use(Outbound).permit(body["url"])
    if "event_types" in body:
        body["event_types"] = tuple(body["event_types"])
    if "description" in body:
        body["description"] = described(body, caller_id(call))
    command = UpdateEndpoint(endpoint_id=call.path["id"], **body)
    return await ask(call, command, Told(show=show_endpoint))


async def rotate(call: Call) -> Bare:
    """Sign with a new secret, and show it this once."""
    secret_id = new_id()
    command = RotateSecret(endpoint_id=call.path["id"], secret_id=secret_id)
    return await ask(call, command, signed(call.use(Outbound), secret_id))


async def ping(call: Call) -> Bare:
    """Have an endpoint told of nothing in particular."""
    delivery_id, endpoint_id = new_id(), call.path["id"]
    command = PingEndpoint(endpoint_id=endpoint_id, delivery_id=delivery_id)
    shown_as = partial(show_ping, endpoint_id)
    return await ask(call, command, Told(show=shown_as, status=202, versioned=False))


async def remove(call: Call) -> Bare:
    """Tell an endpoint nothing any more."""
    command = RemoveEndpoint(endpoint_id=call.path["id"])
    return await ask(call, command, Told(show=show_removal, versioned=False))


def described(body: Any, writer: str) -> Private | None:
    """Return the description as text of whoever wrote it."""
    written = body.get("description")
    return Private(written, writer) if written else None


def signed(outbound: Outbound, secret_id: str, **told: Any) -> Told:
    """Return how a new secret is told: to whoever asked, and to nobody again."""

    def show(loaded: Loaded, reveal: Reveal) -> SignedWebhookEndpoint:
        endpoint = show_endpoint(loaded, reveal)
        fields = {name: getattr(endpoint, name) for name in endpoint.__struct_fields__}
        return SignedWebhookEndpoint(**fields, secret=None)

    return Told(show=show, once={"secret": shown(secret_of(outbound.index_key, secret_id))}, **told)


def show_endpoint(loaded: Loaded, reveal: Reveal) -> WebhookEndpoint:
    """Show an endpoint as it is once the command is done."""
    state: Any = loaded.state
    return WebhookEndpoint(
        id=loaded.id,
        user_id=state.user_id,
        scope=state.scope,
        url=state.url,
        event_types=list(state.event_types),
        description=reveal(state.description),
        status=state.status,
        disabled_reason=state.disabled_reason,
        version=loaded.version,
        inserted_at=loaded.inserted_at,
        updated_at=loaded.updated_at,
    )


def show_ping(endpoint_id: str, loaded: Loaded, _: Reveal) -> Delivery:
    """Show a delivery that is about to be made."""
    state: Any = loaded.state
    return Delivery(
        id=state.pinged,
        endpoint_id=endpoint_id,
        event_type=PING,
        position=None,
        status="pending",
        attempts=0,
        response_status=None,
        last_error=None,
        next_attempt_at=None,
        delivered_at=None,
        inserted_at=loaded.updated_at or now_text(),
    )


def show_removal(_: Loaded, __: Reveal) -> Message:
    """Say that an endpoint is gone."""
    return Message(message="Webhook endpoint removed")


def outside_url() -> Kind:
    """Accept a URL by its form; where it leads to is judged when all fields are right."""

    def read(value: Any, _: Document) -> str:
        if not isinstance(value, str):
            raise Refused(Reason.INVALID_URL_FORMAT)
        target_of(value.strip(), private=True)
        return value.strip()

    schema = {"type": "string", "format": "uri", "maxLength": URL_LENGTH_MAX}
    return Kind(read=read, schema=schema, reasons=(Reason.INVALID_URL_FORMAT,))


def event_types() -> Kind:
    """Accept names of events, at least one, or `*` for all of them."""

    def read(value: Any, _: Document) -> list[str]:
        named = value if isinstance(value, list) else []
        known = all(isinstance(each, str) and each in NAMES for each in named)
        if named != [EVERYTHING] and not (known and 1 <= len(named) <= TYPES_MAX):
            raise Refused(Reason.INVALID_FIELD_VALUE, allowed=[EVERYTHING, *NAMES])
        return list(dict.fromkeys(named))

    schema = {
        "type": "array",
        "items": {"type": "string", "enum": [EVERYTHING, *NAMES]},
        "minItems": 1,
        "maxItems": TYPES_MAX,
    }
    return Kind(read=read, schema=schema, reasons=(Reason.INVALID_FIELD_VALUE,))


DESCRIPTION = text(0, DESCRIPTION_LENGTH_MAX, Reason.INVALID_DESCRIPTION_FORMAT)
NEW = FieldTable((
    Field("url", outside_url(), required=True),
    Field("event_types", event_types(), required=True),
    Field("description", DESCRIPTION),
    Field("scope", enum("own", "all"), default="own"),
))  # fmt: skip
CHANGES = FieldTable(
    (
        Field("url", outside_url()),
        Field("event_types", event_types()),
        Field("description", DESCRIPTION),
        Field("status", enum("ACTIVE", "DISABLED", reason=Reason.INVALID_STATUS)),
    ),
    any_of=True,
)
REFUSED_URL = (Reason.INVALID_URL_FORMAT, Reason.URL_NOT_ALLOWED)
NOT_TO_BE_CHANGED = (Reason.INSUFFICIENT_PERMISSIONS, Reason.WEBHOOK_ENDPOINT_NOT_FOUND)


def changing(method: Any, path: str, handler: Any, summary: str, **more: Any) -> Endpoint:
    """Return a route that changes an endpoint which is there."""
    return Endpoint(
        method=method,
        path=f"/api/webhook-endpoints/{{id}}{path}",
        handler=handler,
        who=CUSTOMER,
        summary=summary,
        tag="Webhook endpoints",
        keyed=True,
        **more,
    )


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/api/webhook-endpoints",
        handler=register,
        who=CUSTOMER,
        summary="Register a webhook endpoint",
        tag="Webhook endpoints",
        body=NEW,
        keyed=True,
        status=201,
        data=SignedWebhookEndpoint,
        shows_secret=True,
        reasons=(*REFUSED_URL, Reason.INSUFFICIENT_PERMISSIONS),
    ),
    changing(
        "PUT", "", update, "Change a webhook endpoint",
        body=CHANGES, conditional=True, data=WebhookEndpoint,
        reasons=(*REFUSED_URL, *NOT_TO_BE_CHANGED),
    ),
    changing(
        "DELETE", "", remove, "Remove a webhook endpoint",
        conditional=True, data=Message, reasons=NOT_TO_BE_CHANGED,
    ),
    changing(
        "POST", "/rotate-secret", rotate, "Sign with a new secret",
        conditional=True, data=SignedWebhookEndpoint, shows_secret=True,
        reasons=NOT_TO_BE_CHANGED,
    ),
    changing(
        "POST", "/test", ping, "Send a test event",
        status=202, data=Delivery, reasons=NOT_TO_BE_CHANGED,
    ),
)  # fmt: skip
