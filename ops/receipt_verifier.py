"""Verify a receipt with nothing but this file.

    python receipt_verifier.py RECEIPT --public-key KEY

Needs Python's standard library and the `cryptography` package for Ed25519; no LedgerBank, no
database, no network. RECEIPT is what `GET /api/transactions/{id}/receipt` answered, KEY the bank's
public audit key (PEM or base64), which has to come from somewhere else than the receipt.
Exit codes: 0 the receipt is true, 1 it is not, 2 it could not be read.
"""

import json
import sys
from base64 import b64decode
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

FORMAT = "ledgerbank-receipt-v1"
USAGE = "usage: receipt_verifier.py RECEIPT --public-key KEY"
NONE = ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND",
        "VUV", "XAF", "XOF", "XPF")  # fmt: skip
THREE = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
DECIMALS = {**dict.fromkeys(NONE, 0), **dict.fromkeys(THREE, 3), "CLF": 4, "UYW": 4}
"""Decimal places of currencies (ISO 4217); two for all others."""
SIGNS = {"AccountCredited": "CREDIT", "AccountDebited": "DEBIT"}


class Untrue(Exception):
    """The receipt does not prove what it says."""


def verify(receipt: dict[str, Any], key: Ed25519PublicKey) -> dict[str, Any]:
    """Return the transaction that a receipt proves; raises `Untrue`."""
    try:
        expect(receipt["format"] == FORMAT, "this is no receipt of a known format")
        checkpoint = receipt["checkpoint"]
        check_signature(checkpoint, key)
        entry = proven_event(receipt["entry"], checkpoint)
        opening = proven_event(receipt["opening"], checkpoint)
        check_transaction(receipt["transaction"], entry, opening)
    except (KeyError, TypeError, ValueError, AttributeError) as malformed:
        raise Untrue(f"the receipt is malformed: {malformed!r}") from malformed
    transaction: dict[str, Any] = receipt["transaction"]
    return transaction


def expect(holds: bool, otherwise: str) -> None:  # noqa: FBT001  # what is expected
    """Raise `Untrue` unless something holds."""
    if not holds:
        raise Untrue(otherwise)


def check_signature(checkpoint: dict[str, Any], key: Ed25519PublicKey) -> None:
    """Check that the bank signed this tree head."""
    head = f"{checkpoint['tree_size']}\n{checkpoint['root_hash']}\n{checkpoint['sealed_at']}\n"
    signature = b64decode(checkpoint["signature"], validate=True)
    try:
        key.verify(signature, b"ledgerbank-checkpoint-v1\n" + head.encode())
    except InvalidSignature:
        raise Untrue("the tree head is not signed by this key") from None


def proven_event(proof: dict[str, Any], checkpoint: dict[str, Any]) -> dict[str, Any]:
    """Return an event whose stored bytes lead to the signed root (RFC 9162, 2.1.3.2)."""
    position, size = proof["position"], checkpoint["tree_size"]
    stored = proof["event"].encode()
    leaf = sha256(b"\x00" + position.to_bytes(8, "big") + stored).digest()
    expect(leaf.hex() == proof["leaf_hash"], "the leaf is not the hash of the event")
    place, last = proof["leaf_index"], size - 1
    expect(place == position - 1 and 0 <= place <= last, "the event is not in the signed tree")
    root = leaf
    for each in map(bytes.fromhex, proof["audit_path"]):
        expect(last > 0, "the path is too long")
        if place & 1 or place == last:
            root = sha256(b"\x01" + each + root).digest()
            while not place & 1:
                place, last = place >> 1, last >> 1
        else:
            root = sha256(b"\x01" + root + each).digest()
        place, last = place >> 1, last >> 1
    expect(last == 0 and root.hex() == checkpoint["root_hash"], "the path misses the signed root")
    event: dict[str, Any] = json.loads(stored)
    return event


def check_transaction(
    transaction: dict[str, Any], entry: dict[str, Any], opening: dict[str, Any]
) -> None:
    """Check that the transaction says what the two events say, and nothing else."""
    stream, data = f"account-{transaction['account_id']}", entry["data"]
    currency = opening["data"]["currency"]
    expect(opening["type"] == "AccountOpened", "the account's opening is another event")
    expect(stream == opening["stream_id"] == entry["stream_id"], "another account's events")
    said = {
        "id": data["entry_id"],
        "account_id": transaction["account_id"],
        "posting_id": data["posting_id"],
        "direction": SIGNS[entry["type"]],
        "amount": decimal(data["amount"], currency),
        "currency": currency,
        "balance_after": decimal(data["balance_after"], currency),
        "posted_at": entry["recorded_at"],
    }
    for name in {*said, *transaction}:
        expect(said.get(name) == transaction.get(name), f"{name} is not what was recorded")


def decimal(minor: int, currency: str) -> str:
    """Print minor units as an amount of a currency."""
    places = DECIMALS.get(currency, 2)
    digits = f"{abs(minor):0{places + 1}d}"
    whole = len(digits) - places
    sign = "-" if minor < 0 else ""
    return sign + digits[:whole] + (f".{digits[whole:]}" if places else "")


def read_receipt(text: str) -> dict[str, Any]:
    """Read a receipt, or the whole answer it came in."""
    read: dict[str, Any] = json.loads(text)
    inner = read.get("data")
    return inner if isinstance(inner, dict) else read


def read_key(text: str) -> Ed25519PublicKey:
    """Read a public key in PEM or base64; raises `ValueError`."""
    if "-----BEGIN" not in text:
        return Ed25519PublicKey.from_public_bytes(b64decode(text.strip(), validate=True))
    key = load_pem_public_key(text.encode())
    if not isinstance(key, Ed25519PublicKey):
        raise TypeError("the key is not an Ed25519 key")
    return key


def told(transaction: dict[str, Any], receipt: dict[str, Any]) -> str:
    """Return in one line what was proven."""
    at = receipt["checkpoint"]["sealed_at"]
    return (
        f"{transaction['direction']} {transaction['amount']} {transaction['currency']}"
        f" on account {transaction['account_id']} at {transaction['posted_at']},"
        f" position {receipt['entry']['position']}, sealed {at}"
    )


def main(arguments: list[str]) -> int:
    """Verify one receipt; return the exit code."""
    match arguments:
        case [file, "--public-key", key_file] | ["--public-key", key_file, file]:
            pass
        case _:
            print(USAGE, file=sys.stderr)
            return 2
    try:
        receipt, key = read_receipt(Path(file).read_text()), read_key(Path(key_file).read_text())
    except (OSError, ValueError, TypeError, AttributeError) as failure:
        print(f"cannot be read: {failure}", file=sys.stderr)
        return 2
    try:
        print(f"VERIFIED  {told(verify(receipt, key), receipt)}")
    except Untrue as untrue:
        print(f"NOT VERIFIED  {untrue}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
