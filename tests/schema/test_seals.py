"""Seals: personal text is readable with its person's key, and with nothing else."""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable

import msgspec
import psycopg
import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from ledger.append.ports import Unavailable
from ledger.decisions.view import NotLoaded
from ledger.events.event import Sealed
from ledger.identity import new_id
from schema.postgres import open_pool
from schema.seals import ERASED, DataKey, KeyEncryptionKeys, reveal, unwrap_all
from schema.vault import KeyVault

KEKS = KeyEncryptionKeys({"k1": b"1" * 32})
EMAIL = "ada.lovelace@example.com"


def data_key(kid: str = "kid-1", subject: str = "ada") -> DataKey:
    return KEKS.unwrap(KEKS.new_data_key(kid, subject))


@given(st.text())
def test_what_is_sealed_opens_again(text: str) -> None:
    key = data_key()
    assert key.open(key.seal(text)) == text
    assert reveal(key.seal(text), {key.kid: key}) == text


@given(st.binary(), st.text())
def test_bytes_open_under_their_own_label(content: bytes, label: str) -> None:
    key = data_key()
    assert key.open_bytes(key.seal_bytes(content, label), label) == content


def test_nothing_of_the_text_is_in_what_is_stored() -> None:
    key = data_key()
    sealed = key.seal(EMAIL)
    stored = msgspec.json.encode(sealed) + b64decode(sealed.enc) + key.seal_bytes(b"Ada", EMAIL)
    for part in (EMAIL, "ada", "lovelace", "example", b64encode(EMAIL.encode()).decode()[:12]):
        assert part.encode() not in stored
    assert b"Ada" not in stored


def test_the_same_text_is_sealed_differently_each_time() -> None:
    key = data_key()
    assert len({key.seal(EMAIL).enc for _ in range(50)}) == 50


def test_another_key_does_not_open() -> None:
    sealed = data_key().seal(EMAIL)
    other = data_key()
    with pytest.raises(InvalidTag):
        other.open(sealed)
    assert reveal(sealed, {other.kid: other}) == ERASED


def test_another_label_does_not_open() -> None:
    key = data_key()
    with pytest.raises(InvalidTag):
        key.open_bytes(key.seal_bytes(b"answer", "command 1"), "command 2")


def test_the_key_id_is_sealed_in() -> None:
    key = data_key()
    moved = DataKey("kid-2", key.subject, key.cipher)
    with pytest.raises(InvalidTag):
        moved.open(key.seal(EMAIL))


def test_one_changed_bit_is_noticed() -> None:
    key = data_key()
    content = bytearray(b64decode(key.seal(EMAIL).enc))
    content[-1] ^= 1
    with pytest.raises(InvalidTag):
        key.open(Sealed(b64encode(content).decode(), key.kid))


def test_a_lost_key_reads_as_erased() -> None:
    assert reveal(data_key().seal(EMAIL), {}) == ERASED == "[erased]"


def test_nothing_stays_nothing() -> None:
    assert reveal(None, {}) is None


def test_a_data_key_is_wrapped_under_the_active_key_and_opens_under_any_configured_one() -> None:
    row = KEKS.new_data_key("kid-1", "ada")
    assert row.wrapped_by == "k1"
    rotated = KeyEncryptionKeys({"k2": b"2" * 32, "k1": b"1" * 32})
    assert rotated.new_data_key("kid-2", "bob").wrapped_by == "k2"
    sealed = KEKS.unwrap(row).seal(EMAIL)
    assert unwrap_all([row], rotated)["kid-1"].open(sealed) == EMAIL


def test_a_data_key_without_its_wrapping_key_does_not_open() -> None:
    row = KEKS.new_data_key("kid-1", "ada")
    with pytest.raises(KeyError):
        KeyEncryptionKeys({"k2": b"2" * 32}).unwrap(row)
    with pytest.raises(InvalidTag):
        KeyEncryptionKeys({"k1": b"2" * 32}).unwrap(row)
    with pytest.raises(InvalidTag):
        KEKS.unwrap(msgspec.structs.replace(row, kid="kid-2"))


def with_vault(dsn: str, story: Callable[[KeyVault], Awaitable[None]]) -> None:
    """Tell a story of a vault over the keys of a database."""

    async def tell() -> None:
        pool = await open_pool(dsn, 2, "ledgerbank_app")
        try:
            await story(KeyVault(pool, KEKS, b"index key"))
        finally:
            await pool.close()

    asyncio.run(tell())


def stored_key(dsn: str, subject: str) -> DataKey:
    """Write a data key as a registration would; return it."""
    row = KEKS.new_data_key(new_id(), subject)
    with psycopg.connect(dsn) as connection:
        connection.execute(KEEP, (row.kid, row.subject, row.wrapped, row.wrapped_by))
    return KEKS.unwrap(row)


def test_the_vault_brings_keys_to_hand_by_person_and_by_id(database: str) -> None:
    ada, bob = stored_key(database, "ada"), stored_key(database, "bob")

    async def story(vault: KeyVault) -> None:
        assert vault.of("ada") is None
        with pytest.raises(NotLoaded):
            vault.reveal(bob.seal(EMAIL))
        await vault.fetch(subjects=["ada"], kids=[bob.kid])
        known = vault.of("ada")
        assert known is not None
        assert known.kid == ada.kid
        assert vault.reveal(ada.seal(EMAIL)) == EMAIL
        assert vault.reveal(bob.seal(EMAIL)) == EMAIL
        assert vault.reveal(None) is None

    with_vault(database, story)


def test_the_vault_reads_a_destroyed_key_as_erased(database: str) -> None:
    ada = stored_key(database, "ada")
    with psycopg.connect(database) as connection:
        connection.execute("DELETE FROM log.data_keys")

    async def story(vault: KeyVault) -> None:
        await vault.fetch(kids=[ada.kid])
        assert vault.by_id(ada.kid) is None
        assert vault.reveal(ada.seal(EMAIL)) == ERASED

    with_vault(database, story)


def test_a_new_persons_key_is_at_hand_before_it_is_stored(database: str) -> None:
    async def story(vault: KeyVault) -> None:
        row = vault.create("ada", new_id())
        key = vault.of("ada")
        assert key is not None
        assert row.values is not None
        assert (row.table, row.key, row.values["subject"]) == ("data_keys", key.kid, "ada")
        assert vault.reveal(key.seal(EMAIL)) == EMAIL

    with_vault(database, story)


def test_digests_are_keyed_and_keep_their_parts_apart(database: str) -> None:
    async def story(vault: KeyVault) -> None:
        digest = vault.digest("email", EMAIL)
        assert digest == vault.digest("email", EMAIL)
        assert digest != KeyVault(vault.pool, KEKS, b"other").digest("email", EMAIL)
        assert vault.digest("ab", "c") != vault.digest("a", "bc")
        await vault.fetch()

    with_vault(database, story)


def test_a_database_out_of_reach_is_unavailable(database: str) -> None:
    async def story(vault: KeyVault) -> None:
        await vault.pool.close()
        with pytest.raises(Unavailable):
            await vault.fetch(kids=[new_id()])

    with_vault(database, story)


KEEP = "INSERT INTO log.data_keys (kid, subject, wrapped, wrapped_by) VALUES (%s, %s, %s, %s)"


def test_the_house_always_has_one_key(database: str) -> None:
    async def story(vault: KeyVault) -> None:
        others = KeyVault(vault.pool, KEKS, b"index key")
        for each in (vault, others):
            with pytest.raises(NotLoaded):
                each.sealing("house-2026-03")
        await asyncio.gather(*(each.fetch(subjects=["house-2026-03"]) for each in (vault, others)))
        key, same = vault.sealing("house-2026-03"), others.sealing("house-2026-03")
        assert key is not None
        assert same is not None
        assert same.kid == key.kid
        assert same.open(key.seal("203.0.113.7")) == "203.0.113.7"

    with_vault(database, story)


def test_a_key_that_is_not_there_is_known_as_lost_for_a_while(database: str) -> None:
    async def story(vault: KeyVault) -> None:
        with pytest.raises(NotLoaded):
            vault.sealing("nobody")
        await vault.fetch(subjects=["nobody"])
        assert vault.sealing("nobody") is None

    with_vault(database, story)
