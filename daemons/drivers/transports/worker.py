"""A thread with an event loop of its own, for a driver that waits for a network.

A plug that hangs must not hang its device. So the device's loop and the thread share just two
things, each whole and always the latest: the Setting that is wanted, and the Reading that the
hardware gave last. Neither side ever waits for the other, and nothing queues up.
"""

import asyncio
import logging
import os
import uuid
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from threading import Lock, Thread
from typing import Any

from msgspec.structs import replace

from daemons.errors import HouseError
from daemons.kinds import Press, Reading, Setting, Touch
from daemons.runtime.backoff import backoff_seconds, with_jitter
from daemons.runtime.clock import uptime

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
"""Between two attempts to reach the hardware; each pause is up to twice the last, and never the same."""
ATTEMPT_AT_ONCE_SECONDS = 0.5
"""A new wish is worth an attempt at once, but not oftener than this."""
END_SECONDS = 2.0


class Line:
    """The thread's end: what is wanted of the hardware, and what it says."""

    def __init__(self, news: int) -> None:
        self._news = news
        self._lock = Lock()
        self._reading = Reading(reachable=None)
        self._heard = False
        self._told = False
        self._presses: list[Press] = []
        self._wanted: tuple[Setting, float] | None = None
        """The latest wish that was not carried out yet, and when it was made (seconds of uptime)."""
        self._taken = False
        """Whether somebody is at it."""
        self._wish = asyncio.Event()

    # For the driver, in the thread

    async def wanted(self) -> Setting:
        """Wait for what the hardware shall do next; asking again says that the last one was carried out.

        So first let the hardware say what came of it, and `tell` that: until then nobody takes
        what it was for what a hand has done.

        Only the latest counts. What was not carried out when the line broke is wanted again on
        the next one, with so much less time until it goes off by itself.
        """
        with self._lock:
            if self._taken:
                self._wanted, self._taken = None, False
                os.eventfd_write(self._news, 1)  # what it was told to be is known only now
        while True:
            self._wish.clear()
            with self._lock:
                if self._wanted is not None:
                    self._taken = True
                    return shorten(*self._wanted)
            await self._wish.wait()

    def tell(self, **changes: Any) -> None:
        """Say what the hardware is now: the fields of a Reading that are known, the others stay as they were.

        It is reachable by that, and what was complained of is over unless `fault` is told again.
        """
        with self._lock:
            self._reading = replace(self._reading, **{"reachable": True, "fault": None, **changes})
            self._heard = self._told = True
        os.eventfd_write(self._news, 1)

    def press(self, what: Touch) -> None:
        """Say that a hand was at the hardware's button."""
        with self._lock:
            self._presses.append(Press(what, uuid.uuid4().hex[:10]))
            self._heard = self._told = True
        os.eventfd_write(self._news, 1)

    # For the worker

    def lose(self, why: str) -> None:
        """Say that the hardware does not answer; what is known of it stays what was known."""
        with self._lock:
            self._reading = replace(
                self._reading, reachable=False, fault=why, losses=self._reading.losses + 1
            )
            self._taken = False
        self._wish.clear()
        os.eventfd_write(self._news, 1)

    def has_told(self) -> bool:
        """Tell whether the hardware has said anything since this was last asked."""
        with self._lock:
            told, self._told = self._told, False
        return told

    async def wish(self, seconds: float) -> None:
        """Wait so long, or until something new is wanted since it was lost."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wish.wait(), seconds)

    # For the device's loop

    def ask(self, setting: Setting) -> None:
        """Want something of the hardware; what was wanted before is not wanted any more."""
        with self._lock:
            self._wanted, self._taken = (setting, uptime()), False

    def stir(self) -> None:
        """Let the thread look what is wanted; to be called in its loop."""
        self._wish.set()

    def take(self, now: float) -> Reading:
        """Give the latest reading; each press is in one of them only."""
        with self._lock:
            if self._heard:
                self._reading, self._heard = replace(self._reading, at=now), False
            on = self._reading.on if self._wanted is None else None  # what is under way is not known
            reading = replace(self._reading, on=on, presses=tuple(self._presses))
            self._presses.clear()
        return reading


def shorten(setting: Setting, asked: float) -> Setting:
    """Give a wish as it is by now: its time until the hardware goes off by itself has gone on."""
    if setting.off_after_seconds is None:
        return setting
    left = setting.off_after_seconds - (uptime() - asked)
    return replace(setting, off_after_seconds=left) if left > 0 else Setting(on=False)


class Waiters(ThreadPoolExecutor):
    """A thread for each call that blocks, such as looking up a name; nobody waits for it at the end.

    asyncio's own would hold up the end of a worker, and of its process, until the last call is over.
    """

    def submit(self, call: Callable[..., Any], /, *args: Any, **more: Any) -> "Future[Any]":
        """Make a call in a thread of its own."""
        future: Future[Any] = Future()
        Thread(target=self._run, args=(future, partial(call, *args, **more)), daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let them be."""

    @staticmethod
    def _run(future: "Future[Any]", call: Callable[[], Any]) -> None:
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001  it is whoever waits for the result that cares
                future.set_exception(error)


class Worker:
    """Runs one driver's connection, again and again, until it is closed."""

    def __init__(self, device: str, attend: Callable[[Line], Awaitable[None]]) -> None:
        """`attend` holds one connection: it raises Unreachable when that cannot be had or is lost."""
        self.socket = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        """Can be read when there is a new reading."""
        self._device = device
        self._attend = attend
        self._line = Line(self.socket)
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(Waiters())
        self._failure = ""
        self._task: asyncio.Task[None] | None = None
        self._thread = Thread(target=self._run, name=device, daemon=True)
        self._thread.start()

    def ask(self, setting: Setting) -> None:
        """Want something of the hardware."""
        self._line.ask(setting)
        with suppress(RuntimeError):  # the thread has ended
            self._loop.call_soon_threadsafe(self._line.stir)

    def take(self, now: float) -> Reading:
        """Give the latest reading."""
        with suppress(BlockingIOError):
            os.eventfd_read(self.socket)
        return self._line.take(now)

    def close(self) -> None:
        """End the thread; one that does not end is left to the end of the process."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._end)
        self._thread.join(END_SECONDS)
        if not self._thread.is_alive():
            os.close(self.socket)

    def _end(self) -> None:
        if self._task:
            self._task.cancel()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner, suppress(asyncio.CancelledError):
            runner.run(self._keep_on())

    async def _keep_on(self) -> None:
        self._task = asyncio.current_task()
        failures = 0
        while True:
            why = await self._try()
            if self._line.has_told():
                failures = 0
            failures += 1
            self._line.lose(why)
            await asyncio.sleep(ATTEMPT_AT_ONCE_SECONDS)
            pause = backoff_seconds(failures, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
            await self._line.wish(with_jitter(pause))

    async def _try(self) -> str:
        """Hold one connection to its end, and say why it has ended."""
        try:
            await self._attend(self._line)
        except HouseError as error:  # Unreachable, or what it needs is not there
            return str(error).removeprefix(f"{self._device}: ")
        except Exception as error:
            why = f"its driver has failed: {type(error).__name__}: {error}"
            if why != self._failure:  # the same one fails again and again
                logging.getLogger(self._device).exception("its driver has failed")
            self._failure = why
            return why
        return "the hardware has ended the connection"
