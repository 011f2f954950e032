"""A forked device is like a started one: in its environment, its end, and its source."""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from supervisor import events

from daemons.config.house import load_house
from daemons.storage.paths import FOLDERS
from daemons.supervision import immortal, prefork
from daemons.supervision.supervisord import ended
from tests.support.house import PROJECT, HouseFactory, Listener, TemporaryHouse, eventually
from tests.support.patience import patience
from tests.support.reaper import kill_all

PROBES = """
[devices.probe]
kind = "probe"
driver = "simulated"

[devices.other_probe]
kind = "probe"
driver = "simulated"

[devices.toaster]
kind = "toaster"
driver = "simulated"
"""

PROBE = '''"""A lamp that writes what its process looks like, and ends as the test wants."""

import atexit, gc, json, locale, os, random, resource, signal, sys, threading
from pathlib import Path
from daemons.kinds.lamp import Lamp


class Probe(Lamp):
    """A lamp that writes what its process looks like, and ends as the test wants."""

    def __init__(self, *args):
        super().__init__(*args)
        name = os.environ.get("SUPERVISOR_PROCESS_NAME")
        if name:
            new = Path(f"{name}.new")
            new.write_text(json.dumps(look()))
            new.rename(f"{name}.json")
        exec(os.environ.get("PROBE_ENDS", ""))


def look():
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    handlers = {str(n): str(signal.getsignal(n)).partition(" at ")[0] for n in signal.valid_signals()}
    limits = [resource.getrlimit(n) for n in (resource.RLIMIT_NOFILE, resource.RLIMIT_CORE)]
    streams = []
    for s in (sys.stdin, sys.stdout, sys.stderr):
        ways = [s.encoding.lower(), s.errors, s.line_buffering, s.write_through, s.mode, s.isatty()]
        streams.append([type(s).__name__, s.fileno(), *ways])
    wakeup = signal.set_wakeup_fd(-1)
    umask = os.umask(0o077)
    os.umask(umask)
    links = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{fd}").partition("[")[0])
        except FileNotFoundError:
            pass  # the very one that lists them
    return {
        "environment": dict(os.environ),
        "arguments": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "original arguments": sys.orig_argv,
        "title": Path("/proc/self/cmdline").read_text().rstrip("\\0"),
        "working directory": os.getcwd(),
        "umask": umask,
        "process group": os.getpgrp() == os.getpid(),
        # Without 32 and 33: glibc keeps these two for its threads, and a shell may pass them on ignored.
        "signals of the kernel": [
            hex(int(status[key], 16) & ~(0b11 << 31)) for key in ("SigIgn", "SigCgt", "SigBlk", "SigPnd")
        ],
        "signals of Python": handlers,
        "wake-up file descriptor": wakeup,
        "streams": streams,
        "file descriptors": sorted(links),
        "limits": limits,
        "user and groups": [os.getresuid(), os.getresgid(), os.getgroups()],
        "threads": [thread.name for thread in threading.enumerate()],
        "path": sys.path,
        "flags": str(sys.flags),
        "locale": locale.setlocale(locale.LC_ALL),
        "recursion limit": sys.getrecursionlimit(),
        "garbage collection": [gc.isenabled(), gc.get_threshold(), gc.get_debug()],
        "only in one": [random.random(), os.getpid(), gc.get_freeze_count()],
        "immortal": sys.getrefcount(sys.modules) == sys.getrefcount(None),
    }
'''
ALIKE = (
    "environment",
    "arguments",
    "original arguments",
    "title",
    "working directory",
    "umask",
    "process group",
    "signals of the kernel",
    "signals of Python",
    "wake-up file descriptor",
    "streams",
    "file descriptors",
    "limits",
    "user and groups",
    "threads",
    "path",
    "flags",
    "locale",
    "recursion limit",
    "garbage collection",
)


class Project:
    """A copy of the source that a test may change, and a house that uses it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ends = ""
        """The code that a probe runs at its start."""
        shutil.copytree(PROJECT / "daemons", folder / "daemons")
        self.file("probe").write_text(PROBE)

    def file(self, kind: str) -> Path:
        """Return the path of a kind."""
        return self.folder / "daemons" / "kinds" / f"{kind}.py"

    def environment(self, house: TemporaryHouse) -> dict[str, str]:
        """Return the environment in which `daemons` is this copy."""
        plain = {key: value for key, value in house.environment.items() if not key.startswith("PYTHON")}
        return {**plain, "PYTHONPATH": str(self.folder), "PROBE_ENDS": self.ends}

    def house(
        self, house: TemporaryHouse, *words: str, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run the `house` command of the copy."""
        return subprocess.run(
            [sys.executable, "-P", "-m", "daemons.cli.main", *words],
            env=self.environment(house),
            capture_output=True,
            text=True,
            check=check,
            timeout=patience(),
        )


@pytest.fixture
def forks_supervisord() -> bool:
    """Start each supervisord anew: it is what these tests are about."""
    return False


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Yield a copy of the source."""
    return Project(tmp_path / "project")


# The properties of a forked process


class Lives(NamedTuple):
    """The output of the probes in two houses."""

    forked: dict[str, Any]
    sibling: dict[str, Any]
    """Forked from the same prefork."""
    started: dict[str, Any]
    supervisord_log: str
    """Of the house with the prefork."""


ONE_WORKER = pytest.mark.xdist_group("lives")
"""The two houses are started once."""


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory, register_cleanup: Callable[[Path], None]) -> Lives:
    """Run a house in both ways, from a copy of the source with a broken kind."""
    folder = tmp_path_factory.mktemp("lives")
    project = Project(folder / "project")
    project.file("broken").write_text("def (")
    found: dict[bool, dict[str, Any]] = {}
    log = ""
    for with_prefork in (True, False):
        house = TemporaryHouse(folder / "house", PROBES, prefork=with_prefork)
        register_cleanup(house.run)
        try:
            project.house(house, "up")
            found[with_prefork] = {
                name: json.loads((house.run / f"{name}.json").read_text())
                for name in ("probe", "other_probe")
            }
            log = log or house.log("supervisord")
        finally:
            project.house(house, "down", check=False)
            kill_all(str(house.run))
            shutil.rmtree(house.run)
    return Lives(found[True]["probe"], found[True]["other_probe"], found[False]["probe"], log)


@ONE_WORKER
@pytest.mark.parametrize("what", ALIKE)
def test_a_forked_device_is_like_a_started_one(lives: Lives, what: str) -> None:
    """A forked device differs in no property from a device that execve started."""
    assert lives.forked[what] == lives.started[what]


@ONE_WORKER
def test_the_probe_reports_all_compared_properties(lives: Lives) -> None:
    """Every compared value exists, and those known in advance are right."""
    assert lives.forked.keys() == {*ALIKE, "only in one", "immortal"}
    assert lives.forked["title"] == "house: probe"
    assert lives.forked["arguments"] == ["__main__.py", "probe"]
    assert lives.forked["environment"]["SUPERVISOR_PROCESS_NAME"] == "probe"
    assert lives.forked["environment"]["HOUSE_SLICE"]
    assert lives.forked["file descriptors"].count("pipe:") == 3
    assert lives.forked["process group"]
    assert lives.forked["wake-up file descriptor"] == -1


@ONE_WORKER
def test_the_two_houses_use_fork_and_execve(lives: Lives) -> None:
    """Only a forked device has frozen objects, so the comparison is between the two ways."""
    assert lives.forked["only in one"][2] > 10_000
    assert lives.started["only in one"][2] < 1_000  # from CPython 3.12 on, some are from the start


@ONE_WORKER
def test_siblings_do_not_share_their_chance(lives: Lives) -> None:
    """Two devices forked from one parent draw different random numbers."""
    assert lives.forked["only in one"][0] != lives.sibling["only in one"][0]


@ONE_WORKER
def test_a_broken_kind_does_not_affect_the_others(lives: Lives) -> None:
    """The house starts, and the log of supervisord names the broken file and the error."""
    assert "prefork cannot import daemons.kinds.broken" in lives.supervisord_log
    assert "SyntaxError" in lives.supervisord_log


@ONE_WORKER
def test_forked_devices_share_their_objects_or_the_log_gives_the_reason(lives: Lives) -> None:
    """With CPython 3.12 and 3.13 what was forked is immortal. With another, the log has one line about it."""
    reason = immortal.refusal()
    assert lives.forked["immortal"] == lives.sibling["immortal"] == (reason is None)
    assert not lives.started["immortal"]
    lines = [line for line in lives.supervisord_log.splitlines() if "2 to 3 MB more memory" in line]
    assert len(lines) == (reason is not None)
    assert all(line.endswith(f": {reason}") for line in lines)


# The end of a process

FORK = """
import json, os, sys
from types import SimpleNamespace
from daemons.supervision.prefork import ForkServer, warm_up
from daemons.storage.paths import interpreter
warm_up(print)
print("what the parent had not written yet", end="")
import atexit
atexit.register(os.write, 1, b"the parent's own end")
birth = ForkServer(SimpleNamespace(execve=os.execve, fork=os.fork, minfds=1024))
command = [str(interpreter()), "-P", "-m", "daemons", "probe"]
usual = dict(os.environ)
while line := os.read(0, 10_000):
    code, output, error_output = json.loads(line)
    pid = birth.fork()
    if pid == 0:
        for number, path in enumerate((os.devnull, output, error_output)):
            os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), number)
        birth.execve(command[0], command, usual | {"PROBE_ENDS": code})
    status = os.waitpid(pid, 0)[1]
    os.write(1, b"%d\\n" % os.waitstatus_to_exitcode(status))
os._exit(0)  # what was registered and printed above is for the child to leave alone
"""
"""Forks a probe for each request: its code, and the files for its output."""


class End(NamedTuple):
    """The end of a process: its status and its output."""

    status: int
    output: str
    error_output: str


ONE_PARENT = pytest.mark.xdist_group("ends")
"""The process that forks the probes is started once."""


@pytest.fixture(scope="module")
def end(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], tuple[End, End]]]:
    """Yield a function that runs code at the start of a forked and of a started device."""
    folder = tmp_path_factory.mktemp("ends")
    project = Project(folder / "project")
    run = folder / "run"
    for name in FOLDERS:
        (run / name).mkdir(parents=True)
    config = folder / "house.toml"
    config.write_text('[devices.probe]\nkind = "lamp"\ndriver = "simulated"\n')
    text = load_house(config).slices()["probe"].encode().replace(b'"kind":"lamp"', b'"kind":"probe"')
    (run / "devices" / "probe.json").write_bytes(text)
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("PYTHON")},
        "PYTHONPATH": str(project.folder),
        "HOUSE_RUN": str(run),
    }
    with subprocess.Popen(
        [sys.executable, "-P", "-c", FORK],
        env=environment,
        cwd=run,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        requests, statuses = parent.stdin, parent.stdout

        def forked(code: str) -> End:
            files = folder / "output", folder / "error_output"
            for file in files:
                file.write_text("")
            requests.write(json.dumps([code, *map(str, files)]).encode())
            requests.flush()
            return End(int(statuses.readline()), files[0].read_text(), files[1].read_text().rstrip("\n"))

        def started(code: str) -> End:
            done = subprocess.run(
                [sys.executable, "-P", "-m", "daemons", "probe"],
                env=environment | {"PROBE_ENDS": code},
                cwd=run,
                capture_output=True,
                text=True,
                check=False,
                timeout=patience(),
            )
            return End(done.returncode, done.stdout, done.stderr.rstrip("\n"))

        yield lambda code: (forked(code), started(code))
        requests.close()
        assert statuses.read() == b""
    assert parent.returncode == 0


@ONE_PARENT
@pytest.mark.parametrize(
    ("code", "status", "error_output"),
    [
        ("sys.exit(3)", 3, ""),
        ("raise RuntimeError('the roof leaks')", 1, "RuntimeError: the roof leaks"),
        ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM, ""),
        pytest.param("sys.exit()", 0, "", marks=pytest.mark.long),
        pytest.param("sys.exit(0)", 0, "", marks=pytest.mark.long),
        pytest.param("sys.exit(False)", 0, "", marks=pytest.mark.long),
        pytest.param("sys.exit('the roof leaks')", 1, "the roof leaks", marks=pytest.mark.long),
        pytest.param(
            "raise OSError(28, 'No space left')", 1, "probe: [Errno 28] No space left", marks=pytest.mark.long
        ),
        pytest.param("os.abort()", -signal.SIGABRT, "", marks=pytest.mark.long),
        pytest.param(
            "signal.raise_signal(signal.SIGINT)", -signal.SIGINT, "KeyboardInterrupt", marks=pytest.mark.long
        ),
    ],
)
def test_a_forked_device_ends_like_a_started_one(
    end: Callable[[str], tuple[End, End]], code: str, status: int, error_output: str
) -> None:
    """Both end with the same exit status or signal, and with the same output."""
    forked, started = end(code)
    assert forked.error_output.rpartition("\n")[2] == started.error_output.rpartition("\n")[2] == error_output
    assert (forked.status, forked.output) == (started.status, started.output) == (status, "")


@ONE_PARENT
def test_a_traceback_names_the_line_that_failed(end: Callable[[str], tuple[End, End]]) -> None:
    """The traceback has the same innermost frames and source lines, and no frame of supervisord."""
    forked, started = end("json.loads('{')")
    inside = started.error_output[started.error_output.index("device.py") :]
    assert "json.loads('{')" not in inside
    assert "JSONDecodeError" in inside
    assert forked.error_output.startswith("Traceback (most recent call last):")
    assert forked.error_output.endswith(inside)
    assert "supervisor" not in forked.error_output


@ONE_PARENT
def test_last_words_are_not_lost(end: Callable[[str], tuple[End, End]]) -> None:
    """Buffered output of the device is written at its end, and none of its parent."""
    forked, started = end("print('farewell', end=''); sys.exit(3)")
    assert forked == started == End(3, "farewell", "")


@ONE_PARENT
def test_exit_handlers_of_a_device_run(end: Callable[[str], tuple[End, End]]) -> None:
    """An atexit handler of a driver's library runs; those of the parent do not."""
    forked, started = end("atexit.register(print, 'tidied up'); sys.exit(0)")
    assert forked == started == End(0, "tidied up\n", "")


# Resources that the fork must not share

GARBAGE = """
import gc, os, sys
from types import SimpleNamespace
from daemons.supervision import immortal, prefork
from daemons.storage.paths import interpreter

class Holder:
    def __init__(self, number):
        self.number, self.itself = number, self
    def __del__(self):
        os.close(self.number)

gc.disable()
number = os.open(os.devnull, os.O_RDONLY)
main = prefork.importlib.import_module("daemons.__main__")
Holder(number)  # garbage that holds a file descriptor by its number, until it is collected
birth = prefork.ForkServer(SimpleNamespace(execve=os.execve, fork=os.fork))

def start(name):
    os.close(number)
    mine = os.open("/dev/zero", os.O_RDONLY)
    assert mine == number
    gc.enable()
    gc.collect()
    assert os.read(mine, 1) == b"\\0"
    print("it is still open")

main.start = start
python = str(interpreter())
birth.execve(python, [python, "-P", "-m", "daemons", "probe"], dict(os.environ))
"""


def test_supervisords_garbage_closes_no_file_of_a_device() -> None:
    """Garbage from before the fork is never collected in the child: others have its descriptors there."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", GARBAGE],
        capture_output=True,
        text=True,
        check=False,
        timeout=patience(),
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "it is still open\n", "")


OTHER = """
import os, sys
from types import SimpleNamespace
from daemons.supervision.prefork import ForkServer
from daemons.storage.paths import interpreter
command = [str(interpreter()), *sys.argv[1:]]
options = SimpleNamespace(execve=os.execve, fork=os.fork)
ForkServer(options).execve(command[0], command, {"GREETING": "hello"})
"""


@pytest.mark.parametrize(
    "command",
    [
        ["-c", "import os; print(os.environ['GREETING'])"],
        ["-P", "-c", "import os; print(os.environ['GREETING'])"],
        ["-P", "-m", "this"],
    ],
)
def test_other_programs_are_executed_as_usual(command: list[str]) -> None:
    """A program that is not of this project becomes a process by execve."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", OTHER, *command],
        capture_output=True,
        text=True,
        check=True,
        timeout=patience(),
    )
    assert done.stdout.startswith(("hello\n", "The Zen of Python"))
    assert done.stderr == ""


# The source


@pytest.mark.long
def test_a_device_restarted_after_its_source_changed_runs_the_new_source(
    make_house: HouseFactory, project: Project
) -> None:
    """This is true for `house restart` and after a kill; the other processes stay the same.
    A broken file affects only the restarted process, until the file is repaired.
    """
    house = make_house(PROBES)
    project.house(house, "up")
    toaster = project.file("toaster").read_text()

    def write(old: str, new: str) -> None:
        assert old in toaster
        project.file("toaster").write_text(toaster.replace(old, new))

    with house.listen("probe", "other_probe", "toaster", "steward") as listener:
        listener.wait_for(lambda listener: len(listener.heartbeats) == 4 and "toaster" in listener.states)
        before = {name: beat.pid for name, beat in listener.heartbeats.items()}
        write("fault=reading.fault", 'fault="of the second source"')
        project.house(house, "restart", "toaster")
        listener.wait_for(lambda listener: listener.has_state("toaster", fault="of the second source"))
        write("fault=reading.fault", 'fault="of the third source"')
        listener.wait_for(
            lambda listener: listener.heartbeats["toaster"].boot == listener.states["toaster"].boot
        )
        os.kill(listener.heartbeats["toaster"].pid, signal.SIGKILL)
        listener.wait_for(lambda listener: listener.has_state("toaster", fault="of the third source"))
        write("fault=reading.fault", "fault=(")
        listener.wait_for(
            lambda listener: listener.heartbeats["toaster"].boot == listener.states["toaster"].boot
        )
        os.kill(listener.heartbeats["toaster"].pid, signal.SIGKILL)
        listener.wait_for(lambda listener: listener.reports["toaster"].life == "failed")
        assert any("toaster.py is broken: SyntaxError" in line for line in listener.reports["toaster"].lines)
        write("fault=reading.fault", 'fault="mended"')
        listener.wait_for(lambda listener: listener.has_state("toaster", fault="mended"))
        listener.heartbeats.clear()
        listener.wait_for(lambda listener: len(listener.heartbeats) == 4)
        after = {name: beat.pid for name, beat in listener.heartbeats.items()}
    assert {name for name in before if before[name] != after[name]} == {"toaster"}


# supervisord


STUCK = """
if os.path.exists("stuck"):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    Path("stuck").write_text(str(os.getpid()))
    while True:
        signal.pause()
"""


@pytest.mark.parametrize(
    "with_prefork", [True, pytest.param(False, marks=pytest.mark.long)], ids=["prefork", "execve"]
)
def test_no_stuck_device_is_left_when_supervisord_is_killed(
    make_house: HouseFactory, project: Project, *, with_prefork: bool
) -> None:
    """A stuck device cannot end itself: the kernel kills a forked one, and `up` kills a started one."""
    house = make_house(PROBES.partition("[devices.other_probe]")[0], prefork=with_prefork)
    project.ends = STUCK
    project.house(house, "up")

    def live_one() -> int:
        return int(json.loads((house.run / "probe.json").read_text())["only in one"][1])

    stuck = house.run / "stuck"
    stuck.touch()
    os.kill(live_one(), signal.SIGKILL)
    pid = int(eventually(stuck.read_text))
    os.kill(int((house.run / "supervisord.pid").read_text()), signal.SIGKILL)
    with ended(pid) as wait:
        try:
            assert wait(patience() if with_prefork else 0) == with_prefork
            stuck.unlink()
            project.house(house, "up")
            assert wait(0)
        finally:
            if not wait(0):
                os.kill(pid, signal.SIGKILL)
    assert live_one() != pid


def test_supervisord_can_restart_itself(make_house: HouseFactory) -> None:
    """After SIGHUP (`supervisorctl reload`) the same supervisord runs every process anew."""
    house = make_house('[devices.toaster]\nkind = "toaster"\ndriver = "simulated"\n')
    house.house("up")
    supervisord = int((house.run / "supervisord.pid").read_text())
    seen: set[int] = set()

    def are_new(listener: Listener) -> bool:
        pids = {beat.pid for beat in listener.heartbeats.values()}
        return len(pids) == len(("toaster", "steward")) and not pids & seen

    with house.listen("toaster", "steward") as listener:
        listener.wait_for(are_new)
        for _ in range(2):
            seen |= {beat.pid for beat in listener.heartbeats.values()}
            os.kill(supervisord, signal.SIGHUP)
            listener.wait_for(are_new)
    assert int((house.run / "supervisord.pid").read_text()) == supervisord


def test_an_unsupported_supervisor_is_left_unchanged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The plugin changes nothing, and logs one line with the supported versions and the present one."""
    warnings: list[str] = []
    options = SimpleNamespace(logger=SimpleNamespace(warn=warnings.append), execve=os.execve, fork=os.fork)
    monkeypatch.setattr(prefork, "VERSION", "9.9.9")
    made = prefork.make_prefork(SimpleNamespace(options=options))
    assert isinstance(made, prefork.PreforkInterface)
    assert (options.execve, options.fork) == (os.execve, os.fork)
    assert signal.set_wakeup_fd(-1) == -1
    assert warnings == ["prefork supports supervisor 4.3.0, this is 9.9.9: it does nothing"]


def test_the_plugin_offers_no_call() -> None:
    """The plugin adds no call to the socket of supervisord."""
    assert [name for name in dir(prefork.PreforkInterface()) if not name.startswith("_")] == []


def test_every_event_wakes_the_loop_and_never_blocks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new process state or a signal makes the pipe readable, and a full pipe blocks nothing."""
    monkeypatch.setattr(events, "callbacks", [])
    map_: dict[int, Any] = {}
    before = signal.set_wakeup_fd(-1)
    try:
        wake = prefork.LoopWaker(map_)
        ((out, watched),) = map_.items()
        assert watched is wake
        assert (wake.readable(), wake.writable()) == (True, False)

        def is_ready() -> bool:
            return bool(select.select([out], [], [], 0)[0])

        assert not is_ready()
        events.notify(events.SupervisorRunningEvent())
        assert is_ready()
        wake.handle_read_event()
        assert not is_ready()
        for _ in range(100_000):
            wake.wake(None)
        wake.handle_read_event()
        assert not is_ready()
        previous = signal.signal(signal.SIGUSR2, lambda *_: None)
        signal.raise_signal(signal.SIGUSR2)
        signal.signal(signal.SIGUSR2, previous)
        assert eventually(is_ready)
    finally:
        wakeup = signal.set_wakeup_fd(before)
        for number in (wakeup, out):
            os.close(number)
