"""The driver of your own ZeroMQ program: texts, presses and numbers, and what a publisher cannot tell."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from daemons.config import loader
from daemons.drivers import zmq as driver
from daemons.drivers.transports import pubsub
from daemons.kinds import Reading
from daemons.storage.key_pair import new_key_pair, own_key_pair
from daemons.values import Problem, parse_table
from tests.drivers.test_faults import DriverHarness, running_driver
from tests.support import factories
from tests.support.ports import free_port

TEXTS = {"on": "ON", "off": "OFF"}


class Publisher:
    """A plain publisher, as in a tutorial."""

    def __init__(self, port: int, secret_key: str | None = None) -> None:
        self.port = port
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self.context.socket(zmq.XPUB)
        if secret_key is not None:
            self._socket.set(zmq.CURVE_SERVER, 1)
            self._socket.set(zmq.CURVE_SECRETKEY, secret_key.encode())
        self._socket.bind(f"tcp://127.0.0.1:{port}")

    def wait_for_subscriber(self) -> None:
        """Wait until the driver has subscribed."""
        assert self._socket.poll(20_000)
        self._socket.recv()

    def send(self, *frames: str | bytes) -> None:
        """Publish a message."""
        self._socket.send_multipart([f if isinstance(f, bytes) else f.encode() for f in frames])

    def close(self) -> None:
        """End the program."""
        self.context.destroy(linger=0)


@pytest.fixture
def port() -> int:
    """Return a free port."""
    return free_port()


@pytest.fixture
def publisher(port: int) -> Iterator[Publisher]:
    """Yield a publisher that is bound to the port."""
    made = Publisher(port)
    yield made
    made.close()


def subscribed(publisher: Publisher, **options: Any) -> Any:
    """Return a driver that subscribes to the publisher; the publisher waits for it."""
    return running_driver("zmq", {"subscribe": f"tcp://127.0.0.1:{publisher.port}", **options})


def refusal(**options: Any) -> str:
    """Return why options are refused."""
    problems: list[Problem] = []
    assert parse_table(options, loader.driver("zmq").options_type, (), problems) is None
    return "; ".join(problem.text for problem in problems)


LOCAL = {"subscribe": "tcp://127.0.0.1:5555"}


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({}, "there is no endpoint"),
        (LOCAL, "no message has a meaning"),
        ({**LOCAL, "on": "ON"}, "on and off belong together"),
        ({**LOCAL, **TEXTS, "single": "ON"}, "one text cannot have two meanings"),
        ({**LOCAL, **TEXTS, "field": "state", "word": 1}, "name one of them"),
        ({"publish": "tcp://127.0.0.1:5556", "single": "x"}, "there is nothing to hear"),
        ({"publish": "tcp://127.0.0.1:5556", "say_on": "x", "say_off": "x"}, "must differ"),
        ({"publish": "tcp://*:5556"}, 'publish takes an endpoint such as "tcp://127.0.0.1:5555"'),
        ({"publish": "tcp://127.0.0.1:70000"}, "publish takes an endpoint"),
        ({"publish": "tcp://0.0.0.0:5556"}, "publishes on this machine only"),
        ({"publish": "tcp://[::]:5556"}, "publishes on this machine only"),
        ({"subscribe": "tcp://10.0.0.2:5555", **TEXTS}, "needs server_key"),
        ({"subscribe": "tcp://127.evil.example:5555", **TEXTS}, "needs server_key"),
        ({"subscribe": "tcp://10.0.0.2:5555", **TEXTS, "server_key": "short"}, "server_key takes"),
        ({**LOCAL, "measures": "warmth"}, "measures takes one of"),
    ],
)
def test_options_that_mean_nothing_or_open_the_house_are_refused(options: dict[str, Any], why: str) -> None:
    """The text says what is allowed."""
    assert why in refusal(**options)


def test_a_plain_connection_needs_no_other_library() -> None:
    """The process of such a device is little larger than that of a simulated one."""
    code = "import sys; from daemons.config import loader; loader.driver('zmq'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"asyncio", "tomli", "hashlib"} & set(loaded.split())


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "localhost", "[::1]"])
def test_a_plain_connection_stays_on_this_machine(host: str) -> None:
    """Each name of the loopback interface is one."""
    assert pubsub.Endpoint.parse(f"tcp://{host}:5555").is_loopback


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({**LOCAL, **TEXTS}, {"switch", "sense"}),
        ({**LOCAL, "single": "click"}, {"switch", "press"}),
        ({**LOCAL, "measures": "humidity_percent"}, {"sense"}),
        ({"publish": "tcp://127.0.0.1:5556"}, {"switch"}),
    ],
)
def test_its_abilities_follow_from_the_texts(options: dict[str, Any], expected: set[str]) -> None:
    """`house check` refuses a kind that needs another one."""
    kind = loader.driver("zmq")
    typed = parse_table(options, kind.options_type, (), [])
    assert typed is not None
    assert kind.abilities_with(typed) == expected


def test_each_text_of_a_press_is_one_press(publisher: Publisher) -> None:
    """Each message counts once, in its order; the setting of a button is its state."""
    with subscribed(publisher, single="click", long="held", release="up") as harness:
        publisher.wait_for_subscriber()
        for text in ("click", "held", "up", "click"):
            publisher.send(text)
        assert presses(harness, 4) == ["single", "long", "release", "single"]
        harness.set(on=True)
        harness.wait_for_on(on=True)


def presses(harness: DriverHarness, number: int) -> list[str]:
    """Return the presses, as soon as there are so many."""
    found: dict[str, str] = {}

    def has_enough(reading: Reading) -> bool:
        found.update({press.id: press.what for press in reading.presses})
        return len(found) >= number

    harness.wait_until(has_enough, f"{number} presses")
    return list(found.values())


@pytest.mark.parametrize(
    ("message", "options"),
    [
        (("temperature", "21.5"), {"topic": "temperature"}),
        (("temperature 21.5",), {"topic": "temperature"}),
        (('{"celsius": 21.5}',), {"field": "celsius"}),
        (("10001 21.5 50",), {"topic": "10001", "word": 1}),
    ],
)
def test_a_number_becomes_a_measurement(
    publisher: Publisher, message: tuple[str, ...], options: dict[str, Any]
) -> None:
    """Messages of other topics are no mistakes. The measurement has the time of its message."""
    with subscribed(publisher, measures="temperature_celsius", **options) as harness:
        publisher.wait_for_subscriber()
        before = harness.clock.now()
        if "topic" in options:
            publisher.send(f"{options['topic']}s", "99")
        publisher.send(*message)
        reading = harness.wait_until(lambda one: one.temperature_celsius == 21.5, "the temperature")
        assert reading.at is not None
        assert reading.at >= before
        assert reading.fault is None


def test_a_message_that_is_not_understood_is_counted_and_logged_once(
    publisher: Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    """It is a fault until a message is understood. From then on, it may be for another device."""
    with subscribed(publisher, **TEXTS) as harness:
        publisher.wait_for_subscriber()
        publisher.send("fan is ON")
        fault = harness.wait_until(lambda one: one.fault, "a fault").fault
        assert fault == "it sent a message that is dropped: 'fan is ON' has no meaning in the options"
        publisher.send("ON")
        harness.wait_until(lambda one: one.on and one.fault is None, "on")
        publisher.send("fan is ON")
        publisher.send("OFF")
        harness.wait_until(lambda one: one.on is False and one.fault is None, "off")
        publisher.send(b"\xff")
        assert "it is not UTF-8" in str(harness.wait_until(lambda one: one.fault, "a fault").fault)
        assert harness.reading.on is False
    assert caplog.text.count("dropped a message") == 1
    assert harness.driver._dropped == 3


def test_a_frame_that_is_too_long_ends_only_the_connection(publisher: Publisher) -> None:
    """libzmq would not connect again by itself. Until the next message the state is unknown."""
    with subscribed(publisher, **TEXTS) as harness:
        publisher.wait_for_subscriber()
        publisher.send("ON")
        harness.wait_for_on(on=True)
        publisher.send("x" * 4097)
        lost = harness.wait_until(lambda one: one.reachable is False, "its disconnection")
        assert "it sent a frame of more than 4096 bytes" in str(lost.fault)
        publisher.wait_for_subscriber()
        back = harness.wait_until(lambda one: one.reachable, "the next connection")
        assert (back.on, back.losses) == (None, 1)
        publisher.send("x" * 4096)
        publisher.send("OFF")
        harness.wait_for_on(on=False)


def test_a_flood_blocks_no_call_and_the_last_message_counts(publisher: Publisher) -> None:
    """Presses beyond those of a hand are dropped."""
    with subscribed(publisher, **TEXTS, single="click") as harness:
        publisher.wait_for_subscriber()
        for _ in range(900):
            publisher.send("click")
        publisher.send("ON")
        assert presses(harness, 20) == ["single"] * 20
        harness.wait_for_on(on=True)
        assert harness.driver._dropped > 800


def test_without_a_publisher_of_its_own_a_command_is_not_said(publisher: Publisher) -> None:
    """The command counts until the program says something else; an end of the program makes it unknown."""
    with subscribed(publisher, **TEXTS) as harness:
        publisher.wait_for_subscriber()
        publisher.send("OFF")
        harness.wait_for_on(on=False)
        harness.set(on=True)
        harness.wait_for_on(on=True)
        publisher.send("OFF")
        harness.wait_for_on(on=False)
        publisher.close()
        assert harness.wait_until(lambda one: one.reachable is False, "its end").on is None


def test_a_silent_program_is_unreachable(publisher: Publisher) -> None:
    """A connection alone does not tell that the program works."""
    with subscribed(publisher, **TEXTS, silent_after="300ms") as harness:
        publisher.wait_for_subscriber()
        publisher.send("OFF")
        harness.wait_for_on(on=False)
        lost = harness.wait_until(lambda one: one.reachable is False, "its silence")
        assert "no understood message for 0.3 s" in str(lost.fault)
        publisher.send("ON")
        harness.wait_for_on(on=True)


def test_a_later_subscriber_is_told_what_was_said_last(port: int) -> None:
    """Also by the next process of the device. A topic is a frame of its own."""
    options = {"publish": f"tcp://localhost:{port}", "say_on": "glow", "say_topic": "lamp"}
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    subscriber = context.socket(zmq.SUB)
    subscriber.connect(f"tcp://127.0.0.1:{port}")
    try:
        with running_driver("zmq", options) as harness:
            harness.set(on=True)
            subscriber.subscribe("lam")
            harness.wait_for_on(on=True)
            assert subscriber.recv_multipart() == [b"lamp", b"glow"]
        with running_driver("zmq", options) as harness:
            assert harness.wait_until(lambda _: subscriber.poll(0), "the text").on
            assert subscriber.recv_multipart() == [b"lamp", b"glow"]
            subscriber.unsubscribe("lam")
            lost = harness.wait_until(lambda one: one.reachable is False, "that no program listens")
            assert lost.fault == f"tcp://localhost:{port}: no program subscribes to it"
    finally:
        context.destroy(linger=0)


def test_a_port_that_another_program_has_is_a_fault_until_it_is_free(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver tries again."""
    monkeypatch.setattr(driver, "RETRY_SECONDS", 0.05)
    other = Publisher(port)
    with running_driver("zmq", {"publish": f"tcp://127.0.0.1:{port}"}) as harness:
        lost = harness.wait_until(lambda one: one.reachable is False, "a fault")
        assert lost.fault == f"tcp://127.0.0.1:{port} cannot be bound: Address already in use"
        other.close()
        harness.wait_until(lambda one: "no program subscribes" in str(one.fault), "the port")


def test_what_was_said_is_a_fault_if_it_cannot_be_stored(port: int, tmp_path: Path) -> None:
    """It is said all the same."""
    (tmp_path / "hardware").write_text("a file in place of the folder")
    with running_driver("zmq", {"publish": f"tcp://127.0.0.1:{port}"}) as harness:
        harness.set(on=True)
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        subscriber = context.socket(zmq.SUB)
        subscriber.connect(f"tcp://127.0.0.1:{port}")
        subscriber.subscribe("")
        reading = harness.wait_until(lambda one: one.reachable, "the subscriber")
        assert "said.json cannot be written" in str(reading.fault)
        assert subscriber.recv() == b"on"
        context.destroy(linger=0)


@pytest.mark.parametrize("is_right", [True, False])
def test_a_publisher_elsewhere_must_have_the_key(
    port: int, is_right: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message of a publisher with another key is never received."""
    factories.enter_run_directory(tmp_path, monkeypatch)
    theirs, other = new_key_pair(), new_key_pair()
    publisher = Publisher(port, theirs.secret_key)
    key = (theirs if is_right else other).public_key
    with subscribed(publisher, **TEXTS, server_key=key) as harness:
        if is_right:
            publisher.wait_for_subscriber()
            publisher.send("ON")
            harness.wait_for_on(on=True)
        else:
            lost = harness.wait_until(lambda one: one.reachable is False, "the refusal")
            assert "or it requires another key" in str(lost.fault)
    publisher.close()
    assert own_key_pair().secret_key in Path("keys/own.toml").read_text()


def test_an_unreadable_key_of_the_house_is_a_fault(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fault names the file, and what to do."""
    factories.enter_run_directory(tmp_path, monkeypatch)
    own_key_pair()
    os.chmod("keys/own.toml", 0o644)  # noqa: PTH101
    options = {**TEXTS, "subscribe": f"tcp://127.0.0.1:{port}", "server_key": new_key_pair().public_key}
    with running_driver("zmq", options) as harness:
        lost = harness.wait_until(lambda one: one.reachable is False, "a fault")
        assert "keys/own.toml: other users can read this key; run `chmod 600" in str(lost.fault)
