"""Arrays for bulk inserts, in PostgreSQL's binary form as they grow.

A list that psycopg dumps is walked three times and costs a microsecond an element; the append
writes a dozen arrays for every batch, so each element is written once, where it is known.
"""

from struct import Struct

from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap, Dumper
from psycopg.pq import Format
from typing_extensions import override

HEADER = Struct("!iiIii").pack
LENGTH = Struct("!i").pack
NULL = LENGTH(-1)
SMALLINT = Struct("!ih").pack
BIGINT = Struct("!iq").pack
UUID_LENGTH = LENGTH(16)


class Column:
    """One array parameter: `oid` is the type of its elements, `array_oid` its own."""

    __slots__ = ("body", "count", "nulls")
    oid = 0
    array_oid = 0

    def __init__(self) -> None:
        self.body = bytearray()
        self.count = 0
        self.nulls = 0

    def repeat(self, element: bytes, times: int) -> None:
        """Append an encoded element several times."""
        self.body += element * times
        self.count += times
        if element == NULL:
            self.nulls = 1

    def dumped(self) -> bytes:
        """Return the array as the server takes it; no element is no dimension."""
        if self.count == 0:
            return HEADER(0, 0, self.oid, 0, 0)[:12]
        return HEADER(1, self.nulls, self.oid, self.count, 1) + self.body


class Texts(Column):
    """`text[]`."""

    __slots__ = ()
    oid, array_oid = 25, 1009

    @staticmethod
    def element(value: str | None) -> bytes:
        """Encode one element."""
        if value is None:
            return NULL
        content = value.encode()
        return LENGTH(len(content)) + content

    def add(self, value: str | None) -> None:
        """Append one element."""
        self.repeat(self.element(value), 1)


class Contents(Column):
    """`bytea[]`."""

    __slots__ = ()
    oid, array_oid = 17, 1001

    def add(self, value: bytes | None) -> None:
        """Append one element."""
        if value is None:
            self.nulls = 1
            self.body += NULL
        else:
            self.body += LENGTH(len(value))
            self.body += value
        self.count += 1


class Uuids(Column):
    """`uuid[]`, from the text of ids."""

    __slots__ = ()
    oid, array_oid = 2950, 2951

    @staticmethod
    def element(value: str) -> bytes:
        """Encode one element."""
        return UUID_LENGTH + bytes.fromhex(value.replace("-", ""))

    def add(self, value: str) -> None:
        """Append one element."""
        self.body += UUID_LENGTH
        self.body += bytes.fromhex(value.replace("-", ""))
        self.count += 1


class Bigints(Column):
    """`bigint[]`."""

    __slots__ = ()
    oid, array_oid = 20, 1016

    def add(self, value: int) -> None:
        """Append one element."""
        self.body += BIGINT(8, value)
        self.count += 1


class Smallints(Column):
    """`smallint[]`."""

    __slots__ = ()
    oid, array_oid = 21, 1005

    def add(self, value: int) -> None:
        """Append one element."""
        self.body += SMALLINT(2, value)
        self.count += 1


class ColumnDumper(Dumper):
    """Hands a column over as it is."""

    format = Format.BINARY

    @override
    def dump(self, obj: Column) -> Buffer:
        return obj.dumped()


def register(adapters: AdaptersMap) -> None:
    """Let a connection take columns as parameters."""
    for kind in (Texts, Contents, Uuids, Bigints, Smallints):
        dumper = type(f"{kind.__name__}Dumper", (ColumnDumper,), {"oid": kind.array_oid})
        adapters.register_dumper(kind, dumper)
