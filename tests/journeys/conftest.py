"""One deployment per pytest process: real servers, real processes, demo data."""

from collections.abc import Generator, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from ops.demo import ADMIN, AUDITOR, SUPPORT
from ops.embedded.postgres import Place as PostgresPlace
from ops.embedded.valkey import Place as ValkeyPlace
from tests.journeys.collector import Collector, collecting
from tests.journeys.people import PASSWORD, Door, Person, Town
from tests.journeys.system import System, deployed, ledgerbank
from tests.mailbox import Open, mailbox
from tests.power import Power, valkey_power

DATABASE = "journeys"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure what the processes said last."""
    report = yield
    system = getattr(item, "funcargs", {}).get("system")
    if report.failed and system is not None:
        report.sections.append(("processes", system.said()))
    return report


@pytest.fixture(scope="package")
def broker_switch(server_dir: Path) -> Iterator[Power[ValkeyPlace]]:
    """Run a broker of its own: these workers would take the jobs of other tests."""
    with valkey_power(server_dir / "journeys-broker") as power:
        yield power


@pytest.fixture(scope="package")
def broker(broker_switch: Power[ValkeyPlace]) -> str:
    """Give the address of the broker."""
    return broker_switch.place.url


@pytest.fixture(scope="package")
def post() -> Iterator[Open]:
    """Give the SMTP server that mails go to."""
    with mailbox() as opened:
        yield opened


@pytest.fixture(scope="package")
def collector() -> Iterator[Collector]:
    """Give the collector that spans go to."""
    with collecting() as opened:
        yield opened


@pytest.fixture(scope="package")
def beside(post: Open, collector: Collector) -> dict[str, str]:
    """Give the settings of what stands beside a deployment."""
    return {
        "SMTP_URL": post.url,
        "MAIL_FROM": "Our Bank <bank@example.com>",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_EXPORTER_OTLP_HEADERS": "x-hush=hush-hush",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "K8S_POD_NAME": "pod-7",
    }


@pytest.fixture(scope="package")
def environment(
    postgres_server: PostgresPlace,
    migrated: str,
    broker: str,
    server_dir: Path,
    beside: dict[str, str],
) -> dict[str, str]:
    """Give the settings of a deployment whose database has the demo data."""
    names = {"name": sql.Identifier(DATABASE), "template": sql.Identifier(migrated)}
    with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL(CREATE).format(**names))
        admin.execute(sql.SQL(KEEP).format(**names))
    settings = {
        "LEDGERBANK_ENV": "test",
        "DATABASE_URL": postgres_server.url(DATABASE),
        "REDIS_URL": broker,
        "DATA_DIR": str(server_dir / "journeys"),
        "WEBHOOK_ALLOW_PRIVATE": "true",
        **beside,
    }
    seeded = ledgerbank(settings, "seed-demo")
    assert seeded.code == 0, seeded
    return settings


@pytest.fixture(scope="package")
def system(environment: dict[str, str], server_dir: Path) -> Iterator[System]:
    """Run two servers, the projections and two workers."""
    with deployed(environment, server_dir) as running:
        yield running


@pytest.fixture(scope="package")
def door(system: System) -> Iterator[Door]:
    opened = Door(system.urls)
    yield opened
    opened.close()


@pytest.fixture(scope="package")
def town(system: System, door: Door) -> Iterator[Town]:
    """Let staff sign in; when everybody is done, the books hold and the log kept its secrets."""
    yield Town(door, ADMIN, SUPPORT, AUDITOR)
    checked = system.ledgerbank("ledger", "check")
    assert checked.code == 0, checked
    written = system.log.read_text(errors="replace")
    for secret in (PASSWORD, ADMIN.password, AUDITOR.password, "Bearer ey"):
        assert secret not in written


@pytest.fixture
def customer(town: Town) -> Person:
    return town.customer()


CREATE = "CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"
KEEP = "ALTER DATABASE {name} SET synchronous_commit = on"
"""What is acknowledged outlives a server that breaks off, although not a machine."""
