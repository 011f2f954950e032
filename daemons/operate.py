"""What the verbs do to a house: up, down, restart, reload; each ends when the devices are ready.

Ready is a device that was heard on the bus, by the very process that supervisord runs.
"""

import compileall
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import zmq

from daemons.bus import Subscriber
from daemons.config import House
from daemons.errors import NotReady, SupervisorError
from daemons.house import Slice, slice_path
from daemons.message import Heartbeat
from daemons.place import Lock, write
from daemons.supervise import Supervisor, configuration, launch, render
from daemons.tail import last_lines

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


def install(slices: dict[str, Slice], run: Path) -> None:
    """Write each device's slice and program, and take away those of devices that are no more."""
    for name, slice_ in slices.items():
        write(slice_path(name), slice_.encode())
        write(program_path(name), render(slice_, run).encode())
    for file in [*Path("programs").glob("*.conf"), *Path("devices").glob("*.json")]:
        if file.stem not in slices:
            file.unlink()


def program_path(name: str) -> Path:
    """Say where a device's program stands, from inside the run directory."""
    return Path("programs") / f"{name}.conf"


def changed(slices: dict[str, Slice], run: Path) -> list[str]:
    """Name the devices whose program is not the one that is installed."""
    installed = {file.stem: file.read_text() for file in Path("programs").glob("*.conf")}
    wanted = {name: render(slice_, run) for name, slice_ in slices.items()}
    return sorted(
        name for name in installed.keys() | wanted.keys() if installed.get(name) != wanted.get(name)
    )


def up(house: House, run: Path, patience: float, progress: Progress) -> bool:
    """Start the house and wait until every device is ready; False when it was up already.

    NotReady names the first device that is not ready in time, with its last log lines.
    """
    supervisor = Supervisor()
    slices = house.slices()
    with alone():
        was_up = supervisor.is_up()
        if not was_up:
            install(slices, run)
            compileall.compile_dir(
                Path(__file__).parent, quiet=2
            )  # some machines let nobody write .pyc files later
            launch(configuration(run))
        wait_ready(list(supervisor.processes()), supervisor, patience, progress)
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
    """Restart these devices, and wait until they are ready."""
    supervisor = Supervisor()
    with alone():
        supervisor.restart(names)
        wait_ready(names, supervisor, patience, progress)


def reload(house: House, run: Path, patience: float, progress: Progress) -> dict[str, list[str]]:
    """Make the running house what the configuration says; give what was started, stopped, restarted."""
    supervisor = Supervisor()
    with alone():
        if not supervisor.is_up():
            raise SupervisorError("the house is not up; `house up` (or `make up`) starts it")
        install(house.slices(), run)
        done = supervisor.update()
        wait_ready([*done["started"], *done["restarted"]], supervisor, patience, progress)
    return done


def wait_ready(names: list[str], supervisor: Supervisor, patience: float, progress: Progress) -> None:
    """Wait until each of these devices is heard from the process that supervisord runs for it."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    heard: dict[str, int] = {}
    waiting = list(names)
    end = time.monotonic() + patience
    subscriber = Subscriber(context, names, logging.getLogger("house"))
    try:
        while waiting and time.monotonic() < end:
            if subscriber.socket.poll(20):
                heard |= {
                    beat.device: beat.pid for beat in subscriber.receive() if isinstance(beat, Heartbeat)
                }
            processes = supervisor.processes()  # which also turns its loop, so that it starts what it has to
            waiting = [name for name in names if not heard.get(name) or heard[name] != processes[name]["pid"]]
            progress(len(names) - len(waiting), len(names))
    finally:
        subscriber.socket.close()
        context.destroy()
    if waiting:
        name, more = waiting[0], f" (nor are: {', '.join(waiting[1:])})" if waiting[1:] else ""
        tail = "\n".join(f"    {line}" for line in last_lines(name, 10)) or "    (its log is empty)"
        state = supervisor.processes()[name]["statename"]
        raise NotReady(
            name, f"is not ready after {patience:g} s; its process is {state}{more}. Its log ends:\n{tail}"
        )
