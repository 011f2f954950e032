"""A thread with its own event loop, for a driver that waits for a network.

A plug that hangs must not block its device process. So the device's loop and the thread share only the
latest requested Setting and the latest Reading. Neither side waits for the other. Settings and readings
do not queue up: a new one replaces the last. Only button presses are collected until they are read.
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
"""The longest pause between two connection attempts. Each pause is up to twice the last, with jitter."""
MIN_PAUSE_SECONDS = 0.5
"""The shortest pause, also if a new setting triggers an immediate attempt."""
STOP_SECONDS = 2.0
MAX_FAULT_LENGTH = 300
"""A longer fault is cut. It may quote what the hardware has sent, and it becomes a part of the state."""


class HardwareChannel:
    """Passes settings from the device's loop to the thread, and readings from the thread to the loop."""

    def __init__(self, event_fd: int) -> None:
        self._event_fd = event_fd
        self._lock = Lock()
        self._reading = Reading(reachable=None)
        self._is_new = False
        self._has_reported = False
        self._last: dict[str, Any] = {}
        """By field, what the driver reported last. A loss of the connection changes nothing here."""
        self._presses: list[ButtonPress] = []
        self._pending: tuple[Setting, float] | None = None
        """The latest setting that was not applied yet, and when it was requested (seconds of uptime)."""
        self._is_in_progress = False
        """Whether the driver is applying the pending setting."""
        self._wakeup = asyncio.Event()

    # For the driver, in the thread

    async def next_setting(self) -> Setting:
        """Wait for the next setting. A new call confirms that the last setting was applied.

        So first read the hardware and call `update`. Until the new call, `read` returns an unknown `on`,
        and the device cannot mistake a reading for a manual switch.

        Only the latest setting is returned. If the connection is lost before a setting was applied, the
        next connection gets the setting again. Its `off_after_seconds` is then shorter by the time passed.
        """
        with self._lock:
            if self._is_in_progress:
                self._pending, self._is_in_progress = None, False
                os.eventfd_write(self._event_fd, 1)  # `on` is known again from now on
        while True:
            self._wakeup.clear()
            with self._lock:
                if self._pending is not None:
                    self._is_in_progress = True
                    return subtract_wait(*self._pending)
            await self._wakeup.wait()

    async def is_replaced(self) -> bool:
        """Wait until a newer setting is requested than the one that `next_setting` returned; return True."""
        while True:
            self._wakeup.clear()
            with self._lock:
                if self._pending is not None and not self._is_in_progress:
                    return True
            await self._wakeup.wait()

    def update(self, **changes: Any) -> None:
        """Update some fields of the reading; the others keep their values.

        The hardware then counts as reachable. The last fault is cleared unless `fault` is given again.
        """
        fault = cut_fault(changes.pop("fault", None))
        self._last |= changes
        with self._lock:
            self._reading = replace(self._reading, **{"reachable": True, **changes, "fault": fault})
            self._is_new = self._has_reported = True
        os.eventfd_write(self._event_fd, 1)

    def restore(self, **changes: Any) -> None:
        """Report values that a broker or a gateway has kept.

        If they only repeat the last report, it keeps its age.
        """
        fault = changes.pop("fault", None)
        if not repeats(self._last, changes):
            self.update(**changes, fault=fault)
            return
        with self._lock:
            self._reading = replace(
                self._reading, **{name: self._last.get(name, value) for name, value in changes.items()}
            )
        self.connect(fault)

    def connect(self, fault: str | None = None) -> None:
        """Report that the connection works, although the hardware has reported nothing valid through it.

        The hardware counts as reachable, and its last report keeps its age.
        """
        with self._lock:
            self._reading = replace(self._reading, reachable=True, fault=cut_fault(fault))
            self._has_reported = True
        os.eventfd_write(self._event_fd, 1)

    def confirm(self, *, on: bool, fault: str | None = None) -> None:
        """Report that the hardware itself has accepted the setting that `next_setting` returned.

        `fault` is what the hardware could not do of it, such as its timer.
        The acknowledgement of a broker, or of anything else between driver and hardware, does not count.
        """
        with self._lock:
            if self._is_in_progress:  # otherwise a newer setting was requested meanwhile
                self._pending, self._is_in_progress = None, False
        self.update(on=on, fault=fault)

    def press(self, touch: Touch) -> None:
        """Report a press of the hardware's button."""
        with self._lock:
            self._presses.append(ButtonPress(touch, uuid.uuid4().hex[:10]))
            self._is_new = self._has_reported = True
        os.eventfd_write(self._event_fd, 1)

    # For the worker

    def unreachable(self, why: str) -> None:
        """Report that the hardware does not answer: its power is unknown, and the other fields stay."""
        with self._lock:
            self._reading = replace(
                self._reading,
                reachable=False,
                power_watts=None,
                fault=cut_fault(why),
                losses=self._reading.losses + 1,
            )
            self._is_in_progress = False
        self._wakeup.clear()
        os.eventfd_write(self._event_fd, 1)

    def has_reported(self) -> bool:
        """Return whether the hardware has reported anything since the last call."""
        with self._lock:
            reported, self._has_reported = self._has_reported, False
        return reported

    async def wait_for_setting(self, seconds: float) -> None:
        """Wait for `seconds`, or until a new setting is requested."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wakeup.wait(), seconds)

    # For the device's loop

    def request(self, setting: Setting) -> None:
        """Request a setting; it replaces the last one."""
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
            on = self._reading.on if self._pending is None else None  # unknown while a setting is pending
            # The driver limits the time of each exchange: it applies the setting, or finds the hardware lost.
            is_pending = self._pending is not None and self._reading.reachable is True
            reading = replace(self._reading, on=on, is_pending=is_pending, presses=tuple(self._presses))
            self._presses.clear()
        return reading


def repeats(last: dict[str, Any], changes: dict[str, Any]) -> bool:
    """Return whether changes have nothing that was not reported last.

    Of several detections, a message may have only one. Then `on` is only that of the latest message.
    """
    if detected := changes.get("detections"):
        if not detected.items() <= (last.get("detections") or {}).items():
            return False
        changes = {name: value for name, value in changes.items() if name not in ("detections", "on")}
    return all(name in last and last[name] == value for name, value in changes.items())


def cut_fault(fault: str | None) -> str | None:
    """Return a fault that is not too long for a state."""
    return fault if fault is None or len(fault) <= MAX_FAULT_LENGTH else f"{fault[: MAX_FAULT_LENGTH - 3]}..."


def subtract_wait(setting: Setting, requested_at: float) -> Setting:
    """Return a setting with `off_after_seconds` reduced by the time since the request."""
    if setting.off_after_seconds is None:
        return setting
    left = setting.off_after_seconds - (uptime() - requested_at)
    return replace(setting, off_after_seconds=left) if left > 0 else Setting(on=False)


class DaemonThreadExecutor(ThreadPoolExecutor):
    """Runs each blocking call, for example a name lookup, in a daemon thread.

    The executor of asyncio would delay the end of a worker, and of its process, until the last call ends.
    """

    def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Run a call in a new thread."""
        future: Future[Any] = Future()
        Thread(target=self._run, args=(future, partial(call, *args, **kwargs)), daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Return at once, without a wait for the threads."""

    @staticmethod
    def _run(future: "Future[Any]", call: Callable[[], Any]) -> None:
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001  the waiter for the result handles it
                future.set_exception(error)


class Worker:
    """Runs one driver's connection, and connects again after each loss, until it is closed."""

    def __init__(self, device: str, run_connection: Callable[[HardwareChannel], Awaitable[None]]) -> None:
        """Start the thread.

        `run_connection` keeps one connection. It raises Unreachable if the connection fails or is lost.
        """
        self.socket = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        """The eventfd that is readable when there is a new reading."""
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
        """Request a setting."""
        self._channel.request(setting)
        with suppress(RuntimeError):  # the thread has ended
            self._loop.call_soon_threadsafe(self._channel.wake)

    def read(self, now: float) -> Reading:
        """Return the latest reading, and reset the socket."""
        with suppress(BlockingIOError):
            os.eventfd_read(self.socket)
        return self._channel.read(now)

    def close(self) -> None:
        """Stop the thread. If it does not stop in time, it ends with the process."""
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
        """Run one connection until it ends, and return the reason for its end."""
        try:
            await self._run_connection(self._channel)
        except HouseError as error:  # Unreachable, or a missing password file
            return str(error).removeprefix(f"{self._device}: ")
        except Exception as error:
            why = f"its driver has failed: {type(error).__name__}: {error}"
            if why != self._failure:  # log a repeated failure only once
                logging.getLogger(self._device).exception("its driver has failed")
            self._failure = why
            return why
        return "the hardware has ended the connection"
