"""GET /api/transactions/{id}/receipt: one transaction, provable without us (proof.md P-6)."""

from typing import Literal

from api.audit_proofs import Checkpoint, Hash
from api.call import Call
from api.callers import HUMAN
from api.endpoint import Endpoint
from api.reading import Reading, visible
from api.reply import Reply
from api.shapes import Currency, Direction, Id, Money, Shape, Time
from ledger.errors import Reason
from ledger.policies import access
from projections import receipts


class ReceiptTransaction(Shape, frozen=True):
    """What the proven events say of a transaction."""

    id: Id
    account_id: Id
    posting_id: Id
    direction: Direction
    amount: Money
    currency: Currency
    balance_after: Money
    posted_at: Time


class ProvenEvent(Shape, frozen=True):
    """An event, the text exactly as stored, and its way to the root of the signed tree."""

    position: int
    leaf_index: int
    leaf_hash: Hash
    audit_path: list[Hash]
    event: str


class Receipt(Shape, frozen=True):
    """Proof of one transaction: what moved the balance, what opened the account, who signed."""

    format: Literal["ledgerbank-receipt-v1"]
    transaction: ReceiptTransaction
    entry: ProvenEvent
    opening: ProvenEvent
    checkpoint: Checkpoint


async def show_receipt(call: Call) -> Reply:
    """Hand out the proof of one transaction, as soon as it is sealed."""
    pool, transaction_id = call.use(Reading).pool, call.path["id"]
    found = await receipts.booked(pool, transaction_id)
    item = None if found is None else found.item
    visible(call, item, access.may_read_account, Reason.TRANSACTION_NOT_FOUND)
    assert found is not None, "what is visible is there"
    return Reply(data=await receipts.receipt(pool, transaction_id, found))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/transactions/{id}/receipt",
        handler=show_receipt,
        who=HUMAN.or_service("accounts:read"),
        summary="Hand out the proof of one transaction",
        tag="Transactions",
        query=(),
        reads=("transactions",),
        data=Receipt,
        reasons=(
            Reason.UNAUTHORIZED_ACCESS,
            Reason.TRANSACTION_NOT_FOUND,
            Reason.CHECKPOINT_NOT_FOUND,
        ),
    ),
)
