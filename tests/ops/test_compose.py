"""The compose file and the image: pinned, complete, without a secret in clear."""

import re
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.cli import VERBS
from ops.settings import read_settings
from ops.settings.generated import new_keys
from ops.settings.reading import SETTINGS

ROOT = Path(__file__).parent.parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: each for name, each in SERVICES.items() if each["image"].startswith("ledgerbank:")}
PRODUCT = OURS.keys() - {"sandbox-bank"}
"""What is ours but no part of the outside world."""
DOCKERFILE = (ROOT / "ops" / "Dockerfile").read_text()
PINNED = re.compile(r"[a-z/]+:\d+\.\d+(\.\d+)?(-[a-z0-9]+)*")
REQUIRED = re.compile(r"\$\{([A-Z_]+):\?[^}]*\}")


def test_every_part_of_the_deployment_is_there() -> None:
    processes = {"migrate", "api", "projections", "worker", "scheduler", "sandbox-bank"}
    assert {"postgres", "redis", *processes} <= SERVICES.keys()


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned(name: str) -> None:
    assert PINNED.fullmatch(SERVICES[name]["image"])


@pytest.mark.parametrize("name", OURS)
def test_commands_exist(name: str) -> None:
    assert OURS[name]["command"][0] in VERBS


@pytest.mark.parametrize("name", SERVICES)
def test_everything_that_runs_is_started_again(name: str) -> None:
    wanted = "no" if name == "migrate" else "unless-stopped"
    assert SERVICES[name]["restart"] == wanted


@pytest.mark.parametrize("name", ["postgres", "redis", "api"])
def test_what_others_wait_for_tells_its_health(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", PRODUCT - {"migrate"})
def test_nothing_of_ours_starts_before_the_migrations(name: str) -> None:
    assert OURS[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


@pytest.mark.parametrize("name", SERVICES)
def test_secrets_come_from_outside(name: str) -> None:
    for variable, value in SERVICES[name].get("environment", {}).items():
        secret = "PASSWORD" in variable or (variable in SETTINGS and SETTINGS[variable].secret)
        if secret and variable != "REDIS_URL":
            assert REQUIRED.search(value), f"{variable} of {name} is written down"


@pytest.mark.parametrize("name", PRODUCT)
def test_the_settings_start_in_production(name: str) -> None:
    given = {"PUBLIC_URL": "https://ledger.example", "POSTGRES_PASSWORD": b64encode(b"x").hex()}
    outside = new_keys() | given
    environment = {
        variable: REQUIRED.sub(lambda found: outside[found[1]], value)
        for variable, value in OURS[name]["environment"].items()
    }
    assert environment.keys() <= SETTINGS.keys()
    settings = read_settings(environment)
    assert settings.core.env == "prod"
    assert settings.core.port == 4000


def test_the_broker_forgets_nothing() -> None:
    command = " ".join(SERVICES["redis"]["command"])
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command
    assert SERVICES["postgres"]["volumes"]
    assert SERVICES["redis"]["volumes"]


def test_the_image_is_pinned_and_runs_without_privileges() -> None:
    base = re.search(r"^FROM (\S+)$", DOCKERFILE, re.MULTILINE)
    assert base
    assert PINNED.fullmatch(base[1])
    assert "--require-hashes" in DOCKERFILE
    assert DOCKERFILE.index("USER ledgerbank") < DOCKERFILE.index("ENTRYPOINT")


def test_the_image_holds_all_rooms_and_nothing_secret() -> None:
    kept = (ROOT / ".dockerignore").read_text().split()
    for room in ("ledger", "schema", "projections", "api", "workers", "ops"):
        assert f"COPY {room} {room}" in DOCKERFILE
        assert f"!{room}" in kept
    assert kept[0] == "*"
