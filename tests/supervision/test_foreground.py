"""`house up --foreground`: what a service manager learns from a real house."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import chdir, closing, contextmanager, suppress
from pathlib import Path

import pytest
from msgspec.structs import replace

from daemons.storage.lock import FOREGROUND, NameLock, holder
from daemons.supervision.foreground import describe
from daemons.supervision.handover import Handover, end_others
from daemons.supervision.upgrade import DOWN, FOLDER, SECOND, Record, write_record
from tests.support.house import BREAKFAST, HOUSE, HouseFactory, TemporaryHouse, eventually
from tests.support.patience import WAIT_SECONDS, Deadline, patience

WATCHDOG_SECONDS = 4
FIRST_SECONDS = 90.0
"""A first start compiles every file, which takes long on a busy machine."""
BROKEN = BREAKFAST + '\n[devices.broken]\nkind = "plug"\ndriver = "simulated"\n'


class Manager:
    """The socket of a service manager, with all that has arrived."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: list[str] = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))

    def wait_for(self, text: str, timeout_seconds: float = WAIT_SECONDS) -> None:
        """Receive messages until a line contains a text; fail after the timeout."""
        deadline = Deadline(timeout_seconds)
        while not any(text in line for line in self.receive(max(0.0, deadline.left()))):
            assert deadline.left() > 0, f"no {text!r}: {self.lines}"

    def receive(self, seconds: float) -> list[str]:
        """Return the lines of the next message; none if no message arrives within a time."""
        self.socket.settimeout(seconds)
        try:
            lines = self.socket.recv(4096).decode().splitlines()
        except (TimeoutError, BlockingIOError):
            return []
        self.lines += lines
        return lines


@contextmanager
def foreground(house: TemporaryHouse, manager: Manager) -> Iterator["subprocess.Popen[str]"]:
    """Run a house as a service manager does, and end it."""
    more = {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": str(WATCHDOG_SECONDS * 1_000_000)}
    process = subprocess.Popen(
        [*HOUSE, "up", "--foreground"],
        env={**house.environment, **more},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        process.communicate(timeout=patience(60))


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    """Yield the socket of a service manager."""
    made = Manager(tmp_path / "notify")
    yield made
    made.socket.close()


@pytest.mark.long
@pytest.mark.timeout(240)
def test_a_manager_learns_of_the_start_the_devices_and_the_end(
    make_house: HouseFactory, manager: Manager
) -> None:
    """One broken plug does not delay READY; the status names it, and SIGTERM ends every process."""
    house = make_house(BROKEN)
    blocker = house.run / "hardware" / "broken"
    blocker.parent.mkdir(parents=True, mode=0o700)
    house.run.chmod(0o700)
    blocker.write_text("in the way")
    with foreground(house, manager) as process:
        manager.wait_for("READY=1", FIRST_SECONDS)
        manager.wait_for("not ready: broken (failed).")
        assert manager.lines.count("READY=1") == 1
        manager.wait_for("WATCHDOG=1")
        process.terminate()
        manager.wait_for("STOPPING=1")
        assert process.wait(patience()) == 0
    assert house.house("down").stdout == "The house was not up; nothing was done.\n"


@pytest.mark.long
@pytest.mark.timeout(240)
def test_a_supervisord_that_hangs_or_ends_is_noticed(make_house: HouseFactory, manager: Manager) -> None:
    """While supervisord is stopped, no WATCHDOG is sent. A killed supervisord ends the foreground process."""
    house = make_house()
    with foreground(house, manager) as process:
        manager.wait_for("All 6 processes are ready.", FIRST_SECONDS)
        supervisord = int((house.run / "supervisord.pid").read_text())
        os.kill(supervisord, signal.SIGSTOP)
        manager.wait_for("STATUS=supervisord has not answered")
        manager.lines.clear()
        end = time.monotonic() + WATCHDOG_SECONDS
        while time.monotonic() < end:
            manager.receive(0.1)
        assert "WATCHDOG=1" not in manager.lines
        os.kill(supervisord, signal.SIGCONT)
        manager.wait_for("WATCHDOG=1")
        os.kill(supervisord, signal.SIGKILL)
        _, errors = process.communicate(timeout=patience())
        assert process.returncode == 1
        assert f"supervisord (PID {supervisord}) has ended" in errors


@pytest.mark.long
@pytest.mark.timeout(240)
def test_a_watchdog_ends_and_a_new_start_heals_a_house_whose_supervisord_hangs(
    make_house: HouseFactory, manager: Manager
) -> None:
    """systemd sends SIGTERM after a missed watchdog, and starts the unit again."""
    house = make_house()
    with foreground(house, manager) as process:
        manager.wait_for("READY=1", FIRST_SECONDS)
        os.kill(int((house.run / "supervisord.pid").read_text()), signal.SIGSTOP)
        process.terminate()
        assert process.wait(60) == 0
    with foreground(house, manager):
        manager.wait_for("All 6 processes are ready.", FIRST_SECONDS)


@pytest.mark.long
@pytest.mark.timeout(240)
def test_an_upgrade_goes_on_in_the_same_service(
    make_house: HouseFactory, manager: Manager, tmp_path: Path
) -> None:
    """The process starts the second supervisord, follows it, and keeps its PID and its manager."""
    house = make_house()
    link = tmp_path / ".venv"
    link.symlink_to(sys.prefix)
    with foreground(house, manager) as process:
        manager.wait_for("All 6 processes are ready.", FIRST_SECONDS)
        before = house.pids()
        manager.lines.clear()
        with chdir(house.run):
            assert holder(FOREGROUND) == process.pid
            record = Record(
                step="restart",
                link=str(link),
                old=sys.prefix,
                new=sys.prefix,
                config=str(house.config),
                run=str(house.run),
                host=None,
                was_up=True,
                ready=tuple(before),
                timeout_seconds=patience(),
            )
            write_record(record)
            os.kill(process.pid, signal.SIGUSR1)
            assert eventually(lambda: SECOND.exists() and SECOND.read_text(), FIRST_SECONDS) == '""'
            with closing(Handover()) as both:
                both.forward(tuple(before), patience())
            end_others()
        manager.wait_for("READY=1", FIRST_SECONDS)
        manager.wait_for("All 6 processes are ready.")
        manager.wait_for("WATCHDOG=1")
        assert process.poll() is None
        after = house.pids()
        assert {name for name in before if before[name] == after[name]} == set()
        with chdir(house.run):
            write_record(replace(record, step="done"))
        os.kill(process.pid, signal.SIGUSR1)  # too late: nothing is started
        process.terminate()
        assert process.wait(patience()) == 0
    assert house.house("down").stdout == "The house was not up; nothing was done.\n"


@pytest.mark.long
@pytest.mark.timeout(240)
def test_a_stop_in_the_middle_of_an_upgrade_ends_the_house_at_once(
    make_house: HouseFactory, manager: Manager
) -> None:
    """The upgrade holds the lock of the verbs, and must not start the house again."""
    house = make_house()
    with foreground(house, manager) as process:
        manager.wait_for("READY=1", FIRST_SECONDS)
        with chdir(house.run):
            FOLDER.mkdir()
            lock = NameLock("house")
            process.terminate()
            assert process.wait(patience()) == 0
            assert DOWN.exists()
            lock.release()
    eventually(lambda: house.process("toaster") is None)
    assert house.house("down").stdout == "The house was not up; nothing was done.\n"


def test_the_status_names_the_devices_that_are_not_ready(run: Path) -> None:
    """A device that was stopped by hand is not awaited; of many devices the first ten are named."""
    (run / "stopped").mkdir(exist_ok=True)
    (run / "stopped" / "lamp").touch()
    names = {"lamp", "plug", "toaster"}
    assert describe(names, {"plug": "running", "toaster": "running"}) == "All 2 processes are ready."
    text = "1 of 2 processes are ready; not ready: toaster (failed)."
    assert describe(names, {"plug": "running", "toaster": "failed"}) == text
    many = {f"lamp_{number:02}" for number in range(12)}
    assert describe(many, {}).endswith("lamp_08, lamp_09 and 2 more.")
