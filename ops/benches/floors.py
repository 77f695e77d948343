"""The floor of an append: one INSERT per commit, by the same driver, on many connections."""

from psycopg import AsyncConnection, AsyncCursor

from schema.postgres import connect

ENVELOPE = b"x" * 660
"""About the size of a stored event."""


class RawInserts:
    """A table with the log's two keys, written row by row; open it on the loop it is used on."""

    def __init__(self, dsn: str, connections: int) -> None:
        self.dsn, self.number = dsn, connections
        self.connections: list[AsyncConnection] = []
        self.cursors: list[AsyncCursor] = []
        self.versions = [0] * connections

    async def open(self) -> None:
        """Make the table and the connections."""
        with connect(self.dsn) as connection:
            connection.execute(TABLE)
        for _ in range(self.number):
            self.connections.append(await AsyncConnection.connect(self.dsn, autocommit=True))
        self.cursors = [connection.cursor(binary=True) for connection in self.connections]

    async def close(self) -> None:
        """Close the connections."""
        for connection in self.connections:
            await connection.close()

    async def insert(self, number: int) -> None:
        """Insert and commit one row on connection `number`."""
        self.versions[number] += 1
        row = (f"stream-{number}", self.versions[number], ENVELOPE)
        await self.cursors[number].execute(INSERT, row, prepare=True)


TABLE = """
CREATE SCHEMA IF NOT EXISTS floor;
CREATE TABLE floor.events (
    position bigserial PRIMARY KEY,
    stream_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    data bytea NOT NULL,
    UNIQUE (stream_id, version)
);
"""
INSERT = "INSERT INTO floor.events (stream_id, version, data) VALUES (%b, %b, %b)"
