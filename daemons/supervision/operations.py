"""The operations on a house: up, down, restart, stop, start, plan, reload. Each waits for its devices.

A device is ready when a heartbeat has arrived from the very process that supervisord runs for it.
"""

import compileall
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import zmq
from msgspec.structs import replace

from daemons.bus.message import EXCHANGE
from daemons.bus.requests.blocking import send_command
from daemons.bus.requests.protocol import new_command
from daemons.config.files import pack
from daemons.config.house import House
from daemons.config.plan import ProcessChange, begun_rules, make_plan
from daemons.config.slice import Slice, read_slice
from daemons.errors import AlreadyRunning, HouseError, NotReady, NotUp, StorageError, SupervisorError
from daemons.runtime.processor import used_seconds, waited_seconds, waits_for_disk
from daemons.storage.installed import INSTALLED
from daemons.storage.lock import NameLock, read_pid
from daemons.storage.paths import replace_file, stopped_path
from daemons.storage.release import RUNNING, describe_version
from daemons.storage.versions import keep_version, list_versions
from daemons.supervision import handover
from daemons.supervision.begun import begun
from daemons.supervision.install import (
    forget_stops,
    install,
    installed_files,
    installed_roster,
    restore_files,
)
from daemons.supervision.interrupted import marked_restart
from daemons.supervision.programs import configuration, launch, launch_second, render
from daemons.supervision.ready import Progress, wait_ready
from daemons.supervision.supervisord import Supervisor, is_handed_over, kill_and_wait, running_pid

STOP_TIMEOUT_SECONDS = 20.0
HUNG_WORK_SECONDS = 0.05
"""A supervisord that answers no call hangs, if it has used and awaited processors for less meanwhile."""


@contextmanager
def one_verb_at_a_time() -> Iterator[None]:
    """Lock the house, so that no two verbs change it at the same time.

    Raises AlreadyRunning with the PID of the other one, and HouseError in the middle of an upgrade.
    """
    with locked_house():
        if is_handed_over() and running_pid():
            raise HouseError("an upgrade of this house was interrupted; `house upgrade` completes it")
        yield


@contextmanager
def locked_house() -> Iterator[None]:
    """Lock the house, also in the middle of an upgrade; raises AlreadyRunning with the PID of the other."""
    try:
        lock = NameLock("house")
    except AlreadyRunning as error:
        holder = f" (PID {error.pid})" if error.pid else ""
        error.args = (f"another command changes the house{holder}; wait for its end",)
        raise
    try:
        yield
    finally:
        lock.release()


def up(house: House, run: Path, timeout_seconds: float, progress: Progress) -> bool:
    """Start the house and wait until every device is ready; return False if it was up already.

    A supervisord that hangs is killed, and the house is started anew. Raises NotReady with the devices that
    are not ready in time, and the last log lines of the first one.
    """
    with one_verb_at_a_time():
        was_started = start_supervisord(house, run)
        wait_installed(timeout_seconds, progress)
    return was_started


def begin(house: House, run: Path) -> bool:
    """Start the house as `up` does, without waiting for its devices."""
    with one_verb_at_a_time():
        return start_supervisord(house, run)


def wait_installed(timeout_seconds: float, progress: Progress) -> None:
    """Wait until every device of this host is ready; raises NotReady as `up` does."""
    # A busy supervisord takes long to list its processes, so they are read from the installed programs.
    names = sorted(path.stem for path in Path("programs").glob("*.conf"))
    if not names:
        raise NotUp  # nothing is installed yet
    wait_ready(names, Supervisor(), timeout_seconds, progress)


def start_supervisord(house: House, run: Path) -> bool:
    """Install the configuration and start supervisord, unless it runs; return whether it was started.

    Raises SupervisorError if it runs and is too busy to answer, or if a process is left that does not end.
    """
    if answers(Supervisor()):
        return False
    _, left = kill_orphans()
    if left:
        raise SupervisorError(left_over(left))
    handover.end_others()
    keep_first()
    write_house(house, run)
    keep_version(pack(house.files), "up")
    forget_stops()
    launch(configuration(run))
    return True


def write_house(house: House, run: Path) -> None:
    """Install the configuration and the version, before supervisord starts."""
    install(house, run)
    # Some machines write no .pyc files by themselves. Without them a start takes five times as long.
    compileall.compile_dir(Path(__file__).parent.parent, quiet=2)
    replace_file(RUNNING, f"{describe_version()}\n".encode())


def begin_second(house: House, run: Path) -> None:
    """Install the configuration, and start a second supervisord of this version without processes.

    From then on it is the one of the house. Does nothing if it is so already. Raises HouseError.
    """
    if is_handed_over():
        return
    first = handover.prepare()
    write_house(house, run)
    launch_second(run, first)
    handover.take_socket()


def answers(supervisor: Supervisor) -> bool:
    """Return whether supervisord runs and answers; kill one that hangs.

    Raises SupervisorError for one that works, but is too busy to answer.
    """
    pid = running_pid()
    before = None if pid is None else worked_seconds(pid)
    try:
        return supervisor.is_up()
    except SupervisorError as error:
        if error.fault_code is not None or pid is None or before is None:
            raise
        after = worked_seconds(pid)
        is_busy = after is not None and after - before > HUNG_WORK_SECONDS
        if is_busy or waits_for_disk(pid):
            raise
        if not kill_and_wait(pid):
            raise SupervisorError(left_over({"supervisord": pid})) from error
        return False


def worked_seconds(pid: int) -> float | None:
    """Return for how long a process has used processors or waited for one; None if that is not known."""
    used, waited = used_seconds(pid), waited_seconds(pid)
    return None if used is None or waited is None else used + waited


def down() -> str | None:
    """Stop the house; return a sentence on how it ended, or None if no process of it ran.

    A supervisord that does not answer or does not end is killed, and so are the processes that it leaves.
    Raises SupervisorError with the processes that cannot be ended.
    """
    supervisor = Supervisor()
    ended_how, left = "The house is down.", {}
    with locked_house():
        handover.end_others()
        try:
            was_up = supervisor.is_up()
            if was_up:
                supervisor.shutdown()
        except SupervisorError:
            was_up = True
            if pid := running_pid():
                ended_how = f"{ended_how} supervisord (PID {pid}) did not end by itself and was killed."
                left = {} if kill_and_wait(pid) else {"supervisord": pid}
            elif supervisor.is_up():
                raise  # it runs, and nothing tells under which PID
        killed, orphans = kill_orphans()
        left |= orphans
        if left:
            raise SupervisorError(left_over(left))
    return ended_how if was_up or killed else None


def end_supervisords() -> None:
    """End all supervisords of the house, and with them its processes, although another command changes it."""
    handover.end_others()
    if pid := running_pid():
        kill_and_wait(pid)


def restart(names: list[str], timeout_seconds: float, progress: Progress) -> None:
    """Restart these devices, also those stopped by hand, and wait until they are ready."""
    supervisor = Supervisor()
    names = run_on_other_hosts("restart", names, timeout_seconds)
    with one_verb_at_a_time():
        supervisor.processes()  # raises an error before a stop mark is removed
        for name in names:
            stopped_path(name).unlink(missing_ok=True)
        with marked_restart():
            supervisor.stop(names)
            supervisor.start(names)
        wait_ready(names, supervisor, timeout_seconds, progress)


def stop(names: list[str]) -> None:
    """Stop these devices until `start`, also over `down`, `up` and reboots."""
    supervisor = Supervisor()
    names = run_on_other_hosts("stop", names, STOP_TIMEOUT_SECONDS)
    with one_verb_at_a_time():
        supervisor.processes()  # raises NotUp before a stop mark is written
        for name in names:
            replace_file(stopped_path(name), b"")
        supervisor.stop(names)


def start(names: list[str], timeout_seconds: float, progress: Progress) -> None:
    """Start these devices, unless they run, and wait until they are ready."""
    supervisor = Supervisor()
    names = run_on_other_hosts("start", names, timeout_seconds)
    with one_verb_at_a_time():
        processes = supervisor.processes()
        for name in names:
            stopped_path(name).unlink(missing_ok=True)
        supervisor.start([name for name in names if not processes[name]["pid"]])
        wait_ready(names, supervisor, timeout_seconds, progress)


def run_on_other_hosts(word: str, names: list[str], timeout_seconds: float) -> list[str]:
    """Send a verb to the other hosts for their devices among these; return the devices of this host.

    Raises HouseError if the host of a device cannot be reached, or refuses.
    """
    if not INSTALLED.exists():
        return names
    roster = installed_roster()
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        for name in filter(roster.is_elsewhere, names):
            if roster.peers[name].every_seconds is not None:
                raise HouseError(f"{name} is a program of your own; no host of the house starts or stops it")
            receipt = send_command(context, EXCHANGE, new_command(word, timeout_seconds, {"device": name}))
            if receipt.outcome != "applied":
                raise HouseError(f"{name}: {receipt.reason}")
    finally:
        context.destroy(linger=0)
    return [name for name in names if not roster.is_elsewhere(name)]


def plan(house: House, run: Path) -> list[ProcessChange]:
    """Return what a reload would do, without doing it."""
    written = house.slices()
    installed = {path.stem: path.read_bytes() for path in Path("programs").glob("*.conf")}
    running = {}
    for name in installed:
        try:
            running[name] = read_slice(name)
        except HouseError:
            running[name] = Slice(
                name=name, house={}, table={}
            )  # written by another version: everything differs
    programs = {name: render(slice_, run).encode() for name, slice_ in written.items()}
    relaunched = {name for name, program in programs.items() if installed.get(name) != program}
    changes = make_plan(running, written, relaunched=relaunched)
    return [
        replace(
            change, dropped=tuple(begun_rules(running[change.name], written[change.name], begun(change.name)))
        )
        if change.action == "restart"
        else change
        for change in changes
    ]


def keep_first() -> None:
    """Keep the installed configuration as the first version, if no version was kept so far."""
    if INSTALLED.exists() and not list_versions():
        content, at = INSTALLED.read_bytes().decode(errors="replace"), INSTALLED.stat().st_mtime
        keep_version(content, "installed before versions were kept", "unknown", at)


def reload(
    house: House,
    run: Path,
    timeout_seconds: float,
    progress: Progress,
    why: str = "reload",
    by: str | None = None,
) -> list[ProcessChange]:
    """Apply the plan; if a device does not become ready, restore the previous configuration.

    A configuration that runs is kept as a version with its reason and its author, by default the user.
    Raises NotReady, SupervisorError or StorageError after the previous configuration runs again.
    """
    supervisor = Supervisor()
    with one_verb_at_a_time():
        if not supervisor.is_up():
            raise NotUp
        changes = plan(house, run)
        previous = {path: path.read_bytes() for path in installed_files()}
        began = time.time()  # a device that fails quickly has failed before the wait begins
        try:
            keep_first()
            install(house, run)
            with marked_restart():
                supervisor.update()
            wait_ready(
                [change.name for change in changes if change.action != "stop"],
                supervisor,
                timeout_seconds,
                progress,
                began,
            )
            keep_version(pack(house.files), why, by)
        except (NotReady, SupervisorError, StorageError) as error:
            restore_files(previous)
            with marked_restart():
                supervisor.update()
            wait_ready(
                [change.name for change in changes if change.action != "start"],
                supervisor,
                timeout_seconds,
                progress,
            )
            error.args = (f"{error}\nThe previous configuration was put back, and runs.",)
            raise
        forget_stops()
    return changes


def kill_orphans() -> tuple[bool, dict[str, int]]:
    """Kill the processes of a house whose supervisord has ended; wait for their end.

    Return whether there was any, and the PIDs of those that did not end, by name.
    """
    killed, left = False, {}
    for path in filter(Path.is_file, Path("lock").iterdir()):
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = read_pid(file)
            title = Path(f"/proc/{pid}/cmdline")
            if title.exists() and title.read_bytes().startswith(f"house: {path.name}".encode()):
                killed = True
                if not kill_and_wait(pid):
                    left[path.name] = pid
        finally:
            os.close(file)
    return killed, left


def left_over(pids: dict[str, int]) -> str:
    """Return the sentence about processes that cannot be ended."""
    names = ", ".join(f"{name} (PID {pid})" for name, pid in sorted(pids.items()))
    return f"these processes are left and do not end, not even by SIGKILL: {names}; `house down` tries again"
