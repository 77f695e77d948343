"""Commands about discrepancies: resolving one, with or without adjusting our books."""

from typing import Any

from api.asking import Told, ask
from api.banking import Discrepancy
from api.call import Call
from api.callers import ADMIN
from api.endpoint import Endpoint
from api.fields import Field, FieldTable
from api.kinds import boolean, text
from api.reply import Bare
from ledger.commands.asked import Loaded, Reveal
from ledger.commands.reconciliation import ResolveDiscrepancy
from ledger.errors import Reason
from ledger.identity import new_id
from ledger.money import decimal_text

NOTE_LENGTH_MAX = 255


async def resolve(call: Call) -> Bare:
    """End a discrepancy with a note; book its difference when that is asked for."""
    command = ResolveDiscrepancy(
        discrepancy_id=call.path["id"],
        note=call.body["note"],
        adjust=call.body["adjust"],
        posting_id=new_id(),
    )
    return await ask(call, command, Told(show=show_discrepancy))


def show_discrepancy(loaded: Loaded, _: Reveal) -> Discrepancy:
    """Show a discrepancy that was resolved."""
    state: Any = loaded.state
    finding = state.finding

    def shown(amount: int | None) -> str | None:
        return None if amount is None else decimal_text(amount, finding.currency)

    return Discrepancy(
        id=loaded.id,
        kind=finding.kind,
        account_id=finding.account_id,
        connection_id=finding.connection_id,
        payment_id=finding.payment_id,
        currency=finding.currency,
        ledger_amount=shown(finding.ledger),
        reported_amount=shown(finding.reported),
        difference=shown(finding.difference),
        status="RESOLVED",
        note=state.note,
        found_at=state.found_at,
        resolved_at=state.resolved_at,
        resolved_by=state.by,
        version=loaded.version,
        inserted_at=loaded.inserted_at,
        updated_at=loaded.updated_at,
    )


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/api/reconciliation/{id}/resolve",
        handler=resolve,
        who=ADMIN,
        summary="Resolve a discrepancy",
        tag="Reconciliation",
        body=FieldTable(
            (
                Field("note", text(1, NOTE_LENGTH_MAX), required=True),
                Field("adjust", boolean(), default=False),
            )
        ),
        keyed=True,
        conditional=True,
        data=Discrepancy,
        reasons=(
            Reason.INSUFFICIENT_PERMISSIONS,
            Reason.DISCREPANCY_NOT_FOUND,
            Reason.ALREADY_PROCESSED,
            Reason.NEGATIVE_BALANCE,
            Reason.REVERSAL_NOT_ALLOWED,
        ),
    ),
)
