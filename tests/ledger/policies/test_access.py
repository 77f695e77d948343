"""Access: every cell of the policy matrix (identity.md §8) for the actions there are."""

import pytest

from ledger.errors import Reason, Refused
from ledger.events.recorded import ANONYMOUS, SYSTEM, Actor
from ledger.policies import access
from ledger.policies.access import Policy, ServiceActor, all_of, any_of, has_role, negate, owns

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
    "may_read_user_stats": ((NO, NO, NO, YES, YES, NO, YES), ROLE),
    "may_edit_profile": ((NO, OWN, OWN, OWN, OWN, NO, NO), ROLE),
    "may_set_password": ((NO, OWN, OWN, OWN, OWN, NO, NO), ROLE),
    "may_update_customer": ((NO, NO, YES, YES, NO, NO, YES), ROLE),
    "may_update_staff": ((NO, NO, NO, YES, NO, NO, YES), ROLE),
    "may_change_standing": ((NO, NO, NO, YES, NO, NO, YES), ROLE),
    "may_delete_user": ((NO, NO, NO, FOREIGN, NO, NO, YES), ROLE),
    "may_open_account": ((NO, OWN, YES, YES, NO, NO, YES), ROLE),
    "may_change_account": ((NO, OWN, YES, YES, NO, NO, YES), RECORD),
    "may_freeze_account": ((NO, NO, YES, YES, NO, NO, YES), ROLE),
    "may_close_account": ((NO, OWN, OWN, YES, NO, NO, YES), RECORD),
    "may_set_account_terms": ((NO, NO, NO, FOREIGN, NO, NO, YES), ROLE),
    "may_read_account": ((NO, OWN, YES, YES, YES, NO, YES), RECORD),
    "may_pay_from": ((NO, OWN, OWN, YES, NO, NO, YES), RECORD),
    "may_read_payment": ((NO, OWN, YES, YES, YES, NO, YES), ROLE),
    "may_process_payment": ((NO, OWN, OWN, YES, NO, NO, YES), ROLE),
    "may_confirm_money_in": ((NO, NO, NO, FOREIGN, NO, NO, NO), CONFIRM),
    "may_cancel_payment": ((NO, OWN, YES, YES, NO, NO, YES), ROLE),
    "may_read_payment_stats": ((NO, OWN, YES, YES, YES, NO, YES), ROLE),
    "may_edit_payment": ((NO, OWN, OWN, YES, NO, NO, YES), ROLE),
    "may_place_hold": ((NO, OWN, OWN, YES, NO, NO, YES), RECORD),
    "may_capture_hold": ((NO, OWN, OWN, YES, NO, NO, YES), ROLE),
    "may_release_hold": ((NO, OWN, YES, YES, NO, NO, YES), ROLE),
    "may_transfer_from": ((NO, OWN, OWN, YES, NO, NO, YES), RECORD),
    "may_back_date": ((NO, NO, YES, YES, NO, NO, YES), ROLE),
    "may_ask_for_quote": ((NO, YES, YES, YES, NO, NO, YES), ROLE),
    "may_read_posting": ((NO, OWN, YES, YES, YES, NO, YES), ROLE),
    "may_reverse_posting": ((NO, NO, NO, FOREIGN, NO, NO, YES), ROLE),
    "may_read_quote": ((NO, OWN, YES, YES, YES, NO, YES), ROLE),
    "may_close_periods": ((NO, NO, NO, YES, NO, NO, YES), ROLE),
    "may_read_transfer": ((NO, OWN, YES, YES, YES, NO, YES), RECORD),
    "may_manage_service_accounts": ((NO, NO, NO, YES, NO, NO, YES), ROLE),
    "may_read_everything": ((NO, NO, YES, YES, YES, NO, YES), ROLE),
    "may_connect": ((NO, OWN, OWN, OWN, NO, NO, YES), ROLE),
    "may_reconnect": ((NO, OWN, OWN, OWN, NO, NO, YES), ROLE),
    "may_read_connection": ((NO, OWN, YES, YES, YES, NO, YES), ROLE),
    "may_keep_connection": ((NO, OWN, YES, YES, NO, NO, YES), ROLE),
    "may_resolve_discrepancy": ((NO, NO, NO, YES, NO, NO, YES), ROLE),
    "may_adjust_books": ((NO, NO, NO, FOREIGN, NO, NO, YES), ROLE),
    "may_read_job": ((NO, OWN, YES, YES, YES, NO, YES), ROLE),
    "may_steer_jobs": ((NO, NO, YES, YES, NO, NO, YES), ROLE),
    "may_listen": ((NO, OWN, YES, YES, YES, NO, YES), ROLE),
    "may_change_endpoint": ((NO, OWN, OWN, YES, NO, NO, YES), ROLE),
    "may_read_endpoint": ((NO, OWN, OWN, YES, YES, NO, YES), ROLE),
    "may_hear_everything": ((NO, NO, NO, YES, NO, NO, YES), ROLE),
    "may_have_endpoint": ((NO, OWN, OWN, OWN, NO, NO, YES), ROLE),
    "may_rebuild_projections": ((NO, NO, NO, YES, NO, NO, YES), ROLE),
    "may_change_banks": ((NO, NO, NO, YES, NO, NO, YES), ROLE),
    "may_announce": ((NO, NO, NO, YES, NO, NO, YES), ROLE),
}
CELLS = [
    (name, role, cell)
    for name, (cells, _) in MATRIX.items()
    for role, cell in zip(ROLES, cells, strict=True)
]


SCOPED = {
    "may_open_account": {"accounts:write"},
    "may_read_account": {"accounts:read"},
    "may_transfer_from": {"transfers:write"},
    "may_read_transfer": {"accounts:read"},
    "may_place_hold": {"holds:write"},
    "may_capture_hold": {"holds:write"},
    "may_release_hold": {"holds:write"},
    "may_back_date": {"transfers:write"},
    "may_ask_for_quote": {"transfers:write"},
    "may_read_posting": {"ledger:read"},
    "may_reverse_posting": {"transfers:write"},
    "may_read_quote": {"transfers:write"},
    "may_listen": {"ledger:read"},
}
"""Policies that let a service account act; the service column above is one without scopes."""


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


@pytest.mark.parametrize("name", MATRIX)
@pytest.mark.parametrize("scope", access.SCOPES)
def test_a_service_acts_on_anybodys_record_with_the_named_scope_alone(
    name: str, scope: str
) -> None:
    policy: Policy = getattr(access, name)
    one, all_others = machine(scope), machine(*(set(access.SCOPES) - {scope}))
    named = SCOPED.get(name, set())
    assert policy.allows(one, OTHER) is policy.allows(one) is (scope in named)
    assert policy.allows(all_others, OTHER) is bool(named - {scope})
    if scope in named:
        policy(one, OTHER)
        return
    with pytest.raises(Refused) as caught:
        policy(one, OTHER)
    assert caught.value.reason is ROLE
    assert caught.value.details["role"] == "service"


def test_the_scopes_that_open_an_action_are_told() -> None:
    with pytest.raises(Refused) as caught:
        access.may_transfer_from(machine("accounts:read"), OTHER)
    assert caught.value.details["required_roles"] == [
        "admin",
        "support",
        "user",
        "service:transfers:write",
    ]


def test_nobody_has_scopes_but_a_service_account() -> None:
    rule = access.has_scope("transfers:write")
    assert rule(machine("transfers:write"), ())
    assert not rule(actor("service"), ())
    assert not rule(actor("admin"), ())
    assert machine("transfers:write").recorded == actor("service")


def machine(*scopes: str) -> ServiceActor:
    return ServiceActor(type="service", id=ME, role="service", scopes=frozenset(scopes))


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
