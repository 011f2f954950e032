"""The live view: it hears the house, takes keys, does what they ask for, and shows what came of it.

One loop waits for all of that, and draws only when something has changed, or a second has passed.
What may take its time, such as a restart or a mirror that does not answer, is an errand: it is
run in a thread of its own, and the view goes on.
"""

import errno
import logging
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import zmq
from rich.console import Console

from daemons.bus.message import Receipt, Report, State
from daemons.bus.requests.blocking import send_command
from daemons.bus.requests.protocol import new_command
from daemons.bus.sockets import Subscriber
from daemons.cli.terminal.keys import Keyboard
from daemons.cli.terminal.presses import Presses
from daemons.cli.terminal.screen import frame
from daemons.cli.terminal.view import View, Wish
from daemons.cli.terminal.window import Window
from daemons.config.loader import kind_or_none
from daemons.config.roster import Roster
from daemons.config.tables import zone
from daemons.errors import AlreadyRunning, HouseError, NoAnswer
from daemons.runtime.jobs import JobPool
from daemons.runtime.loop import Loop, Timer
from daemons.supervision import install, operations
from daemons.supervision.logs import last_lines
from daemons.values import printable

CHANGE_SECONDS = 0.02
"""How soon a change is drawn: with what comes along with it."""
MEASURE_SECONDS = 0.25
"""How soon a mere measurement is."""
LEAST_SECONDS = 0.1
"""How long there is between two looks at the house, whatever happens in it."""
PATIENCE_SECONDS = 2.0
"""How long a command waits for its receipt, as `house send` does."""
READY_SECONDS = 10.0
"""How long a restarted device may take, as with `house restart`."""
PRESSES, LINES = 20, 40
"""How many presses and log lines are had ready, for the highest of terminals."""

Asking = Callable[[], AbstractContextManager[tuple[Roster, Callable[[], dict[str, Any]]]]]


class Viewer:
    """Shows a house in a terminal until a person ends it."""

    def __init__(self, console: Console, asking: Asking) -> None:
        """`asking` gives the roster, and a function that gives the status (console.asking)."""
        self._console = console
        self._asking = asking
        self._view = View()
        self._presses = Presses({})
        self._status: dict[str, Any] = {"devices": {}}
        self._busy: set[str] = set()
        """The devices that have a command under way."""
        self._restarting: str | None = None
        self._sinces: dict[str, tuple[int, float]] = {}
        """What life and change of each device was heard last."""
        self._next: Timer | None = None
        """When the house is looked at next."""
        self._is_looking = self._is_late = False
        self._looked = 0.0
        self._installed: object = ()
        """Which configuration the house was found to have, in the end."""
        self._names: set[str] = set()
        """The processes that the view subscribes to."""

    def run(self) -> None:
        """Show it; a signal that ends the view is passed on when the terminal is as it was."""
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._house = ExitStack()
        self._window = window(self._console)
        self._loop = loop = Loop(time.monotonic)
        try:
            with loop, JobPool(loop) as self._jobs, handling(self._signals()), self._window:
                self._subscriber = Subscriber(self._context, (), logging.getLogger("house"))
                loop.watch(self._subscriber.socket, self._hear)
                if self._window.keyboard:
                    loop.watch(self._window.keyboard.file, self._take_keys)
                self._view.has_keys = self._window.keyboard is not None
                loop.every(1.0, self._turn)
                loop.run()
        except OSError as error:
            if error.errno != errno.EIO:
                raise  # the terminal is gone, so no message can be shown
        finally:
            self._house.close()
            self._context.destroy(linger=0)
        if loop.stop_reason in ("SIGTERM", "SIGHUP", "SIGQUIT"):
            signal.signal(signal.Signals[loop.stop_reason], signal.SIG_DFL)
            signal.raise_signal(signal.Signals[loop.stop_reason])

    def _signals(self) -> dict[signal.Signals, Callable[..., object]]:
        return {
            signal.SIGHUP: lambda *_: self._loop.stop("SIGHUP"),
            signal.SIGQUIT: lambda *_: self._loop.stop("SIGQUIT"),
            signal.SIGTSTP: lambda *_: self._window.suspend(),
            signal.SIGCONT: lambda *_: self._again(),
            signal.SIGWINCH: lambda *_: self._loop.at(0, lambda: self._draw(anew=True)),
        }

    def _again(self) -> None:
        """Go on after we were stopped, by whomever; a terminal that is closed sends this as well."""
        if self._loop.stop_reason is None:
            self._window.take()
        self._loop.at(0, lambda: self._draw(anew=True))

    def _turn(self) -> None:
        """Once a second: see whether it is still the same house, and how it is."""
        installed = stamp(install.INSTALLED)
        if installed != self._installed and (installed or not self._installed) and not self._is_looking:
            self._installed = installed
            self._move_in()
        self._subscriber.reconnect_silent()
        self._soon(0)

    def _move_in(self) -> None:
        """Learn who lives in the house, now and whenever it was reloaded."""
        self._house.close()
        self._roster, self._ask = self._house.enter_context(self._asking())
        peers = self._roster.peers
        kinds = {name: kind_or_none(peer.kind) for name, peer in peers.items()}
        self._view.kinds = {name: kind for name, kind in kinds.items() if kind}
        self._presses.hears = {
            name: peers[name].subscriptions for name, kind in self._view.kinds.items() if kind.commands
        }
        wanted = {*peers, *self._roster.services}
        for name in wanted:
            self._subscriber.add(name)
        for name in self._names - wanted:
            self._subscriber.remove(name)
        self._names = wanted

    def _hear(self) -> None:
        """Hear the house: a change is drawn at once, a measurement soon, a sign of life by the second."""
        for heard in self._subscriber.receive():
            if isinstance(heard, Report):
                self._soon(CHANGE_SECONDS)
                continue
            since = heard.since if isinstance(heard, State) else self._sinces.get(heard.device, (0, 0.0))[1]
            if isinstance(heard, State):
                self._presses.hear(heard)
                self._soon(MEASURE_SECONDS)
            if self._sinces.get(heard.device) != (heard.boot, since):
                self._sinces[heard.device] = heard.boot, since
                self._soon(CHANGE_SECONDS)

    def _soon(self, seconds: float) -> None:
        """Look at the house in so many seconds, or sooner; but not all the time."""
        when = max(self._loop.now() + seconds, self._looked + LEAST_SECONDS)
        if self._next and self._next.when <= when:
            return
        if self._next:
            self._next.cancel()
        self._next = self._loop.at(when, self._look)

    def _look(self) -> None:
        """Ask how the house is; while an answer is awaited, the next question waits."""
        self._next = None
        if self._is_looking:
            self._is_late = True
            return
        self._is_looking, self._is_late, self._looked = True, False, self._loop.now()
        self._jobs.submit(self._ask, self._see)

    def _see(self, answer: "Future[Any]") -> None:
        """Show the answer."""
        self._is_looking = False
        try:
            self._status = printable(answer.result())
        except HouseError as error:
            self._tell(str(error), "red")
        if self._is_late:
            self._soon(0)
        self._draw()

    def _draw(self, *, anew: bool = False) -> None:
        if "at" not in self._status:
            return  # nothing is known yet
        view, lately = self._view, self._presses.latest(PRESSES)
        log = last_lines(view.choose(self._status["devices"]), LINES) if view.panel == "log" else []
        timezone = zone(self._roster.settings.timezone)
        self._window.paint(frame(self._status, timezone, self._console, view, lately, log), anew=anew)

    def _take_keys(self) -> None:
        """Do what the keys ask for."""
        keyboard = self._window.keyboard
        for key in keyboard.read() if keyboard else ():
            wish = self._view.press(key, self._status["devices"], time.time())
            if wish:
                {"end": self._end, "send": self._send, "restart": self._restart}[wish.what](wish)
        self._draw()

    def _end(self, wish: Wish) -> None:
        self._loop.stop("a key")

    def _send(self, wish: Wish) -> None:
        """Send a command; a device that has not answered the last one gets no other."""
        if wish.device in self._busy:
            return
        self._busy.add(wish.device)
        said = f"{self._title(wish.device)}: {wish.command}"
        self._tell(f"{said} …", "dim")

        def answered(answer: "Future[Receipt]") -> None:
            self._busy.discard(wish.device)
            try:
                receipt = answer.result()
            except NoAnswer:
                self._tell(f"{said}: no answer within {PATIENCE_SECONDS:g} s", "red")
            except HouseError as error:
                self._tell(f"{said}: {error}", "red")
            else:
                why = f": {receipt.reason}" if receipt.reason else ""
                self._tell(
                    f"{said} {receipt.outcome}{why}", "green" if receipt.outcome == "applied" else "red"
                )
            self._soon(CHANGE_SECONDS)

        self._jobs.submit(
            lambda: send_command(self._context, wish.device, new_command(wish.command, PATIENCE_SECONDS)),
            answered,
        )

    def _restart(self, wish: Wish) -> None:
        """Restart a process, one at a time."""
        title = self._title(wish.device)
        if self._restarting:
            self._tell(f"{self._restarting} is still being restarted.", "yellow")
            return
        self._restarting = title
        self._tell(f"Restarting {title} …", "dim")

        def work() -> float:
            began = time.monotonic()
            operations.restart([wish.device], READY_SECONDS, lambda *_: None)
            return time.monotonic() - began

        def done(answer: "Future[float]") -> None:
            self._restarting = None
            try:
                self._tell(f"{title}: restarted in {answer.result():.2f} s", "green")
            except AlreadyRunning as error:
                self._tell(
                    f"{title}: not restarted; another command (PID {error.pid}) is changing the house", "red"
                )
            except HouseError as error:
                self._tell(f"{title}: not restarted; {error}", "red")
            self._soon(CHANGE_SECONDS)

        self._jobs.submit(work, done)

    def _tell(self, text: str, style: str) -> None:
        self._view.tell(time.time(), text, style)
        self._draw()

    def _title(self, name: str) -> str:
        return self._roster.peers[name].title


def window(console: Console) -> Window:
    """Return the terminal as a window, with its keyboard if there is one."""
    keyboard = Keyboard(sys.stdin.fileno()) if sys.stdin and sys.stdin.isatty() else None
    return Window(sys.stdout.fileno(), console.encoding, keyboard)


def stamp(path: Path) -> object:
    """Return the version of a file; None if it does not exist."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


@contextmanager
def handling(handlers: dict[signal.Signals, Callable[..., object]]) -> Iterator[None]:
    """Set signal handlers for the duration of the context."""
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
