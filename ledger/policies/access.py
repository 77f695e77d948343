"""Who may do what to whose record (identity.md §8), as rules that can be combined.

Every edge and every decision asks the same policies: `may_pay_from(actor, owner_id)` returns, or
raises `Refused` with what http.md §4 says for that action.
"""

from collections.abc import Callable, Collection
from typing import Any, TypeAlias

import msgspec

from ledger.errors import Reason, Refused
from ledger.events.recorded import Actor

Rule: TypeAlias = Callable[[Actor, Collection[str]], bool]
"""Says yes or no to an actor about a record with these owners."""

CUSTOMERS = ("user", "support", "admin")
"""Whoever may hold accounts and move money: every human but the auditor."""
READERS = ("support", "admin", "auditor")
STAFF = ("support", "admin")
HUMANS = ("user", "support", "admin", "auditor")
NOBODY_IN_PARTICULAR = ""


def has_role(*roles: str) -> Rule:
    """Say yes to these roles, whoever owns the record."""
    return lambda actor, _: actor.role in roles


def owns(actor: Actor, owners: Collection[str]) -> bool:
    """Say yes to a user about their own record."""
    return actor.type == "user" and actor.id in owners


def is_system(actor: Actor, _: Collection[str]) -> bool:
    """Say yes to the product itself: process managers, schedules, demo data."""
    return actor.type == "system"


def is_service(actor: Actor, _: Collection[str]) -> bool:
    """Say yes to a service account, about everybody's records."""
    return actor.type == "service"


def all_of(*rules: Rule) -> Rule:
    """Say yes when every rule does."""
    return lambda actor, owners: all(rule(actor, owners) for rule in rules)


def any_of(*rules: Rule) -> Rule:
    """Say yes when one rule does."""
    return lambda actor, owners: any(rule(actor, owners) for rule in rules)


def negate(rule: Rule) -> Rule:
    """Say yes exactly when `rule` says no."""
    return lambda actor, owners: not rule(actor, owners)


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """One action: the roles it is open to at all, and the rule about the record.

    A role it is not open to gets `insufficient_permissions`; a refused record gets `otherwise`.
    """

    roles: tuple[str, ...]
    rule: Rule
    otherwise: Reason = Reason.INSUFFICIENT_PERMISSIONS

    def __call__(self, actor: Actor, *owners: str, **facts: Any) -> None:
        """Return if `actor` may act on a record of `owners`, else refuse with `facts`."""
        if actor.type != "system" and actor.role not in self.roles:
            raise Refused(
                Reason.INSUFFICIENT_PERMISSIONS, role=actor.role, required_roles=sorted(self.roles)
            )
        if self.rule(actor, owners):
            return
        if self.otherwise is Reason.INSUFFICIENT_PERMISSIONS:
            facts |= {"role": actor.role, "required_roles": self.without_owning()}
        raise Refused(self.otherwise, **facts)

    def allows(self, actor: Actor, *owners: str) -> bool:
        """Say whether `actor` may, without refusing."""
        known = actor.type == "system" or actor.role in self.roles
        return known and self.rule(actor, owners)

    def without_owning(self) -> list[str]:
        """Name the roles that may act on everybody's record."""
        strangers = (Actor(type="user", id=NOBODY_IN_PARTICULAR, role=role) for role in self.roles)
        return sorted(each.role or "" for each in strangers if self.rule(each, ()))


SYSTEM_OR_ADMIN = any_of(is_system, has_role("admin"))
OWNER_OR_ADMIN = any_of(SYSTEM_OR_ADMIN, owns)
OWNER_OR_STAFF = any_of(is_system, has_role(*STAFF), owns)
OWNER_OR_READER = any_of(is_system, has_role(*READERS), owns)
NOT_ONES_OWN = any_of(is_system, all_of(has_role("admin"), negate(owns)))

# Users and sessions.
may_grant_roles = Policy(roles=("admin",), rule=SYSTEM_OR_ADMIN)
may_end_sessions = Policy(roles=HUMANS, rule=OWNER_OR_ADMIN)
may_read_user = Policy(roles=HUMANS, rule=OWNER_OR_READER)

# Accounts, and what is on them.
may_open_account = Policy(roles=CUSTOMERS, rule=OWNER_OR_STAFF)
may_set_account_terms = Policy(roles=("admin",), rule=NOT_ONES_OWN)
may_read_account = Policy(roles=HUMANS, rule=OWNER_OR_READER, otherwise=Reason.UNAUTHORIZED_ACCESS)

# Payments.
may_pay_from = Policy(roles=CUSTOMERS, rule=OWNER_OR_ADMIN, otherwise=Reason.UNAUTHORIZED_ACCESS)
may_read_payment = Policy(roles=HUMANS, rule=OWNER_OR_READER)
may_edit_payment = Policy(roles=CUSTOMERS, rule=OWNER_OR_ADMIN)
may_process_payment = Policy(roles=CUSTOMERS, rule=OWNER_OR_ADMIN)
may_confirm_money_in = Policy(
    roles=CUSTOMERS,
    rule=all_of(has_role("admin"), negate(owns)),
    otherwise=Reason.CONFIRMATION_REQUIRED,
)
may_cancel_payment = Policy(roles=CUSTOMERS, rule=OWNER_OR_STAFF)
may_read_payment_stats = Policy(roles=HUMANS, rule=OWNER_OR_READER)

# Holds: whoever placed a client's hold owns it; a service's scope was judged at the edge.
may_place_hold = Policy(
    roles=(*CUSTOMERS, "service"),
    rule=any_of(OWNER_OR_ADMIN, is_service),
    otherwise=Reason.UNAUTHORIZED_ACCESS,
)
may_capture_hold = Policy(roles=(*CUSTOMERS, "service"), rule=any_of(OWNER_OR_ADMIN, is_service))
may_release_hold = Policy(roles=(*CUSTOMERS, "service"), rule=any_of(OWNER_OR_STAFF, is_service))

# Transfers: a record with two owners is open to both of them.
may_transfer_from = Policy(
    roles=CUSTOMERS, rule=OWNER_OR_ADMIN, otherwise=Reason.UNAUTHORIZED_ACCESS
)
may_read_transfer = Policy(roles=HUMANS, rule=OWNER_OR_READER, otherwise=Reason.UNAUTHORIZED_ACCESS)

# The whole bank.
may_read_everything = Policy(roles=READERS, rule=any_of(is_system, has_role(*READERS)))
may_change_banks = Policy(roles=("admin",), rule=SYSTEM_OR_ADMIN)
