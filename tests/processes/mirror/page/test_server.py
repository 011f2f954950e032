"""The page's thread and the mirror: the page sends beats, hangs, fails and ends, and the mirror goes on."""

import os
import select
import socket
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from daemons.processes.mirror.page.server import PageServer
from daemons.runtime import background
from daemons.runtime.clock import uptime
from tests.support import factories
from tests.support.house import HouseFactory
from tests.support.page_client import SMALL_HOUSE, http_request, page_fault, page_url
from tests.support.page_server import PageStub
from tests.support.patience import patience


def is_wakeup_due(server: PageServer) -> bool:
    """Return whether the mirror's loop would wake."""
    return bool(select.select([server.wakeup_fd], [], [], 0)[0])


def serve(page: Callable[[PageServer], None]) -> PageServer:
    """Start a server whose thread runs this function."""
    stub = PageServer(PageStub().context, 0, page)
    stub.start()
    return stub


def block(event: Event) -> None:
    """Block until the event, like a page that hangs."""
    event.wait()


# The thread, with a function of the test


def test_a_page_that_beats_is_alive() -> None:
    """The page is alive, however long it runs."""
    server = serve(lambda _: None)
    for _ in range(10 * 6):
        server.beat()
        assert server.check_alive()
    server.end()


def test_a_page_hangs_after_six_checks_without_a_beat() -> None:
    """Six checks may pass without a beat, the seventh fails; a beat in between starts the count anew."""
    hanging = Event()
    server = serve(lambda _: block(hanging))
    assert [server.check_alive() for _ in range(6)] == [True] * 6
    server.beat()
    assert [server.check_alive() for _ in range(6 + 1)] == [True] * 6 + [False]
    hanging.set()
    server.end()


def test_a_page_that_has_not_started_does_not_hang() -> None:
    """The mirror starts the page after its first messages."""
    server = PageServer(PageStub().context, 0, lambda _: None)
    assert all(server.check_alive() for _ in range(10 * 6))
    server.end()


def test_a_page_that_fails_is_reported_and_does_not_hang() -> None:
    """The mirror continues without the page, and publishes a fault of limited length."""

    def fail(_: PageServer) -> None:
        raise ModuleNotFoundError("No module named 'h11'" + "!" * 5000)

    server = serve(fail)
    factories.wait_until(lambda: server.fault is not None, "the fault")
    assert "page cannot be served: ModuleNotFoundError: No module named 'h11'" in str(server.fault)
    assert len(str(server.fault)) <= 1000
    assert server.url is None
    factories.wait_until(lambda: is_wakeup_due(server), "the wake-up")
    server.end()
    server._thread.join()  # the thread has reported the fault and ends soon
    assert all(server.check_alive() for _ in range(10 * 6))


def test_a_repeated_report_does_not_wake_the_mirror() -> None:
    """Only a new URL or fault wakes the mirror."""
    server = PageServer(PageStub().context, 0, lambda _: None)
    assert not is_wakeup_due(server)
    server.report(None, "no port")
    server.report(None, "no port")
    factories.wait_until(lambda: is_wakeup_due(server), "the wake-up")
    server.clear_wakeup()
    assert not is_wakeup_due(server)
    server.clear_wakeup()  # harmless when there are none
    server.report(None, "no port")
    assert not is_wakeup_due(server)
    server.report("http://127.0.0.1:1/", None)
    factories.wait_until(lambda: is_wakeup_due(server), "the wake-up")
    assert (server.url, server.fault) == ("http://127.0.0.1:1/", None)


def test_the_end_stops_the_page_and_waits_for_its_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread registers how to stop it; an event loop that has already ended is no error."""
    monkeypatch.setattr(background, "JOIN_SECONDS", 60.0)
    done = Event()

    def page(server: PageServer) -> None:
        server.stop_thread = done.set
        server.beat()
        done.wait()

    server = serve(page)
    factories.wait_until(lambda: server.stop_thread is not None, "the function that stops it")
    server.end()
    assert done.is_set()
    assert not server._thread.is_alive()

    def gone() -> None:
        raise RuntimeError("Event loop is closed")

    server.stop_thread = gone
    server.end()


def test_the_end_does_not_wait_for_a_page_that_hangs() -> None:
    """Its thread ends with the process."""
    hanging = Event()
    server = serve(lambda _: block(hanging))
    server.stop_thread = lambda: None
    server.end()
    assert server._thread.is_alive()
    hanging.set()
    server._thread.join()


def test_the_end_does_not_wait_for_a_page_that_still_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread has not registered how to stop it, and a restarted mirror must not wait."""
    monkeypatch.setattr(background, "JOIN_SECONDS", 60.0)
    loading = Event()
    server = serve(lambda _: block(loading))
    began = uptime()
    server.end()
    assert uptime() - began < patience()
    loading.set()
    server._thread.join()


def test_the_page_checks_whether_the_mirror_is_alive() -> None:
    """For six seconds after the mirror's last check."""
    server = PageServer(PageStub().context, 0, lambda _: None)
    server.check_alive()
    assert server.is_mirror_alive(uptime())
    assert not server.is_mirror_alive(uptime() + 6)


# Real houses


@pytest.mark.long
def test_a_page_that_hangs_ends_the_process_and_is_served_again(make_house: HouseFactory) -> None:
    """Its thread blocks on reading the token; the mirror notices, ends, and is started again."""
    house = make_house(SMALL_HOUSE)
    house.house("up")
    url = page_url(house)
    with house.listen("mirror") as listener:
        listener.wait_for(lambda listener: "mirror" in listener.heartbeats)
        before = listener.heartbeats["mirror"]
        os.mkfifo(house.run / "token")  # reading blocks until there is a writer
        where = url.removeprefix("http://").rstrip("/").split(":")
        with socket.create_connection((where[0], int(where[1]))) as connection:
            connection.sendall(b"GET /api/house HTTP/1.1\r\nHost: localhost\r\n\r\n")
            listener.wait_for(lambda _: "its page hangs" in house.log("mirror"))
            (house.run / "token").unlink()
            listener.wait_for(lambda listener: listener.heartbeats["mirror"].boot > before.boot)
    assert "its page hangs" in house.log("mirror")
    assert page_url(house) == url
    assert http_request(url, "healthz").status == 200


def test_a_page_that_cannot_be_loaded_is_a_fault_and_the_mirror_continues(
    make_house: HouseFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without h11 there is no page; the mirror publishes the fault, and does all else."""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "h11.py").write_text("raise ImportError('there is no h11 today')\n")
    path = os.pathsep.join(filter(None, [str(tmp_path / "broken"), os.environ.get("PYTHONPATH")]))
    monkeypatch.setenv("PYTHONPATH", path)
    house = make_house(SMALL_HOUSE)
    house.house("up")
    assert "page cannot be served: ImportError: there is no h11 today" in page_fault(house)
    assert house.send("lamp", "on")["outcome"] == "applied"
    with house.listen("mirror") as listener:
        beat = listener.wait_for(lambda listener: "mirror" in listener.heartbeats).heartbeats["mirror"]
        listener.wait_for(lambda listener: listener.heartbeats["mirror"].at > beat.at)
        assert listener.heartbeats["mirror"].pid == beat.pid
    found = house.status()
    assert found["mirror"] == {"url": None}
    assert found["devices"]["lamp"]["state"]["status"] is True
