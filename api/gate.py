"""What signing in is made of: everything the routes about identities share."""

from collections.abc import Callable

import msgspec

from api.passwords import Lengths, Passwords
from api.throttle import Throttle
from api.tokens import TokenKeys
from schema.postgres import Pool


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """Made once per application. `index_key` keys the hashes of addresses.

    `clock` tells Unix seconds.
    """

    tokens: TokenKeys
    passwords: Passwords
    throttle: Throttle
    pool: Pool
    index_key: bytes
    clock: Callable[[], int]
    lengths: Lengths = Lengths()
