"""Commands about the catalogue of banks: list one, change it, add a branch."""

from typing import Any

from api.asking import Told, ask
from api.books import Bank, Branch
from api.call import Call
from api.callers import ADMIN
from api.commands.bank_fields import CHANGES, NEW, branch_fields
from api.endpoint import Endpoint
from api.reply import Bare
from ledger.commands.asked import Loaded, Reveal
from ledger.commands.bank import AddBranch, RegisterBank, UpdateBank
from ledger.errors import Reason
from ledger.identity import new_id


async def register(call: Call) -> Bare:
    """List a bank in the catalogue."""
    command = RegisterBank(bank_id=new_id(), **call.body)
    return await ask(call, command, REGISTERED)


async def update(call: Call) -> Bare:
    """Change the given fields of a bank."""
    command = UpdateBank(bank_id=call.path["id"], changes=dict(call.body))
    return await ask(call, command, Told(show=show_bank))


async def add_branch(call: Call) -> Bare:
    """Add a branch to a bank."""
    command = AddBranch(bank_id=call.path["id"], branch_id=new_id(), **call.body)
    told = Told(
        show=lambda loaded, _: show_branch(call.path["id"], loaded), status=201, versioned=False
    )
    return await ask(call, command, told)


def show_bank(loaded: Loaded, _: Reveal) -> Bank:
    """Show a bank as it is once the command is done."""
    bank: Any = loaded.state.bank
    return Bank(
        id=loaded.id,
        name=bank.name,
        code=bank.code,
        country=bank.country,
        logo_url=bank.logo_url,
        api_endpoint=bank.api_endpoint,
        provider=bank.provider,
        status=bank.status,
        version=loaded.version,
        inserted_at=loaded.inserted_at,
        updated_at=loaded.updated_at,
    )


def show_branch(bank_id: str, loaded: Loaded) -> Branch:
    """Show a branch that was added."""
    branch: Any = loaded.state
    return Branch(
        id=branch.branch_id,
        bank_id=bank_id,
        name=branch.name,
        country=branch.country,
        iban=branch.iban,
        swift_code=branch.swift_code,
        routing_number=branch.routing_number,
        inserted_at=loaded.inserted_at,
        updated_at=loaded.updated_at,
    )


REGISTERED = Told(show=show_bank, status=201, location="/api/banks/{id}")


CHANGING = (
    Endpoint(
        method="POST",
        path="/api/banks",
        handler=register,
        who=ADMIN,
        summary="List a bank",
        tag="Banks",
        body=NEW,
        keyed=True,
        status=201,
        data=Bank,
        reasons=(Reason.BANK_ALREADY_EXISTS,),
    ),
    Endpoint(
        method="PUT",
        path="/api/banks/{id}",
        handler=update,
        who=ADMIN,
        summary="Change a bank",
        tag="Banks",
        body=CHANGES,
        keyed=True,
        conditional=True,
        data=Bank,
        reasons=(Reason.BANK_NOT_FOUND, Reason.BANK_ALREADY_EXISTS),
    ),
)


def bank_endpoints(*, check_digits: bool) -> tuple[Endpoint, ...]:
    """Return the routes that change the catalogue; `check_digits` judges numbers of branches."""
    return (
        *CHANGING,
        Endpoint(
            method="POST",
            path="/api/banks/{id}/branches",
            handler=add_branch,
            who=ADMIN,
            summary="Add a branch to a bank",
            tag="Banks",
            body=branch_fields(check_digits=check_digits),
            keyed=True,
            status=201,
            data=Branch,
            reasons=(Reason.BANK_NOT_FOUND, Reason.BRANCH_ALREADY_EXISTS),
        ),
    )
