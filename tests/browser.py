"""A real browser, told what to do through pipes (the Chrome DevTools Protocol)."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
SECONDS = 60.0
POLL_SECONDS = 0.05
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
    "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--remote-debugging-pipe",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip
"""Nothing but this machine can be reached, so nothing of the browser's own leaves."""
PIPES = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""


class Page:
    """One page; `requested` is every address it asked for, `complaints` what the browser said."""

    def __init__(self, orders: IO[bytes], events: IO[bytes]) -> None:
        self.orders, self.events = orders, events
        self.number = 0
        self.session: str | None = None
        self.requested: list[str] = []
        self.complaints: list[str] = []
        created = self.tell("Target.createTarget", url="about:blank")
        attached = self.tell("Target.attachToTarget", targetId=created["targetId"], flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Network", "Log", "Runtime", "Page"):
            self.tell(f"{domain}.enable")

    def tell(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Give an order; return its result."""
        self.number += 1
        order: dict[str, Any] = {"id": self.number, "method": method, "params": parameters}
        if self.session is not None:
            order["sessionId"] = self.session
        self.orders.write(json.dumps(order).encode() + b"\0")
        self.orders.flush()
        while True:
            message = self.hear()
            if message.get("id") == self.number:
                assert "error" not in message, (method, message["error"])
                return dict(message["result"])

    def hear(self) -> dict[str, Any]:
        """Return the next message; remember what it tells of the page."""
        text = bytearray()
        while (byte := self.events.read(1)) not in {b"\0", b""}:
            text += byte
        assert text, "the browser has gone"
        message: dict[str, Any] = json.loads(text)
        told = message.get("params", {})
        match message.get("method"):
            case "Network.requestWillBeSent":
                self.requested.append(told["request"]["url"])
            case "Log.entryAdded":
                self.complaints.append(told["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.complaints.append(str(told["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if told["type"] in {"error", "warning"}:
                self.complaints.append(str(told["args"]))
            case _:
                pass
        return message

    def open(self, url: str) -> None:
        """Go to an address."""
        self.tell("Page.navigate", url=url)

    def value(self, expression: str) -> Any:
        """Return what an expression means on the page."""
        found = self.tell("Runtime.evaluate", expression=expression, returnByValue=True)
        return found["result"].get("value")

    def wait_for(self, expression: str) -> Any:
        """Return what an expression means once it means something."""
        deadline = time.monotonic() + SECONDS
        while not (found := self.value(expression)):
            assert time.monotonic() < deadline, (expression, self.complaints)
            time.sleep(POLL_SECONDS)
        return found

    def press(self, selector: str) -> None:
        """Click what a selector leads to, once it is there."""
        self.wait_for(
            f"(found => found && (found.click(), true))(document.querySelector({selector!r}))"
        )


@contextmanager
def browsing(folder: Path) -> Iterator[Page]:
    """Run a browser with a profile of its own for the length of the block."""
    assert PROGRAM is not None, "whoever browses has a browser"
    heard_by, orders = os.pipe()
    events, told_by = os.pipe()
    command = [sys.executable, "-c", PIPES, str(heard_by), str(told_by), PROGRAM, *FLAGS]
    with subprocess.Popen(
        [*command, f"--user-data-dir={folder}", "about:blank"],
        pass_fds=(heard_by, told_by),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        os.close(heard_by)
        os.close(told_by)
        with os.fdopen(orders, "wb") as writing, os.fdopen(events, "rb") as reading:
            page = Page(writing, reading)
            try:
                yield page
            finally:
                page.session = None
                page.tell("Browser.close")
        process.wait(SECONDS)
