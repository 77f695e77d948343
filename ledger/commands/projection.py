"""Commands about read models. How far a rebuild is stands beside the log; who asks brings it."""

from ledger.commands.command import Command


class RequestRebuild(Command, frozen=True, kw_only=True):
    """Have a read model made again from the log.

    `under_way`: one is being made. `requests` is how many there had been when that was looked at.
    """

    projection: str
    rebuild_id: str
    under_way: bool
    requests: int
