"""What the verbs do to a house: up, down, restart, stop, start, reload; each ends when the devices are ready.

Ready is a device that was heard on the bus, from the very process that supervisord runs for it.
"""

import compileall
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import zmq

from daemons.bus.message import EXCHANGE
from daemons.bus.sockets import ask, command
from daemons.config.house import House
from daemons.config.plan import Change, make_plan
from daemons.config.slice import Slice, read_slice
from daemons.errors import HouseError, NotReady, SupervisorError
from daemons.storage.lock import Lock
from daemons.storage.paths import stopped_path, write
from daemons.supervision.install import (
    INSTALLED,
    forget_stops,
    install,
    installed_files,
    installed_roster,
    put_back,
)
from daemons.supervision.programs import configuration, launch, render
from daemons.supervision.ready import Progress, wait_ready
from daemons.supervision.supervisord import Supervisor, ended, kill

STOP_PATIENCE_SECONDS = 20.0


@contextmanager
def alone() -> Iterator[None]:
    """Let no two verbs change one house at a time; AlreadyRunning names the other's PID."""
    lock = Lock("house")
    try:
        yield
    finally:
        lock.release()


def up(house: House, run: Path, patience: float, progress: Progress) -> bool:
    """Start the house and wait until every device is ready; False when it was up already.

    NotReady names the devices that are not ready in time, with the first one's last log lines.
    """
    supervisor = Supervisor()
    with alone():
        was_up = supervisor.is_up()
        if not was_up:
            end_ghosts()
            install(house, run)
            forget_stops(house)
            # Some machines are told never to write .pyc files; without them a start takes five times as long.
            compileall.compile_dir(Path(__file__).parent.parent, quiet=2)
            launch(configuration(run))
        wait_ready(supervisor.processes(), supervisor, patience, progress)
    return not was_up


def down() -> bool:
    """Stop the house; False when it was not up."""
    supervisor = Supervisor()
    with alone():
        if not supervisor.is_up():
            return False
        supervisor.shutdown()
    return True


def restart(names: list[str], patience: float, progress: Progress) -> None:
    """Restart these devices, the ones stopped by hand too, and wait until they are ready."""
    supervisor = Supervisor()
    names = have_done("restart", names, patience)
    with alone():
        for name in names:
            stopped_path(name).unlink(missing_ok=True)
        supervisor.stop(names)
        supervisor.start(names)
        wait_ready(names, supervisor, patience, progress)


def stop(names: list[str]) -> None:
    """Stop these devices until a person starts them again, over `down`, `up` and reboots."""
    supervisor = Supervisor()
    names = have_done("stop", names, STOP_PATIENCE_SECONDS)
    with alone():
        supervisor.processes()  # a house that is not up says so before anything is noted
        for name in names:
            write(stopped_path(name), b"")
        supervisor.stop(names)


def start(names: list[str], patience: float, progress: Progress) -> None:
    """Start these devices, if they do not run, and wait until they are ready."""
    supervisor = Supervisor()
    names = have_done("start", names, patience)
    with alone():
        processes = supervisor.processes()
        for name in names:
            stopped_path(name).unlink(missing_ok=True)
        supervisor.start([name for name in names if not processes[name]["pid"]])
        wait_ready(names, supervisor, patience, progress)


def have_done(word: str, names: list[str], patience: float) -> list[str]:
    """Have a deed done by the other hosts to their devices among these; give the devices that are left.

    HouseError says why one was not done: its host cannot be reached, or says no.
    """
    if not INSTALLED.exists():
        return names
    roster = installed_roster()
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        for name in filter(roster.is_elsewhere, names):
            if roster.peers[name].every_seconds is not None:
                raise HouseError(
                    f"{name} is a program of its own, which no host of the house starts or stops"
                )
            receipt = ask(context, EXCHANGE, command(word, patience, {"device": name}))
            if receipt.outcome != "applied":
                raise HouseError(f"{name}: {receipt.reason}")
    finally:
        context.destroy(linger=0)
    return [name for name in names if not roster.is_elsewhere(name)]


def plan(house: House, run: Path) -> list[Change]:
    """Say what a reload would do, and do nothing."""
    written = house.slices()
    installed = {path.stem: path.read_bytes() for path in Path("programs").glob("*.conf")}
    running = {}
    for name in installed:
        try:
            running[name] = read_slice(name)
        except HouseError:
            running[name] = Slice(name=name, house={}, table={})  # of another version: anything differs
    programs = {name: render(slice_, run).encode() for name, slice_ in written.items()}
    relaunched = {name for name, program in programs.items() if installed.get(name) != program}
    return make_plan(running, written, relaunched=relaunched)


def reload(house: House, run: Path, patience: float, progress: Progress) -> list[Change]:
    """Do what the plan says; when a device does not become ready, put the previous configuration back."""
    supervisor = Supervisor()
    with alone():
        if not supervisor.is_up():
            raise SupervisorError("the house is not up; `house up` (or `make up`) starts it")
        changes = plan(house, run)
        previous = {path: path.read_bytes() for path in installed_files()}
        install(house, run)
        began = time.time()  # what is quick to fail has failed before it is waited for
        try:
            supervisor.update()
            wait_ready(
                [change.name for change in changes if change.action != "stop"],
                supervisor,
                patience,
                progress,
                began,
            )
        except (NotReady, SupervisorError) as error:
            put_back(previous)
            supervisor.update()
            wait_ready(
                [change.name for change in changes if change.action != "start"],
                supervisor,
                patience,
                progress,
            )
            error.args = (f"{error}\nThe previous configuration was put back, and runs.",)
            raise
        forget_stops(house)
    return changes


def end_ghosts() -> None:
    """End what is left of a house whose supervisord was killed, before its successor starts."""
    for path in Path("lock").iterdir():
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = int(os.pread(file, 20, 0) or b"0")
            title = Path(f"/proc/{pid}/cmdline")
            if title.exists() and title.read_bytes().startswith(f"house: {path.name}".encode()):
                with ended(pid) as wait:
                    kill(pid)
                    wait(5)
        finally:
            os.close(file)
