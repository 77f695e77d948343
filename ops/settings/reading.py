"""From environment variables to `Settings`, or every reason why not."""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import msgspec

from ops.settings import environment as variables
from ops.settings.generated import (
    INDEX_KEY,
    PREVIOUS,
    PREVIOUS_INDEX,
    SECRET,
    KeysUnreadable,
    kept_keys,
    new_keys,
)
from ops.settings.groups import Banking, Core, Flags, Http, Identity, Jobs, Money
from ops.settings.rules import broken
from ops.settings.setting import Environment, Setting

Group = TypeVar("Group", bound=msgspec.Struct)


class SettingsRefused(Exception):
    """The settings do not let the program start; one line per problem. Exit code 3."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class Settings(msgspec.Struct, frozen=True):
    """Everything the environment decides. Equal in all processes of a deployment."""

    core: Core
    money: Money
    identity: Identity
    http: Http
    banking: Banking
    jobs: Jobs
    flags: Flags
    telemetry: dict[str, str]
    warnings: tuple[str, ...]


GROUPS: dict[str, type[msgspec.Struct]] = {
    "core": Core,
    "money": Money,
    "identity": Identity,
    "http": Http,
    "banking": Banking,
    "jobs": Jobs,
    "flags": Flags,
}


def fields_of(group: type[msgspec.Struct]) -> Iterator[tuple[str, str, Setting]]:
    """Yield field, variable and setting of each field of a group."""
    hints = get_type_hints(group, include_extras=True)
    for field in group.__struct_fields__:
        setting = hints[field].__metadata__[0]
        yield field, setting.name or field.upper(), setting


SETTINGS = {name: setting for group in GROUPS.values() for _, name, setting in fields_of(group)}


def current_settings(
    env_file: Path | None = None, overrides: Mapping[str, str] | None = None
) -> Settings:
    """Read this process's environment; `overrides` are command line flags by variable name."""
    return read_settings({**os.environ, **(overrides or {})}, env_file=env_file)


def read_settings(
    environment: Mapping[str, str], *, env_file: Path | None = None, keep_keys: bool = True
) -> Settings:
    """Read and check all settings; raises `SettingsRefused` with every problem at once.

    In dev and test missing keys are generated, and kept in the data folder if `keep_keys`.
    """
    from_file, problems = ({}, []) if env_file is None else variables.read_env_file(env_file)
    found = variables.canonical({**from_file, **environment})
    values, unreadable = read_all(found)
    problems += [*unreadable, *broken(values, found, SETTINGS), *interpreter()]
    if not problems:
        problems += add_keys(values, keep_keys=keep_keys)
    if problems:
        raise SettingsRefused(problems)
    return Settings(
        core=filled(Core, values),
        money=filled(Money, values),
        identity=filled(Identity, values),
        http=filled(Http, values),
        banking=filled(Banking, values),
        jobs=filled(Jobs, values),
        flags=filled(Flags, values),
        telemetry=variables.telemetry(found),
        warnings=variables.warnings(found),
    )


def filled(group: type[Group], values: Mapping[str, Any]) -> Group:
    return group(**{field: values[variable] for field, variable, _ in fields_of(group)})


def read_all(found: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Read every setting on its own; what cannot be read is a problem, not a value."""
    chosen = named_environment(found)
    demo = found.get("DEMO_MODE", "").lower() in {"true", "1", "on"}
    values: dict[str, Any] = {}
    problems: list[str] = []
    for name, setting in SETTINGS.items():
        raw = found.get(name, setting.default_in(chosen, demo=demo))
        try:
            values[name] = None if raw is None else setting.read(raw)
        except ValueError as wrong:
            shown = "" if setting.secret else f', got "{raw}"'
            problems.append(f"{name} {wrong}{shown}")
    return values, problems


def named_environment(found: Mapping[str, str]) -> Environment:
    """Return the environment whose defaults count; a wrong name is reported where it is read."""
    match found.get("LEDGERBANK_ENV"):
        case "prod":
            return "prod"
        case "test":
            return "test"
        case _:
            return "dev"


def add_keys(values: dict[str, Any], *, keep_keys: bool) -> list[str]:
    """Fill in generated keys outside production."""
    if values["LEDGERBANK_ENV"] == "prod":
        return []
    data_dir: Path = values["DATA_DIR"]
    try:
        keys = kept_keys(data_dir) if keep_keys else new_keys()
    except (KeysUnreadable, OSError):
        return [f"DATA_DIR {data_dir} must be a folder whose keys.json can be read and written"]
    given = {name for name in keys if values[name]}
    if SECRET in given:
        keys.pop(PREVIOUS, None)
    if INDEX_KEY in given:
        keys.pop(PREVIOUS_INDEX, None)
    for name, raw in keys.items():
        if name not in given:
            values[name] = SETTINGS[name].read(raw)
    return []


def interpreter() -> list[str]:
    """Refuse an interpreter that skips assertions: they guard the books."""
    return ["Python must run without -O"] if sys.flags.optimize else []
