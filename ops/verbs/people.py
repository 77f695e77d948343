"""Verbs about users: the first administrator; who there is, and what becomes of them."""

import asyncio
import sys
from collections.abc import Callable

import click
import msgspec

from api.commands.user_fields import ROLES
from api.commands.user_fields import full_name as name_kind
from api.kinds import email as email_kind
from api.kinds import uuid
from api.shapes import User
from ledger.commands.command import Command, Context
from ledger.commands.user import DeleteUser, ReactivateUser, RegisterUser, SuspendUser
from ledger.errors import Reason, Refused
from ledger.events.event import Private
from ledger.events.recorded import OPERATOR
from ledger.identity import new_id
from ops.composition import open_books
from ops.databases import migrated_database, ready_database
from ops.output import Output
from ops.passwords import lengths_of, passwords_of
from ops.people import Wanted, among_people
from ops.settings import Settings
from schema.principals import email_claim

COLUMNS = ("id", "email", "full_name", "role", "status", "verified", "inserted_at")
STATUSES = ("ACTIVE", "SUSPENDED", "DELETED")


@click.group
def users() -> None:
    """Manage users."""


@users.command("create-admin")
@click.option("--email", required=True, help="Address to sign in with.")
@click.option("--full-name", required=True, help="As shown to others.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.pass_obj
def create_admin(output: Output, email: str, full_name: str, *, password_stdin: bool) -> None:
    """Create an administrator; asks for the password unless it comes on standard input."""
    password = (
        sys.stdin.readline().rstrip("\n")
        if password_stdin
        else click.prompt("Password", hide_input=True, confirmation_prompt=True)
    )
    settings = output.settings()
    if not lengths_of(settings).suits(password, "admin"):
        raise Refused(
            Reason.INVALID_PASSWORD_FORMAT, min_length=settings.identity.admin_password_min_length
        )
    address = email_kind().read(email, {})
    name = name_kind().read(full_name, {})
    with ready_database(settings) as dsn:
        user_id = asyncio.run(register(settings, dsn, address, name, password))
    output.tell({"user_id": user_id}, f"created administrator {address} ({user_id})")


async def register(settings: Settings, dsn: str, email: str, full_name: str, password: str) -> str:
    """Let an administrator join; return their id."""
    user_id, passwords = new_id(), passwords_of(settings)
    try:
        command = RegisterUser(
            user_id=user_id,
            email=Private(email, user_id),
            email_claim=email_claim(settings.core.index_key, email),
            full_name=Private(full_name, user_id),
            role="admin",
            origin="cli",
            password_hash=await passwords.hashed(password),
            data_key_id=new_id(),
        )
        async with open_books(settings, dsn) as books:
            await books.ledger.handle(command, Context(actor=OPERATOR, correlation_id=new_id()))
    finally:
        passwords.close()
    return user_id


@users.command("list")
@click.option("--id", "user_id", help="Only this one.")
@click.option("--email", help="Only whoever has this address.")
@click.option("--role", type=click.Choice(ROLES, case_sensitive=False), help="In this role.")
@click.option("--status", type=click.Choice(STATUSES, case_sensitive=False),
              help="Only these; DELETED ones are not listed otherwise.")  # fmt: skip
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True,
              help="At most so many.")  # fmt: skip
@click.pass_obj
def list_users(  # noqa: PLR0913, PLR0917  # one argument per flag
    output: Output,
    user_id: str | None,
    email: str | None,
    role: str | None,
    status: str | None,
    limit: int,
) -> None:
    """List users, newest first."""
    wanted = wanted_of(user_id, email)
    wanted = msgspec.structs.replace(wanted, role=role, status=status)
    settings = output.settings()
    with migrated_database(settings) as dsn:
        found = among_people(settings, dsn, lambda people: people.select(wanted, limit))
    output.table([msgspec.structs.asdict(each) for each in found], COLUMNS)


@users.command
@click.option("--id", "user_id", help="Who, by id.")
@click.option("--email", help="Who, by address.")
@click.pass_obj
def show(output: Output, user_id: str | None, email: str | None) -> None:
    """Show one user."""
    wanted, settings = one_of(user_id, email), output.settings()
    with migrated_database(settings) as dsn:
        person = among_people(settings, dsn, lambda people: people.one(wanted))
    output.tell(person, msgspec.json.format(msgspec.json.encode(person)).decode())


@users.command
@click.option("--id", "user_id", help="Who, by id.")
@click.option("--email", help="Who, by address.")
@click.pass_obj
def suspend(output: Output, user_id: str | None, email: str | None) -> None:
    """Keep a user out: every session ends, nobody signs in until reactivated."""
    person = change(output, one_of(user_id, email), lambda who: SuspendUser(user_id=who))
    output.tell({"user_id": person.id, "status": "SUSPENDED"}, f"suspended {named(person)}")


@users.command
@click.option("--id", "user_id", help="Who, by id.")
@click.option("--email", help="Who, by address.")
@click.pass_obj
def reactivate(output: Output, user_id: str | None, email: str | None) -> None:
    """Let a suspended user in again; their old tokens stay dead."""
    person = change(output, one_of(user_id, email), lambda who: ReactivateUser(user_id=who))
    output.tell({"user_id": person.id, "status": "ACTIVE"}, f"reactivated {named(person)}")


@users.command
@click.option("--id", "user_id", help="Who, by id.")
@click.option("--email", help="Who, by address.")
@click.pass_obj
def delete(output: Output, user_id: str | None, email: str | None) -> None:
    """Delete a user and erase who they were; the books stay. There is no way back."""
    person = change(
        output,
        one_of(user_id, email),
        lambda who: DeleteUser(user_id=who, erasure_id=new_id()),
    )
    output.tell({"user_id": person.id, "status": "DELETED"}, f"deleted user {person.id}")


def change(output: Output, wanted: Wanted, command_for: Callable[[str], Command]) -> User:
    """Carry out a command about one user; return who they were before."""
    settings = output.settings()
    with ready_database(settings) as dsn:
        return among_people(settings, dsn, lambda people: people.change(wanted, command_for))


def one_of(user_id: str | None, email: str | None) -> Wanted:
    """Return who is meant, said in one way."""
    if (user_id is None) == (email is None):
        raise click.UsageError("say who: either --id or --email")
    return wanted_of(user_id, email)


def wanted_of(user_id: str | None, email: str | None) -> Wanted:
    """Return who is meant, their id and address in the form we know them by."""
    return Wanted(
        user_id=None if user_id is None else uuid().read(user_id, {}),
        email=None if email is None else email_kind().read(email, {}),
    )


def named(person: User) -> str:
    """Return how a user is called on a terminal."""
    return f"{person.email} ({person.id})"
