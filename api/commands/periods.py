"""Commands about periods: sealing a month with its trial balance, reopening it with a reason."""

import asyncio
from typing import Any

from api.asking import Told, ask
from api.books import Period, SealedSum
from api.call import Call
from api.callers import ADMIN
from api.endpoint import Endpoint
from api.fields import Field, FieldTable
from api.kinds import pattern, text
from api.reading import Reading
from api.reply import Bare
from ledger.commands.asked import Loaded, Reveal
from ledger.commands.period import ClosePeriod, ReopenPeriod
from ledger.errors import Reason, Refused
from ledger.events.period import Sum
from ledger.money import decimal_text
from projections.period_sums import sums_of

REASON_LENGTH_MAX = 255
TRIES, PAUSE_SECONDS = 5, 0.1
MONTH = Field(
    "period", pattern("(19|20)[0-9]{2}-(0[1-9]|1[0-2])", expected="yyyy-mm"), required=True
)


async def close_period(call: Call) -> Bare:
    """Seal a month; sums that are overtaken by a back-dated posting are taken again."""
    month = call.path["period"]
    for pause in [PAUSE_SECONDS] * TRIES:
        taken = await sums_of(call.use(Reading).pool, month)
        command = ClosePeriod(
            period=month, position=taken.position, sums=taken.sums, seen=taken.seen
        )
        try:
            return await ask(call, command, TOLD)
        except Refused as refused:
            if refused.reason is not Reason.SERVICE_UNAVAILABLE:
                raise
        await asyncio.sleep(pause)
    raise Refused(Reason.SERVICE_UNAVAILABLE)


async def reopen_period(call: Call) -> Bare:
    """Let a sealed month be restated."""
    command = ReopenPeriod(period=call.path["period"], reason=call.body["reason"])
    return await ask(call, command, TOLD)


def show_period(loaded: Loaded, _: Reveal) -> Period:
    """Show a month as it is once the command is done."""
    state: Any = loaded.state
    seal, name = state.seal, loaded.stream_id.partition("-")[2]
    return Period(
        period=f"{name[:4]}-{name[4:]}",
        status=state.__struct_config__.tag,
        position=seal.position,
        digest=seal.digest,
        sums=[show_sum(each) for each in seal.sums],
        closed_at=state.closed_at,
        reopened_at=getattr(state, "reopened_at", None),
        reason=getattr(state, "reason", None),
        restatements=state.restatements,
        inserted_at=loaded.inserted_at,
        updated_at=loaded.updated_at,
    )


def show_sum(line: Sum) -> SealedSum:
    """Show one sealed line."""
    debit, credit = int(line.debit_total), int(line.credit_total)
    return SealedSum(
        code=line.code,
        currency=line.currency,
        debit_total=decimal_text(debit, line.currency),
        credit_total=decimal_text(credit, line.currency),
        balance=decimal_text(credit - debit, line.currency),
    )


TOLD = Told(show=show_period, versioned=False)

ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/api/ledger/periods/{period}/close",
        handler=close_period,
        who=ADMIN,
        summary="Seal a month that is over",
        tag="Ledger",
        places=(MONTH,),
        reads=("trial_balance", "restatements"),
        keyed=True,
        data=Period,
        reasons=(
            Reason.INVALID_DATETIME_FORMAT,
            Reason.INVALID_POSITION,
            Reason.ALREADY_PROCESSED,
            Reason.PROJECTION_LAGGING,
        ),
    ),
    Endpoint(
        method="POST",
        path="/api/ledger/periods/{period}/reopen",
        handler=reopen_period,
        who=ADMIN,
        summary="Let a sealed month be restated",
        tag="Ledger",
        places=(MONTH,),
        body=FieldTable((Field("reason", text(1, REASON_LENGTH_MAX), required=True),)),
        keyed=True,
        data=Period,
        reasons=(Reason.ALREADY_PROCESSED,),
    ),
)
