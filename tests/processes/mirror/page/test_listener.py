"""The page's address: its port, its token and its certificate, in real houses."""

import os
import re
import signal
import socket
import ssl
from pathlib import Path

import pytest

from daemons.supervision.supervisord import ended
from tests.support.house import HouseFactory, eventually
from tests.support.page_client import (
    SMALL_HOUSE,
    http_post,
    http_request,
    live_client,
    make_certificate,
    page_fault,
    page_url,
)


@pytest.mark.long
def test_a_port_in_use_is_reported_and_bound_once_it_is_free(make_house: HouseFactory) -> None:
    """The house starts all the same, and the page is served once the port is free."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        house = make_house(SMALL_HOUSE.replace("port = 0", f"port = {port}"))
        house.house("up")
        assert re.search(r"page cannot be served: .*Address already in use; see `port`", page_fault(house))
        assert house.send("lamp", "on")["outcome"] == "applied"
        assert house.status()["mirror"] == {"url": None}
    assert page_url(house) == f"http://127.0.0.1:{port}/"
    assert http_request(page_url(house), "healthz").status == 200
    with house.listen("mirror") as listener:
        listener.wait_for(lambda listener: listener.has_state("mirror", fault=None))


async def test_a_killed_mirror_uses_the_same_port_again(make_house: HouseFactory) -> None:
    """Port 0 is a free port that stays the same; a client can reconnect and gets the whole house."""
    house = make_house(SMALL_HOUSE)
    house.house("up")
    url = page_url(house)
    assert house.status()["mirror"]["url"] == url
    async with live_client(url) as client:
        first = await client.receive("house")
        house.kill("mirror")
        await client.socket.wait_closed()
    http_post(eventually(lambda: page_url(house)), "api/devices/lamp/on")
    assert page_url(house) == url
    assert house.status()["mirror"]["url"] == url
    async with live_client(url, f"?after={first['cursor']}") as client:
        again = await client.receive()
        assert again["type"] == "house"  # the changes of another run cannot be sent one by one
        assert again["cursor"].partition("-")[0] > first["cursor"].partition("-")[0]
    eventually(lambda: (http_request(url, "api/devices/lamp").json["state"] or {}).get("status") is True)


@pytest.mark.long
def test_another_free_port_is_used_when_the_last_is_in_use(make_house: HouseFactory) -> None:
    """Another program bound the last port while the mirror was stopped."""
    house = make_house(SMALL_HOUSE)
    house.house("up")
    first = page_url(house)
    house.house("stop", "mirror")
    with socket.create_server(("127.0.0.1", int(first.rstrip("/").rpartition(":")[2]))):
        house.house("start", "mirror")
        second = page_url(house)
    assert second != first
    assert http_request(second, "healthz").status == 200


def test_beyond_loopback_the_page_waits_for_a_token(make_house: HouseFactory) -> None:
    """Without a token the page is not served, and the fault has the reason; with a token it is served."""
    house = make_house(SMALL_HOUSE.replace("port = 0", 'port = 0\naddress = "0.0.0.0"'))
    house.house("up")
    fault = page_fault(house)
    assert "page cannot be served: 0.0.0.0 can be reached from other machines, and there is no token" in fault
    assert "`house token` makes one" in fault
    assert house.status()["mirror"] == {"url": None}
    assert house.send("lamp", "on")["outcome"] == "applied"
    token = house.house("token").stdout.strip()
    served = page_url(house)
    assert served.startswith(f"http://{socket.gethostname()}:")
    url = "http://127.0.0.1:" + served.rpartition(":")[2]
    assert (house.run / "token").stat().st_mode & 0o777 == 0o600
    refused = http_request(url, "api/house")
    assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert refused.reason == "a token is needed; `house token` makes one"
    assert http_request(url, "api/house", Authorization=f"Bearer {token}").status == 200
    assert http_request(url, "metrics").status == 401
    assert http_request(url, "healthz").status == 200
    login = http_request(
        url, "login", "POST", f"token={token}".encode(), Content_Type="application/x-www-form-urlencoded"
    )
    cookie = login.headers["Set-Cookie"].partition(";")[0]
    assert http_request(url, "api/house", Cookie=cookie).status == 200
    assert token not in house.log("mirror")
    newer = house.house("token").stdout.strip()
    assert http_request(url, "api/house", Cookie=cookie).status == 401
    assert http_request(url, "api/house", Authorization=f"Bearer {token}").status == 401
    assert http_request(url, "api/house", Authorization=f"Bearer {newer}").status == 200
    house.house("token", "--remove")
    assert http_request(url, "api/house", Authorization=f"Bearer {newer}").status == 401


def test_a_certificate_makes_the_page_https(make_house: HouseFactory, tmp_path: Path) -> None:
    """With both files the page uses HTTPS only; a missing file is reported as a fault."""
    files = {"certificate": tmp_path / "page.crt", "private_key": tmp_path / "page.key"}
    keys = "".join(f'\n{key} = "{path}"' for key, path in files.items())
    house = make_house(SMALL_HOUSE.replace("port = 0", "port = 0" + keys))
    house.house("up")
    missing = r"page cannot be served: .*No such file or directory; see `certificate` and `private_key`"
    assert re.search(missing, page_fault(house))
    make_certificate(files["certificate"], files["private_key"])
    url = page_url(house)
    assert url.startswith("https://127.0.0.1:")
    trusting = ssl.create_default_context(cafile=str(files["certificate"]))
    assert http_request(url, "/healthz", context=trusting).json == {"ok": True}
    with pytest.raises(ssl.SSLCertVerificationError):
        http_request(url, "/healthz", context=ssl.create_default_context())
    with pytest.raises(ConnectionError):
        http_request(url.replace("https", "http"), "/healthz")


def test_a_house_stops_while_clients_are_connected(make_house: HouseFactory) -> None:
    """The page ends with the mirror, quickly and without an error in the log."""
    house = make_house(SMALL_HOUSE)
    house.house("up")
    where = page_url(house).removeprefix("http://").rstrip("/").split(":")
    clients = [socket.create_connection((where[0], int(where[1]))) for _ in range(5)]
    upgrade = (
        b"GET /api/live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    for client in clients[:4]:
        client.sendall(upgrade)
        assert client.recv(12) == b"HTTP/1.1 101"
    pid = house.pids()["mirror"]
    os.kill(pid, signal.SIGTERM)
    with ended(pid) as wait:
        assert wait(5)
    for client in clients:
        client.close()
    house.house("down")
    assert "Traceback" not in house.log("mirror")
    assert "Task was destroyed" not in house.log("mirror")
