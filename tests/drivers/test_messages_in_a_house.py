"""Messages of a real house, to servers on loopback. Its process is killed at each step of an attempt."""

import json
import os
import signal
import socket
import threading
import time
from typing import Any

import pytest

from tests.drivers.test_mail import mail_server, plain
from tests.support.emulator import table
from tests.support.house import HouseFactory, TemporaryHouse, eventually
from tests.support.loopback_server import LoopbackServer, http, read_request
from tests.support.page_client import http_request, page_url
from tests.support.patience import patience
from tests.support.ports import free_port

LOSS_SECONDS = 60.0


def toml(driver: str, options: dict[str, Any]) -> str:
    """Return a house with a messenger, and a lamp that no fault of the messenger may affect."""
    return f"""
[house]
watchdog = "60s"

[recorder]
enabled = false

[devices.phone]
kind = "messenger"
driver = "{driver}"
{driver} = {table(options)}

[[devices.phone.when]]
device = "lamp"
turns = {{ status = true }}
do = "send"
with = {{ text = "The lamp is on.", title = "Lamp" }}

[devices.lamp]
kind = "lamp"
driver = "simulated"
"""


class Killer:
    """A server that stops in the middle of its first attempt, until the process of the messenger is dead."""

    def __init__(self, step: str) -> None:
        self.step = step
        self.reached, self.go_on = threading.Event(), threading.Event()

    def __call__(self, connection: socket.socket, server: LoopbackServer) -> None:
        """Handle one connection."""
        self.stop_at("connected")
        server.received.append(read_request(connection))
        self.stop_at("request")
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        self.stop_at("half an answer")
        connection.sendall(b"Content-Length: 0\r\n\r\n")
        self.stop_at("answer")

    def stop_at(self, step: str) -> None:
        """Wait here, once, if this is the step."""
        if step == self.step and not self.reached.is_set():
            self.reached.set()
            assert self.go_on.wait(LOSS_SECONDS)


def bodies(server: LoopbackServer) -> list[dict[str, Any]]:
    """Return the messages that a server has received."""
    return [json.loads(request.partition(b"\r\n\r\n")[2]) for request in server.received]


@pytest.mark.parametrize(
    "step",
    [
        pytest.param("connected", marks=pytest.mark.long),
        pytest.param("request", marks=pytest.mark.long),
        pytest.param("half an answer"),
        pytest.param("answer", marks=pytest.mark.long),
    ],
)
def test_a_message_survives_a_kill_at_each_step(make_house: HouseFactory, step: str) -> None:
    """It comes at least once, under one key. A second one is marked, and it is counted once."""
    killer = Killer(step)
    with LoopbackServer(killer) as server:
        house = make_house(toml("webhook", {"url": server.url}))
        house.house("up")
        assert house.send("lamp", "on")["outcome"] == "applied"
        assert killer.reached.wait(LOSS_SECONDS)
        house.kill("phone")
        killer.go_on.set()
        with house.listen("phone") as listener:
            listener.wait_for(
                lambda listener: listener.has_state("phone", delivered=1, waiting=0, fault=None), LOSS_SECONDS
            )
        found = bodies(server)
        assert len(found) in (1, 2)
        assert len({one["id"] for one in found}) == 1
        assert [one["text"].partition("\n")[0] for one in found] == ["The lamp is on."] * len(found)
        assert all(one["repeat"] for one in found[1:])
        assert listener.states["phone"].state["last_delivered_id"] == found[0]["id"]


def test_messages_wait_while_their_server_is_away_and_their_process_is_killed(
    make_house: HouseFactory,
) -> None:
    """They come in order when the mail server is back. The page's document shows what waited."""
    port = free_port()
    house = make_house(toml("mail", plain(port)))
    house.house("up")
    for text in ("one", "two", "three"):
        assert house.send("phone", "send", f"text={text}")["outcome"] == "applied"
        house.kill("phone")
    status = eventually(lambda: state_with(house, waiting=3))
    assert status["fault"]
    with mail_server(port=port) as (mailbox, _), house.listen("phone") as listener:
        listener.wait_for(lambda listener: listener.has_state("phone", delivered=3), LOSS_SECONDS)
        texts = [mail.get_content().partition("\n")[0].strip() for mail in mailbox.mails]
        assert texts == ["one", "two", "three"]
        assert len({mail["Message-ID"] for mail in mailbox.mails}) == 3


def test_a_messenger_that_hangs_stops_no_other_device(make_house: HouseFactory) -> None:
    """Its server never answers, and then its process is stopped: the lamp goes on and off as before."""
    hung = threading.Event()

    def hang(connection: socket.socket, server: LoopbackServer) -> None:
        hung.set()
        server.ended.wait(LOSS_SECONDS)

    with LoopbackServer(hang) as server:
        house = make_house(toml("webhook", {"url": server.url}))
        house.house("up")
        assert house.send("lamp", "on")["outcome"] == "applied"
        assert hung.wait(LOSS_SECONDS)
        began = time.monotonic()
        assert house.send("phone", "send", "text=more")["outcome"] == "applied"
        pid = house.pids()["phone"]
        os.kill(pid, signal.SIGSTOP)
        try:
            for word in ("off", "on", "off"):
                assert house.send("lamp", word)["outcome"] == "applied"
        finally:
            os.kill(pid, signal.SIGCONT)
        assert time.monotonic() - began < patience(15)


def test_a_refused_message_is_told_on_the_terminal(make_house: HouseFactory) -> None:
    """`house status` shows the reason, and a wrong option is refused by `house check`."""
    with LoopbackServer(http(400, b"no such room")) as server:
        house = make_house(toml("webhook", {"url": server.url}))
        house.house("up")
        house.send("phone", "send", "text=hello", "urgent=true")
        state = eventually(lambda: state_with(house, lost=1))
        assert "HTTP 400: no such room" in state["last_refusal"]
        assert "HTTP 400: no such room" in house.house("status").stdout
        house.config.write_text(toml("webhook", {"url": server.url, "timeout": "1h"}))
        checked = house.house("check", check=False)
        assert checked.returncode != 0
        assert "timeout must be from 1s to 60s" in checked.stdout + checked.stderr


def state_with(house: TemporaryHouse, **fields: Any) -> dict[str, Any] | None:
    """Return the state of the messenger if it has these fields."""
    document: dict[str, Any] = house.status()["devices"]["phone"]
    state: dict[str, Any] = document.get("state") or {}
    return state if all(state.get(name) == value for name, value in fields.items()) else None


LINKED = """
[house]
watchdog = "60s"

[recorder]
enabled = false

[devices.mirror]
kind = "mirror"
port = 0

[devices.phone]
kind = "messenger"
driver = "webhook"
page = "http://127.0.0.1:8060"
webhook.url = "{url}"
"""


def test_the_link_of_an_urgent_message_acknowledges_it(make_house: HouseFactory) -> None:
    """A look at the link changes nothing. The link needs no token, and gives no other access."""
    with LoopbackServer(http(200, times=1)) as server:
        house = make_house(LINKED.format(url=server.url))
        house.house("up")
        page = page_url(house)
        house.house("token")
        assert house.send("phone", "send", "text=Tea is ready.")["outcome"] == "applied"
        assert house.send("phone", "send", "text=Water!", "urgent=true")["outcome"] == "applied"
        with house.listen("phone") as listener:
            listener.wait_for(lambda it: it.has_state("phone", delivered=2, unacknowledged=1), LOSS_SECONDS)
            plain_body, urgent = bodies(server)
            assert "acknowledge_url" not in plain_body
            link = urgent["acknowledge_url"]
            assert urgent["text"] == f"Water!\n\nSeen: {link}"
            path = link.removeprefix("http://127.0.0.1:8060")
            asked = http_request(page, path)
            assert (asked.status, b'data-outcome="ask"' in asked.body) == (200, True)
            assert http_request(page, "/api/house").status == 401
            wrong = http_request(page, path[:-1] + ("0" if path[-1] != "0" else "1"), "POST")
            assert (wrong.status, b'data-outcome="unknown"' in wrong.body) == (404, True)
            assert state_with(house, unacknowledged=1)
            done = http_request(page, path, "POST", Origin="https://push.example")
            assert (done.status, b'data-outcome="done"' in done.body) == (200, True)
            listener.wait_for(lambda it: it.has_state("phone", unacknowledged=0), LOSS_SECONDS)
            over = http_request(page, path, "POST")
            assert (over.status, b'data-outcome="over"' in over.body) == (200, True)
            house.house("stop", "phone")
            away = http_request(page, path, "POST")
            assert (away.status, b'data-outcome="unanswered"' in away.body) == (504, True)
