"""`ledgerbank service`: keys are printed once, and are what the servers take."""

import asyncio

import pytest

from api.callers import Principal
from api.service_keys import ServiceKeys
from ledger.errors import Refused
from ledger.identity import new_id
from schema.postgres import open_pool
from tests.ops.cli.books import head, rows
from tests.ops.cli.shell import Shell

NOW = 1_800_000_000
CREATE = ("service", "create", "--name", "Payroll", "--scopes", "transfers:write, ledger:read")


def dsn(shell: Shell) -> str:
    return shell.environment["DATABASE_URL"]


def proven(shell: Shell, key: str) -> Principal | str:
    """Return whom a server would take the bearer of a key for, or why for nobody."""

    async def ask() -> Principal | str:
        async with await open_pool(dsn(shell), 1, "ledgerbank_app") as pool:
            try:
                return await ServiceKeys(pool, lambda: NOW).principal(key, fresh=True)
            except Refused as refused:
                return refused.reason.value

    return asyncio.run(ask())


def test_a_machine_is_let_in_gets_a_new_key_and_is_ended(shell: Shell) -> None:
    created = shell(*CREATE)
    assert created.code == 0, created
    sentence, first = created.lines
    service_id = first.split("_")[1]
    assert sentence == f"created service account Payroll ({service_id})"
    found = proven(shell, first)
    assert isinstance(found, Principal)
    assert found.id == service_id
    assert found.scopes == {"transfers:write", "ledger:read"}
    second = shell("--json", "service", "rotate", "--id", service_id.upper()).json["api_key"]
    assert proven(shell, first) == "invalid_token"
    assert isinstance(proven(shell, second), Principal)
    ended = shell("--json", "service", "disable", "--id", service_id)
    assert ended.json == {"id": service_id, "status": "DISABLED"}
    assert proven(shell, second) == "token_revoked"
    assert shell("service", "disable", "--id", service_id).code == 0
    names = rows(dsn(shell), "SELECT name FROM log.events ORDER BY position")
    assert [name for (name,) in names] == [
        "ServiceAccountCreated",
        "ServiceKeyIssued",
        "ServiceKeyRotated",
        "ServiceKeyIssued",
        "ServiceAccountDisabled",
        "ServiceKeyRevoked",
    ]
    for (event,) in rows(dsn(shell), "SELECT convert_from(data, 'UTF8') FROM log.events"):
        assert first not in event
        assert second not in event


def test_programs_are_told_everything_they_need(shell: Shell) -> None:
    told = shell("--json", "service", "create", "--name", "Usual").json
    assert told["name"] == "Usual"
    assert told["scopes"] == ["transfers:write", "holds:write", "accounts:read", "ledger:read"]
    assert told["api_key"].startswith(f"lbk_{told['id']}_")


@pytest.mark.parametrize(
    ("arguments", "refused"),
    [
        (("create", "--name", " "), "invalid_name_format"),
        (("create", "--name", "x", "--scopes", "everything"), "invalid_field_value"),
        (("create", "--name", "x", "--scopes", ""), "invalid_field_value"),
        (("rotate", "--id", "x"), "invalid_uuid_format"),
        (("rotate", "--id", new_id()), "service_account_not_found"),
        (("disable", "--id", new_id()), "service_account_not_found"),
    ],
)
def test_what_cannot_be_is_refused(shell: Shell, arguments: tuple[str, ...], refused: str) -> None:
    ran = shell("service", *arguments)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"error: {refused}: ")
    assert head(dsn(shell)) == 0


def test_what_must_be_said(shell: Shell) -> None:
    for arguments in (("create",), ("rotate",), ("disable",)):
        assert shell("service", *arguments).code == 2
