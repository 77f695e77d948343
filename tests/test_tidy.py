"""The house rules that no off-the-shelf linter knows."""

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROOMS = ("ledger", "schema", "projections", "api", "workers", "ops")
FUNCTION_LINES_MAX, FILE_LINES_MAX, TEST_FILE_LINES_MAX = 40, 300, 400

UNKEPT = {".venv", ".git", "__pycache__", "node_modules", "ledgerbank-data", "static"}
PROSE = {".py", ".sql", ".sh", ".toml", ".yml", ".yaml", ".md", ".tsv", ".html", ""}
PROGRAMS = ("ops/py", "ops/up", "ops/test", "ops/bench", "ops/backup", "ops/check", ".ci/run")

BANNED_FILES = {
    "utils",
    "util",
    "helpers",
    "helper",
    "common",
    "misc",
    "base",
    "manager",
    "service",
}
BANNED_ENDINGS = re.compile(r"(?<!Process)(Manager|Service|Helpers?|Utils?|Info)$")
BANNED_NAMES = {
    "utcnow": "datetime.now(UTC), where the clock may be read",
    "getenv": "ops.settings",
    "environ": "ops.settings",
}
UNFINISHED = re.compile(r"\b(TO[D]O|FIX[M]E)\b")
OF_ONE_MACHINE = re.compile(r"(?<![\w.])/(root|home|Users|work|tmp|mnt|opt)/\w")


def kept_files() -> Iterator[Path]:
    """Yield what a clone holds, as far as it can be told without git."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [
            name
            for name in folders
            if name not in UNKEPT and not name.endswith(("_cache", "-info"))
        ]
        for name in names:
            path = Path(folder, name).relative_to(ROOT)
            if path.suffix in PROSE and not path.parts[0].startswith(".hypothesis"):
                yield path


TEXTS = sorted(kept_files())
SOURCES = [path for path in TEXTS if path.suffix == ".py" and path.parts[0] in ROOMS]
TESTS = [path for path in TEXTS if path.suffix == ".py" and path.parts[0] == "tests"]


def read(path: Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


TREES = {path: ast.parse(read(path)) for path in (*SOURCES, *TESTS)}
MONEY_PATH = [path for path in SOURCES if path.parts[0] == "ledger" and path.parts[1] != "append"]


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def names(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path}:{number}: {line.strip()}"
        for path in TEXTS
        for number, line in enumerate(read(path).splitlines(), start=1)
        if pattern.search(line)
    ]


def test_the_rooms_are_found() -> None:
    assert set(ROOMS) == {path.parts[0] for path in SOURCES}


def test_every_module_says_what_it_is() -> None:
    silent = [str(path) for path, tree in TREES.items() if not ast.get_docstring(tree)]
    assert silent == [], "give it an opening line"


def test_no_file_is_long() -> None:
    long = [
        f"{path}: {read(path).count(chr(10))}"
        for path in TREES
        if read(path).count("\n") > (FILE_LINES_MAX if path in SOURCES else TEST_FILE_LINES_MAX)
    ]
    assert long == [], "split it by noun"


def test_every_function_fits_on_a_screen() -> None:
    long = [
        f"{path}:{function.lineno} {function.name}"
        for path in SOURCES
        for function in functions(path)
        if (function.end_lineno or 0) - function.lineno + 1 > FUNCTION_LINES_MAX
    ]
    assert long == [], "leave the branches here, move the leaves out"


def test_no_drawer_is_called_miscellaneous() -> None:
    drawers = [str(path) for path in TREES if path.stem in BANNED_FILES]
    classes = [
        f"{path}:{node.lineno} {node.name}"
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and BANNED_ENDINGS.search(node.name)
    ]
    assert drawers + classes == [], "name it after what it holds"


def test_no_banned_names() -> None:
    banned = [
        f"{path}:{line}: not {name}, but {BANNED_NAMES[name]}"
        for path in SOURCES
        for line, name in names(path)
        if name in BANNED_NAMES and not (name == "environ" and path.parts[0] == "ops")
    ]
    assert banned == []


def test_money_is_whole_numbers() -> None:
    fractions = [
        f"{path}:{getattr(node, 'lineno', '?')}"
        for path in MONEY_PATH
        for node in ast.walk(TREES[path])
        if isinstance(node, ast.Div)
        or (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.Name) and node.id == "float")
    ]
    assert fractions == [], "count minor units; divide with // and say where the rest goes"


def test_nothing_is_left_for_later() -> None:
    assert lines_with(UNFINISHED) == [], "do it, or open an issue"


def test_nothing_is_bound_to_one_machine() -> None:
    assert lines_with(OF_ONE_MACHINE) == [], "no absolute paths"


def test_programs_can_be_run() -> None:
    for name in PROGRAMS:
        assert os.access(ROOT / name, os.X_OK), f"{name} needs its run bit"
        assert read(Path(name)).startswith("#!/")
