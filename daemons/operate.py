"""What the verbs do to a house: up, down, restart, stop, start, reload; each ends when the devices are ready.

Ready is a device that was heard on the bus, from the very process that supervisord runs for it.
"""

import compileall
import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import zmq

from daemons.bus import Subscriber, ask, command
from daemons.config import House, load_house, parse
from daemons.errors import HouseError, NotReady, SupervisorError
from daemons.house import Roster, Slice, make_roster, mirrors, read_slice, slice_path
from daemons.message import EXCHANGE, STEWARD, Heartbeat, Report, State
from daemons.place import HOST, Lock, stopped_path, this_host, write
from daemons.plan import Change, make_plan
from daemons.supervise import Supervisor, configuration, ended, kill, launch, render
from daemons.tail import last_lines

INSTALLED = Path("house.toml")
"""The configuration that the running house was made of, in its run directory."""
STOP_PATIENCE_SECONDS = 20.0
Progress = Callable[[int, int], None]
"""Is told how many devices are ready, and of how many."""


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
            compileall.compile_dir(Path(__file__).parent, quiet=2)
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


def installed_house() -> House:
    """Give what the running house was made of, whatever the person's file says by now."""
    return load_house(INSTALLED, host=this_host())


def installed_roster() -> Roster:
    """Say who lives in the running house, as it is on this host."""
    return make_roster(parse(INSTALLED)[1], this_host())


def wait_page(roster: Roster, patience: float) -> tuple[str | None, str | None]:
    """Wait for the mirror's page; give where it is, or why it is not, or nothing where there is no mirror."""
    found = mirrors(roster)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    end = time.monotonic() + patience
    try:
        subscriber = Subscriber(context, found, logging.getLogger("house"))
        while found and (left := end - time.monotonic()) > 0:
            subscriber.socket.poll(int(left * 1000) + 1)
            for heard in subscriber.receive():
                if isinstance(heard, State) and (heard.state.get("url") or heard.state.get("fault")):
                    url, fault = heard.state.get("url"), heard.state.get("fault")
                    return url and str(url), fault and str(fault)  # type: ignore[return-value]
    finally:
        context.destroy(linger=0)
    return None, f"the mirror has not said for {patience:g} s where its page is" if found else None


def program_path(name: str) -> Path:
    """Say where a device's program stands, from inside the run directory."""
    return Path("programs") / f"{name}.conf"


def installed_files() -> list[Path]:
    """Give every slice and program that is installed, and what they were made of."""
    made_of = [path for path in (INSTALLED, HOST) if path.exists()]
    return [*Path("programs").glob("*.conf"), *Path("devices").glob("*.json"), *made_of]


def install(house: House, run: Path) -> None:
    """Write each device's slice and program, and take away those of devices that are no more."""
    slices = house.slices()
    write(INSTALLED, house.text.encode())
    write(HOST, (house.host or "").encode())
    for name, slice_ in slices.items():
        put(slice_path(name), slice_.encode())
        put(program_path(name), render(slice_, run).encode())
    for file in installed_files():
        if file.stem not in slices and file not in (INSTALLED, HOST):
            file.unlink()


def put(path: Path, content: bytes) -> None:
    """Write a file, unless that is what stands there: to replace one takes ext4 up to a millisecond."""
    if not path.is_file() or path.read_bytes() != content:
        write(path, content)


def forget_stops(house: House) -> None:
    """Forget of devices that are no more that a person stopped them."""
    for path in Path("stopped").iterdir():
        if path.name not in house.slices():
            path.unlink()


def put_back(previous: dict[Path, bytes]) -> None:
    """Install again what was installed before."""
    for path, content in previous.items():
        write(path, content)
    for path in installed_files():
        if path not in previous:
            path.unlink()


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


def wait_ready(
    names: Iterable[str],
    supervisor: Supervisor,
    patience: float,
    progress: Progress,
    since: float | None = None,
) -> None:
    """Wait until each of these devices, but those stopped by hand, is heard from the process that runs it.

    NotReady after `patience` seconds, or as soon as the steward says that each that is not ready fails,
    and has done so since a moment (Unix seconds), which is now unless it is given.
    """
    names = [name for name in names if not stopped_path(name).exists()]
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    began, end = since or time.time(), time.monotonic() + patience
    alive: dict[str, int] = {}
    failed: set[str] = set()
    waiting = names
    try:
        subscriber = Subscriber(context, {*names, STEWARD}, logging.getLogger("house"))
        while not failed.issuperset(waiting) and time.monotonic() < end:
            if subscriber.socket.poll(20):
                for heard in subscriber.receive():
                    if isinstance(heard, Heartbeat):
                        alive[heard.device] = heard.pid
                    elif isinstance(heard, Report) and heard.life == "failed" and heard.since >= began:
                        failed.add(heard.device)
            # Each question turns its loop, so that it starts what it has to; and to tell of hundreds of
            # processes takes it a tenth of a second, so it is asked for their PIDs when all were heard.
            waiting = [name for name in names if name not in alive]
            if waiting:
                supervisor.call("getState")
            else:
                processes = supervisor.processes()
                waiting = [name for name in names if alive[name] != processes[name]["pid"]]
            progress(len(names) - len(waiting), len(names))
    finally:
        context.destroy(linger=0)
    if waiting:
        waiting.sort(key=lambda name: name not in failed)
        others = f" (nor are: {', '.join(waiting[1:])})" if waiting[1:] else ""
        lines = "\n".join(f"    {line}" for line in last_lines(waiting[0], 10)) or "    (its log is empty)"
        why = "fails again and again" if waiting[0] in failed else f"is not ready after {patience:g} s"
        raise NotReady(waiting[0], f"{why}{others}. Its log ends:\n{lines}")
