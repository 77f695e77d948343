"""Hold places: which account a client's hold lies on, found by its id alone.

The events of a hold are its account's. What leads from the id to the account is a claim that is
written with them; it outlives the hold, so that the id of one that has ended is still known.
"""

import msgspec

from ledger.decisions.view import Claim, View

NAMESPACE = "hold"


class HoldPlace(msgspec.Struct, frozen=True):
    """Where a hold lies, who placed it, and how its last command left it.

    The version counts the hold's own events. A hold that is ACTIVE here and gone from its account
    has expired.
    """

    account_id: str
    placed_by: str
    status: str = "ACTIVE"
    version: int = 1


def place_of(view: View, hold_id: str) -> HoldPlace | None:
    """Return where a client's hold lies; None for an id that is none."""
    known = view.known_claim(NAMESPACE, hold_id)
    if known is None:
        return None
    account_id, placed_by, status, version = known.holder.split(" ")
    return HoldPlace(account_id, placed_by, status, int(version))


def keep_place(view: View, hold_id: str, place: HoldPlace) -> None:
    """Wish it known, together with the events, how a command leaves a hold."""
    text = f"{place.account_id} {place.placed_by} {place.status} {place.version}"
    view.change_claim(NAMESPACE, hold_id, Claim(text))
