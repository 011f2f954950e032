"""The XML-RPC client of supervisord: faults have codes, and only a missing supervisord is "not up"."""

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from daemons.errors import NotUp, SupervisorError
from daemons.supervision import supervisord
from daemons.supervision.supervisord import ALREADY_STARTED, STILL_RUNNING, Supervisor, wait_for_pid

FAULT = b"""<?xml version='1.0'?><methodResponse><fault><value><struct>
<member><name>faultCode</name><value><int>70</int></value></member>
<member><name>faultString</name><value><string>NOT_RUNNING: toaster</string></value></member>
</struct></value></fault></methodResponse>"""


@pytest.fixture
def client() -> Iterator[Supervisor]:
    """Yield a client, and close its connection."""
    made = Supervisor()
    yield made
    made.close()


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[None]:
    """Run a fake supervisord, whose connections `serve` handles in a thread."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("supervisord.sock")
        server.listen()

        def accept() -> None:
            try:
                while True:
                    connection, _ = server.accept()
                    with connection:
                        serve(connection)
            except OSError:
                return

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def answer_with_a_fault(connection: socket.socket) -> None:
    """Answer one call with the fault NOT_RUNNING."""
    call = b""
    while not call.rstrip().endswith(b"</methodCall>"):
        call += connection.recv(65536)
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {len(FAULT)}\r\n\r\n"
    connection.sendall(head.encode() + FAULT)


def answer_with_its_pid(connection: socket.socket) -> None:
    """Answer one call with the number 4711."""
    call = b""
    while not call.rstrip().endswith(b"</methodCall>"):
        call += connection.recv(65536)
    text = b"<methodResponse><params><param><value><int>4711</int></value></param></params></methodResponse>"
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {len(text)}\r\n\r\n"
    connection.sendall(head.encode() + text)


def never_answer(connection: socket.socket) -> None:
    """Read until the client closes the connection."""
    while connection.recv(65536):
        continue


def hang_up(connection: socket.socket) -> None:
    """Read a call, and close the connection."""
    connection.recv(65536)


def test_without_supervisord_the_house_is_not_up(run: Path, client: Supervisor) -> None:
    """Nothing listens at the socket, with or without its file."""
    assert not client.is_up()
    with pytest.raises(NotUp, match="The house is not up"):
        client.call("getState")
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind("supervisord.sock")
    with pytest.raises(NotUp):
        client.call("getState")


def test_a_daemon_that_writes_its_pid_late_is_waited_for(run: Path) -> None:
    """Its first process has ended before that; a file of an earlier supervisord does not count."""
    Path("supervisord.pid").write_text("4194304")
    with subprocess.Popen([sys.executable, "-c", "input()", "supervisord"], stdin=subprocess.PIPE) as daemon:
        try:
            with pytest.raises(SupervisorError, match="has ended right after its start"):
                wait_for_pid(0.1)
            late = threading.Timer(0.2, Path("supervisord.pid").write_text, [str(daemon.pid)])
            late.start()
            assert wait_for_pid() == daemon.pid
            late.join()
        finally:
            daemon.kill()


def test_a_daemon_that_cannot_write_its_pid_is_asked(run: Path) -> None:
    """The disk may be full."""
    with listening(answer_with_its_pid):
        assert wait_for_pid() == 4711


def test_a_fault_has_its_code(run: Path, client: Supervisor) -> None:
    """A refused call raises an error with the fault's code, so that no code reads its English text."""
    with listening(answer_with_a_fault), pytest.raises(SupervisorError, match="NOT_RUNNING") as raised:
        client.call("stopProcess", "toaster")
    assert raised.value.fault_code == 70
    assert not isinstance(raised.value, NotUp)


def test_a_timeout_is_not_reported_as_not_up(run: Path) -> None:
    """A supervisord that does not answer is running: the error reports it, and `is_up` raises it, too."""
    client = Supervisor(0.1)
    with listening(never_answer):
        with pytest.raises(SupervisorError, match=r"has not answered getState within 0\.1 s") as raised:
            client.is_up()
        assert not isinstance(raised.value, NotUp)


def test_a_broken_connection_is_not_reported_as_not_up(run: Path, client: Supervisor) -> None:
    """A connection that ends during a call raises SupervisorError."""
    with listening(hang_up):
        with pytest.raises(SupervisorError, match="the connection to supervisord broke") as raised:
            client.call("getState")
        assert not isinstance(raised.value, NotUp)


class SlowSupervisor(Supervisor):
    """A fake supervisord whose processes end one by one, each after a number of calls."""

    def __init__(self, ends_after: dict[str, int]) -> None:
        super().__init__()
        self.ends_after = ends_after
        self.polls = 0
        self.stopped: list[str] = []

    def call(self, method: str, *args: object) -> Any:
        """Answer the calls of `stop` and `shutdown`."""
        if method == "getAllProcessInfo":
            self.polls += 1
            return [
                {"name": name, "pid": 7, "statename": "STOPPED" if self.polls > polls else "STOPPING"}
                if name in self.stopped
                else {"name": name, "pid": 7, "statename": "RUNNING"}
                for name, polls in self.ends_after.items()
            ]
        if method == "stopProcess":
            self.stopped.append(str(args[0]))
        return True


def test_a_stop_waits_as_long_as_processes_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five processes end one after another; together they take longer than the patience for one."""
    monkeypatch.setattr(supervisord, "PATIENCE_SECONDS", 0.3)
    monkeypatch.setattr(supervisord, "POLL_SECONDS", 0.05)
    slow = SlowSupervisor({f"lamp_{index}": 3 + 3 * index for index in range(5)})
    slow.stop(list(slow.ends_after))
    assert slow.polls >= 16
    assert slow.stopped == ["lamp_0", "lamp_1", "lamp_2", "lamp_3", "lamp_4"]


def test_a_stop_that_fails_names_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the process that does not end is named."""
    monkeypatch.setattr(supervisord, "PATIENCE_SECONDS", 0.2)
    slow = SlowSupervisor({"lamp": 3, "toaster": 10**9})
    with pytest.raises(SupervisorError) as raised:
        slow.stop(["lamp", "toaster"])
    assert str(raised.value) == "toaster did not end within 0.2 s"


def test_a_shutdown_ends_supervisord_although_a_process_is_left(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """supervisord is told to end; if it ends, and kills what is left, there is no error."""
    monkeypatch.setattr(supervisord, "PATIENCE_SECONDS", 0.2)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])

    class Ending(SlowSupervisor):
        def call(self, method: str, *args: object) -> Any:
            if method == "getPID":
                return child.pid
            if method == "shutdown":
                child.kill()
                child.wait()
            return super().call(method, *args)

    Ending({"toaster": 10**9}).shutdown()
    assert child.returncode == -9


class StewardedSupervisor(Supervisor):
    """A fake supervisord with one process, which the steward starts right after each of the first stops."""

    def __init__(self, starts_by_steward: int) -> None:
        super().__init__()
        self.starts_left = starts_by_steward
        self.is_running = True
        self.groups = ["lamp"]
        self.was_stopped = False

    def call(self, method: str, *args: object) -> Any:
        """Answer the calls of `stop`, `start` and `update` as supervisord does."""
        if method == "reloadConfig":
            return [[[], ["lamp"], []]]
        if method == "getAllProcessInfo":
            state = "RUNNING" if self.is_running else "STOPPED"
            if self.was_stopped and self.starts_left:  # the state is told, and then the steward starts it
                self.starts_left -= 1
                self.is_running, self.was_stopped = True, False
            return [{"name": "lamp", "pid": 7, "statename": state}]
        if method == "stopProcess":
            self.is_running, self.was_stopped = False, True
        elif method == "startProcess":
            if self.is_running:
                raise SupervisorError("ALREADY_STARTED: lamp", ALREADY_STARTED)
            self.is_running = True
        elif method == "removeProcessGroup":
            if self.is_running:
                raise SupervisorError("STILL_RUNNING: lamp", STILL_RUNNING)
            self.groups.remove("lamp")
        elif method == "addProcessGroup":
            self.groups.append("lamp")
            self.is_running = True
        return True


@pytest.mark.parametrize("starts", [0, 1])
def test_a_process_that_the_steward_starts_first_is_started(starts: int) -> None:
    """`house restart` of a device that crashes again and again does not fail if the steward is faster."""
    supervisor = StewardedSupervisor(starts)
    supervisor.stop(["lamp"])
    supervisor.start(["lamp"])
    assert supervisor.is_running
    assert supervisor.starts_left == 0


@pytest.mark.parametrize("starts", [0, 1, 3])
def test_a_changed_process_that_the_steward_starts_is_stopped_again(starts: int) -> None:
    """`house reload` removes the old program of a device although the steward tries it again meanwhile."""
    supervisor = StewardedSupervisor(starts)
    supervisor.update()
    assert supervisor.groups == ["lamp"]
    assert supervisor.is_running
    assert supervisor.starts_left == 0


def test_another_refusal_of_a_start_is_an_error(run: Path) -> None:
    """A program that cannot be started at all is told."""

    class Refusing(Supervisor):
        def call(self, method: str, *args: object) -> Any:
            raise SupervisorError(f"supervisord refuses {method}: SPAWN_ERROR: lamp", 50)

    with pytest.raises(SupervisorError, match="SPAWN_ERROR: lamp"):
        Refusing().start(["lamp"])
