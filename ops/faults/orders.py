"""Orders: what a part of a house is to do at its next start, besides its work."""

from pathlib import Path

import msgspec


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """Where to die, where to stand still until somebody says to go on, and how short to lease."""

    crash_at: str | None = None
    stand_at: str | None = None
    lease_seconds: int | None = None


NONE = Orders()


def orders_file(folder: Path, part: str) -> Path:
    """Return where the orders of a part lie."""
    return folder / f"{part}.orders.json"


def give(folder: Path, part: str, orders: Orders) -> None:
    """Lay orders down for the next start of a part; they are there whole or not at all."""
    file = orders_file(folder, part)
    unfinished = file.with_suffix(".new")
    unfinished.write_bytes(msgspec.json.encode(orders))
    unfinished.replace(file)


def withdraw(folder: Path, part: str) -> None:
    """Take orders back from a part that has not started far enough to read them."""
    orders_file(folder, part).unlink(missing_ok=True)


def taken(file: Path) -> Orders:
    """Take orders, if there are any: the start after this one finds none."""
    try:
        found = file.read_bytes()
    except FileNotFoundError:
        return NONE
    file.unlink()
    return msgspec.json.decode(found, type=Orders)
