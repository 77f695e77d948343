"""Verbs about users: the first administrator."""

import asyncio
import sys

import click

from api.kinds import email as email_kind
from api.kinds import text
from ledger.commands.command import Context
from ledger.commands.user import RegisterUser
from ledger.errors import Reason, Refused
from ledger.events.event import Private
from ledger.events.recorded import OPERATOR
from ledger.identity import new_id
from ops.composition import open_books
from ops.databases import ready_database
from ops.output import Output
from ops.passwords import lengths_of, passwords_of
from ops.settings import Settings
from schema.principals import email_claim

NAME_LENGTH_MAX = 255


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
    name = text(1, NAME_LENGTH_MAX, Reason.INVALID_NAME_FORMAT, plain=True).read(full_name, {})
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
