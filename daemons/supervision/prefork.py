"""The plugin inside supervisord: wakes its loop, and forks devices from warm imports.

supervisord has a door for code of ours, `[rpcinterface:x]`. Two things come in by it:

- Wake: supervisord's loop waits up to a second for a file descriptor. A pipe in its socket map is
  written to by every signal (a child has died) and every change of a process's state, so the loop
  turns at once whenever there is something to do.
- Nursery: what every device imports is imported here, once. Where supervisord's child would
  become a new interpreter by execve, it goes on as the device, with those imports shared.

Nothing else of ours runs inside supervisord: no thread, no zmq context, no work. Without the
section in supervisord.conf the same house runs by plain execve, only slower.
"""

import atexit
import ctypes
import gc
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

import setproctitle
from supervisor import events
from supervisor.options import VERSION

from daemons.config import loader
from daemons.storage.paths import interpreter

KNOWN = ("4.3.0",)
"""The versions of supervisor whose inner workings this file was written for and tested with."""
OURS = "daemons"
WARM = (
    "daemons.__main__",
    "daemons.processes.device.device",
    "daemons.processes.mirror.mirror",
    "daemons.processes.steward.steward",
    "daemons.drivers.simulated",
)
"""What is imported ahead; roles and drivers with heavy libraries import them after the fork."""
HELD_BACK = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""The signals that may come to a child before it is itself."""
PR_SET_PDEATHSIG = 1
"""prctl(2)."""
FIRST_FD = 3
"""The first file descriptor that is not a standard stream."""


class Nursery:
    """What supervisord holds as its RPC interface; it offers no calls."""


def make_nursery(supervisord: Any, **_: Any) -> Nursery:
    """Be plugged in; supervisord calls this while it starts, before it becomes a daemon."""
    say = supervisord.options.logger.warn
    if VERSION not in KNOWN:
        say(f"the nursery knows supervisor {', '.join(KNOWN)} and this is {VERSION}: it stays out of the way")
        return Nursery()
    Wake(supervisord.options.get_socket_map())
    warm(say)
    Birth(supervisord.options)
    return Nursery()


class Wake:
    """Turns supervisord's loop when there is something to do; an entry of its socket map."""

    def __init__(self, socket_map: dict[int, Any]) -> None:
        self._out, self._in = os.pipe()
        os.set_blocking(self._out, False)
        os.set_blocking(self._in, False)
        socket_map[self._out] = self
        signal.set_wakeup_fd(self._in, warn_on_full_buffer=False)
        for event in (events.ProcessStateEvent, events.ProcessGroupAddedEvent, events.SupervisorRunningEvent):
            events.subscribe(event, self.wake)

    def wake(self, _: object) -> None:
        """Have the loop turn once more; a pipe that is full will turn it anyway."""
        try:
            os.write(self._in, b"\0")
        except BlockingIOError:
            return

    def readable(self) -> bool:
        """Ask to be watched."""
        return True

    def writable(self) -> bool:
        """Never wait to write."""
        return False

    def handle_read_event(self) -> None:
        """Empty the pipe; that the loop turns was the point."""
        try:
            while os.read(self._out, 4096):
                pass
        except BlockingIOError:
            return

    def handle_error(self) -> None:
        """Have nothing to mend."""


def warm(say: Callable[[str], None]) -> None:
    """Import what devices need, and put it where the garbage collector does not write to it."""
    kinds = [f"daemons.kinds.{path.stem}" for path in (loader.HERE / "kinds").glob("[a-z]*.py")]
    for name in (*WARM, *kinds):
        try:
            importlib.import_module(name)
        except Exception:  # noqa: BLE001  a broken file is its own device's trouble, not the house's
            say(f"the nursery cannot import {name}: {traceback.format_exc(limit=-1)}")
    for name in kinds:
        with suppress(Exception):  # a broken file was told above
            importlib.import_module("daemons.processes.device.device").rehearse(name.rpartition(".")[2])
    setproctitle.getproctitle()  # finds the place of the title while the environment still lies behind it
    gc.collect()
    gc.freeze()


class Birth:
    """Takes the place of execve in supervisord's children.

    A child shares its memory with supervisord, page by page, until one of the two writes to it; and
    Python writes to whatever it as much as looks at (reference counts). So what can be found out
    before the fork is found out there, and the child touches as little as can be.
    """

    def __init__(self, options: Any) -> None:
        self._options = options
        self._execve: Callable[..., NoReturn] = options.execve
        self._fork: Callable[[], int] = options.fork
        self._errors = sys.stdout.errors  # by the locale, as a fresh interpreter finds it
        self._python = str(interpreter())
        self._sources = {path: modified(path) for path in sources()}
        self._is_stale = False
        self._handled: list[int] = []
        self._environment: dict[str, str] = {}
        # Looked up here, for after a fork there is nothing to wait for: the first one is as quick as any.
        self._prctl = ctypes.CDLL(None, use_errno=True).prctl
        options.execve = self.execve
        options.fork = self.fork

    def fork(self) -> int:
        """Fork with signals held back, so that none falls into supervisord's handlers in the child.

        A device that is told to end in its first moment then ends, instead of never having heard it.
        """
        self._environment = dict(os.environ)
        self._is_stale = any(modified(path) != mtime for path, mtime in self._sources.items())
        self._handled = [number for number in signal.valid_signals() if callable(signal.getsignal(number))]
        signal.pthread_sigmask(signal.SIG_BLOCK, HELD_BACK)
        pid = -1
        try:
            pid = self._fork()
        finally:
            if pid != 0:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_BACK)
        if pid == 0:
            # supervisord closes a thousand file descriptors one by one, which takes a millisecond; so
            # it shall close one, and with it go all.
            last = self._options.minfds
            self._options.close_fd = lambda first: os.closerange(first, last)
            self._options.minfds = FIRST_FD + 1
        return pid

    def execve(self, filename: str, argv: list[str], env: dict[str, str]) -> NoReturn:
        """Become the program: a device of ours by going on, anything else by execve.

        supervisord has by now made this child a process group, put the pipes on 0, 1 and 2, closed
        all else, and set user, working directory and umask, as for any program.
        """
        if filename != self._python or argv[1:-1] != ["-P", "-m", OURS]:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_BACK)
            self._execve(filename, argv, env)
        status = 1
        try:
            self._be_born(argv, env)
            status = run(argv[-1])
        except BaseException:  # noqa: BLE001  whatever it is, it must not run on into supervisord's code
            traceback.print_exc()
        finally:
            atexit._run_exitfuncs()  # noqa: SLF001
            flush()
            os._exit(status)

    def _be_born(self, argv: list[str], env: dict[str, str]) -> None:
        """Undo, point by point, what a fork keeps of its parent and an exec would not."""
        # Garbage of supervisord's may hold file descriptors by number; were it collected here, it
        # would close the device's own. Frozen, it never is.
        gc.freeze()
        # Signal handlers are supervisord's, and so is the pipe that wakes its loop.
        signal.set_wakeup_fd(-1)
        for number in self._handled:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # as Python starts
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_BACK)
        # A death of supervisord is the device's death; the death may have come before the request.
        parent = os.getppid()
        self._prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
        for key in self._environment.keys() - env.keys():
            del os.environ[key]
        for key, value in env.items() - self._environment.items():
            os.environ[key] = value
        # Python's own streams: supervisord's write to /dev/null. They are kept, for their end would
        # close 0, 1 and 2, which are the device's pipes now.
        self._kept = (sys.stdin, sys.stdout, sys.stderr)
        sys.stdin = open(0, errors=self._errors, closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", errors=self._errors, closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
        # What supervisord would do at its own exit is not the device's to do.
        atexit._clear()  # noqa: SLF001
        sys.argv = [f"{OURS}/__main__.py", argv[-1]]
        sys.orig_argv = argv
        # The random module seeds itself anew after a fork (os.register_at_fork); the seed of str
        # hashes stays the house's, which nothing of ours depends on.
        if self._is_stale:
            forget()


def sources() -> set[str]:
    """Give every source file of ours that is loaded."""
    modules = (module for name, module in sys.modules.items() if is_ours(name))
    return {module.__file__ for module in modules if module.__file__}


def modified(path: str) -> int:
    """Give a file's time of change; nothing at all is a change, too."""
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116  sixty of them before each fork
    except FileNotFoundError:
        return 0


def is_ours(name: str) -> bool:
    """Tell whether a module is of this project; this very file is supervisord's as long as that lives."""
    return name == OURS or (name.startswith(f"{OURS}.") and name != __name__)


def forget() -> None:
    """Forget our modules: their source has changed since they were imported, and the new one shall run."""
    importlib.invalidate_caches()
    for name in [name for name in sys.modules if is_ours(name)]:
        del sys.modules[name]


def run(name: str) -> int:
    """Run the device as `python -m daemons NAME` does, and give the exit status it would have."""
    try:
        importlib.import_module(f"{OURS}.__main__").start(name)
    except SystemExit as error:
        if error.code is None or isinstance(error.code, int):
            return error.code or 0
        print(error.code, file=sys.stderr)  # noqa: T201  as the interpreter does
    except KeyboardInterrupt:
        traceback.print_exc()
        flush()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)  # so that its end looks like what it was
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
    else:
        return 0
    return 1


def flush() -> None:
    """Write out what is buffered; a pipe that nobody reads any more is no reason to hang."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            continue
