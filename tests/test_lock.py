"""The lock: every package by hash, and not a word about where it came from."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PLACES = ("://", "file:", "@ ", "--index", "--extra-index", "--find-links", "--trusted-host")
PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)")


def requirements() -> list[str]:
    """Return each requirement on one line, comments left out."""
    spoken = "\n".join(line for line in LOCK.splitlines() if not line.lstrip().startswith("#"))
    return [line for line in spoken.replace("\\\n", " ").splitlines() if line.strip()]


def pinned() -> set[str]:
    return {normal(found["name"]) for line in requirements() if (found := PIN.match(line))}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("line", requirements(), ids=lambda line: line.split("=")[0])
def test_every_package_is_pinned_by_hash(line: str) -> None:
    assert PIN.match(line), line
    assert re.search(r"--hash=sha256:[0-9a-f]{64}", line), line


@pytest.mark.parametrize("place", PLACES)
def test_the_lock_names_no_place(place: str) -> None:
    assert place not in LOCK


def test_every_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    names = {normal(re.split(r"[\[<>=;~! ]", each, maxsplit=1)[0]) for each in wanted}
    assert names - pinned() == set()
