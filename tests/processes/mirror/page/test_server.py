"""The page's thread seen from the mirror: it beats, hangs, fails and ends, and the mirror goes on."""

import os
import re
import select
import signal
import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from daemons.processes.mirror.page.server import Server
from daemons.runtime import background
from daemons.runtime.background import HUNG_TICKS
from daemons.runtime.clock import uptime
from daemons.supervision.supervisord import ended
from tests.support import factories
from tests.support.house import Household, eventually
from tests.support.page_client import SMALL, ask, live, post, url_of
from tests.support.page_server import Stand

Houses = Callable[..., Household]


def has_news(server: Server) -> bool:
    """Tell whether the mirror would be woken."""
    return bool(select.select([server.news], [], [], 0)[0])


def serve(page: Callable[[Server], None]) -> Server:
    """Start a server with a page of the test's own."""
    made = Server(Stand().subject, 0, page)
    made.start()
    return made


def until(event: Event) -> None:
    """Wait, as a page that hangs does."""
    event.wait()


# The thread, with a page that does what the test wants


def test_a_page_that_beats_is_well() -> None:
    """However long it goes on."""
    server = serve(lambda _: None)
    for _ in range(10 * HUNG_TICKS):
        server.beat()
        assert server.tick()
    server.end()


def test_a_page_that_hangs_is_noticed_after_six_seconds_of_turns() -> None:
    """Six ticks may pass without a beat, the seventh tells; one beat in between, and they count anew."""
    hanging = Event()
    server = serve(lambda _: until(hanging))
    assert [server.tick() for _ in range(HUNG_TICKS)] == [True] * HUNG_TICKS
    server.beat()
    assert [server.tick() for _ in range(HUNG_TICKS + 1)] == [True] * HUNG_TICKS + [False]
    hanging.set()
    server.end()


def test_a_page_that_was_not_begun_does_not_hang() -> None:
    """The mirror hears the house first."""
    server = Server(Stand().subject, 0, lambda _: None)
    assert all(server.tick() for _ in range(10 * HUNG_TICKS))
    server.end()


def test_a_page_that_fails_is_told_and_is_not_taken_for_hung() -> None:
    """The mirror goes on without it, and says why, in not too many words."""

    def fail(_: Server) -> None:
        raise ModuleNotFoundError("No module named 'aiohttp'" + "!" * 5000)

    server = serve(fail)
    factories.until(lambda: server.fault is not None, "the fault")
    assert "page cannot be served: ModuleNotFoundError: No module named 'aiohttp'" in str(server.fault)
    assert len(str(server.fault)) <= 1000
    assert server.url is None
    factories.until(lambda: has_news(server), "the news")
    server.end()
    server._thread.join()  # it has told the fault, and is about to stand for a page that is no more
    assert all(server.tick() for _ in range(10 * HUNG_TICKS))


def test_news_are_told_once() -> None:
    """Saying the same again wakes nobody."""
    server = Server(Stand().subject, 0, lambda _: None)
    assert not has_news(server)
    server.tell(None, "no port")
    server.tell(None, "no port")
    factories.until(lambda: has_news(server), "the news")
    server.read_news()
    assert not has_news(server)
    server.read_news()  # harmless when there are none
    server.tell(None, "no port")
    assert not has_news(server)
    server.tell("http://127.0.0.1:1/", None)
    factories.until(lambda: has_news(server), "the news")
    assert (server.url, server.fault) == ("http://127.0.0.1:1/", None)


def test_the_page_is_told_to_end_and_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """In its own way, which it sets; one whose loop has ended already is no trouble."""
    monkeypatch.setattr(background, "END_SECONDS", 60.0)
    done = Event()

    def page(server: Server) -> None:
        server.when_ended = done.set
        server.beat()
        done.wait()

    server = serve(page)
    factories.until(lambda: server.when_ended is not None, "the way to end it")
    server.end()
    assert done.is_set()
    assert not server._thread.is_alive()

    def gone() -> None:
        raise RuntimeError("Event loop is closed")

    server.when_ended = gone
    server.end()


def test_the_end_does_not_wait_for_a_page_that_hangs() -> None:
    """It is left to the end of the process."""
    hanging = Event()
    server = serve(lambda _: until(hanging))
    server.when_ended = lambda: None
    server.end()
    assert server._thread.is_alive()
    hanging.set()
    server._thread.join()


def test_the_end_does_not_wait_for_a_page_that_still_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has not said yet how it is ended: a mirror that is restarted twice in a row is back at once."""
    monkeypatch.setattr(background, "END_SECONDS", 60.0)
    loading = Event()
    server = serve(lambda _: until(loading))
    began = uptime()
    server.end()
    assert uptime() - began < 30
    loading.set()
    server._thread.join()


def test_the_page_knows_whether_the_mirror_is_at_work() -> None:
    """For six seconds after its last turn."""
    server = Server(Stand().subject, 0, lambda _: None)
    server.tick()
    assert server.is_mirror_at_work(uptime())
    assert not server.is_mirror_at_work(uptime() + HUNG_TICKS)


# Real houses


def fault_of(house: Household) -> str:
    """Wait until the mirror says why its page is not served, and give that."""
    with house.ear("mirror") as ear:
        ear.until(lambda ear: "mirror" in ear.states and ear.states["mirror"].state["fault"])
        assert ear.states["mirror"].state["url"] is None
        return str(ear.states["mirror"].state["fault"])


def test_a_page_that_hangs_ends_the_process_and_comes_back(household: Houses) -> None:
    """Its thread waits for ever for a token that nobody writes; the mirror notices, and is started again."""
    house = household(SMALL)
    house.house("up")
    url = url_of(house)
    with house.ear("mirror") as ear:
        ear.until(lambda ear: "mirror" in ear.beats)
        before = ear.beats["mirror"]
        os.mkfifo(house.run / "token")  # opening it to read blocks until somebody opens it to write
        where = url.removeprefix("http://").rstrip("/").split(":")
        with socket.create_connection((where[0], int(where[1]))) as asking:
            asking.sendall(b"GET /api/house HTTP/1.1\r\nHost: localhost\r\n\r\n")
            ear.until(lambda _: "its page hangs" in house.log("mirror"))
            (house.run / "token").unlink()
            ear.until(lambda ear: ear.beats["mirror"].boot > before.boot)
    assert "its page hangs" in house.log("mirror")
    assert url_of(house) == url
    assert ask(url, "healthz").status == 200


def test_a_page_that_cannot_be_loaded_is_a_fault_and_the_mirror_goes_on(
    household: Houses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without aiohttp there is no page; the mirror says so, answers, and hears the house."""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "aiohttp.py").write_text("raise ImportError('there is no aiohttp today')\n")
    path = os.pathsep.join(filter(None, [str(tmp_path / "broken"), os.environ.get("PYTHONPATH")]))
    monkeypatch.setenv("PYTHONPATH", path)
    house = household(SMALL)
    house.house("up")
    assert "page cannot be served: ImportError: there is no aiohttp today" in fault_of(house)
    assert house.send("lamp", "on")["outcome"] == "applied"
    with house.ear("mirror") as ear:
        beat = ear.until(lambda ear: "mirror" in ear.beats).beats["mirror"]
        ear.until(lambda ear: ear.beats["mirror"].at > beat.at)
        assert ear.beats["mirror"].pid == beat.pid
    found = house.status()
    assert found["mirror"] == {"url": None}
    assert found["devices"]["lamp"]["state"]["status"] is True


def test_a_port_that_is_taken_is_told_and_taken_when_it_is_free(household: Houses) -> None:
    """The house comes up all the same; when whoever had the port lets go, the page is there by itself."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        house = household(SMALL.replace("port = 0", f"port = {port}"))
        house.house("up")
        assert re.search(r"page cannot be served: .*Address already in use; see `port`", fault_of(house))
        assert house.send("lamp", "on")["outcome"] == "applied"
        assert house.status()["mirror"] == {"url": None}
    assert url_of(house) == f"http://127.0.0.1:{port}/"
    assert ask(url_of(house), "healthz").status == 200
    with house.ear("mirror") as ear:
        ear.until(lambda ear: ear.shows("mirror", fault=None))


async def test_the_same_port_again_after_a_kill(household: Houses) -> None:
    """Port 0 takes a free one and keeps it; who was connected comes back and has the truth again."""
    house = household(SMALL)
    house.house("up")
    url = url_of(house)
    assert house.status()["mirror"]["url"] == url
    async with live(url) as visitor:
        first = await visitor.next("house")
        house.kill("mirror")
        await visitor.socket.wait_closed()
    post(eventually(lambda: url_of(house)), "api/devices/lamp/on")
    assert url_of(house) == url
    assert house.status()["mirror"]["url"] == url
    async with live(url, f"?after={first['cursor']}") as visitor:
        again = await visitor.next()
        assert again["type"] == "house"  # for the changes of another life cannot be told one by one
        assert again["cursor"].partition("-")[0] > first["cursor"].partition("-")[0]
    eventually(lambda: (ask(url, "api/devices/lamp").json["state"] or {}).get("status") is True)


def test_a_free_port_is_another_when_the_last_is_taken(household: Houses) -> None:
    """Somebody took it while the mirror was away: the page is served elsewhere."""
    house = household(SMALL)
    house.house("up")
    first = url_of(house)
    house.house("stop", "mirror")
    with socket.create_server(("127.0.0.1", int(first.rstrip("/").rpartition(":")[2]))):
        house.house("start", "mirror")
        second = url_of(house)
    assert second != first
    assert ask(second, "healthz").status == 200


def test_beyond_loopback_the_page_waits_for_a_token(household: Houses) -> None:
    """Without one it is not served, which is told; everything else works; with one it comes by itself."""
    house = household(SMALL.replace("port = 0", 'port = 0\naddress = "0.0.0.0"'))
    house.house("up")
    fault = fault_of(house)
    assert "page cannot be served: 0.0.0.0 is beyond this machine, and there is no token" in fault
    assert "`house token` makes one" in fault
    assert house.status()["mirror"] == {"url": None}
    assert house.send("lamp", "on")["outcome"] == "applied"
    token = house.house("token").stdout.strip()
    served = url_of(house)
    assert served.startswith(f"http://{socket.gethostname()}:")
    url = "http://127.0.0.1:" + served.rpartition(":")[2]
    assert (house.run / "token").stat().st_mode & 0o777 == 0o600
    refused = ask(url, "api/house")
    assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert refused.reason == "a token is needed; `house token` makes one"
    assert ask(url, "api/house", Authorization=f"Bearer {token}").status == 200
    assert ask(url, "metrics").status == 401
    assert ask(url, "healthz").status == 200
    login = ask(
        url, "login", "POST", f"token={token}".encode(), Content_Type="application/x-www-form-urlencoded"
    )
    cookie = login.headers["Set-Cookie"].partition(";")[0]
    assert ask(url, "api/house", Cookie=cookie).status == 200
    assert token not in house.log("mirror")
    newer = house.house("token").stdout.strip()
    assert ask(url, "api/house", Cookie=cookie).status == 401
    assert ask(url, "api/house", Authorization=f"Bearer {token}").status == 401
    assert ask(url, "api/house", Authorization=f"Bearer {newer}").status == 200
    house.house("token", "--remove")
    assert ask(url, "api/house", Authorization=f"Bearer {newer}").status == 401


def test_https_with_a_certificate(household: Houses, tmp_path: Path) -> None:
    """With the two files it speaks HTTPS only, and WebSocket over it; while one is missing that is told."""
    files = {"certificate": tmp_path / "page.crt", "private_key": tmp_path / "page.key"}
    keys = "".join(f'\n{key} = "{path}"' for key, path in files.items())
    house = household(SMALL.replace("port = 0", "port = 0" + keys))
    house.house("up")
    missing = r"page cannot be served: .*No such file or directory; see `certificate` and `private_key`"
    assert re.search(missing, fault_of(house))
    subprocess.run(
        [  # noqa: S607
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-keyout", files["private_key"], "-out", files["certificate"],
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    url = url_of(house)
    assert url.startswith("https://127.0.0.1:")
    trusting = ssl.create_default_context(cafile=str(files["certificate"]))
    assert ask(url, "/healthz", context=trusting).json == {"ok": True}
    with pytest.raises(ssl.SSLCertVerificationError):
        ask(url, "/healthz", context=ssl.create_default_context())
    with pytest.raises(ConnectionError):
        ask(url.replace("https", "http"), "/healthz")


def test_a_house_goes_down_with_everybody_connected(household: Houses) -> None:
    """The page ends with the mirror, quickly and without a word of complaint."""
    house = household(SMALL)
    house.house("up")
    where = url_of(house).removeprefix("http://").rstrip("/").split(":")
    visitors = [socket.create_connection((where[0], int(where[1]))) for _ in range(5)]
    upgrade = (
        b"GET /api/live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    for visitor in visitors[:4]:
        visitor.sendall(upgrade)
        assert visitor.recv(12) == b"HTTP/1.1 101"
    pid = house.pids()["mirror"]
    os.kill(pid, signal.SIGTERM)
    with ended(pid) as wait:
        assert wait(5)
    for visitor in visitors:
        visitor.close()
    house.house("down")
    assert "Traceback" not in house.log("mirror")
    assert "Task was destroyed" not in house.log("mirror")
