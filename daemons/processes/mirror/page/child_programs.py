"""The programs that the page starts: none is left when its event loop ends."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

Program = asyncio.subprocess.Process
Create = Callable[[], Coroutine[Any, Any, Program]]


class PageEnding(Exception):
    """The page is ending, and starts no more programs."""

    def __init__(self) -> None:
        super().__init__("the mirror is ending")


class ProgramStarter:
    """Starts programs until it is closed."""

    def __init__(self) -> None:
        self._starts: set[asyncio.Future[None]] = set()
        """One for each call of `start`; it is done when the call ends."""
        self.is_closed = False

    async def start(self, create: Create) -> Program:
        """Start a program in a task of its own, so that a cancelled request does not cancel the start.

        Raises PageEnding, and what `create` raises.
        """
        if self.is_closed:
            raise PageEnding
        ends = asyncio.get_running_loop().create_future()
        self._starts.add(ends)
        starting = asyncio.create_task(create())
        try:
            program = await asyncio.shield(starting)
            if self.is_closed:
                await end(program)
                raise PageEnding
        except asyncio.CancelledError:
            with suppress(Exception):
                await end(await starting)
            raise
        finally:
            self._starts.discard(ends)
            ends.set_result(None)
        return program

    async def close(self) -> None:
        """Start no other program, and wait until those that are being started have ended.

        The end of an event loop cancels its tasks. A task that is starting a program would then never end
        (CPython 3.13: it waits for pipes that are not connected).
        """
        self.is_closed = True
        await asyncio.gather(*self._starts)


async def end(program: Program) -> None:
    """End a program, and close its pipes."""
    if program.returncode is None:
        with suppress(ProcessLookupError):
            program.kill()
    with suppress(ConnectionError):
        await program.communicate()
