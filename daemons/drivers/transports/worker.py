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
from daemons.kinds import ButtonPress, Reading, Setting, Touch
from daemons.runtime.backoff import backoff_seconds, with_jitter
from daemons.runtime.clock import uptime

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
"""Between two attempts to reach the hardware; each pause is up to twice the last, and never the same."""
MIN_PAUSE_SECONDS = 0.5
"""A new wish is worth an attempt at once, but not oftener than this."""
STOP_SECONDS = 2.0


class HardwareChannel:
    """The thread's end: what is wanted of the hardware, and what it says."""

    def __init__(self, event_fd: int) -> None:
        self._event_fd = event_fd
        self._lock = Lock()
        self._reading = Reading(reachable=None)
        self._is_new = False
        self._has_reported = False
        self._presses: list[ButtonPress] = []
        self._pending: tuple[Setting, float] | None = None
        """The latest wish that was not carried out yet, and when it was made (seconds of uptime)."""
        self._is_in_progress = False
        """Whether a connection is being held."""
        self._wakeup = asyncio.Event()

    # For the driver, in the thread

    async def next_setting(self) -> Setting:
        """Wait for what the hardware shall do next; asking again says that the last one was carried out.

        So first report the result of the hardware; until then no reading counts as
        what it was for what a hand has done.

        Only the latest counts. What was not carried out when the line broke is wanted again on
        the next one, with so much less time until it goes off by itself.
        """
        with self._lock:
            if self._is_in_progress:
                self._pending, self._is_in_progress = None, False
                os.eventfd_write(self._event_fd, 1)  # what it was told to be is known only now
        while True:
            self._wakeup.clear()
            with self._lock:
                if self._pending is not None:
                    self._is_in_progress = True
                    return subtract_wait(*self._pending)
            await self._wakeup.wait()

    def update(self, **changes: Any) -> None:
        """Update the known fields of the reading; the others keep their values.

        It is reachable by that, and what was complained of is over unless `fault` is told again.
        """
        with self._lock:
            self._reading = replace(self._reading, **{"reachable": True, "fault": None, **changes})
            self._is_new = self._has_reported = True
        os.eventfd_write(self._event_fd, 1)

    def press(self, touch: Touch) -> None:
        """Report a press of the hardware's button."""
        with self._lock:
            self._presses.append(ButtonPress(touch, uuid.uuid4().hex[:10]))
            self._is_new = self._has_reported = True
        os.eventfd_write(self._event_fd, 1)

    # For the worker

    def unreachable(self, why: str) -> None:
        """Report that the hardware does not answer; the known values stay."""
        with self._lock:
            self._reading = replace(
                self._reading, reachable=False, fault=why, losses=self._reading.losses + 1
            )
            self._is_in_progress = False
        self._wakeup.clear()
        os.eventfd_write(self._event_fd, 1)

    def has_reported(self) -> bool:
        """Return whether the hardware has reported anything since the last call."""
        with self._lock:
            told, self._has_reported = self._has_reported, False
        return told

    async def wait_for_setting(self, seconds: float) -> None:
        """Wait so long, or until something new is wanted since it was lost."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wakeup.wait(), seconds)

    # For the device's loop

    def request(self, setting: Setting) -> None:
        """Want something of the hardware; what was wanted before is not wanted any more."""
        with self._lock:
            self._pending, self._is_in_progress = (setting, uptime()), False

    def wake(self) -> None:
        """Wake the thread for a new setting; called in its loop."""
        self._wakeup.set()

    def read(self, now: float) -> Reading:
        """Return the latest reading; each press is in one reading only."""
        with self._lock:
            if self._is_new:
                self._reading, self._is_new = replace(self._reading, at=now), False
            on = self._reading.on if self._pending is None else None  # what is under way is not known
            reading = replace(self._reading, on=on, presses=tuple(self._presses))
            self._presses.clear()
        return reading


def subtract_wait(setting: Setting, requested_at: float) -> Setting:
    """Return a setting with the time that is left until the hardware switches off by itself."""
    if setting.off_after_seconds is None:
        return setting
    left = setting.off_after_seconds - (uptime() - requested_at)
    return replace(setting, off_after_seconds=left) if left > 0 else Setting(on=False)


class DaemonThreadExecutor(ThreadPoolExecutor):
    """A thread for each blocking call, such as a name lookup; the end does not wait for it.

    asyncio's own would hold up the end of a worker, and of its process, until the last call is over.
    """

    def submit(self, call: Callable[..., Any], /, *args: Any, **more: Any) -> "Future[Any]":
        """Make a call in a thread of its own."""
        future: Future[Any] = Future()
        Thread(target=self._run, args=(future, partial(call, *args, **more)), daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Do not wait for the threads."""

    @staticmethod
    def _run(future: "Future[Any]", call: Callable[[], Any]) -> None:
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001  the waiter for the result handles it
                future.set_exception(error)


class Worker:
    """Runs one driver's connection, again and again, until it is closed."""

    def __init__(self, device: str, run_connection: Callable[[HardwareChannel], Awaitable[None]]) -> None:
        """`attend` holds one connection: it raises Unreachable when that cannot be had or is lost."""
        self.socket = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        """Can be read when there is a new reading."""
        self._device = device
        self._run_connection = run_connection
        self._channel = HardwareChannel(self.socket)
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(DaemonThreadExecutor())
        self._failure = ""
        self._task: asyncio.Task[None] | None = None
        self._thread = Thread(target=self._run, name=device, daemon=True)
        self._thread.start()

    def request(self, setting: Setting) -> None:
        """Want something of the hardware."""
        self._channel.request(setting)
        with suppress(RuntimeError):  # the thread has ended
            self._loop.call_soon_threadsafe(self._channel.wake)

    def read(self, now: float) -> Reading:
        """Return the latest reading."""
        with suppress(BlockingIOError):
            os.eventfd_read(self.socket)
        return self._channel.read(now)

    def close(self) -> None:
        """End the thread; one that does not end is left to the end of the process."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._cancel)
        self._thread.join(STOP_SECONDS)
        if not self._thread.is_alive():
            os.close(self.socket)

    def _cancel(self) -> None:
        if self._task:
            self._task.cancel()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner, suppress(asyncio.CancelledError):
            runner.run(self._reconnect())

    async def _reconnect(self) -> None:
        self._task = asyncio.current_task()
        failures = 0
        while True:
            why = await self._run_once()
            if self._channel.has_reported():
                failures = 0
            failures += 1
            self._channel.unreachable(why)
            await asyncio.sleep(MIN_PAUSE_SECONDS)
            pause = backoff_seconds(failures, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
            await self._channel.wait_for_setting(with_jitter(pause))

    async def _run_once(self) -> str:
        """Hold one connection to its end, and say why it has ended."""
        try:
            await self._run_connection(self._channel)
        except HouseError as error:  # Unreachable, or what it needs is not there
            return str(error).removeprefix(f"{self._device}: ")
        except Exception as error:
            why = f"its driver has failed: {type(error).__name__}: {error}"
            if why != self._failure:  # the same one fails again and again
                logging.getLogger(self._device).exception("its driver has failed")
            self._failure = why
            return why
        return "the hardware has ended the connection"
