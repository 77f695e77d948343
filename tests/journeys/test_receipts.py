"""Receipts: one file proves one transaction, with nothing of ours installed (P-6)."""

import ast
import shutil
import subprocess
import sys
from base64 import b64decode
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec
import pymerkle
import pytest

from ledger.identity import new_id
from ledger.money import EXPONENTS
from ops import receipt_verifier
from ops.receipt_verifier import Untrue, read_key, verify
from ops.settings.generated import signing_key
from schema.signatures import public_pem, signer_of
from tests.journeys.people import Person, Town
from tests.journeys.system import System, eventually
from tests.journeys.wire import reason_of

Receipt = dict[str, Any]


@pytest.fixture(scope="module")
def pem(system: System) -> str:
    told = system.ledgerbank("--json", "audit", "public-key").json()
    return str(told["public_key"])


@pytest.fixture(scope="module")
def receipts(system: System, town: Town) -> dict[str, Receipt]:
    """Let money move in every way and in several currencies; return a receipt of each."""
    someone, other = town.customer(), town.customer()
    accounts = {"USD": town.account(someone), "JPY": town.account(someone, "5000", currency="JPY")}
    theirs = town.account(other, None)
    town.door.send(someone.transfer(accounts["USD"], theirs, "12.50"))
    ids = {
        "opening": newest(someone, accounts["JPY"]),
        "sent": newest(someone, accounts["USD"]),
        "received": newest(other, theirs),
    }
    assert system.ledgerbank("audit", "seal").code == 0
    return {
        kind: (other if kind == "received" else someone).get(f"/api/transactions/{each}/receipt")
        for kind, each in ids.items()
    }


def newest(person: Person, account_id: str) -> str:
    return str(person.get(f"/api/transactions?account_id={account_id}&limit=1")[0]["id"])


def run(folder: Path, receipt: Receipt, pem: str) -> "subprocess.CompletedProcess[str]":
    """Verify in a folder with nothing but the verifier, the receipt and the key."""
    shutil.copy(receipt_verifier.__file__, folder / "verifier.py")
    (folder / "receipt.json").write_bytes(msgspec.json.encode(receipt))
    (folder / "key.pem").write_text(pem)
    return subprocess.run(
        [sys.executable, "-I", "verifier.py", "receipt.json", "--public-key", "key.pem"],
        cwd=folder, capture_output=True, text=True, check=False, env={},
    )  # fmt: skip


def test_a_receipt_is_verified_by_one_file_alone(
    receipts: dict[str, Receipt], pem: str, tmp_path: Path
) -> None:
    ran = run(tmp_path, receipts["sent"], pem)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("VERIFIED  DEBIT 12.50 USD on account ")
    enveloped = {"data": receipts["sent"], "success": True}
    assert run(tmp_path, enveloped, pem).returncode == 0
    stranger = public_pem(signer_of(signing_key()).public_key)
    refused = run(tmp_path, receipts["sent"], stranger)
    assert (refused.returncode, "not signed by this key" in refused.stdout) == (1, True)
    assert run(tmp_path, receipts["sent"], "no key").returncode == 2


def test_every_kind_of_transaction_has_a_true_receipt(
    receipts: dict[str, Receipt], pem: str
) -> None:
    proven = {kind: verify(each, read_key(pem)) for kind, each in receipts.items()}
    assert {kind: (told["direction"], told["amount"], told["currency"], told["balance_after"])
            for kind, told in proven.items()} == {
        "opening": ("CREDIT", "5000", "JPY", "5000"),
        "sent": ("DEBIT", "12.50", "USD", "987.50"),
        "received": ("CREDIT", "12.50", "USD", "12.50"),
    }  # fmt: skip
    for receipt in receipts.values():
        text = receipt["entry"]["event"] + receipt["opening"]["event"]
        others = {each["transaction"]["account_id"] for each in receipts.values()}
        assert not any(each in text for each in others - {receipt["transaction"]["account_id"]})


FORGERIES: dict[str, tuple[tuple[str, ...], Any]] = {
    "another amount": (("transaction", "amount"), "1250.00"),
    "another balance": (("transaction", "balance_after"), "1.00"),
    "another currency": (("transaction", "currency"), "EUR"),
    "another time": (("transaction", "posted_at"), "2020-01-01T00:00:00.000000Z"),
    "something unproven": (("transaction", "description"), "paid in full"),
    "another position": (("entry", "position"), 1),
    "another place": (("entry", "leaf_index"), 1),
    "a beginning too many": (("entry", "audit_path"), []),
    "another size": (("checkpoint", "tree_size"), 3),
    "another root": (("checkpoint", "root_hash"), "0" * 64),
    "another day": (("checkpoint", "sealed_at"), "2020-01-01T00:00:00.000000Z"),
    "no path": (("entry", "audit_path"), None),
    "no number": (("entry", "position"), "1"),
    "another format": (("format",), "receipt"),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_a_forged_receipt_is_not_true(receipts: dict[str, Receipt], pem: str, what: str) -> None:
    (*path, last), value = FORGERIES[what]
    forged = deepcopy(receipts["sent"])
    inner = forged
    for name in path:
        inner = inner[name]
    inner[last] = value
    with pytest.raises(Untrue):
        verify(forged, read_key(pem))


def test_events_of_another_account_prove_nothing(receipts: dict[str, Receipt], pem: str) -> None:
    for name in ("opening", "entry"):
        forged = receipts["sent"] | {name: receipts["received"][name]}
        with pytest.raises(Untrue):
            verify(forged, read_key(pem))
    text = receipts["sent"]["entry"]["event"].replace('"amount":1250', '"amount":9250')
    forged = receipts["sent"] | {"entry": receipts["sent"]["entry"] | {"event": text}}
    with pytest.raises(Untrue, match="leaf"):
        verify(forged, read_key(pem))


def test_the_command_line_verifies_too(
    system: System, receipts: dict[str, Receipt], pem: str, tmp_path: Path
) -> None:
    file, key = tmp_path / "receipt.json", tmp_path / "key.pem"
    key.write_text(pem)
    for receipt, code in ((receipts["sent"], 0), (receipts["sent"] | {"transaction": {}}, 1)):
        file.write_bytes(msgspec.json.encode(receipt))
        ran = system.ledgerbank("--json", "receipt", "verify", str(file), "--public-key", str(key))
        assert (ran.code, msgspec.json.decode(ran.output)["verified"]) == (code, code == 0)


def test_only_whoever_may_see_a_transaction_gets_its_receipt(
    town: Town, customer: Person, receipts: dict[str, Receipt]
) -> None:
    path = f"/api/transactions/{receipts['sent']['transaction']['id']}/receipt"
    assert reason_of(customer.ask("GET", path)) == "unauthorized_access"
    assert town.auditor.get(path)["transaction"] == receipts["sent"]["transaction"]
    unknown = customer.ask("GET", f"/api/transactions/{new_id()}/receipt")
    assert reason_of(unknown) == "transaction_not_found"


def test_everything_acknowledged_is_soon_provable(system: System, town: Town) -> None:
    """AC-92, by somebody else's tree over what the events route shows."""
    someone = town.customer()
    account = town.account(someone)
    path = f"/api/transactions/{newest(someone, account)}/receipt"

    def sealed() -> Receipt | None:
        system.ledgerbank("audit", "seal")
        answer = someone.ask("GET", path)
        return answer.json()["data"] if answer.status_code == 200 else None

    receipt: Receipt = eventually(sealed, "the transaction is sealed")
    rows = system.rows("SELECT position, data FROM log.events ORDER BY position")
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for position, data in rows:
        tree.append_entry(position.to_bytes(8, "big") + data)
    answer = town.auditor.ask("GET", "/api/audit/checkpoints?limit=100").json()
    for head in answer["data"]:
        assert head["root_hash"] == tree.get_root(head["tree_size"]).hex()
        assert len(b64decode(head["signature"])) == 64
    newest_size = receipt["checkpoint"]["tree_size"]
    metrics = town.door.ask("GET", "/api/metrics").text
    told = next(line for line in metrics.splitlines() if line.startswith("ledgerbank_sealed"))
    assert int(float(told.split()[1])) >= newest_size
    theirs = tree.prove_inclusion(receipt["entry"]["position"], newest_size)
    assert receipt["entry"]["audit_path"] == [each.hex() for each in theirs.path[1:]]


def test_the_verifier_needs_the_standard_library_and_one_primitive() -> None:
    tree = ast.parse(Path(receipt_verifier.__file__).read_text(encoding="utf-8"))
    named = {each.module for each in ast.walk(tree) if isinstance(each, ast.ImportFrom)}
    named |= {name.name for each in ast.walk(tree) if isinstance(each, ast.Import)
              for name in each.names}  # fmt: skip
    used = {str(name).partition(".")[0] for name in named}
    assert used - sys.stdlib_module_names == {"cryptography"}


def test_the_verifier_knows_every_currency() -> None:
    for code, places in EXPONENTS.items():
        assert receipt_verifier.DECIMALS.get(code, 2) == places
