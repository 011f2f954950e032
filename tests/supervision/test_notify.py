"""The notify protocol of systemd, against a socket of the test's."""

import os
import socket
from pathlib import Path

import pytest

from daemons.supervision.notify import Notifier
from tests.support.patience import patience


@pytest.mark.parametrize("is_abstract", [False, True])
def test_messages_arrive_at_the_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_abstract: bool
) -> None:
    """A socket has a path, or an abstract name, which begins with @ in the variable."""
    name = f"@house-test-{os.getpid()}" if is_abstract else str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name.replace("@", "\0"))
        manager.settimeout(patience())
        notifier = Notifier()
        notifier.send(READY=1, STATUS="up")
        assert manager.recv(1000) == b"READY=1\nSTATUS=up"
        for text in ("a\nb", "a\nb", "c"):
            notifier.send_status(text)
        assert [manager.recv(1000) for _ in range(2)] == [b"STATUS=a b", b"STATUS=c"]


def test_child_processes_get_no_variable_of_the_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    """A watchdog that is meant for another process is none."""
    for pid, seconds in ((os.getpid(), 2.5), (1, None)):
        monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere")
        monkeypatch.setenv("WATCHDOG_USEC", "2500000")
        monkeypatch.setenv("WATCHDOG_PID", str(pid))
        notifier = Notifier()
        assert notifier.watchdog_seconds == seconds
        assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} & os.environ.keys()
        notifier.send(READY=1)  # a manager that has gone is no error


def test_without_a_manager_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The foreground works in a container, too."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notifier = Notifier()
    notifier.send(READY=1)
    assert notifier.watchdog_seconds is None
