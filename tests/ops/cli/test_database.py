"""`ledgerbank migrate` and `seed-demo`: an empty database becomes a bank, and only once."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from api.passwords import Cost, Passwords
from ops.demo import PEOPLE
from ops.embedded.postgres import OWNER, Place, create_database, postgres
from schema.migrate import known
from tests.ops.cli.books import change, head, in_step, rows
from tests.ops.cli.shell import NOWHERE, Shell

EMPTY = "empty_for_verbs"
STEPS = [step.name for step in known()]


@pytest.fixture
def empty(bare: Shell, postgres_server: Place) -> Iterator[Shell]:
    """Give a shell over a database without any table."""
    create_database(postgres_server, EMPTY)
    bare.environment["DATABASE_URL"] = postgres_server.url(EMPTY)
    yield bare
    with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {EMPTY} WITH (FORCE)".encode())


def dsn(shell: Shell) -> str:
    return shell.environment["DATABASE_URL"]


def test_migrate_brings_a_database_up_to_date(empty: Shell) -> None:
    ran = empty("migrate", "--check")
    assert ran.code == 1
    assert ran.lines == [f"pending {name}" for name in STEPS]
    ran = empty("migrate")
    assert ran.code == 0
    assert ran.lines == [f"applied {name}" for name in STEPS]
    for arguments in (("migrate",), ("migrate", "--check")):
        again = empty(*arguments)
        assert (again.code, again.lines) == (0, ["up to date"])


def test_migrate_tells_programs(empty: Shell) -> None:
    ran = empty("--json", "migrate", "--check")
    assert (ran.code, ran.json) == (1, {"pending": STEPS})
    assert empty("--json", "migrate").json == {"applied": STEPS}
    assert empty("--json", "migrate").json == {"applied": []}


def test_migrate_takes_the_owner_of_the_schema(empty: Shell, postgres_server: Place) -> None:
    """The server's own address is not even asked for migrations."""
    owner = postgres_server.url(EMPTY)
    assert empty("migrate", DATABASE_URL=NOWHERE, MIGRATION_DATABASE_URL=owner).code == 0
    assert empty("migrate", "--check").code == 0


def test_a_newer_database_is_refused(shell: Shell) -> None:
    insert = "INSERT INTO migrations.applied (name, checksum) VALUES ('9999_from_tomorrow', '')"
    with psycopg.connect(dsn(shell)) as connection:
        connection.execute(insert)
    for verb in (("migrate",), ("migrate", "--check"), ("seed-demo",), ("events", "list")):
        ran = shell(*verb)
        assert ran.code == 3
        assert ran.err == (
            "error: the database is newer than this program: it has 9999_from_tomorrow\n"
        )


def test_an_edited_migration_is_refused(shell: Shell) -> None:
    change(dsn(shell), "UPDATE migrations.applied SET checksum = '' WHERE name = %s", STEPS[0])
    ran = shell("migrate")
    assert (ran.code, ran.err) == (3, f"error: {STEPS[0]} was edited after it was applied\n")


@pytest.mark.parametrize(
    "verb",
    [
        ("seed-demo",),
        ("events", "list"),
        ("projections", "list"),
        ("projections", "rebuild", "--all"),
        ("ledger", "check"),
        ("ledger", "trial-balance"),
        ("serve",),
        ("project",),
        ("worker",),
    ],
    ids=" ".join,
)
def test_pending_migrations_are_told(empty: Shell, verb: tuple[str, ...]) -> None:
    ran = empty(*verb, REDIS_URL="redis://127.0.0.1:1")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith("error: migrations are pending (0001_event_log, ")
    assert ran.err.endswith("): run `ledgerbank migrate`\n")


def test_the_demo_is_seeded_once(shell: Shell) -> None:
    ran = shell("seed-demo")
    assert ran.code == 0, ran
    made = head(dsn(shell))
    assert made > 0
    state = rows(dsn(shell), "SELECT stream_id, version, data FROM log.events ORDER BY position")
    in_step(dsn(shell))
    assert shell("seed-demo").out == "demo data in place (0 commands)\n"
    assert shell("--json", "seed-demo").json == {"commands": 0}
    query = "SELECT stream_id, version, data FROM log.events ORDER BY position"
    assert rows(dsn(shell), query) == state
    balances = "SELECT account_name, balance, held, currency FROM read.accounts ORDER BY 1"
    assert rows(dsn(shell), balances) == [
        ("Alice Checking", 150_000, 0, "USD"),
        ("Bob Savings", 250_000, 0, "GBP"),
    ]
    assert shell("ledger", "check").code == 0


def test_a_seeding_that_was_interrupted_is_finished(shell: Shell) -> None:
    """Everybody's ids are derived, so a second run takes up where the first one broke off."""
    with shell.running("seed-demo") as process:
        while process.poll() is None and head(dsn(shell)) < 24:
            pass
        process.kill()
        process.wait()
    assert shell("seed-demo").code == 0
    in_step(dsn(shell))
    assert shell("ledger", "check").code == 0
    found = shell("--json", "ledger", "trial-balance").json
    balances = {each["code"]: each["balance"] for each in found}
    assert balances["customers:USD"] == "1500.00"
    assert balances["customers:GBP"] == "2500.00"


def test_everybody_of_the_demo_can_sign_in(demo: Shell) -> None:
    passwords = Passwords(Cost(memory_kib=8, time_cost=1), threads=1)
    try:
        for person in PEOPLE:
            query = (
                "SELECT p.role, c.password_hash FROM log.principals p JOIN log.credentials c"
                " USING (user_id) WHERE user_id = %s AND status = 'ACTIVE'"
            )
            [(role, stored)] = rows(dsn(demo), query, person.user_id)
            assert role == person.role
            assert asyncio.run(passwords.matches(person.password, stored)), person
    finally:
        passwords.close()


def test_no_demo_in_production(shell: Shell, tmp_path: Path) -> None:
    ran = shell("seed-demo", LEDGERBANK_ENV="prod", DATA_DIR=str(tmp_path))
    assert ran.code == 3
    assert head(dsn(shell)) == 0


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Give a data folder that any account may pass through, as a private server needs."""
    folder = Path(tempfile.mkdtemp(prefix="ledgerbank-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


def test_without_an_address_the_private_server_is_used(bare: Shell, data_dir: Path) -> None:
    """Each verb starts it and stops it; the data stays in the data folder."""
    private = {"LEDGERBANK_ENV": "dev", "DATA_DIR": str(data_dir)}
    assert bare("migrate", **private).code == 0
    assert bare("migrate", "--check", **private).code == 0
    assert bare("--json", "events", "list", **private).json == []
    assert list(data_dir.rglob("PG_VERSION"))
    assert not list(data_dir.rglob("postmaster.pid"))


def test_only_embedded_servers_are_emptied(shell: Shell) -> None:
    ran = shell("seed-demo", "--reset")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err == "error: only embedded servers are emptied: unset DATABASE_URL\n"
    assert shell("seed-demo").code == 0


def test_an_embedded_bank_starts_over(bare: Shell) -> None:
    with postgres(Path(bare.environment["DATA_DIR"]), durable=False) as running:
        assert bare("seed-demo", "--reset").code == 0
        seeded = head(running.url(OWNER))
        bare("users", "suspend", "--email", PEOPLE[0].email)
        with psycopg.connect(running.url(OWNER)):
            ran = bare("seed-demo", "--reset")
            assert (ran.code, ran.out) == (1, "")
            assert ran.err.startswith("error: the database is in use")
        assert head(running.url(OWNER)) > seeded
        assert bare("seed-demo", "--reset").code == 0
        assert head(running.url(OWNER)) == seeded
        assert bare("ledger", "check").code == 0
