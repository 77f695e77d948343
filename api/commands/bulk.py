"""Many transfers in one request: all or none, or each for itself."""

from typing import Any, TypeAlias

from api.asking import Told, ask
from api.call import Call, caller_id
from api.commands.transfers import MOVES_MONEY, REFUSALS, TRANSFER, show_transfer, transfer_of
from api.endpoint import Endpoint
from api.fields import Field, FieldTable
from api.kinds import boolean, rows
from api.problems import sentence
from api.reply import Bare
from api.shapes import Shape, Transfer
from ledger.commands.asked import Loaded, Reveal
from ledger.commands.transfer import MakeTransfers
from ledger.errors import Reason, Refused
from ledger.identity import new_id

TRANSFERS_MAX = 1_000
RATE_DECIMALS = 4
CREATED, DONE = 201, 200


class TransferFault(Shape, frozen=True):
    """Why one transfer was not made."""

    reason: str
    category: str
    detail: str


class PostedTransfer(Shape, frozen=True, tag_field="status", tag="posted"):
    """A transfer that was made."""

    index: int
    transfer: Transfer


class FailedTransfer(Shape, frozen=True, tag_field="status", tag="failed"):
    """A transfer that was refused."""

    index: int
    error: TransferFault


BulkResult: TypeAlias = PostedTransfer | FailedTransfer


class BulkTransfers(Shape, frozen=True):
    """What became of each transfer, in the order of the request; `success_rate` is 0 to 1."""

    atomic: bool
    total: int
    successful: int
    failed: int
    success_rate: float
    results: list[BulkResult]


async def make_transfers(call: Call) -> Bare:
    """Make transfers in their order, later ones on top of earlier ones."""
    writer, atomic = caller_id(call), call.body["atomic"]
    command = MakeTransfers(
        bulk_id=new_id(),
        transfers=tuple(transfer_of(each, writer) for each in call.body["transfers"]),
        atomic=atomic,
    )
    told = Told(show=show_bulk, status=CREATED if atomic else DONE, versioned=False)
    return await ask(call, command, told)


def show_bulk(loaded: Loaded, reveal: Reveal) -> BulkTransfers:
    """Show what became of every transfer."""
    bulk: Any = loaded.state
    results = [shown(index, result, reveal) for index, result in enumerate(bulk.results)]
    successful = sum(isinstance(each, PostedTransfer) for each in results)
    return BulkTransfers(
        atomic=bulk.atomic,
        total=len(results),
        successful=successful,
        failed=len(results) - successful,
        success_rate=round(successful / len(results), RATE_DECIMALS),
        results=results,
    )


def shown(index: int, result: Loaded | Refused, reveal: Reveal) -> BulkResult:
    """Show what became of one transfer."""
    if isinstance(result, Loaded):
        return PostedTransfer(index, show_transfer(result, reveal))
    fact = result.reason.fact
    fault = TransferFault(fact.reason, fact.category, sentence("", result.reason, result.details))
    return FailedTransfer(index, fault)


BULK = FieldTable(
    (
        Field(
            "transfers",
            rows(TRANSFER, 1, TRANSFERS_MAX, Reason.INVALID_BATCH_SIZE),
            required=True,
        ),
        Field("atomic", boolean(), default=True),
    )
)

ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/api/transfers/bulk",
        handler=make_transfers,
        who=MOVES_MONEY,
        summary="Make many transfers at once",
        tag="Transfers",
        body=BULK,
        keyed=True,
        status=CREATED,
        also=(DONE,),
        data=BulkTransfers,
        reasons=(Reason.BULK_REJECTED, *REFUSALS),
    ),
)
