"""The driver `mqtt_presence`: the place of a person, by a real mosquitto."""

from pathlib import Path

import pytest

from daemons.drivers.mqtt_presence import is_home
from tests.drivers.test_faults import running_driver
from tests.support.mosquitto import Mosquitto
from tests.support.mqtt_recorder import record_broker

TOPIC = "homeassistant/people/anna"


@pytest.mark.parametrize(
    ("payload", "home", "found"),
    [
        (b"home", "home", True),
        (b'"home"\n', "home", True),
        (b"not_home", "home", False),
        (b"work", "home", False),
        (b"present", "present", True),
        (b"", "home", None),
        (b"Unknown", "home", None),
        (b"unavailable", "home", None),
        (b"\xff", "home", False),
        (None, "home", None),
    ],
)
def test_a_message_is_a_place(payload: bytes | None, home: str, found: bool | None) -> None:
    """Only the word for home is home; some words say nothing."""
    assert is_home(payload, home) is found


def test_it_follows_the_messages_of_its_topic(tmp_path: Path) -> None:
    """A retained message counts at the start; a lost broker is reported."""
    with Mosquitto(tmp_path / "broker") as broker, record_broker(broker.port) as sender:
        sender.publish(TOPIC, "home", retain=True)
        with running_driver("mqtt_presence", {"port": broker.port, "topic": TOPIC}) as harness:
            harness.wait_until(lambda r: r.reachable is True and r.on is True, "the retained place")
            sender.publish(TOPIC, "not_home", retain=True)
            harness.wait_until(lambda r: r.on is False, "the new place")
            broker.kill()
            harness.wait_until(
                lambda r: r.reachable is False and f"127.0.0.1:{broker.port}" in str(r.fault),
                "the loss",
                60.0,
            )
