"""What can go wrong before an embedded server answers, said to whoever started it."""


class StartFailed(Exception):
    """The server cannot be started here; the message says what to do. Shown by `ledgerbank up`."""
