"""Reader: asks a bank for something on behalf of a customer."""

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from workers.banks.calls import Call, Calls
from workers.banks.lines import bearer
from workers.breakers import bank_api

Shape = TypeVar("Shape")


class Reader(msgspec.Struct, frozen=True):
    """Reads what the bank of a provider tells at `url`."""

    calls: Calls
    url: str
    provider: str

    def get(
        self, access_token: str, noun: str, shape: type[Shape], params: Mapping[str, str]
    ) -> Shape:
        """Ask for something by GET. Raises `Objection`."""
        call = Call(
            operation=noun,
            method="GET",
            url=f"{self.url}/{noun}",
            shape=shape,
            breaker=bank_api(self.provider),
            params=params,
            headers=bearer(access_token),
        )
        return self.calls.ask(call)
