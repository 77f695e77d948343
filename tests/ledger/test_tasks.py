"""Tasks that go on for ever end when they are told to, even if they did not hear it at first."""

import asyncio

import pytest

from ledger.tasks import end


async def deaf(times: int) -> None:
    """Go on for ever, and overhear so many cancellations."""
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            times -= 1
            if times < 0:
                raise


@pytest.mark.parametrize("times", [0, 1, 2])
def test_a_cancellation_that_was_overheard_is_repeated(times: int) -> None:
    async def ended() -> bool:
        task = asyncio.create_task(deaf(times))
        await asyncio.sleep(0)
        await end(task)
        return task.cancelled()

    assert asyncio.run(asyncio.wait_for(ended(), 5))


def test_what_is_over_already_needs_no_end() -> None:
    async def ended() -> None:
        async def failing() -> None:
            raise ZeroDivisionError

        task = asyncio.create_task(failing())
        await asyncio.wait([task])
        await end(task)
        assert isinstance(task.exception(), ZeroDivisionError)

    asyncio.run(ended())
