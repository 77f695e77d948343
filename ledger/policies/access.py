"""Who may do what to whose record (identity.md §8), as rules that can be combined.

Every edge and every decision asks the same policies: `may_pay_from(actor, owner_id)` returns, or
raises `Refused` with what http.md §4 says for that action.

A service account acts by scope alone: a policy with `scopes` lets it act on anybody's record.
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
SCOPES = ("transfers:write", "holds:write", "accounts:read", "accounts:write", "ledger:read")
"""All there are."""


class ServiceActor(Actor, frozen=True, kw_only=True):
    """A service account with the scopes it has at this moment."""

    scopes: frozenset[str] = frozenset()

    @property
    def recorded(self) -> Actor:
        """Return it as events name it."""
        return Actor(type=self.type, id=self.id, role=self.role)


def has_role(*roles: str) -> Rule:
    """Say yes to these roles, whoever owns the record."""
    return lambda actor, _: actor.role in roles


def owns(actor: Actor, owners: Collection[str]) -> bool:
    """Say yes to a user about their own record."""
    return actor.type == "user" and actor.id in owners


def has_scope(*scopes: str) -> Rule:
    """Say yes to a service account with one of these scopes, whoever owns the record."""
    return lambda actor, _: isinstance(actor, ServiceActor) and not actor.scopes.isdisjoint(scopes)


def is_system(actor: Actor, _: Collection[str]) -> bool:
    """Say yes to the product itself: process managers, schedules, demo data."""
    return actor.type == "system"


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
    A service account with one of `scopes` may act on every record.
    """

    roles: tuple[str, ...]
    rule: Rule
    scopes: tuple[str, ...] = ()
    otherwise: Reason = Reason.INSUFFICIENT_PERMISSIONS

    def __call__(self, actor: Actor, *owners: str, **facts: Any) -> None:
        """Return if `actor` may act on a record of `owners`, else refuse with `facts`."""
        if not self.is_open_to(actor):
            raise Refused(
                Reason.INSUFFICIENT_PERMISSIONS,
                role=actor.role,
                required_roles=sorted(self.roles) + self.required_scopes,
            )
        if actor.type == "service" or self.rule(actor, owners):
            return
        if self.otherwise is Reason.INSUFFICIENT_PERMISSIONS:
            facts |= {"role": actor.role, "required_roles": self.without_owning()}
        raise Refused(self.otherwise, **facts)

    def allows(self, actor: Actor, *owners: str) -> bool:
        """Say whether `actor` may, without refusing."""
        return self.is_open_to(actor) and (actor.type == "service" or self.rule(actor, owners))

    def is_open_to(self, actor: Actor) -> bool:
        """Say whether `actor` may do this to any record at all."""
        match actor.type:
            case "system":
                return True
            case "service":
                return has_scope(*self.scopes)(actor, ())
            case _:
                return actor.role in self.roles

    @property
    def required_scopes(self) -> list[str]:
        """Name the scopes that open this action to service accounts."""
        return sorted(f"service:{scope}" for scope in self.scopes)

    def without_owning(self) -> list[str]:
        """Name the roles and scopes that may act on everybody's record."""
        strangers = (Actor(type="user", id=NOBODY_IN_PARTICULAR, role=role) for role in self.roles)
        roles = sorted(each.role or "" for each in strangers if self.rule(each, ()))
        return roles + self.required_scopes


SYSTEM_OR_ADMIN = any_of(is_system, has_role("admin"))
OWNER_OR_ADMIN = any_of(SYSTEM_OR_ADMIN, owns)
OWNER_OR_STAFF = any_of(is_system, has_role(*STAFF), owns)
OWNER_OR_READER = any_of(is_system, has_role(*READERS), owns)
NOT_ONES_OWN = any_of(is_system, all_of(has_role("admin"), negate(owns)))

# Users and sessions.
may_grant_roles = Policy(roles=("admin",), rule=SYSTEM_OR_ADMIN)
may_end_sessions = Policy(roles=HUMANS, rule=OWNER_OR_ADMIN)
may_read_user = Policy(roles=HUMANS, rule=OWNER_OR_READER)
may_read_user_stats = Policy(
    roles=("admin", "auditor"), rule=any_of(is_system, has_role("admin", "auditor"))
)
may_edit_profile = Policy(roles=HUMANS, rule=owns)
may_set_password = Policy(roles=HUMANS, rule=owns)
may_update_customer = Policy(roles=STAFF, rule=any_of(is_system, has_role(*STAFF)))
may_update_staff = Policy(roles=STAFF, rule=SYSTEM_OR_ADMIN)
may_change_standing = Policy(roles=("admin",), rule=SYSTEM_OR_ADMIN)
may_delete_user = Policy(roles=("admin",), rule=NOT_ONES_OWN)
STANDING_FIELDS = frozenset({"role", "status", "verified"})


def may_update_user(actor: Actor, target_role: str, fields: Collection[str]) -> None:
    """Return if `actor` may change these fields of a person, else refuse (identity.md §8.1)."""
    may_update = may_update_customer if target_role == "user" else may_update_staff
    may_update(actor)
    if not STANDING_FIELDS.isdisjoint(fields):
        may_change_standing(actor)


def may_update_profile(actor: Actor, user_id: str, fields: Collection[str]) -> None:
    """Return if `actor` may change these fields of `user_id` as their own, else refuse."""
    may_edit_profile(actor, user_id)
    if not STANDING_FIELDS.isdisjoint(fields):
        may_change_standing(actor)


# Service accounts.
may_manage_service_accounts = Policy(roles=("admin",), rule=SYSTEM_OR_ADMIN)

# Accounts, and what is on them.
may_open_account = Policy(roles=CUSTOMERS, rule=OWNER_OR_STAFF, scopes=("accounts:write",))
may_set_account_terms = Policy(roles=("admin",), rule=NOT_ONES_OWN)
may_change_account = Policy(
    roles=CUSTOMERS, rule=OWNER_OR_STAFF, otherwise=Reason.UNAUTHORIZED_ACCESS
)
may_freeze_account = Policy(roles=STAFF, rule=any_of(is_system, has_role(*STAFF)))
may_close_account = Policy(
    roles=CUSTOMERS, rule=OWNER_OR_ADMIN, otherwise=Reason.UNAUTHORIZED_ACCESS
)
may_read_account = Policy(
    roles=HUMANS,
    rule=OWNER_OR_READER,
    scopes=("accounts:read",),
    otherwise=Reason.UNAUTHORIZED_ACCESS,
)

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

# Holds: whoever placed a client's hold owns it.
may_place_hold = Policy(
    roles=CUSTOMERS,
    rule=OWNER_OR_ADMIN,
    scopes=("holds:write",),
    otherwise=Reason.UNAUTHORIZED_ACCESS,
)
may_capture_hold = Policy(roles=CUSTOMERS, rule=OWNER_OR_ADMIN, scopes=("holds:write",))
may_release_hold = Policy(roles=CUSTOMERS, rule=OWNER_OR_STAFF, scopes=("holds:write",))

# Transfers: a record with two owners is open to both of them.
may_transfer_from = Policy(
    roles=CUSTOMERS,
    rule=OWNER_OR_ADMIN,
    scopes=("transfers:write",),
    otherwise=Reason.UNAUTHORIZED_ACCESS,
)
may_read_transfer = Policy(
    roles=HUMANS,
    rule=OWNER_OR_READER,
    scopes=("accounts:read",),
    otherwise=Reason.UNAUTHORIZED_ACCESS,
)
may_back_date = Policy(
    roles=STAFF, rule=any_of(is_system, has_role(*STAFF)), scopes=("transfers:write",)
)
may_ask_for_quote = Policy(
    roles=CUSTOMERS, rule=any_of(is_system, has_role(*CUSTOMERS)), scopes=("transfers:write",)
)

# Postings and quotes: what was booked, and what was promised to whom.
may_read_posting = Policy(roles=HUMANS, rule=OWNER_OR_READER, scopes=("ledger:read",))
may_reverse_posting = Policy(roles=("admin",), rule=NOT_ONES_OWN, scopes=("transfers:write",))
may_read_quote = Policy(roles=HUMANS, rule=OWNER_OR_READER, scopes=("transfers:write",))

# Connections with outside banks: nobody consents for somebody else.
may_connect = Policy(roles=CUSTOMERS, rule=any_of(is_system, owns))
may_reconnect = Policy(roles=CUSTOMERS, rule=any_of(is_system, owns))
may_read_connection = Policy(roles=HUMANS, rule=OWNER_OR_READER)
may_keep_connection = Policy(roles=CUSTOMERS, rule=OWNER_OR_STAFF)
may_resolve_discrepancy = Policy(roles=("admin",), rule=SYSTEM_OR_ADMIN)
may_adjust_books = Policy(roles=("admin",), rule=NOT_ONES_OWN)
# Jobs: of whom the record is that they are about, owns them.
may_read_job = Policy(roles=HUMANS, rule=OWNER_OR_READER)
may_rebuild_projections = Policy(roles=("admin",), rule=SYSTEM_OR_ADMIN)
may_steer_jobs = Policy(roles=STAFF, rule=any_of(is_system, has_role(*STAFF)))
# Streams: whoever listens hears of their own records, readers of everybody's.
may_listen = Policy(roles=HUMANS, rule=OWNER_OR_READER, scopes=("ledger:read",))

# Webhook endpoints.
may_have_endpoint = Policy(roles=CUSTOMERS, rule=any_of(is_system, owns))
may_change_endpoint = Policy(roles=CUSTOMERS, rule=OWNER_OR_ADMIN)
may_read_endpoint = Policy(roles=HUMANS, rule=any_of(is_system, has_role("admin", "auditor"), owns))
may_hear_everything = Policy(roles=("admin",), rule=SYSTEM_OR_ADMIN)

# The whole bank.
may_close_periods = Policy(roles=("admin",), rule=SYSTEM_OR_ADMIN)
may_read_everything = Policy(roles=READERS, rule=any_of(is_system, has_role(*READERS)))
may_announce = Policy(roles=("admin",), rule=SYSTEM_OR_ADMIN)
may_change_banks = Policy(roles=("admin",), rule=SYSTEM_OR_ADMIN)
