"""Coroutines that end together: their results, errors and cancellation."""

import asyncio

import pytest

from daemons.drivers.transports.tasks import run_until_first_ends


class Work:
    """Coroutines that record whether they were cancelled."""

    def __init__(self) -> None:
        self.cancelled = 0

    async def wait_forever(self, error: Exception | None = None) -> str:
        """Wait for the cancellation, and raise an error in its place if there is one."""
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            if error:
                raise error from None
            raise
        return "never"


async def succeed(result: str = "done") -> str:
    """Return a result at once."""
    return result


async def fail() -> str:
    """Raise an error with a cause."""
    raise ValueError("broken") from KeyError("cause")


def test_the_first_result_is_returned_and_the_others_are_cancelled() -> None:
    """No coroutine runs on after the call."""
    work = Work()
    assert asyncio.run(run_until_first_ends(work.wait_forever(), succeed(), work.wait_forever())) == "done"
    assert work.cancelled == 2


def test_the_first_argument_counts_when_several_end_at_once() -> None:
    """The order of the arguments decides."""
    assert asyncio.run(run_until_first_ends(succeed("first"), succeed("second"))) == "first"


def test_an_error_is_raised_itself_with_its_cause() -> None:
    """The caller sees no exception group."""
    work = Work()
    with pytest.raises(ValueError, match="broken") as caught:
        asyncio.run(run_until_first_ends(work.wait_forever(), fail()))
    assert isinstance(caught.value.__cause__, KeyError)
    assert work.cancelled == 1


@pytest.mark.parametrize("error", [None, OSError("the socket is closed")])
def test_a_cancelled_caller_gets_its_cancellation(error: Exception | None) -> None:
    """An error during the cancellation does not replace it."""
    work = Work()

    async def cancel() -> None:
        caller = asyncio.create_task(run_until_first_ends(work.wait_forever(error), work.wait_forever()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller

    asyncio.run(cancel())
    assert work.cancelled == 2
