"""A mirror: an account's history as it is known to who follows it by the port alone."""

from workers.banks.port import BankPort, BankTransaction


class Mirror:
    """Follows one account; `changed` counts what was news."""

    def __init__(self, port: BankPort, access_token: str, account_id: str) -> None:
        self.port, self.access_token, self.account_id = port, access_token, account_id
        self.lines: dict[str, BankTransaction] = {}
        self.cursor: str | None = None
        self.told: set[str] = set()
        self.changed = 0

    def follow(self) -> int:
        """Read all there is; return how many pages that took. Can be asked again after a fault."""
        pages = 1
        while self.step():
            pages += 1
        return pages

    def step(self) -> bool:
        """Read one page; return whether there is more."""
        page = self.port.transactions(self.access_token, self.account_id, self.cursor)
        for line in page.transactions:
            name = line.external_transaction_id
            self.told.add(name)
            self.changed += self.lines.get(name) != line
            self.lines[name] = line
        for gone in page.removed:
            self.changed += self.lines.pop(gone, None) is not None
        self.cursor = page.next_cursor
        if not page.more:
            self.drop_untold(page.complete_since)
        return page.more

    def drop_untold(self, complete_since: str | None) -> None:
        """Forget what a complete telling has left out."""
        if complete_since is not None:
            for name, line in [*self.lines.items()]:
                if name not in self.told and line.occurred_at > complete_since:
                    del self.lines[name]
                    self.changed += 1
        self.told.clear()

    def known(self) -> dict[str, tuple[int, str, str]]:
        """Return amount, status and description of every line, by its id."""
        return {
            name: (line.amount, line.status, line.description) for name, line in self.lines.items()
        }
