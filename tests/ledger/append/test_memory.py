"""Memory: what is known is at least as new as what is fetched, and follows what others record."""

from typing import Any

import pytest

from ledger.append.memory import Memory, Overlay, unheard_of
from ledger.commands.asked import Loaded
from ledger.decisions.view import ABSENT, Claim, NotLoaded
from tests.builders import ANNA, HERS, HIS, TOWN, seal
from tests.ledger.append.database import Database
from tests.ledger.append.vault import FakeVault

ACCOUNT, OTHER, CLAIM = f"account-{HERS}", f"account-{HIS}", "claim:email:anna"


def memory(capacity: int = 100) -> Memory:
    return Memory(FakeVault(), capacity)


def at_version(version: int) -> Loaded:
    return Loaded(f"state {version}", version, "", "", ACCOUNT)


def test_what_is_not_known_is_to_be_loaded() -> None:
    with pytest.raises(NotLoaded) as missing:
        memory().recall(ACCOUNT)
    assert missing.value.keys == (ACCOUNT,)


@pytest.mark.parametrize(("known", "fetched", "kept"), [(1, 2, 2), (2, 1, 2), (0, 3, 3)])
def test_the_newer_version_of_a_stream_is_kept(known: int, fetched: int, kept: int) -> None:
    mine = memory()
    mine.learn({ACCOUNT: at_version(known)})
    mine.learn({ACCOUNT: at_version(fetched)})
    assert mine.recall(ACCOUNT) == at_version(kept)


def test_a_known_claim_is_not_replaced_by_a_reading_and_is_by_a_commit() -> None:
    mine = memory()
    mine.accept({CLAIM: Claim("anna")})
    mine.learn({CLAIM: ABSENT})
    assert mine.recall(CLAIM) == Claim("anna")
    mine.accept({CLAIM: ABSENT})
    assert mine.recall(CLAIM) is ABSENT


def test_the_oldest_go_first() -> None:
    mine = memory(2)
    mine.accept({ACCOUNT: at_version(1)})
    mine.accept({OTHER: at_version(1)})
    mine.accept({ACCOUNT: at_version(2)})
    mine.accept({CLAIM: ABSENT})
    assert set(mine.entries) == {ACCOUNT, CLAIM}


def test_streams_that_nobody_asks_again_are_let_go() -> None:
    mine, posting = memory(), f"posting-{HERS}"
    mine.accept({posting: at_version(1), ACCOUNT: at_version(1)})
    assert set(mine.entries) == {ACCOUNT}
    mine.learn({posting: at_version(0)})
    mine.accept({posting: at_version(1)})
    assert mine.recall(posting) == at_version(1)


def test_following_moves_streams_on_and_forgets_claims() -> None:
    mine, database = memory(), Database()
    mine.learn({ACCOUNT: unheard_of(ACCOUNT), CLAIM: Claim("anna")})
    database.happened(*TOWN)
    mine.follow(database.log)
    assert mine.entries == database.read([ACCOUNT]).entries
    assert mine.followed_to == len(database.log)
    mine.follow(database.log)
    assert mine.entries == database.read([ACCOUNT]).entries


def test_a_gap_in_a_stream_is_a_bug() -> None:
    mine, database = memory(), Database()
    mine.learn({ACCOUNT: unheard_of(ACCOUNT)})
    database.happened(*TOWN)
    later = [each for each in database.log if each.originator_version > 1]
    with pytest.raises(AssertionError):
        mine.follow(later)


def test_forgetting_some_and_all() -> None:
    mine = memory()
    mine.learn({ACCOUNT: at_version(1), CLAIM: ABSENT})
    mine.forget([ACCOUNT, OTHER])
    assert set(mine.entries) == {CLAIM}
    mine.forget()
    assert mine.entries == {}


def test_an_overlay_shows_what_its_batch_made_of_it_and_leaves_what_is_under_it() -> None:
    mine = memory()
    mine.learn({ACCOUNT: at_version(1), CLAIM: Claim("anna")})
    first = Overlay(mine)
    second = Overlay(first)
    first.changed[ACCOUNT] = at_version(2)
    second.changed[CLAIM] = ABSENT
    seen: list[Any] = [second.recall(ACCOUNT), second.recall(CLAIM)]
    assert seen == [at_version(2), ABSENT]
    assert (first.recall(CLAIM), mine.recall(ACCOUNT)) == (Claim("anna"), at_version(1))
    with pytest.raises(NotLoaded):
        second.recall(OTHER)


def test_an_overlay_reads_texts_and_hashes_like_memory() -> None:
    vault = FakeVault()
    overlay = Overlay(Memory(vault, 1))
    with pytest.raises(NotLoaded):
        overlay.reveal(seal("Rent", ANNA))
    vault.at_hand.add(f"key of {ANNA}")
    assert overlay.reveal(seal("Rent", ANNA)) == "Rent"
    assert overlay.digest("a", 1) == vault.digest("a", 1)
