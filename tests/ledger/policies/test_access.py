"""Access: every cell of the policy matrix (identity.md §8) for the actions there are."""

import pytest

from ledger.errors import Reason, Refused
from ledger.events.recorded import ANONYMOUS, SYSTEM, Actor
from ledger.policies import access
from ledger.policies.access import Policy, all_of, any_of, has_role, negate, owns

ME, OTHER = "me", "other"
ROLES = ("anonymous", "user", "support", "admin", "auditor", "service", "system")
YES, OWN, FOREIGN, NO = "yes", "own", "foreign", "no"
ROLE, RECORD, CONFIRM = (
    Reason.INSUFFICIENT_PERMISSIONS,
    Reason.UNAUTHORIZED_ACCESS,
    Reason.CONFIRMATION_REQUIRED,
)
"""Per role in the order of ROLES: yes, only own, only others' (foreign), or no; then the reason a
role the action is open to gets about the wrong record."""
MATRIX: dict[str, tuple[tuple[str, str, str, str, str, str, str], Reason]] = {
    "may_grant_roles": ((NO, NO, NO, YES, NO, NO, YES), ROLE),
    "may_end_sessions": ((NO, OWN, OWN, YES, OWN, NO, YES), ROLE),
    "may_read_user": ((NO, OWN, YES, YES, YES, NO, YES), ROLE),
    "may_open_account": ((NO, OWN, YES, YES, NO, NO, YES), ROLE),
    "may_set_account_terms": ((NO, NO, NO, FOREIGN, NO, NO, YES), ROLE),
    "may_read_account": ((NO, OWN, YES, YES, YES, NO, YES), RECORD),
    "may_pay_from": ((NO, OWN, OWN, YES, NO, NO, YES), RECORD),
    "may_read_payment": ((NO, OWN, YES, YES, YES, NO, YES), ROLE),
    "may_process_payment": ((NO, OWN, OWN, YES, NO, NO, YES), ROLE),
    "may_confirm_money_in": ((NO, NO, NO, FOREIGN, NO, NO, NO), CONFIRM),
    "may_cancel_payment": ((NO, OWN, YES, YES, NO, NO, YES), ROLE),
    "may_read_payment_stats": ((NO, OWN, YES, YES, YES, NO, YES), ROLE),
    "may_transfer_from": ((NO, OWN, OWN, YES, NO, YES, YES), RECORD),
    "may_ignore_limits": ((NO, NO, NO, NO, NO, YES, NO), ROLE),
    "may_back_date": ((NO, NO, YES, YES, NO, YES, YES), ROLE),
    "may_ask_for_quote": ((NO, YES, YES, YES, NO, YES, YES), ROLE),
    "may_read_posting": ((NO, OWN, YES, YES, YES, NO, YES), ROLE),
    "may_reverse_posting": ((NO, NO, NO, FOREIGN, NO, YES, YES), ROLE),
    "may_read_quote": ((NO, OWN, YES, YES, YES, NO, YES), ROLE),
    "may_close_periods": ((NO, NO, NO, YES, NO, NO, YES), ROLE),
    "may_read_transfer": ((NO, OWN, YES, YES, YES, NO, YES), RECORD),
    "may_read_everything": ((NO, NO, YES, YES, YES, NO, YES), ROLE),
    "may_change_banks": ((NO, NO, NO, YES, NO, NO, YES), ROLE),
}
CELLS = [
    (name, role, cell)
    for name, (cells, _) in MATRIX.items()
    for role, cell in zip(ROLES, cells, strict=True)
]


def actor(role: str) -> Actor:
    match role:
        case "anonymous":
            return ANONYMOUS
        case "system":
            return SYSTEM
        case "service":
            return Actor(type="service", id=ME, role="service")
        case _:
            return Actor(type="user", id=ME, role=role)


def test_every_policy_has_a_row() -> None:
    policies = {name for name, each in vars(access).items() if isinstance(each, Policy)}
    assert policies == set(MATRIX)


@pytest.mark.parametrize(("name", "role", "cell"), CELLS)
def test_a_cell_of_the_matrix(name: str, role: str, cell: str) -> None:
    policy: Policy = getattr(access, name)
    assert policy.allows(actor(role), ME) is (cell in {YES, OWN})
    assert policy.allows(actor(role), OTHER) is (cell in {YES, FOREIGN})


@pytest.mark.parametrize(("name", "role", "cell"), CELLS)
def test_what_is_not_allowed_is_refused(name: str, role: str, cell: str) -> None:
    policy: Policy = getattr(access, name)
    owner = OTHER if cell in {OWN, NO} else ME
    if policy.allows(actor(role), owner):
        policy(actor(role), owner)
        return
    with pytest.raises(Refused) as caught:
        policy(actor(role), owner)
    known = role == "system" or role in policy.roles
    assert caught.value.reason is (MATRIX[name][1] if known else ROLE)


def test_a_role_that_is_left_out_is_told_who_may() -> None:
    with pytest.raises(Refused) as caught:
        access.may_pay_from(actor("auditor"), OTHER, field="user_bank_account_id")
    assert caught.value.details == {
        "role": "auditor",
        "required_roles": ["admin", "support", "user"],
    }


def test_a_foreign_record_is_told_who_may_without_owning_it() -> None:
    with pytest.raises(Refused) as caught:
        access.may_cancel_payment(actor("user"), OTHER)
    assert caught.value.details == {"role": "user", "required_roles": ["admin", "support"]}


def test_a_foreign_account_is_told_by_its_field_alone() -> None:
    with pytest.raises(Refused) as caught:
        access.may_transfer_from(actor("user"), OTHER, field="source_account_id")
    assert caught.value.details == {"field": "source_account_id"}


def test_a_record_with_two_owners_is_open_to_both() -> None:
    assert access.may_read_transfer.allows(actor("user"), OTHER, ME)
    assert not access.may_read_transfer.allows(actor("user"), OTHER, "third")


def test_a_service_owns_nothing_even_under_an_owners_id() -> None:
    assert not owns(actor("service"), {ME})
    assert owns(actor("user"), {ME})


def test_rules_combine() -> None:
    admin, user = actor("admin"), actor("user")
    yes, no = has_role("admin"), has_role("nobody")
    assert all_of(yes, yes)(admin, ())
    assert not all_of(yes, no)(admin, ())
    assert any_of(no, yes)(admin, ())
    assert not any_of(no, no)(admin, ())
    assert negate(yes)(user, ())
    assert not negate(yes)(admin, ())
