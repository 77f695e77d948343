"""What webhooks tell, read for worker threads: an event loop and a small pool of its own."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Thread
from typing import Any, TypeAlias

from api.queries.accounts import view
from ops.composition import rules_of
from ops.settings import Settings
from projections.bulletins import bulletin
from projections.looking_back import Past
from projections.told import Teller
from schema.postgres import open_pool
from schema.seals import KeyEncryptionKeys

Tell: TypeAlias = Callable[[int, str, str | None], dict[str, Any]]
CONNECTIONS = 3
TOLD_SECONDS = 30.0


@contextmanager
def telling(settings: Settings, dsn: str) -> Iterator[Tell]:
    """Give what tells of a position, for the length of the block."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="telling", daemon=True)
    thread.start()

    def wait_for(coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(TOLD_SECONDS)

    try:
        pool = wait_for(open_pool(dsn, CONNECTIONS, "ledgerbank_app"))
        try:
            keks = KeyEncryptionKeys(settings.identity.data_key_encryption_keys)
            teller = Teller(Past(pool, keks), partial(view, rules_of(settings)))

            def tell(position: int, name: str, viewer: str | None) -> dict[str, Any]:
                told: dict[str, Any] = wait_for(bulletin(teller, position, name, viewer))
                return told

            yield tell
        finally:
            wait_for(pool.close())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
