"""Proofs over HTTP: what an auditor gets is enough for anybody else's program (AC-92)."""

from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import psycopg
import pymerkle
import pytest

from api.queries import proofs
from ops.embedded.postgres import Place
from ops.settings.generated import signing_key
from schema.postgres import connect
from schema.sealing import seal_all
from schema.signatures import TreeHead, signed, signer_of
from tests.api.bank import Bank, Parts, followed, opened
from tests.api.queries.conftest import copied
from tests.api.signing_in import data_of, reason, register
from tests.api.test_audit import bearer, sign_in_as
from tests.schema.test_merkle import consistent

SIGNER = signer_of(signing_key())
LATER = "2999-01-01T00:00:00.000000Z"


def seal(bank: Bank) -> int:
    """Seal what is there; return how much that is."""
    with connect(bank.dsn, "ledgerbank_app") as connection:
        return seal_all(connection, SIGNER, LATER)[-1].tree_size


@pytest.fixture(scope="module")
def bank(postgres_server: Place, migrated: str) -> Iterator[Bank]:
    with (
        copied(postgres_server, migrated) as database,
        followed(database),
        opened(database, parts=Parts(more=proofs.ENDPOINTS)) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def auditor(bank: Bank) -> dict[str, str]:
    return bearer(sign_in_as(bank, "auditor"))


@pytest.fixture(scope="module")
def sizes(bank: Bank, auditor: dict[str, str]) -> list[int]:
    """Seal a growing log three times; return how large it was, and leave an event unsealed."""
    assert auditor
    found = []
    for _ in range(3):
        register(bank)
        found.append(seal(bank))
    register(bank)
    return found


def theirs(bank: Bank) -> pymerkle.InmemoryTree:
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    with psycopg.connect(bank.dsn) as connection:
        rows = connection.execute("SELECT position, data FROM log.events ORDER BY position")
        for position, data in rows:
            tree.append_entry(position.to_bytes(8, "big") + data)
    return tree


def ask(bank: Bank, who: dict[str, str], path: str) -> Any:
    return data_of(bank.served.request("GET", f"/api/audit/{path}", headers=who))


def refused(bank: Bank, who: dict[str, str], path: str) -> tuple[int, str]:
    return reason(bank.served.request("GET", f"/api/audit/{path}", headers=who))


def test_checkpoints_are_listed_with_the_keys_that_verify_them(
    bank: Bank, auditor: dict[str, str], sizes: list[int]
) -> None:
    answer = bank.served.request("GET", "/api/audit/checkpoints", headers=auditor).json()
    assert [each["tree_size"] for each in answer["data"]] == sizes[::-1]
    [told] = answer["metadata"]["public_keys"]
    keys = {told["key_id"]: b64decode(told["public_key"])}
    for each in answer["data"]:
        assert each["algorithm"] == told["algorithm"] == "Ed25519"
        head = TreeHead(
            each["tree_size"],
            bytes.fromhex(each["root_hash"]),
            each["sealed_at"],
            each["key_id"],
            b64decode(each["signature"], validate=True),
        )
        assert signed(head, keys)
        assert head.root_hash == theirs(bank).get_root(head.tree_size)
    first = ask(bank, auditor, "checkpoints?limit=1&sort=tree_size:asc")
    assert [each["tree_size"] for each in first] == sizes[:1]


def test_every_sealed_event_is_proven_by_every_tree_it_is_in(
    bank: Bank, auditor: dict[str, str], sizes: list[int]
) -> None:
    tree = theirs(bank)
    for position in range(1, sizes[-1] + 1):
        for size in (size for size in sizes if size >= position):
            told = ask(bank, auditor, f"proofs/{position}?tree_size={size}")
            proof = tree.prove_inclusion(position, size)
            assert told == {
                "position": position,
                "leaf_index": position - 1,
                "leaf_hash": tree.get_leaf(position).hex(),
                "tree_size": size,
                "root_hash": tree.get_root(size).hex(),
                "audit_path": [each.hex() for each in proof.path[1:]],
            }
    newest = ask(bank, auditor, "proofs/1")
    assert newest["tree_size"] == sizes[-1]


def test_every_tree_is_proven_to_have_grown_out_of_the_ones_before(
    bank: Bank, auditor: dict[str, str], sizes: list[int]
) -> None:
    tree = theirs(bank)
    for earlier in sizes:
        for later in (size for size in sizes if size >= earlier):
            told = ask(bank, auditor, f"consistency?from={earlier}&to={later}")
            roots = tree.get_root(earlier), tree.get_root(later)
            assert told["from"] == {"tree_size": earlier, "root_hash": roots[0].hex()}
            assert told["to"] == {"tree_size": later, "root_hash": roots[1].hex()}
            path = [bytes.fromhex(each) for each in told["consistency_path"]]
            assert consistent(earlier, later, roots, path) if earlier < later else path == []


def test_what_cannot_be_proven_is_refused(
    bank: Bank, auditor: dict[str, str], sizes: list[int]
) -> None:
    last, beyond = sizes[-1], sizes[-1] + 1
    expected = {
        f"proofs/{beyond}": (404, "checkpoint_not_found"),
        f"proofs/{last}?tree_size={sizes[0]}": (404, "checkpoint_not_found"),
        f"proofs/1?tree_size={sizes[0] + 1}": (404, "checkpoint_not_found"),
        "proofs/999999": (404, "event_not_found"),
        "proofs/0": (404, "event_not_found"),
        "proofs/first": (400, "invalid_position"),
        "proofs/1?tree_size=all": (400, "invalid_position"),
        "proofs/1?size=1": (400, "unknown_parameter"),
        f"consistency?from={last}": (400, "missing_fields"),
        f"consistency?from={last}&to=x": (400, "invalid_position"),
        f"consistency?from={last}&to={sizes[0]}": (400, "invalid_position"),
        f"consistency?from=0&to={last}": (404, "checkpoint_not_found"),
    }
    assert {path: refused(bank, auditor, path) for path in expected} == expected


def test_customers_see_no_proofs(bank: Bank, sizes: list[int]) -> None:
    customer, support = bearer(sign_in_as(bank, "user")), bearer(sign_in_as(bank, "support"))
    for path in ("checkpoints", "proofs/1", f"consistency?from={sizes[0]}&to={sizes[1]}"):
        for who in (customer, support):
            assert refused(bank, who, path) == (403, "insufficient_permissions")
