"""Import contracts: they hold, and each of them notices when it is broken."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROOMS = ("ledger", "schema", "projections", "api", "workers", "ops")

BREACHES = {
    "ledger/strangers.py": "",
    "ledger/events/breach.py": "import eventsourcing\nimport psycopg\nimport ledger.application\n",
    "api/breach.py": "import ledger.aggregates.account\nimport workers.breach\nimport api.turn\n",
    "api/turn.py": "import api.breach\n",
    "api/commands/breach.py": "import api.queries.breach\n",
    "api/queries/breach.py": "import ledger.commands.account\n",
    "workers/breach.py": "import opentelemetry\n",
    "ops/sandbox_bank/breach.py": "import ledger.money\n",
}
"""What to write where so that every contract is broken."""


def linted(folder: Path) -> dict[str, str]:
    """Return each contract's verdict by the beginning of its name."""
    program = Path(sys.executable).parent / "lint-imports"
    printed = subprocess.run(
        [program, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False
    ).stdout
    joined = re.sub(r"\s+", " ", printed.split("dependencies.")[1])
    joined = joined.split("Contracts:")[0].strip(" -")
    verdicts = re.findall(r"(.+?) (KEPT|BROKEN)(?: \(\d+ \w+ imports?\))?(?: |$)", joined)
    return dict(verdicts)


def test_the_contracts_hold() -> None:
    verdicts = linted(ROOT)
    assert len(verdicts) == 11
    assert {name for name, verdict in verdicts.items() if verdict != "KEPT"} == set()


def test_every_contract_notices_a_breach(tmp_path: Path) -> None:
    for room in ROOMS:
        shutil.copytree(
            ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__", "static")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name, source in BREACHES.items():
        (tmp_path / name).write_text(source)
    verdicts = linted(tmp_path)
    assert len(verdicts) == 11
    assert {name for name, verdict in verdicts.items() if verdict != "BROKEN"} == set()
