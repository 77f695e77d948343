"""Verbs that state facts: version, settings, the OpenAPI document, the catalogue of reasons."""

import re
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from api.app import PUBLIC
from api.openapi import document
from ledger.errors import CATALOGUE
from ops import VERSION
from ops.http import endpoints_of
from ops.settings import read_settings
from tests.ops.cli.shell import NOWHERE, ROOT, Shell

SPECIFIED_SHA256 = "a81bf596f0bb06cc1de119f761b056172964accc6abd136dcae69b90d5e074dc"
"""Of `errors.tsv` as specified: the catalogue is a contract, kept byte for byte."""
OPERATION_KEYS = {"operationId", "summary", "tags", "parameters", "responses", "security"}


def test_the_version_is_that_of_the_project(bare: Shell) -> None:
    ran = bare("version")
    assert (ran.code, ran.out) == (0, f"{VERSION}\n")
    assert f'version = "{VERSION}"' in (ROOT / "pyproject.toml").read_text()
    assert bare("--json", "version").json == {"version": VERSION}


def test_settings_that_are_right(bare: Shell) -> None:
    ran = bare("config", "check")
    assert (ran.code, ran.out, ran.err) == (0, "settings ok\n", "")
    assert bare("--json", "config", "check").json == {"valid": True, "warnings": []}


def test_a_wrong_setting_is_named(bare: Shell) -> None:
    ran = bare("config", "check", DUPLICATE_WINDOW_MINUTES="five")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err == 'error: DUPLICATE_WINDOW_MINUTES must be an integer >= 0, got "five"\n'


def test_every_wrong_setting_is_named_and_no_secret_is_told(bare: Shell) -> None:
    ran = bare("config", "check", PORT="0", JWT_SECRET="short-secret", POOL_SIZE="many")
    assert ran.code == 3
    assert [line.split()[1] for line in ran.err.splitlines()] == ["PORT", "POOL_SIZE", "JWT_SECRET"]
    assert "short-secret" not in ran.err


def test_strange_settings_are_a_warning(bare: Shell) -> None:
    ran = bare("config", "check", LEDGERBANK_COLOUR="green")
    assert ran.code == 0
    assert ran.lines == ["warning: LEDGERBANK_COLOUR is not a setting", "settings ok"]
    found = bare("--json", "config", "check", LEDGERBANK_COLOUR="green").json
    assert found["warnings"] == ["LEDGERBANK_COLOUR is not a setting"]


def test_an_env_file_is_read_and_the_environment_wins(bare: Shell, tmp_path: Path) -> None:
    file = tmp_path / "settings.env"
    file.write_text('POOL_SIZE=7\nexport HOST="0.0.0.0"\n')
    shown = bare("--env-file", str(file), "--json", "config", "show", HOST="127.0.0.2").json
    assert (shown["POOL_SIZE"], shown["HOST"]) == ("7", "127.0.0.2")
    file.write_text("POOL_SIZE\n")
    ran = bare("--env-file", str(file), "config", "check")
    assert ran.code == 3
    assert "line 1 is not NAME=value" in ran.err
    assert bare("--env-file", str(tmp_path / "none.env"), "config", "check").code == 2


def test_effective_settings_are_shown_without_a_secret(bare: Shell) -> None:
    secrets = {
        "DATABASE_URL": NOWHERE,
        "REDIS_URL": "redis://:hush-hush@127.0.0.1:1/0",
        "METRICS_TOKEN": "hush-hush metrics",
        "PAYMENT_WEBHOOK_SECRET": "hush-hush webhook secret",
        "SMTP_URL": "smtp://post:hush-hush@mail.example.com:25",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=hush-hush",
    }
    plain, told = bare("config", "show", **secrets), bare("--json", "config", "show", **secrets)
    keys = [bare.environment[name] for name in ("JWT_SECRET", "SECRET_KEY_BASE", "INDEX_KEY")]
    for ran in (plain, told):
        assert ran.code == 0
        for secret in ("hush-hush", "PRIVATE KEY", bytes(32).hex(), "AAAAAAAA", *keys):
            assert secret not in ran.out + ran.err
    values = told.json
    assert values["DATABASE_URL"] == "postgresql://nobody:********@127.0.0.1:1/nothing"
    assert values["DATA_KEY_ENCRYPTION_KEYS"] == "k1:********"
    assert (values["LEDGERBANK_ENV"], values["ARGON2_MEMORY_KIB"]) == ("test", "8")
    assert plain.lines == [f"{name}={value}" for name, value in values.items()]


def test_generated_keys_are_not_shown_either(bare: Shell) -> None:
    for name in ("JWT_SECRET", "DATA_KEY_ENCRYPTION_KEYS"):
        del bare.environment[name]
    ran = bare("config", "show")
    kept = msgspec.json.decode(Path(bare.environment["DATA_DIR"], "keys.json").read_bytes())
    assert ran.code == 0
    for secret in kept.values():
        assert secret.removeprefix("k1:") not in ran.out


@pytest.fixture
def openapi(bare: Shell) -> dict[str, Any]:
    found: dict[str, Any] = bare("openapi").json
    return found


def test_every_route_of_the_product_is_described(bare: Shell, openapi: dict[str, Any]) -> None:
    settings = read_settings(bare.environment)
    assert openapi["openapi"] == "3.1.0"
    assert openapi["info"]["version"] == VERSION
    described = {
        (method.upper(), path) for path, methods in openapi["paths"].items() for method in methods
    }
    routes = [each for each in (*endpoints_of(settings), *PUBLIC) if each.published]
    assert described >= {(each.method, each.path) for each in routes}
    for route in (
        ("POST", "/api/auth/login"),
        ("POST", "/api/users"),
        ("POST", "/api/accounts"),
        ("GET", "/api/accounts/{id}/balance"),
        ("POST", "/api/payments/{id}/process"),
        ("POST", "/api/transfers"),
        ("GET", "/api/transactions"),
        ("GET", "/api/ledger/trial-balance"),
        ("GET", "/api/health/detailed"),
        ("GET", "/api/problems/{reason}"),
    ):
        assert route in described


def test_the_document_is_a_valid_one(openapi: dict[str, Any]) -> None:
    """Every schema is a JSON Schema of 2020-12, every reference leads somewhere, ids are unique."""
    for name, schema in openapi["components"]["schemas"].items():
        jsonschema_rs.meta.validate(
            {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
        )
        assert re.fullmatch(r"[a-zA-Z0-9._-]+", name)
    ids = []
    for path, methods in openapi["paths"].items():
        for operation in methods.values():
            assert operation.keys() >= OPERATION_KEYS
            ids.append(operation["operationId"])
            inside = {
                each.get("name") for each in operation["parameters"] if each.get("in") == "path"
            }
            assert inside == set(re.findall(r"\{(\w+)\}", path))
            assert all(
                "$ref" in each or each["description"] for each in operation["responses"].values()
            )
    assert len(set(ids)) == len(ids)
    for reference in references(openapi):
        target: Any = openapi
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]


def references(value: Any) -> list[str]:
    """Return every `$ref` inside a document."""
    inside: list[Any] = []
    if isinstance(value, dict):
        inside = list(value.values())
    elif isinstance(value, list):
        inside = value
    own = [value["$ref"]] if isinstance(value, dict) and "$ref" in value else []
    return own + [found for each in inside for found in references(each)]


def test_the_document_goes_to_a_file(bare: Shell, tmp_path: Path, openapi: dict[str, Any]) -> None:
    ran = bare("openapi", "--out", str(tmp_path / "openapi.json"))
    assert (ran.code, ran.out) == (0, f"written to {tmp_path / 'openapi.json'}\n")
    assert msgspec.json.decode((tmp_path / "openapi.json").read_bytes()) == openapi
    assert bare("--quiet", "openapi", "--out", str(tmp_path / "openapi.json")).out == ""
    assert document((), VERSION)["openapi"] == openapi["openapi"]


def test_the_catalogue_is_printed_as_it_is_kept(bare: Shell) -> None:
    ran = bare("problems")
    assert ran.code == 0
    assert ran.out == files("ledger").joinpath("reasons.tsv").read_text(encoding="utf-8")
    assert bare("problems", "--format", "tsv").out == ran.out


def test_the_catalogue_is_the_specified_one(bare: Shell) -> None:
    assert sha256(bare("problems").out.encode()).hexdigest() == SPECIFIED_SHA256


def test_the_catalogue_for_programs(bare: Shell) -> None:
    found = bare("problems", "--format", "json").json
    assert found == bare("--json", "problems").json
    assert [each["reason"] for each in found] == list(CATALOGUE)
    assert found[0] == msgspec.to_builtins(next(iter(CATALOGUE.values())))
    assert bare("problems", "--format", "yaml").code == 2
