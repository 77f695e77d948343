"""What is known to exist: ids by collection, learned from answers, to ask about again."""

from collections import deque
from collections.abc import Collection, Iterator, Mapping
from itertools import count
from typing import Any

KEPT = 40
REFERRED = {
    "account_id": "/api/accounts",
    "user_bank_account_id": "/api/accounts",
    "source_account_id": "/api/accounts",
    "destination_account_id": "/api/accounts",
    "user_id": "/api/users",
    "fx_quote_id": "/api/fx/quotes",
    "bank_branch_id": "/api/banks/{id}/branches",
    "posting_id": "/api/postings",
    "payment_id": "/api/payments",
    "hold_id": "/api/holds",
    "bank_connection_id": "/api/bank-connections",
}
"""Where that lies which a field refers to."""


class Places:
    """Ids by the collection they are in; those in `hidden` stay unknown."""

    def __init__(self, known: Mapping[str, Collection[str]], hidden: Collection[str]) -> None:
        self.hidden, self.turns = hidden, count()
        self.known = {name: deque(ids, KEPT) for name, ids in known.items()}

    def learn(self, path: str, data: Any) -> None:
        """Remember the ids in what a path answered, and those it refers to."""
        for row in rows(data):
            collection = path.partition("/{id}")[0]
            self.add(collection if path.count("{") == 1 else path, row.get("id"))
            for name, value in row.items():
                if name in REFERRED:
                    self.add(REFERRED[name], value)

    def add(self, collection: str, found: Any) -> None:
        """Remember one id."""
        known = self.known.setdefault(collection, deque(maxlen=KEPT))
        if isinstance(found, str) and found not in self.hidden and found not in known:
            known.append(found)

    def fill(self, path: str, places: dict[str, Any]) -> None:
        """Put an id that exists where the path asks for one."""
        known = self.known.get(path.partition("/{id}")[0])
        if known and "id" in places:
            places["id"] = known[next(self.turns) % len(known)]

    def refer(self, body: dict[str, Any]) -> None:
        """Let the fields of a body refer to what exists."""
        for name, value in body.items():
            for each in value if isinstance(value, list) else ():
                if isinstance(each, dict):
                    self.refer(each)
            known = self.known.get(REFERRED.get(name, ""))
            if known and isinstance(value, str):
                body[name] = known[next(self.turns) % len(known)]


def rows(data: Any) -> Iterator[dict[str, Any]]:
    """Yield the things that an answer shows."""
    for each in data if isinstance(data, list) else [data]:
        if isinstance(each, dict):
            yield each
