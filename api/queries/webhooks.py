"""GET /api/webhooks: which messages are taken, and how they are signed."""

from api.call import Call
from api.callers import ANYONE
from api.endpoint import Endpoint
from api.envelope import encoded
from api.reply import Reply
from api.webhooks import Described, Webhooks

HEADERS = ["Content-Type", "X-Webhook-Signature"]
SAMPLE_ID = "01956c2a-7d00-7000-8000-000000000001"
LISTED = Webhooks(
    webhooks=[
        Described(
            endpoint="/api/webhooks/payments/status",
            method="POST",
            description="How a payment stands at its provider.",
            required_headers=HEADERS,
            example_payload={"payment_id": SAMPLE_ID, "status": "completed", "amount": "100.00"},
        ),
        Described(
            endpoint="/api/webhooks/banks/sync",
            method="POST",
            description="There is news for a customer at a bank.",
            required_headers=HEADERS,
            example_payload={"user_id": SAMPLE_ID, "bank_id": SAMPLE_ID, "accounts_synced": 2},
        ),
        Described(
            endpoint="/api/webhooks/fraud/detection",
            method="POST",
            description="A suspicion about a payment.",
            required_headers=HEADERS,
            example_payload={
                "payment_id": SAMPLE_ID,
                "severity": "high",
                "risk_score": 97,
                "recommended_action": "block",
            },
        ),
    ],
    total_count=3,
    documentation_url="/api/docs",
)


async def list_webhooks(_: Call) -> Reply:
    """List the messages that are taken."""
    return Reply(data=encoded(LISTED))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/webhooks",
        handler=list_webhooks,
        who=ANYONE,
        summary="List the webhooks that are taken",
        tag="Webhooks",
        data=Webhooks,
    ),
)
