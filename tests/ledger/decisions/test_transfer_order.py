"""The order in which a transfer is judged (ledger.md §5.2)."""

import pytest

from ledger.errors import Reason
from ledger.events.account import AccountCredited
from ledger.events.user import UserSuspended
from tests.builders import (
    ANNA,
    AS_ANNA,
    AS_BORIS,
    HERS,
    OTHER_POSTING,
    TOWN,
    identity,
    transfer,
)
from tests.ledger.decisions.faults import Fault, alone_and_in_pairs
from tests.specs import given

NOWHERE = identity("nowhere")
MORE = AccountCredited(
    posting_id=identity("more"), entry_id=identity("more"), amount=15_000, balance_after=45_000
)
ORDER = [
    Fault(Reason.ACCOUNT_NOT_FOUND, {"source_account_id": NOWHERE}),
    Fault(Reason.ACCOUNT_NOT_FOUND, {"destination_account_id": NOWHERE}),
    Fault(Reason.UNAUTHORIZED_ACCESS, by=AS_BORIS),
    Fault(Reason.SAME_ACCOUNT_TRANSFER, {"destination_account_id": HERS}),
    Fault(Reason.CURRENCY_MISMATCH, {"currency": "JPY"}),
    Fault(Reason.INVALID_AMOUNT_FORMAT, {"amount": "1.001"}),
    Fault(Reason.ACCOUNT_SUSPENDED, lines=[(f"user-{ANNA}", UserSuspended())]),
    Fault(Reason.AMOUNT_EXCEEDS_LIMIT, {"amount": "800.01"}),
    Fault(Reason.INSUFFICIENT_FUNDS, {"amount": "700.00"}),
    Fault(Reason.DAILY_LIMIT_EXCEEDED, {"amount": "400.00"}, lines=[(f"account-{HERS}", MORE)]),
]
"""After 700.00 went out today, 300.00 (with MORE: 450.00) are there, and 300.00 of the limit."""


@pytest.mark.parametrize("fault", alone_and_in_pairs(ORDER))
def test_the_first_fault_is_told(fault: Fault) -> None:
    another = {"transfer_id": identity("another"), "posting_id": OTHER_POSTING}
    story = given(TOWN).done(transfer("700.00"), by=AS_ANNA).happened(*fault.lines)
    asked = transfer(**{"amount": "1.00"} | another | fault.fields)
    story.when(asked, by=fault.by or AS_ANNA).then_refused(fault.reason)


def test_without_a_fault_it_is_booked() -> None:
    another = {"transfer_id": identity("another"), "posting_id": OTHER_POSTING}
    story = given(TOWN).done(transfer("700.00"), by=AS_ANNA)
    assert story.when(transfer("300.00", **another), by=AS_ANNA).refused is None
