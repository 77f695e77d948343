"""Whatever happens to an account and to us, we know its history as it is."""

from collections.abc import Iterator
from contextlib import closing

import msgspec
import pytest
from typing_extensions import override

from ops.mirrors.campaign import lived
from ops.mirrors.life import Life
from tests.ops.sandbox_bank.customer import CLIENT
from tests.workers.banks.outside import Outside
from workers.banks.port import HistoryPage
from workers.banks.sandbox import SandboxBank


class Deaf(SandboxBank):
    """Hears nothing of lines that are taken back."""

    @override
    def transactions(
        self, access_token: str, external_account_id: str, cursor: str | None
    ) -> HistoryPage:
        page = super().transactions(access_token, external_account_id, cursor)
        return msgspec.structs.replace(page, removed=())


@pytest.fixture
def life(bank: Outside, request: pytest.FixtureRequest) -> Iterator[Life]:
    """Give the life of an account at a bank of each kind; Monzo never changes what it posted."""
    mutable = bank.kind != "monzo"
    with closing(Life(bank.sandbox.url, request.param, mutable=mutable)) as life:
        yield life


@pytest.mark.parametrize("life", range(1, 4), indirect=True)
def test_a_mirror_is_the_truth_after_every_round(bank: Outside, life: Life) -> None:
    port = bank.adapter(limit=7)
    found = lived(life, 0, port, bank.consented("carol").access_token)
    assert found.wrong == ()
    assert found.lines > 5


def test_a_difference_is_found(cursor: Outside) -> None:
    """A mirror that hears nothing of what is taken back is told apart from the truth."""
    wrong = 0
    deaf = Deaf(cursor.sandbox.url, CLIENT.client_id, CLIENT.client_secret, cursor.open_calls[0])
    for seed in range(1, 6):
        with closing(Life(cursor.sandbox.url, seed, mutable=True)) as life:
            token = cursor.consented("carol").access_token
            wrong += bool(lived(life, seed, deaf, token).wrong)
    assert wrong > 0
