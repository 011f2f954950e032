"""The prefork plugin inside supervisord: wakes its loop, and forks processes with their imports loaded.

supervisord loads the plugin through a section `[rpcinterface:x]`. The plugin does two things:

- LoopWaker: the loop of supervisord waits up to a second for a file descriptor. The plugin adds a pipe.
  Every signal (a child has died) and every change of a process state writes to it, so the loop runs
  at once whenever there is work.
- ForkServer: the modules that every device needs are imported here, once. A child of supervisord
  normally becomes a new interpreter by execve. Instead it continues as the device, and shares the
  imports. On Python 3.12 and 3.13 their objects are immortal, so that their pages stay shared.

A device runs inside supervisord for a moment, before the first fork, so that its code is warm. Then its
threads, its sockets and its files are gone, and nothing of the house runs there any more. Without the
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

from daemons.bus.message import STEWARD
from daemons.config import loader
from daemons.runtime.log import escape
from daemons.storage.paths import interpreter
from daemons.supervision import immortal
from daemons.supervision.log_file import SUPPORTED_VERSIONS

OURS = "daemons"
WARM_MODULES = (
    "daemons.__main__",
    "daemons.processes.device.device",
    "daemons.processes.mirror.mirror",
    "daemons.processes.steward.steward",
    "daemons.processes.recorder.recorder",
    "daemons.drivers.simulated",
)
"""The modules imported before the fork. Heavy libraries are imported after it, where they are used."""
BLOCKED_SIGNALS = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
"""The signals that can arrive in a child before its own handlers are set."""
PR_SET_PDEATHSIG = 1
"""prctl(2)."""
FIRST_FD = 3
"""The first file descriptor that is not a standard stream."""


class PreforkInterface:
    """The RPC interface that supervisord expects from a plugin; it offers no calls."""


def make_prefork(supervisord: Any, **_: Any) -> PreforkInterface:
    """Install the plugin; supervisord calls this while it starts, before it becomes a daemon."""
    warn = supervisord.options.logger.warn
    if VERSION not in SUPPORTED_VERSIONS:
        warn(
            f"prefork supports supervisor {', '.join(SUPPORTED_VERSIONS)}, this is {VERSION}: it does nothing"
        )
        return PreforkInterface()
    LoopWaker(supervisord.options.get_socket_map())
    warm_up(warn)
    ForkServer(supervisord.options)
    return PreforkInterface()


class LoopWaker:
    """Wakes the loop of supervisord when there is work; an entry of its socket map."""

    def __init__(self, socket_map: dict[int, Any]) -> None:
        self._out, self._in = os.pipe()
        os.set_blocking(self._out, False)
        os.set_blocking(self._in, False)
        socket_map[self._out] = self
        signal.set_wakeup_fd(self._in, warn_on_full_buffer=False)
        for event in (events.ProcessStateEvent, events.ProcessGroupAddedEvent, events.SupervisorRunningEvent):
            events.subscribe(event, self.wake)

    def wake(self, _: object) -> None:
        """Wake the loop; a full pipe wakes it anyway."""
        try:
            os.write(self._in, b"\0")
        except BlockingIOError:
            return

    def readable(self) -> bool:
        """Return that supervisord should poll the pipe."""
        return True

    def writable(self) -> bool:
        """Return that the pipe is never polled for writing."""
        return False

    def handle_read_event(self) -> None:
        """Empty the pipe; its only purpose was to wake the loop."""
        try:
            while os.read(self._out, 4096):
                pass
        except BlockingIOError:
            return

    def handle_error(self) -> None:
        """Do nothing: no error can occur here."""


def warm_up(warn: Callable[[str], None]) -> None:
    """Import what devices need, and run it once, so that the forked processes share all of it."""
    kinds = [f"daemons.kinds.{path.stem}" for path in (loader.PACKAGE / "kinds").glob("[a-z]*.py")]
    for name in (*WARM_MODULES, *kinds):
        try:
            importlib.import_module(name)
        except Exception:  # noqa: BLE001  a broken file concerns its own devices only
            warn(escape(f"prefork cannot import {name}: {traceback.format_exc(limit=-1)}"))
    device = importlib.import_module("daemons.processes.device.warm_up")
    for name in kinds:
        with suppress(Exception):  # a broken file was reported above
            device.warm_up(name.rpartition(".")[2])
    with suppress(Exception):
        device.run_trial()
    setproctitle.getproctitle()  # locates the process title while the environment is still in place
    share_memory(warn)


def share_memory(warn: Callable[[str], None]) -> None:
    """Prepare all present objects so that the forked processes write to as few of their pages as possible."""
    gc.collect()
    if reason := immortal.refusal():
        warn(f"each process takes 2 to 3 MB more memory: {reason}")
    else:
        immortal.make_immortal()
    gc.freeze()
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):  # of glibc
        trim(0)  # a process takes new pages then, and copies no free ones


class ForkServer:
    """Replaces execve in the children of supervisord.

    A child shares each page of memory with supervisord until one of them writes to it. Python writes to
    every mortal object that it uses (reference counts). So everything possible is computed before the
    fork, and the child touches as little as possible.
    """

    def __init__(self, options: Any) -> None:
        self._options = options
        self._execve: Callable[..., NoReturn] = options.execve
        self._fork: Callable[[], int] = options.fork
        self._errors = sys.stdout.errors  # set by the locale, as in a new interpreter
        self._python = str(interpreter())
        self._sources = {path: modified_ns(path) for path in loaded_sources()}
        self._is_stale = False
        self._handled: list[int] = []
        self._environment: dict[str, str] = {}
        # Looked up here, so that the first fork is as fast as the later ones.
        self._prctl = ctypes.CDLL(None, use_errno=True).prctl
        options.execve = self.execve
        options.fork = self.fork

    def fork(self) -> int:
        """Fork with signals blocked, so that supervisord's handlers cannot receive one in the child.

        A SIGTERM that arrives this early then ends the device, instead of being lost.
        """
        self._environment = dict(os.environ)
        self._is_stale = any(modified_ns(path) != mtime for path, mtime in self._sources.items())
        self._handled = [number for number in signal.valid_signals() if callable(signal.getsignal(number))]
        signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED_SIGNALS)
        pid = -1
        try:
            pid = self._fork()
        finally:
            if pid != 0:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, BLOCKED_SIGNALS)
        if pid == 0:
            # supervisord closes a thousand file descriptors one by one, which takes a millisecond. Here
            # it closes one, and that call closes all of them.
            last = self._options.minfds
            self._options.close_fd = lambda first: os.closerange(first, last)
            self._options.minfds = FIRST_FD + 1
        return pid

    def execve(self, filename: str, argv: list[str], env: dict[str, str]) -> NoReturn:
        """Become the program: a process of the house continues in this process, any other by execve.

        supervisord has already created a process group, connected the pipes to 0, 1 and 2, closed all
        other descriptors, and set user, working directory and umask, as for any program.
        """
        if filename != self._python or argv[1:-1] != ["-P", "-m", OURS]:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, BLOCKED_SIGNALS)
            self._execve(filename, argv, env)
        status = 1
        try:
            self._become_child(argv, env)
            status = run(argv[-1])
        except BaseException:  # noqa: BLE001  no error may continue in supervisord's code
            traceback.print_exc()
        finally:
            atexit._run_exitfuncs()  # noqa: SLF001
            flush()
            os._exit(status)

    def _become_child(self, argv: list[str], env: dict[str, str]) -> None:
        """Reset everything that a fork inherits from its parent and an exec would not."""
        # Garbage of supervisord may own file descriptors by number. Collecting it here would close
        # descriptors of the device. Frozen objects are never collected.
        gc.freeze()
        # The signal handlers and the wake-up pipe belong to supervisord.
        signal.set_wakeup_fd(-1)
        for number in self._handled:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # as in a new interpreter
        signal.pthread_sigmask(signal.SIG_UNBLOCK, BLOCKED_SIGNALS)
        # The death of supervisord ends the device, also if supervisord died before this request.
        parent = os.getppid()
        if argv[-1] != STEWARD:  # the steward reports the death of supervisord, and then ends by itself
            self._prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
        for key in self._environment.keys() - env.keys():
            del os.environ[key]
        for key, value in env.items() - self._environment.items():
            os.environ[key] = value
        # The old streams of supervisord write to /dev/null. They are kept, because their end would
        # close 0, 1 and 2, which are the pipes of the device now.
        self._kept = (sys.stdin, sys.stdout, sys.stderr)
        sys.stdin = open(0, errors=self._errors, closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", errors=self._errors, closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
        # The exit handlers of supervisord must not run in the device.
        atexit._clear()  # noqa: SLF001
        sys.argv = [f"{OURS}/__main__.py", argv[-1]]
        sys.orig_argv = argv
        # The random module seeds itself anew after a fork (os.register_at_fork). The seed of str
        # hashes stays the same in all devices, and no code depends on it.
        if self._is_stale:
            unload_our_modules()


def loaded_sources() -> set[str]:
    """Return the path of every loaded source file of this project."""
    modules = (module for name, module in sys.modules.items() if is_ours(name))
    return {module.__file__ for module in modules if module.__file__}


def modified_ns(path: str) -> int:
    """Return the modification time of a file; 0 for a missing file, which counts as a change."""
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116  sixty of them before each fork
    except FileNotFoundError:
        return 0


def is_ours(name: str) -> bool:
    """Return whether a module belongs to this project and may be reloaded; this file may not."""
    return name == OURS or (name.startswith(f"{OURS}.") and name != __name__)


def unload_our_modules() -> None:
    """Unload the modules of this project, because their source has changed since their import."""
    importlib.invalidate_caches()
    for name in [name for name in sys.modules if is_ours(name)]:
        del sys.modules[name]


def run(name: str) -> int:
    """Run a process as `python -m daemons NAME` does, and return the exit status it would have."""
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
        os.kill(os.getpid(), signal.SIGINT)  # so that the exit status names the signal
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
    else:
        return 0
    return 1


def flush() -> None:
    """Write out the buffers; ignore a pipe without a reader."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            continue
