"""Identities: what the rows of a read model must add up to, whatever is in the log (P-1)."""

from psycopg import Connection, sql

from projections.projector import Projector


class Unbalanced(Exception):
    """The copy breaks an accounting identity: it must not be put in place."""

    def __init__(self, projection: str, identity: str, broken: list[str]) -> None:
        super().__init__(f"{projection} breaks an identity: {identity}: {', '.join(broken)}")
        self.identity, self.broken = identity, broken


def check(connection: Connection, projector: Projector, suffix: str) -> None:
    """Raise `Unbalanced` when the tables with `suffix` do not add up."""
    for identity, query in IDENTITIES.get(projector.name, {}).items():
        tables = {
            table.name: sql.Identifier("read", table.name + suffix) for table in projector.tables
        }
        broken = connection.execute(sql.SQL(query).format(**tables)).fetchall()
        if broken:
            raise Unbalanced(projector.name, identity, [str(each) for (each,) in broken])


IDENTITIES = {
    "accounts": {
        "what is held is the sum of the active holds": """
SELECT a.id FROM {accounts} AS a
LEFT JOIN (
    SELECT account_id, sum(remaining) AS remaining FROM {account_holds} GROUP BY account_id
) AS h ON h.account_id = a.id
WHERE a.held <> coalesce(h.remaining, 0) ORDER BY a.id LIMIT 10
""",
    },
    "holds": {
        "a hold is what was taken of it and what remains": """
SELECT id FROM {holds}
WHERE captured_amount < 0 OR remaining_amount < 0 OR captured_amount + remaining_amount > amount
ORDER BY id LIMIT 10
""",
    },
    "postings": {
        "every posting sums to zero in each currency": """
SELECT p.id FROM {postings} AS p, jsonb_array_elements(p.entries) AS entry
GROUP BY p.id, entry.value ->> 'currency'
HAVING sum((entry.value ->> 'amount')::numeric) <> 0 ORDER BY p.id LIMIT 10
""",
    },
    "trial_balance": {
        "debits are credits in each currency": """
SELECT currency FROM {trial_balance}
GROUP BY currency HAVING sum(debit_total) <> sum(credit_total) ORDER BY currency
""",
    },
}
"""By projection: an identity in words, and the query that finds what breaks it."""
