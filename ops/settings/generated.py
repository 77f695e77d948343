"""Keys for development: made once, kept in the data folder, readable by their owner only."""

import fcntl
import os
import secrets
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

FILE = "keys.json"
SECRET, PREVIOUS = "JWT_SECRET", "JWT_PREVIOUS_KEYS"
INDEX_KEY, PREVIOUS_INDEX = "INDEX_KEY", "PREVIOUS_INDEX_KEY"
DATA_KEYS, AUDIT_KEY = "DATA_KEY_ENCRYPTION_KEYS", "AUDIT_SIGNING_KEY"


class KeysUnreadable(Exception):
    """The file of generated keys is there but cannot be used; its data would be lost with it."""


def random_key() -> str:
    return b64encode(secrets.token_bytes(32)).decode()


def ring_of_one() -> str:
    return f"k1:{random_key()}"


def signing_key() -> str:
    pem = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    return pem.decode()


MAKERS: dict[str, Callable[[], str]] = {
    "SECRET_KEY_BASE": lambda: secrets.token_urlsafe(48),
    INDEX_KEY: random_key,
    SECRET: lambda: secrets.token_urlsafe(64),
    DATA_KEYS: ring_of_one,
    "TOKEN_ENCRYPTION_KEYS": ring_of_one,
    AUDIT_KEY: signing_key,
}


def new_keys() -> dict[str, str]:
    """Make one of each."""
    return {name: make() for name, make in MAKERS.items()}


def kept_keys(data_dir: Path) -> dict[str, str]:
    """Return the keys of the data folder, making those it lacks; processes agree on them."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o711 if os.geteuid() == 0 else 0o700)
    with alone(data_dir / f"{FILE}.lock"):
        kept = stored(data_dir / FILE)
        if MAKERS.keys() - kept.keys():
            kept = new_keys() | kept
            store(data_dir / FILE, kept)
    return kept


def replace_token_secret(data_dir: Path) -> None:
    """Sign tokens under a new secret from the next start on; the one before it still verifies."""
    with alone(data_dir / f"{FILE}.lock"):
        kept = stored(data_dir / FILE)
        changed = {SECRET: MAKERS[SECRET](), PREVIOUS: f":HS256:{kept[SECRET]}"}
        store(data_dir / FILE, kept | changed)


def replace_audit_key(data_dir: Path) -> None:
    """Sign tree heads with a new key from the next start on; the public half before it is known."""
    with alone(data_dir / f"{FILE}.lock"):
        store(data_dir / FILE, stored(data_dir / FILE) | {AUDIT_KEY: signing_key()})


def add_data_key(data_dir: Path) -> None:
    """Wrap data keys under a new key from the next start on; those before it still open."""
    with alone(data_dir / f"{FILE}.lock"):
        kept = stored(data_dir / FILE)
        number = kept[DATA_KEYS].count(",") + 2
        ring = f"k{number}:{random_key()},{kept[DATA_KEYS]}"
        store(data_dir / FILE, kept | {DATA_KEYS: ring})


def replace_index_key(data_dir: Path) -> None:
    """Have another index key; the one before it is kept until everything is under this one."""
    with alone(data_dir / f"{FILE}.lock"):
        kept = stored(data_dir / FILE)
        changed = {INDEX_KEY: random_key(), PREVIOUS_INDEX: kept[INDEX_KEY]}
        store(data_dir / FILE, kept | changed)


def put_back_index_key(data_dir: Path) -> None:
    """Have the index key of before again, if a generated one was to take its place."""
    with alone(data_dir / f"{FILE}.lock"):
        kept = stored(data_dir / FILE)
        if PREVIOUS_INDEX in kept:
            kept[INDEX_KEY] = kept.pop(PREVIOUS_INDEX)
            store(data_dir / FILE, kept)


def forget_previous_index_key(data_dir: Path) -> None:
    """Keep the index key of before no longer."""
    with alone(data_dir / f"{FILE}.lock"):
        kept = stored(data_dir / FILE)
        if kept.pop(PREVIOUS_INDEX, None) is not None:
            store(data_dir / FILE, kept)


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Hold `lock`, waiting for whoever has it."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def stored(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError, msgspec.ValidationError) as failure:
        raise KeysUnreadable(file) from failure


def store(file: Path, keys: dict[str, str]) -> None:
    """Replace the file as a whole, or not at all."""
    unfinished = file.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as output:
        output.write(msgspec.json.encode(keys))
        output.flush()
        os.fsync(output.fileno())
    unfinished.replace(file)
