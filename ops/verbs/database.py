"""Verbs about the database: migrations and demo data."""

import asyncio

import click

from api.passwords import Passwords
from ops.banking import ring_of
from ops.composition import open_books
from ops.databases import database, ready_database, start_over, wait_for
from ops.failures import CheckFailed
from ops.output import Output
from ops.outside import kept_in
from ops.passwords import passwords_of
from ops.seeding.run import Seeded, Seeding
from ops.settings import Settings, SettingsRefused
from schema.migrate import migrate as apply_migrations
from schema.migrate import pending


@click.command
@click.option("--check", is_flag=True, help="Change nothing; exit 1 when something is pending.")
@click.pass_obj
def migrate(output: Output, *, check: bool) -> None:
    """Bring the database up to date."""
    settings = output.settings()
    with database(settings) as found:
        dsn = settings.core.migration_database_url or found
        wait_for(dsn)
        missing = pending(dsn) if check else apply_migrations(dsn)
    word = "pending" if check else "applied"
    lines = [f"{word} {name}" for name in missing] or ["up to date"]
    output.tell({word: missing}, *lines)
    if check and missing:
        raise CheckFailed


@click.command("seed-demo")
@click.option("--reset", is_flag=True, help="Empty database and bank of the demo; nothing is kept.")
@click.pass_obj
def seed_demo(output: Output, *, reset: bool) -> None:
    """Make the demo people, banks and money; a second run changes nothing."""
    settings = output.settings()
    if reset:
        start_over(settings)
        kept_in(settings).unlink(missing_ok=True)
    with ready_database(settings) as dsn:
        seeded = asyncio.run(seed(settings, dsn))
    for note in seeded.notes:
        output.say(note)
    made = seeded.commands
    output.tell({"commands": made}, f"demo data in place ({made} commands)")


async def seed(settings: Settings, dsn: str) -> Seeded:
    """Make what is missing of the demo data; return how many commands that took."""
    if settings.core.env == "prod":
        raise SettingsRefused(["demo data is for development only"])
    passwords: Passwords = passwords_of(settings)
    try:
        async with open_books(settings, dsn) as books:
            ring, index_key = ring_of(settings), settings.core.index_key
            return await Seeding(books.ledger, books.pool, passwords, ring, index_key).run()
    finally:
        passwords.close()
