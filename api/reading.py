"""Reading: what the routes that show records share, and with whose eyes they look."""

from collections.abc import Callable, Iterable

import msgspec

from api.call import Call
from api.envelope import now_text
from ledger.errors import Reason, Refused
from ledger.events.recorded import Actor
from ledger.policies import access
from ledger.policies.access import Policy
from ledger.policies.limits import Rules
from projections import accounts
from projections.cursors import Cursors
from projections.items import Item
from projections.looking_back import Past
from schema.postgres import Pool
from schema.seals import KeyEncryptionKeys


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """Made once per application. `digest` makes the keyed hashes that claims are found by.

    `keks` open the personal text of the past, as far as its keys still exist.
    """

    pool: Pool
    rules: Rules
    cursors: Cursors
    digest: Callable[..., str]
    keks: KeyEncryptionKeys

    @property
    def past(self) -> Past:
        """Return where the past is read."""
        return Past(self.pool, self.keks)


def actor_of(call: Call) -> Actor:
    """Return the caller as policies know them."""
    return call.principal.actor


def is_service(call: Call) -> bool:
    """Say whether a service calls: the scope that admitted it lets it read everybody's records."""
    return call.principal.kind == "service"


def is_reader(call: Call) -> bool:
    """Say whether the caller may read everybody's records."""
    return is_service(call) or access.may_read_everything.allows(actor_of(call))


def viewer_of(call: Call) -> str | None:
    """Return as whom records are shown; None sees all of them."""
    return None if is_reader(call) else call.principal.id


def permit(call: Call, policy: Policy, owners: Iterable[str]) -> None:
    """Refuse to show a record of `owners` to a caller whom `policy` keeps from it."""
    policy(actor_of(call), *owners)


def visible(call: Call, item: Item | None, policy: Policy, otherwise: Reason) -> Item:
    """Return a record that is there (else refuse with `otherwise`) and open to the caller."""
    if item is None:
        raise Refused(otherwise)
    permit(call, policy, item.owners)
    return item


async def permit_named_account(call: Call) -> None:
    """Refuse a list of what is on somebody else's account."""
    account_id = call.query.get("account_id")
    if account_id is None:
        return
    account = await accounts.balance(call.use(Reading).pool, account_id, now_text())
    if account is not None:
        permit(call, access.may_read_account, account.owners)
