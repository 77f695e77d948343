"""The other side of what moves on one account alone: a system account of the house."""

from ledger.entries import Entry
from ledger.identity import numbered_id


def entries_against(
    code: str, *, posting_id: str, account_id: str, amount: int, currency: str
) -> tuple[Entry, Entry]:
    """Return the entry of an account, and what balances it on the system account `code`.

    `amount` is in minor units, positive when the account gains.
    """
    own = Entry(
        entry_id=numbered_id(posting_id, 1), account_id=account_id, amount=amount, currency=currency
    )
    other = Entry(
        entry_id=numbered_id(posting_id, 2), account_code=code, amount=-amount, currency=currency
    )
    return own, other
