"""Accounts and their lines: what a bank does with them, and what only a sandbox can."""

from ops.sandbox_bank.books import Account, Books, Line
from ops.sandbox_bank.chance import Chance, now
from ops.sandbox_bank.message import Rejected


def open_account(books: Books, chance: Chance, told: Account) -> Account:
    """Open an account; an empty id is drawn."""
    if not told.id:
        told.id = chance.name(books, "acc")
    books.accounts[told.id] = told
    return told


def account_of(books: Books, account_id: str) -> Account:
    """Return an account. Raises `Rejected`."""
    if account_id not in books.accounts:
        raise Rejected(404, "account_not_found")
    return books.accounts[account_id]


def line_of(books: Books, line_id: str) -> Line:
    """Return a line that is still there. Raises `Rejected`."""
    line = books.lines.get(line_id)
    if line is None or line.removed:
        raise Rejected(404, "transaction_not_found")
    return line


def add_line(books: Books, chance: Chance, told: Line) -> Line:
    """Add a line to an account; an empty id is drawn, a zero moment is now."""
    account_of(books, told.account_id)
    told.id = told.id or chance.name(books, "tx")
    told.occurred_at = told.occurred_at or now(books)
    mark(books, told)
    told.appeared = told.changed
    books.lines[told.id] = told
    return told


def mark(books: Books, line: Line) -> None:
    """Count a change, so that whoever follows the changes sees the line again."""
    books.changes += 1
    line.changed = books.changes


def settle(books: Books, line_id: str, amount: int | None) -> Line:
    """Post a pending line, perhaps with another amount."""
    line = line_of(books, line_id)
    if line.status != "pending":
        raise Rejected(409, "not_pending")
    line.status = "posted"
    line.amount = line.amount if amount is None else amount
    mark(books, line)
    return line


def remove(books: Books, line_id: str, *, posted: bool) -> Line:
    """Take a pending line back; a posted one only when asked for on purpose."""
    line = line_of(books, line_id)
    if line.status != "pending" and not posted:
        raise Rejected(409, "not_pending")
    line.removed = True
    mark(books, line)
    return line


def reissue(books: Books, chance: Chance, line_id: str, description: str | None) -> Line:
    """Tell the same movement under a new id, and the old one no more."""
    line = remove(books, line_id, posted=True)
    again = Line(
        id="",
        account_id=line.account_id,
        amount=line.amount,
        currency=line.currency,
        description=description or line.description,
        occurred_at=line.occurred_at,
        status=line.status,
        payment_id=line.payment_id,
    )
    return add_line(books, chance, again)
