"""The far door under attack: who is let in, what each may, and what the worst of them costs the others."""

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import zmq

from daemons.bus.keys import Pass, new_pair
from tests import support
from tests.support.exchange_client import (
    Visitor,
    begin_anew,
    heard,
    hears,
    lamp,
    make_key,
    pss_kilobytes,
    refused,
    visit,
)
from tests.support.house import PATIENCE, Household, eventually

ATTACKER = Path(support.__file__).parent / "hostile_client.py"


@pytest.fixture(scope="module")
def file(front: Household) -> Path:
    """Give the file of a key that may hear and command everything."""
    return make_key(front, "friend", hear="*", command="*")


@pytest.fixture
def friend(file: Path) -> Iterator[Visitor]:
    """Stand at the far door with that key."""
    with visit(file) as made:
        yield made


@contextmanager
def coming(front: Household, name: str, **rights: str) -> Iterator[tuple[Visitor, Path]]:
    """Come with a key of some rights, that is revoked at the end."""
    path = make_key(front, name, **rights)
    with visit(path) as made:
        yield made, path
    front.house("keys", "revoke", name, check=False)


def changed(key: Pass, **fields: str) -> Pass:
    """Give a key that differs."""
    return Pass(
        **{
            **{name: getattr(key, name) for name in ("address", "server_key", "public_key", "secret_key")},
            **fields,
        }
    )


# Who is let in


def test_who_has_no_key_or_a_wrong_one_hears_and_is_told_nothing(front: Household, friend: Visitor) -> None:
    """Plain TCP, an unknown key, and another server's: no state, no receipt; others are served."""
    begin_anew(front)
    key = friend.way.key
    assert key
    unknown = new_pair()
    strangers = {
        "unknown": changed(key, public_key=unknown.public_key, secret_key=unknown.secret_key),
        "another server": changed(key, server_key=new_pair().public_key),
    }
    sockets: list[Any] = []
    for stranger in strangers.values():
        sockets += [friend.socket(zmq.SUB, 0, stranger), friend.socket(zmq.DEALER, 2, stranger)]
    plain = [friend.context.socket(kind) for kind in (zmq.SUB, zmq.DEALER)]
    for opened, endpoint in zip(plain, (friend.way.hear, friend.way.ask), strict=True):
        opened.set(zmq.LINGER, 0)
        opened.connect(endpoint)
    sockets += plain
    for opened in sockets:
        if opened.type == zmq.SUB:
            opened.subscribe("")
        else:
            opened.send_multipart([b"", b'{"id":"1","device":"exchange","command":"clock","deadline":0}'])
    refused(front, f"nobody is known by the key {unknown.public_key}")
    listening = friend.hear("toaster/")
    for _ in range(3):
        heard(listening)  # the friend is served
    assert not any(opened.poll(0) for opened in sockets)
    for opened in plain:
        opened.close()


def test_a_revoked_key_is_out_within_a_moment_and_nobody_else_notices(
    front: Household, friend: Visitor
) -> None:
    """It hears nothing more, says and commands nothing more; a friend's connection is not even broken."""
    begin_anew(front)
    staying = friend.hear("toaster/")
    with coming(front, "leaving", hear="*", say="shed_lamp/", command="*") as (leaving, _):
        heard(staying)
        events = staying.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        listening = leaving.hear("toaster/")
        heard(listening)
        leaving.say("shed_lamp", lamp(True))
        assert leaving.command("kitchen_lamp", "on")
        front.house("keys", "revoke", "leaving")
        began = time.monotonic()
        while listening.poll(2500):
            listening.recv_multipart()
            assert time.monotonic() - began < 10
        asked = {"id": "z", "device": "exchange", "command": "clock", "deadline": 0}
        assert leaving.send(asked, wait=1) is None
        refused(front, "the key leaving is another, or none")
        heard(staying)
        assert not events.poll(0)
        staying.disable_monitor()
        events.close()


def test_a_key_made_anew_is_another_key(front: Household) -> None:
    """Who has the old file of the same name does not get the rights of the new one."""
    with coming(front, "twice", hear="toaster/") as (old, _):
        listening = old.hear("")
        assert heard(listening)[0].startswith("toaster/")
        old.command("toaster", "start")
        make_key(front, "twice", hear="*", command="*")
        refused(front, "the key twice is another, or none")
        asked = {"id": "z", "device": "exchange", "command": "clock", "deadline": 0}
        eventually(lambda: old.send(asked, wait=0.3) is None)
        hears(listening, 0.1)
        assert hears(listening, 1.2) == set()


def test_who_has_the_new_key_does_not_keep_the_old_one_in(front: Household) -> None:
    """It comes in before the keys are looked at by the second."""
    with coming(front, "again", hear="toaster/") as (old, _):
        listening = old.hear("")
        heard(listening)
        with coming(front, "again", hear="*") as (new, _):
            assert heard(new.hear("mirror/"))[0].startswith("mirror/")
            refused(front, "the key again is another, or none")
            hears(listening, 0.1)
            assert hears(listening, 1.2) == set()


def test_other_rights_count_at_once(front: Household) -> None:
    """The connection is ended, and made again with the rights of now."""
    with coming(front, "widened", hear="toaster/") as (visitor, _):
        listening = visitor.hear("")
        heard(listening)
        path = front.run / "keys" / "clients" / "widened.toml"
        new = path.with_suffix(".new")
        new.write_text(path.read_text().replace('"toaster/"', '"toaster/", "mirror/"'))
        new.chmod(0o600)
        new.rename(path)
        while not heard(listening)[0].startswith("mirror/"):
            pass


# What each may


def test_a_key_has_its_rights_and_no_more(front: Household) -> None:
    """Whatever it subscribes to it hears its own only; it says its own only, and commands its own only."""
    begin_anew(front)
    with (
        coming(front, "gardener", hear="garden_lamp/", say="garden_lamp/", command="garden_lamp/") as (it, _),
        front.ear("garden_lamp", "shed_lamp", "toaster") as ear,
    ):
        everywhere = [
            it.hear(""),
            it.hear("garden"),
            it.hear("garden_lamp/", "toaster/"),
            it.hear("garden_lamp/state"),
        ]
        nowhere = [it.hear("toaster/"), it.hear("steward/"), it.hear("garden_lamp2/"), it.hear("\0")]
        it.say("garden_lamp", lamp(False))
        for listening in everywhere:
            assert heard(listening)[0].startswith("garden_lamp/")
        it.say("shed_lamp", lamp(True), cause="by-the-gardener")
        it.say("toaster", lamp(True), cause="by-the-gardener")
        it.say("garden_lamp", lamp(False))
        for listening in everywhere:
            assert hears(listening, 0.5) <= {"garden_lamp/state", "garden_lamp/heartbeat"}
        assert not any(listening.poll(0) for listening in nowhere)
        assert not any(state.cause == "by-the-gardener" for state in ear.states.values())
        for device, word in (("toaster", "start"), ("exchange", "restart"), ("exchange", "logs")):
            answer = it.command(device, word, args={"device": "toaster"} if device == "exchange" else {})
            assert answer is not None
            assert answer["outcome"] == "rejected"
            assert "gardener may not" in answer["reason"]
        answer = it.command("exchange", "serve", args={"device": "shed_lamp"})
        assert answer is not None
        assert answer["reason"] == "gardener may not speak for 'shed_lamp'"
        mine = it.command("exchange", "serve", args={"device": "garden_lamp"})
        assert mine is not None
        assert mine["outcome"] == "applied"
    lines = [line for line in front.log("exchange").splitlines() if "bad message on gardener" in line]
    since = [line for line in lines if line > front.log("exchange").splitlines()[-20:][0]]
    assert len(since) == 1, "of many refusals, one in a window is logged, with the name of the key"


# Replayed, garbage, half-open


class Relay:
    """A wire between a visitor and one port of the door that writes down what is sent into the house."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self.recorded = bytearray()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        near, _ = self._server.accept()
        with near, socket.create_connection(("127.0.0.1", self._port)) as far:
            back = threading.Thread(target=self._pump, args=(far, near, None), daemon=True)
            back.start()
            self._pump(near, far, self.recorded)
            far.shutdown(socket.SHUT_RDWR)  # the visitor has gone
            back.join(PATIENCE)

    @staticmethod
    def _pump(source: socket.socket, sink: socket.socket, record: bytearray | None) -> None:
        while True:
            try:
                data = source.recv(65536)
                if record is not None:
                    record += data
                sink.sendall(data)
            except OSError:
                return
            if not data:
                return

    def close(self) -> None:
        """Take it down, when the visitor has gone."""
        self._thread.join(PATIENCE)
        self._server.close()


def test_bytes_that_are_sent_again_are_not_obeyed(front: Household, friend: Visitor) -> None:
    """A whole session, recorded on the wire and sent once more: the light is pressed once."""
    key = friend.way.key
    assert key
    port = friend.way.ask.rpartition(":")[2]
    relay = Relay(int(port))
    asking = friend.context.socket(zmq.DEALER)
    asking.set(zmq.LINGER, 0)
    asking.curve_serverkey = key.server_key.encode()
    asking.curve_publickey, asking.curve_secretkey = key.public_key.encode(), key.secret_key.encode()
    asking.connect(f"tcp://127.0.0.1:{relay.port}")
    wish = {"id": os.urandom(5).hex(), "device": "bathroom_light", "command": "press"}
    asking.send_multipart([b"", json.dumps({**wish, "deadline": time.time() + 60}).encode()])
    assert asking.poll(10_000)
    assert json.loads(asking.recv_multipart()[-1])["outcome"] == "applied"
    asking.close()
    relay.close()
    assert len(relay.recorded) > 500
    assert b"press" not in relay.recorded
    with front.ear("bathroom_light", "exchange") as ear:
        before = (
            ear.until(lambda ear: "bathroom_light" in ear.states).states["bathroom_light"].state["presses"]
        )
        with socket.create_connection(("127.0.0.1", int(port))) as again:
            again.settimeout(3)
            again.sendall(relay.recorded)
            answer = bytearray()
            try:
                while data := again.recv(65536):
                    answer += data
            except OSError:
                pass
        assert b"READY" not in answer
        beat = ear.until(lambda ear: "exchange" in ear.beats).beats["exchange"].at
        ear.until(lambda ear: ear.beats["exchange"].at > beat + 1)
        assert ear.states["bathroom_light"].state["presses"] == before


@contextmanager
def hostile(front: Household, key: Path, way: str, seconds: float) -> Iterator["subprocess.Popen[str]"]:
    """Have an attacker at work."""
    process = subprocess.Popen(
        [sys.executable, ATTACKER, key, way, str(seconds)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "begins\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def rounds(visitor: Visitor, number: int) -> float:
    """Give the seconds of a question and its answer, at the median."""
    times = []
    for _ in range(number):
        began = time.monotonic()
        wish = {"id": os.urandom(5).hex(), "device": "exchange", "command": "clock", "deadline": 0}
        answer = visitor.send(wish)
        assert answer is not None
        assert answer["outcome"] == "applied", answer
        times.append(time.monotonic() - began)
        time.sleep(0.02)  # a friend does not flood
    return statistics.median(times)


def is_bearable(before: float, during: float) -> bool:
    """Tell whether a friend is served about as before; loosely, for the machine has other work as well."""
    return during < 0.5 + 10 * before


MEGABYTES = 1024


@pytest.mark.parametrize(
    ("way", "word", "grows_megabytes"),
    [
        ("subscribe_to_all_sorts", "its subscriptions have more than", 64),
        ("say_very_much", "it sends more than", 24),
        ("ask_very_much", "it sends more than", 16),
        ("connect_without_end", "", 40),
        ("send_too_long", "", 16),
        ("read_nothing", "", 24),
    ],
)
def test_who_floods_is_shut_out_and_the_others_are_served_as_before(
    front: Household, friend: Visitor, way: str, word: str, grows_megabytes: int
) -> None:
    """A few seconds of it: memory stays within its bound, a friend's answers come, and presses as well."""
    pid = begin_anew(front)
    before = rounds(friend, 30)
    memory = pss_kilobytes(pid)
    listening = friend.hear("toaster/")
    with coming(front, "hostile", hear="*", say="shed_lamp/", command="*") as (_, path):
        eventually(lambda: visit_once(path))
        with hostile(front, path, way, 3) as attacker:
            most = memory
            during = []
            while attacker.poll() is None:
                during.append(rounds(friend, 3))
                most = max(most, pss_kilobytes(pid))
            assert front.send("kitchen_lamp", "toggle")["outcome"] == "applied"
        assert is_bearable(before, statistics.median(during)), (before, during)
        assert most - memory < grows_megabytes * MEGABYTES, (memory, most)
        heard(listening)
        if word:
            refused(front, f"hostile is shut out for 10 s: {word}")
    with front.ear("exchange") as ear:
        assert ear.until(lambda ear: "exchange" in ear.beats).beats["exchange"].pid == pid


def visit_once(path: Path) -> bool:
    """Tell whether a key is let in."""
    with visit(path) as visitor:
        return rounds(visitor, 1) < PATIENCE


def test_a_subscriber_that_is_frozen_costs_a_bounded_queue_and_nobody_waits(
    front: Household, friend: Visitor
) -> None:
    """States flow on to a friend while it takes nothing; what waits for it is bounded."""
    pid = begin_anew(front)
    memory = pss_kilobytes(pid)
    with coming(front, "frozen", hear="*", say="shed_lamp/") as (saying, path), ExitStack() as stack:
        frozen = stack.enter_context(hostile(front, path, "read_nothing", 60))
        frozen.send_signal(signal.SIGSTOP)
        listening = friend.hear("shed_lamp/")
        for number in range(60):
            saying.say("shed_lamp", {**lamp(True), "brightness_percent": number + 1})
            time.sleep(0.05)
        while True:
            topic, state = heard(listening)
            if topic.endswith("/state") and state["state"]["brightness_percent"] == 60:
                break
        assert pss_kilobytes(pid) - memory < 16 * MEGABYTES


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)) * 4000, b"\xff" + b"\0" * 9]
)
def test_garbage_and_half_open_connections_cost_nobody_anything(
    front: Household, friend: Visitor, sent: bytes
) -> None:
    """A hundred to each port that say nothing of sense: friends are served, and they are ended."""
    pid = begin_anew(front)
    before = rounds(friend, 10)
    memory = pss_kilobytes(pid)
    ports = [
        int(endpoint.rpartition(":")[2]) for endpoint in (friend.way.hear, friend.way.say, friend.way.ask)
    ]
    with ExitStack() as stack:
        opened = []
        for port in ports * 100:
            made = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            made.setblocking(False)
            opened.append(made)
            try:
                made.send(sent)
            except OSError:
                continue
        assert is_bearable(before, rounds(friend, 20))
        heard(friend.hear("toaster/"))
        assert pss_kilobytes(pid) - memory < 40 * MEGABYTES
        if sent:
            eventually(lambda: all(is_ended(made) for made in opened))


def is_ended(made: socket.socket) -> bool:
    """Tell whether the other side has ended a connection."""
    try:
        return not made.recv(65536)
    except BlockingIOError:
        return False
    except OSError:
        return True


def test_a_house_whose_port_is_taken_has_its_near_door_and_says_what_is_wrong(
    household: Callable[..., Household],
) -> None:
    """It takes the port as soon as it is free."""
    from tests.support.exchange_client import far_door  # noqa: PLC0415
    from tests.support.ports import free_port  # noqa: PLC0415

    port = free_port(3)
    with socket.create_server(("127.0.0.1", port + 1)):
        house = household(far_door(port))
        house.house("up")
        with house.ear("exchange") as ear:
            ear.until(lambda ear: "exchange" in ear.states and ear.states["exchange"].state["fault"])
            assert f"cannot bind tcp://127.0.0.1:{port + 1}" in str(ear.states["exchange"].state["fault"])
        with visit(house.run) as visitor:
            answer = visitor.command("kitchen_lamp", "on")
            assert answer is not None
            assert answer["outcome"] == "applied"
    with house.ear("exchange") as ear:
        ear.until(lambda ear: ear.shows("exchange", fault=None, address=f"tcp://127.0.0.1:{port}"))
