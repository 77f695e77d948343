"""Serving: the sandbox bank on a port of its own, in a process or a thread of its own."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from threading import Event, Thread

from ops.sandbox_bank.bank import Bank
from ops.sandbox_bank.desk import Desk
from ops.sandbox_bank.wire import Talk

START_SECONDS = 10
LOOPBACK = "127.0.0.1"


async def serve(
    desk: Desk, host: str, port: int, ended: asyncio.Event, ready: Callable[[int], None]
) -> None:
    """Serve until `ended`; `ready` hears the port, which is chosen here when it is 0."""
    talks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        task.add_done_callback(talks.discard)
        with contextlib.suppress(asyncio.CancelledError):
            await Talk(reader, writer, desk.answer).run()

    server = await asyncio.start_server(talk, host, port)
    time = asyncio.create_task(desk.keep_time())
    ready(server.sockets[0].getsockname()[1])
    await ended.wait()
    server.close()
    for task in (time, *talks, *desk.sending):
        task.cancel()
    await asyncio.gather(time, *talks, *desk.sending, return_exceptions=True)
    await asyncio.sleep(0)  # Lets closed connections leave the loop before it ends.


@contextlib.contextmanager
def beside(bank: Bank, port: int = 0, desk: type[Desk] = Desk) -> Iterator[str]:
    """Serve on a thread for the length of the block; yields the bank's address."""
    loop, ended = asyncio.new_event_loop(), asyncio.Event()
    found: list[int] = []
    started = Event()

    def ready(chosen: int) -> None:
        found.append(chosen)
        started.set()

    def run() -> None:
        with contextlib.suppress(OSError):  # Told below: the port was never found.
            loop.run_until_complete(serve(desk(bank), LOOPBACK, port, ended, ready))
        loop.close()
        started.set()

    thread = Thread(target=run, name="sandbox-bank")
    thread.start()
    started.wait(START_SECONDS)
    try:
        if not found:
            raise OSError(f"the sandbox bank cannot listen on {LOOPBACK}:{port}")
        yield f"http://{LOOPBACK}:{found[0]}"
    finally:
        if found:
            loop.call_soon_threadsafe(ended.set)
        thread.join()
