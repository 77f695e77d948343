"""Scripts: histories of many kinds of commands, told by numbers."""

from collections.abc import Iterable

from tests.projections.history import History

AMOUNT = 1_000


class Script:
    """A small bank where something happens for every number it is given."""

    def __init__(self, history: History, accounts: int = 4) -> None:
        self.history = history
        self.users = [history.user(f"User{index} Name") for index in range(2)]
        self.accounts = [
            history.account(self.users[index % 2], currency=("USD", "JPY")[index // 2 % 2])
            for index in range(accounts)
        ]
        self.waiting: list[tuple[str, str]] = []
        self.processing: list[tuple[str, str]] = []
        self.promised: list[tuple[str, int, int]] = []
        self.visit(0)
        history.disable(history.machine())
        history.bank()

    def play(self, numbers: Iterable[int]) -> None:
        """Let one thing happen for each number."""
        for number in numbers:
            (self.move, self.ask, self.start, self.end, self.promise)[number % 5](number // 5)

    def move(self, number: int) -> None:
        """Transfer between the two accounts of one currency."""
        source = number % len(self.accounts)
        self.history.transfer(
            self.accounts[source], self.accounts[source ^ 1], 1 + number % 99, f"Rent {number}"
        )

    def visit(self, number: int) -> None:
        """Sign in and out, from one place and from everywhere."""
        user = self.users[number % 2]
        first, second = self.history.session(user), self.history.session(user)
        self.history.refresh(first)
        self.history.log_out(second)
        self.history.log_out_everywhere(user, 2)
        self.history.session(user)

    def ask(self, number: int) -> None:
        """Create a payment."""
        account = self.accounts[number % len(self.accounts)]
        self.waiting.append((self.history.payment(account, AMOUNT), account))

    def start(self, number: int) -> None:
        """Start, or cancel, the oldest payment that is pending."""
        if not self.waiting:
            return self.ask(number)
        payment, account = self.waiting.pop(0)
        if number % 3 == 0:
            return self.history.cancel(payment)
        if number % 3 == 1:
            self.history.edit(payment, account, f"Books {number}")
        self.history.start(payment, account, AMOUNT)
        return self.processing.append((payment, account))

    def end(self, number: int) -> None:
        """Complete, or fail, the oldest payment that is being processed."""
        if not self.processing:
            return self.start(number)
        payment, account = self.processing.pop(0)
        end = self.history.fail if number % 3 == 0 else self.history.complete
        return end(payment, account, AMOUNT)

    def promise(self, number: int) -> None:
        """Hold funds for a client, or end the oldest of such holds."""
        if number % 3 == 0 and self.promised:
            return self.end_hold(number // 3)
        index, amount = number % len(self.accounts), 3 + number % 50
        hold = self.history.hold(self.accounts[index], amount)
        return self.promised.append((hold, index, amount))

    def end_hold(self, number: int) -> None:
        """Capture a hold in two parts, or let its time be over after a part."""
        hold, index, amount = self.promised.pop(0)
        account, to = self.accounts[index], self.accounts[index ^ 1]
        self.history.capture(hold, account, to, 1, final=False)
        if number % 2 == 0:
            return self.history.expire(hold, account, amount - 1)
        return self.history.capture(hold, account, to, 1)
