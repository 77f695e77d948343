"""Settings → the witness of refused requests and the notebook it writes in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from prometheus_client import CollectorRegistry

from api.edge import Sees
from api.notebook import Notebook
from api.witness import Witness
from ops.composition import Books
from ops.settings import Settings


@asynccontextmanager
async def open_witness(
    settings: Settings, books: Books, exposed: CollectorRegistry
) -> AsyncIterator[dict[type, Any]]:
    """Return what the edge uses; what was noted is recorded before the block ends."""
    notebook = Notebook(books.ledger.handle, exposed)
    starred = settings.flags.enable_security_audit
    async with notebook.kept():
        witness = Witness(notebook, books.vault.digest, starred=starred)
        yield {Notebook: notebook, Sees: witness}
