"""The bridge in real houses, with a real broker that is killed, stopped, restarted, or refuses the bridge."""

import hashlib
import json
import os
import signal
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from threading import Event
from typing import Any

import pytest

pytest.importorskip("aiomqtt", reason="needs the extra mqtt")

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from daemons import __version__
from daemons.bus.message import BRIDGE
from daemons.bus.origin import Reason
from daemons.drivers.transports.mqtt import message_properties
from daemons.processes.bridge.alive import Alive, decode_alive
from tests.support import homeassistant
from tests.support.house import HouseFactory, Listener, TemporaryHouse
from tests.support.mosquitto import Mosquitto, make_certificate
from tests.support.mqtt_recorder import MqttRecorder, record_broker
from tests.support.patience import patience

STANDSTILL_SECONDS = 5.0
"""After a longer standstill the bridge drops the commands that waited (docs/bridge.md)."""

PASSWORD = "open sesame"  # noqa: S105  of a broker that lives as long as its test
HOUSE = """
[house]
name = "Test house"
watchdog = "60s"

[recorder]
enabled = false

[devices.lamp]
kind = "lamp"
driver = "simulated"
brightness_percent = 60

[devices.toaster]
kind = "toaster"
driver = "simulated"
room = "Kitchen"

[devices.bell]
kind = "button"
driver = "simulated"

[bridge]
"""
DEVICES = ("lamp", "toaster", "bell")


def toml(port: int, **keys: object) -> str:
    """Return a house with a bridge to a port."""
    table = {"port": port, **keys}
    return HOUSE + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """Yield a running broker."""
    with Mosquitto(tmp_path / "broker") as made:
        yield made


@pytest.fixture
def mqtt_client(broker: Mosquitto) -> Iterator[MqttRecorder]:
    """Yield a client that records all messages of the broker."""
    with record_broker(broker.port) as made:
        yield made


@pytest.fixture
def house(make_house: HouseFactory, broker: Mosquitto, mqtt_client: MqttRecorder) -> TemporaryHouse:
    """Yield a house whose bridge has published everything."""
    made = make_house(toml(broker.port))
    made.house("up")
    mqtt_client.wait_for(lambda: mqtt_client.is_online(BRIDGE) and all(map(mqtt_client.is_online, DEVICES)))
    return made


def connected(listener: Listener) -> bool:
    """Return whether the bridge reports a session."""
    return listener.has_state(BRIDGE, status=True, phase="connected", fault=None)


def waits(listener: Listener, why: str) -> bool:
    """Return whether the bridge reports no session, for a reason."""
    return listener.has_state(BRIDGE, status=False, phase="waiting") and why in str(
        listener.states[BRIDGE].state["fault"]
    )


def test_states_are_published_and_commands_are_carried_out(
    house: TemporaryHouse, mqtt_client: MqttRecorder
) -> None:
    """Every device has a state and an availability; plain commands and JSON get a receipt."""
    mqtt_client.wait_for(lambda: mqtt_client.shows("lamp", status=False, confirmed=True))
    assert mqtt_client.send_command("house/lamp/command", "ON")["outcome"] == "applied"
    mqtt_client.wait_for(lambda: mqtt_client.shows("lamp", status=True, brightness_percent=60))
    assert mqtt_client.send_command("house/lamp/command/on", "25")["outcome"] == "applied"
    mqtt_client.wait_for(lambda: mqtt_client.shows("lamp", brightness_percent=25))
    order = {"command": "start", "args": {"browning": 5}, "id": "mine"}
    receipt = mqtt_client.send_command("house/toaster/command", order)
    assert (receipt["id"], receipt["command"], receipt["outcome"]) == ("mine", "start", "applied")
    mqtt_client.wait_for(lambda: mqtt_client.shows("toaster", phase="toasting"))
    assert json.loads(mqtt_client.retained["house/toaster/state"])["cause"] == "mine"
    with house.listen("toaster") as listener:
        listener.wait_for(lambda it: it.has_state("toaster", phase="toasting"))
    assert listener.states["toaster"].reason == Reason("command", "bridge")
    rejected = mqtt_client.send_command("house/toaster/command/start", "PRESS")
    assert (rejected["outcome"], rejected["reason"]) == ("rejected", "it is already toasting")
    assert mqtt_client.send_command("house/toaster/command/fly", "PRESS")["outcome"] == "rejected"
    assert (
        "unknown device 'attic'" in receipt_of_the_bridge(mqtt_client, "house/attic/command", "ON")["reason"]
    )
    assert mqtt_client.retained["house/lamp/presence"] == b"live"


@pytest.mark.long
def test_an_alive_message_describes_the_house(house: TemporaryHouse, mqtt_client: MqttRecorder) -> None:
    """It has the version, the title, the digest of the installed file, and the devices by presence."""
    alive = mqtt_client.wait_for(lambda: alive_with(mqtt_client, live=3))
    installed = (house.run / "house.toml").read_bytes()
    assert alive.configuration == hashlib.sha256(installed).hexdigest()[:16]
    assert (alive.name, alive.version, alive.every_seconds) == ("Test house", __version__, 60)
    assert (alive.faults, alive.fault_count) == ({}, 0)
    assert abs(alive.at - time.time()) < 60
    with house.listen("lamp") as listener:
        listener.kill("lamp")
    mqtt_client.wait_for(lambda: (last := alive_with(mqtt_client, live=3)) and last.restarts == 1)


def alive_with(mqtt_client: MqttRecorder, **devices: int) -> Alive | None:
    """Return the alive message of the house, if it has these devices."""
    payload = mqtt_client.retained.get("house/bridge/alive")
    alive = decode_alive(payload) if payload else None
    return alive if alive and alive.devices == devices else None


def test_cause_and_origin_are_user_properties(house: TemporaryHouse, broker: Mosquitto) -> None:
    """With MQTT 5, a command brings its cause and its sender, and the state that follows carries them."""
    received: Queue[dict[str, str]] = Queue()
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    subscribed = Event()
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_message = lambda _, __, message: received.put(
        dict(getattr(message.properties, "UserProperty", []))
    )
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    try:
        client.subscribe("house/lamp/state", 1)
        assert subscribed.wait(patience())
        properties = message_properties([("cause", "f00d"), ("origin", "phone")], 30)
        client.publish("house/lamp/command", "ON", 1, properties=properties)
        while (found := received.get(timeout=patience())).get("cause") != "f00d":
            pass
    finally:
        client.disconnect()
        client.loop_stop()
    assert found["origin"] == "command:bridge:phone@lamp"
    with house.listen("lamp") as listener:
        listener.wait_for(lambda it: it.has_state("lamp", status=True))
        assert listener.states["lamp"].reason == Reason("command", "bridge:phone")


def receipt_of_the_bridge(mqtt_client: MqttRecorder, topic: str, payload: str) -> dict[str, Any]:
    """Return the receipt that the bridge itself sends, for a command to an unknown device."""
    mqtt_client.publish(topic, payload)
    found: dict[str, Any] = mqtt_client.wait_for(lambda: mqtt_client.receipts(BRIDGE))[-1]
    return found


def kill_the_bridge(listener: Listener, mqtt_client: MqttRecorder) -> None:
    """Kill the bridge, and wait until its successor has reported that it is online."""
    mqtt_client.clear()
    listener.kill(BRIDGE)
    mqtt_client.wait_for(lambda: mqtt_client.payloads("house/bridge/availability")[-1:] == [b"online"])


def test_a_retained_or_repeated_command_is_not_carried_out_again(
    house: TemporaryHouse, mqtt_client: MqttRecorder
) -> None:
    """A retained command is rejected, clearing it has no effect, and an id counts once."""
    first = mqtt_client.send_command(
        "house/toaster/command", {"command": "start", "id": "a", "timeout_seconds": 3}
    )
    assert first["outcome"] == "applied"
    mqtt_client.send_command("house/toaster/command/stop", "PRESS")
    again = mqtt_client.send_command(
        "house/toaster/command", {"command": "start", "id": "a", "timeout_seconds": 60}
    )
    assert (again["outcome"], again["at"]) == (first["outcome"], first["at"])
    with house.listen(BRIDGE, "toaster") as listener:
        kill_the_bridge(listener, mqtt_client)
        listener.wait_for(lambda _: time.time() > first["at"] + 3)
        late = mqtt_client.send_command(
            "house/toaster/command", {"command": "start", "id": "a", "timeout_seconds": 60}
        )
        assert late["outcome"] in ("applied", "expired")  # one receipt for both, or an expiry
        assert (
            mqtt_client.send_command("house/toaster/command/start", "PRESS", retain=True)["outcome"]
            == "applied"
        )
        mqtt_client.wait_for(lambda: mqtt_client.shows("toaster", starts=2))
        mqtt_client.send_command("house/toaster/command/stop", "PRESS")
        mqtt_client.clear()
        listener.kill(BRIDGE)
        receipt = mqtt_client.wait_for(lambda: mqtt_client.receipts("toaster"))[0]
        assert "it is retained" in receipt["reason"]
        refused = mqtt_client.send_command("house/toaster/command/start", "", retain=True)
        assert "clears a retained message" in refused["reason"]
    assert [switching.on for switching in house.switchings("toaster")] == [True, False, True, False]


@pytest.mark.long
def test_a_late_command_is_not_carried_out(house: TemporaryHouse, mqtt_client: MqttRecorder) -> None:
    """A command after its deadline expires, also if it waited while the bridge was stopped."""
    late = mqtt_client.send_command("house/lamp/command", {"command": "on", "deadline": time.time() - 1})
    assert late["outcome"] == "expired"
    with house.listen(BRIDGE) as listener:
        pid = listener.wait_for(lambda listener: BRIDGE in listener.heartbeats).heartbeats[BRIDGE].pid
        os.kill(pid, signal.SIGSTOP)
        mqtt_client.publish("house/lamp/command", "ON")
        time.sleep(STANDSTILL_SECONDS + 2)  # the test needs the time to pass
        os.kill(pid, signal.SIGCONT)
        mqtt_client.wait_for(lambda: b"offline" in mqtt_client.payloads("house/bridge/availability"))
        mqtt_client.wait_for(lambda: mqtt_client.is_online(BRIDGE))
        assert mqtt_client.send_command("house/lamp/command", "OFF")["outcome"] == "applied"
        assert listener.wait_for(lambda listener: BRIDGE in listener.heartbeats).heartbeats[BRIDGE].pid == pid
    assert house.switchings("lamp") == []


def test_a_dead_bridge_makes_everything_unavailable(house: TemporaryHouse, mqtt_client: MqttRecorder) -> None:
    """The broker publishes the will at once; the successor publishes all states, and then "online"."""
    with house.listen(BRIDGE, "lamp") as listener:
        mqtt_client.clear()
        listener.kill(BRIDGE)
        mqtt_client.wait_for(
            lambda: mqtt_client.payloads("house/bridge/availability") == [b"offline", b"online"]
        )
        topics = [topic for topic, _ in mqtt_client.messages]
        assert topics.index("house/lamp/state") < len(topics) - topics[::-1].index(
            "house/bridge/availability"
        )


@pytest.mark.long
def test_a_stopped_device_is_unavailable(house: TemporaryHouse, mqtt_client: MqttRecorder) -> None:
    """A stopped device is offline; a killed device is back too soon to become offline."""
    with house.listen("lamp") as listener:
        mqtt_client.clear()
        listener.kill("lamp")
        assert mqtt_client.send_command("house/lamp/command", "ON")["outcome"] == "applied"
        mqtt_client.wait_for(lambda: mqtt_client.shows("lamp", status=True))
        assert b"offline" not in mqtt_client.payloads("house/lamp/availability")
    house.house("stop", "lamp")
    mqtt_client.wait_for(lambda: mqtt_client.retained["house/lamp/availability"] == b"offline")
    mqtt_client.wait_for(lambda: mqtt_client.retained["house/lamp/presence"] == b"stopped")
    assert mqtt_client.is_online("toaster")
    unanswered = mqtt_client.send_command("house/lamp/command", {"command": "on", "timeout_seconds": 0.1})
    assert unanswered["outcome"] == "unanswered"
    house.house("start", "lamp")
    mqtt_client.wait_for(lambda: mqtt_client.is_online("lamp"))


@pytest.mark.long
def test_unreachable_hardware_is_unavailable(
    make_house: HouseFactory, broker: Mosquitto, mqtt_client: MqttRecorder
) -> None:
    """The process is live, but its state may be wrong."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        plug = f"""
[devices.plug]
kind = "plug"
driver = "mqtt_tasmota"
mqtt_tasmota = {{ topic = "x", port = {port} }}
"""
        make_house(f"{plug}\n{toml(broker.port)}").house("up")
        mqtt_client.wait_for(lambda: mqtt_client.shows("plug", reachable=False))
        expected = {"house/plug/presence": b"live", "house/plug/availability": b"offline"}
        mqtt_client.wait_for(
            lambda: {topic: mqtt_client.retained.get(topic) for topic in expected} == expected
        )


def test_discovery_is_published_again_when_home_assistant_starts(
    house: TemporaryHouse, mqtt_client: MqttRecorder
) -> None:
    """Every device is announced once at the start, and once more for each start of Home Assistant."""
    topic = "homeassistant/device/house-lamp/config"
    component, config = homeassistant.check(topic, json.loads(mqtt_client.retained[topic]))["house-lamp-main"]
    assert (component, config["command_topic"]) == ("light", "house/lamp/command")
    mqtt_client.clear()
    mqtt_client.publish("homeassistant/status", "online")
    nodes = {f"homeassistant/device/house-{name}/config" for name in (*DEVICES, BRIDGE)}
    mqtt_client.wait_for(lambda: nodes <= {where for where, _ in mqtt_client.messages})
    mqtt_client.publish("homeassistant/status", "offline")


def test_a_press_is_published_once(house: TemporaryHouse, mqtt_client: MqttRecorder) -> None:
    """Each press has its own cause, and a killed bridge does not publish it again."""
    with house.listen(BRIDGE, "bell") as listener:
        receipts = [house.send("bell", word) for word in ("single", "double", "single")]
        payloads = mqtt_client.wait_for(
            lambda: (
                len(mqtt_client.payloads("house/bell/event")) >= 3
                and mqtt_client.payloads("house/bell/event")
            )
        )
        events = [json.loads(payload) for payload in payloads]
        assert [event["event_type"] for event in events] == ["single", "double", "single"]
        assert [event["cause"] for event in events] == [receipt["id"] for receipt in receipts]
        kill_the_bridge(listener, mqtt_client)
        assert mqtt_client.send_command("house/bell/command/long", "PRESS")["outcome"] == "applied"
        (event,) = mqtt_client.wait_for(lambda: mqtt_client.payloads("house/bell/event"))
        assert json.loads(event)["event_type"] == "long"
        assert "house/bell/event" not in Standing(mqtt_client).retained


class Standing:
    """Return the retained messages that a new client receives."""

    def __init__(self, mqtt_client: MqttRecorder) -> None:
        with record_broker(mqtt_client._client.port) as other:
            other.publish("marker/x", "x", retain=True)
            other.wait_for(lambda: "marker/x" in other.retained)
            self.retained = {topic for topic in other.retained if topic != "marker/x"}
            other.publish("marker/x", "", retain=True)


def test_the_bridge_waits_for_a_missing_broker(make_house: HouseFactory, broker: Mosquitto) -> None:
    """A broker that is missing, lost, or back without its memory gets everything; no process notices."""
    broker.kill()
    house = make_house(toml(broker.port))
    house.house("up")
    with house.listen(BRIDGE, "lamp") as listener:
        listener.wait_for(lambda listener: waits(listener, "Connection refused"))
        before = listener.wait_for(lambda listener: "lamp" in listener.heartbeats).heartbeats["lamp"].pid
        for _ in range(2):
            broker.start()
            listener.wait_for(connected)
            with record_broker(broker.port) as mqtt_client:
                mqtt_client.wait_for(
                    lambda: mqtt_client.is_online(BRIDGE) and all(map(mqtt_client.is_online, DEVICES))
                )
                mqtt_client.wait_for(
                    lambda: "homeassistant/device/house-toaster/config" in mqtt_client.retained
                )
                assert mqtt_client.send_command("house/lamp/command", "OFF")["outcome"] == "applied"
            broker.kill()
            listener.wait_for(lambda listener: waits(listener, ""))
        listener.heartbeats.clear()
        assert (
            listener.wait_for(lambda listener: "lamp" in listener.heartbeats).heartbeats["lamp"].pid == before
        )
    assert "Traceback" not in house.log(BRIDGE)


@pytest.mark.long
def test_a_broker_that_hangs_delays_nothing(
    house: TemporaryHouse, broker: Mosquitto, mqtt_client: MqttRecorder
) -> None:
    """The bridge sends heartbeats, reports the lost session, and opens a new one later."""
    with house.listen(BRIDGE) as listener:
        pid = listener.wait_for(lambda listener: BRIDGE in listener.heartbeats).heartbeats[BRIDGE].pid
        broker.send(signal.SIGSTOP)
        try:
            house.send("lamp", "on")
            listener.wait_for(lambda listener: waits(listener, ""))
            listener.heartbeats.clear()
            assert (
                listener.wait_for(lambda listener: BRIDGE in listener.heartbeats).heartbeats[BRIDGE].pid
                == pid
            )
        finally:
            broker.send(signal.SIGCONT)
        listener.wait_for(connected)
    mqtt_client.wait_for(lambda: mqtt_client.is_online(BRIDGE) and mqtt_client.shows("lamp", status=True))


@pytest.mark.long
def test_a_refused_subscription_is_reported(make_house: HouseFactory, tmp_path: Path) -> None:
    """The bridge is not connected while the broker refuses the filter of the commands."""
    with Mosquitto(tmp_path / "broker", subscriptions=["house/bridge/availability"]) as broker:
        house = make_house(toml(broker.port))
        house.house("up")
        with house.listen(BRIDGE) as listener:
            listener.wait_for(
                lambda listener: waits(
                    listener, "the broker does not let the bridge subscribe to house/+/command/#"
                )
            )
            assert "has a session" not in house.log(BRIDGE)


READ_ALL = "topic read #\n"


@pytest.mark.parametrize(
    ("acl", "why"),
    [
        pytest.param(
            "topic write #\ntopic read house/bridge/availability\n",
            "no message comes back from house/bridge/command/echo within 5 s",
            id="commands are not delivered",
        ),
        pytest.param(
            f"{READ_ALL}topic write house/+/state\n",
            "the broker does not let the bridge publish house/bridge/command/echo: not authorized (code 135)",
            id="messages are not accepted",
            marks=pytest.mark.long,
        ),
    ],
)
def test_an_access_list_that_drops_messages_is_reported(
    make_house: HouseFactory, tmp_path: Path, acl: str, why: str
) -> None:
    """The broker accepts the subscription, and drops or refuses the message. Once it does not, all works."""
    with Mosquitto(tmp_path / "broker", acl=acl) as broker:
        house = make_house(toml(broker.port))
        house.house("up")
        with house.listen(BRIDGE) as listener:
            listener.wait_for(lambda listener: waits(listener, why))
            assert "has a session" not in house.log(BRIDGE)
            broker.set_acl("topic readwrite #\n")
            listener.wait_for(connected)
        with record_broker(broker.port) as mqtt_client:
            mqtt_client.wait_for(lambda: mqtt_client.is_online(BRIDGE) and mqtt_client.is_online("lamp"))
            assert mqtt_client.send_command("house/lamp/command", "ON")["outcome"] == "applied"


@pytest.mark.long
def test_an_access_list_that_does_not_allow_commands_suffices_without_them(
    make_house: HouseFactory, tmp_path: Path
) -> None:
    """With `commands = false` the bridge sends no message to itself."""
    acl = "topic write #\ntopic read house/bridge/+\n"
    with Mosquitto(tmp_path / "broker", acl=acl) as broker:
        house = make_house(toml(broker.port, commands=False, discovery="off"))
        house.house("up")
        with house.listen(BRIDGE) as listener:
            listener.wait_for(connected)


def test_a_corrected_password_is_used(make_house: HouseFactory, tmp_path: Path) -> None:
    """A wrong password is reported; the right one in its file is used without a restart."""
    secret = tmp_path / "password"
    secret.write_text("wrong\n")
    secret.chmod(0o600)
    with Mosquitto(tmp_path / "broker", password=PASSWORD) as broker:
        house = make_house(toml(broker.port, username="house", password_file=str(secret)))
        house.house("up")
        with house.listen(BRIDGE) as listener:
            listener.wait_for(lambda listener: waits(listener, "refuses the user name or the password"))
            secret.write_text(f"{PASSWORD}\n")
            listener.wait_for(connected)


def test_a_certificate_must_be_trusted(make_house: HouseFactory, tmp_path: Path) -> None:
    """An untrusted certificate is reported; with the right authority the session is opened."""
    other = make_certificate(tmp_path, "other")
    with Mosquitto(tmp_path / "broker", tls=True) as broker:
        house = make_house(toml(broker.port, tls=True, certificate_authority=str(other)))
        house.house("up")
        with house.listen(BRIDGE) as listener:
            listener.wait_for(
                lambda listener: waits(listener, "its certificate is not trusted: self-signed certificate")
            )
            other.write_bytes(broker.authority.read_bytes())
            listener.wait_for(connected)


def packet(kind: int, body: bytes) -> bytes:
    """Return an MQTT packet with a short body."""
    assert len(body) < 128
    return bytes([kind, len(body)]) + body


def text(value: str) -> bytes:
    """Return a string as MQTT encodes it."""
    return struct.pack("!H", len(value)) + value.encode()


def publish(port: int, topic: str, payload: str, *, dup: bool) -> socket.socket:
    """Publish at QoS 1 without reading the acknowledgement, or repeat the message as a duplicate."""
    link = socket.create_connection(("127.0.0.1", port), 20)
    link.sendall(packet(0x10, text("MQTT") + bytes([4, 2, 0, 60]) + text("publisher")))
    assert link.recv(4) == b"\x20\x02\x00\x00"
    link.sendall(packet(0x32 | dup << 3, text(topic) + struct.pack("!H", 7) + payload.encode()))
    return link


@pytest.mark.parametrize("payload", ["PRESS", '{"id": "once", "timeout_seconds": 60}'])
def test_a_command_that_is_delivered_twice_counts_once(
    make_house: HouseFactory, broker: Mosquitto, payload: str
) -> None:
    """The broker is killed between a command and its acknowledgement, so the sender repeats the command.
    The bridge receives it as a new message of a new session, without the duplicate flag.
    """
    house = make_house(toml(broker.port))
    house.house("up")
    with house.listen(BRIDGE, "toaster") as listener:
        listener.wait_for(connected)
        with publish(broker.port, "house/toaster/command/start", payload, dup=False):
            listener.wait_for(lambda listener: listener.has_state("toaster", starts=1))
            broker.kill()
        listener.wait_for(lambda listener: waits(listener, ""))
        house.send("toaster", "stop")
        broker.start()
        listener.wait_for(connected)
        with record_broker(broker.port) as mqtt_client:
            with publish(broker.port, "house/toaster/command/start", payload, dup=True):
                receipt = mqtt_client.wait_for(lambda: mqtt_client.receipts("toaster"))[0]
            if payload == "PRESS":
                assert "an equal command arrived just before the broker was lost" in receipt["reason"]
                assert (
                    mqtt_client.send_command("house/toaster/command/start", payload)["outcome"] == "applied"
                )
                mqtt_client.wait_for(lambda: mqtt_client.shows("toaster", starts=2))
            else:
                assert (receipt["id"], receipt["outcome"]) == ("once", "applied")  # the first one's
                assert (
                    mqtt_client.send_command("house/toaster/command/start", '{"id": "twice"}')["outcome"]
                    == "applied"
                )
    assert [switching.on for switching in house.switchings("toaster")] == [True, False, True]


@pytest.mark.long
def test_topics_that_are_no_longer_used_are_cleared(
    house: TemporaryHouse, broker: Mosquitto, mqtt_client: MqttRecorder
) -> None:
    """After a removed device, another form of discovery, or another prefix, no old topic remains."""

    def topics_with(what: str) -> set[str]:
        return {topic for topic in mqtt_client.retained if what in topic}

    text_ = house.config.read_text()
    toaster = text_.partition("[devices.toaster]")[2].partition("[devices.bell]")[0]
    house.config.write_text(text_.replace(f"[devices.toaster]{toaster}", ""))
    house.house("reload")
    mqtt_client.wait_for(lambda: not topics_with("toaster"))
    assert topics_with("house/lamp")
    mqtt_client.clear()
    house.config.write_text(house.config.read_text() + 'discovery = "component"\n')
    house.house("reload")
    mqtt_client.wait_for(lambda: "homeassistant/light/house-lamp/main/config" in mqtt_client.retained)
    mqtt_client.wait_for(lambda: not topics_with("homeassistant/device/"))
    moved = mqtt_client.payloads("homeassistant/device/house-lamp/config")
    assert moved == [b'{"migrate_discovery": true}', b""]  # Home Assistant then preserves the entity
    house.config.write_text(house.config.read_text() + 'prefix = "home/one"\n')
    house.house("reload")
    mqtt_client.wait_for(
        lambda: mqtt_client.is_online("lamp", prefix="home/one") and mqtt_client.is_online(BRIDGE, "home/one")
    )
    echo = {"house/bridge/command/echo"}  # not retained
    mqtt_client.wait_for(
        lambda: {topic for topic in mqtt_client.retained if topic.startswith("house/")} <= echo
    )
    assert "homeassistant/light/home-one-lamp/main/config" in mqtt_client.retained
    assert "homeassistant/light/house-lamp/main/config" not in mqtt_client.retained


@pytest.mark.long
def test_a_bridge_without_commands_only_publishes(
    make_house: HouseFactory, broker: Mosquitto, mqtt_client: MqttRecorder
) -> None:
    """Without commands none is accepted, and no entity with commands is announced."""
    house = make_house(toml(broker.port, commands=False, discovery="off"))
    house.house("up")
    mqtt_client.wait_for(lambda: mqtt_client.is_online(BRIDGE) and mqtt_client.is_online("lamp"))
    mqtt_client.publish("house/lamp/command", "ON")
    house.send("lamp", "off")
    house.send("toaster", "start")
    mqtt_client.wait_for(lambda: mqtt_client.shows("toaster", phase="toasting"))
    assert house.switchings("lamp") == []
    assert not [topic for topic in mqtt_client.retained if topic.startswith("homeassistant/")]


@pytest.mark.long
def test_a_list_of_commands_is_a_limit(
    make_house: HouseFactory, broker: Mosquitto, mqtt_client: MqttRecorder
) -> None:
    """Another command gets a receipt with the reason, reaches no device, and is not announced."""
    house = make_house(toml(broker.port, commands=["lamp/on", "toaster/"]))
    house.house("up")
    mqtt_client.wait_for(lambda: mqtt_client.is_online(BRIDGE) and mqtt_client.is_online("lamp"))
    assert mqtt_client.send_command("house/lamp/command", "ON")["outcome"] == "applied"
    for topic, payload in (("house/lamp/command", "OFF"), ("house/lamp/command/off", "PRESS")):
        refused = mqtt_client.send_command(topic, payload)
        assert (refused["outcome"], refused["command"]) == ("rejected", "off")
        assert refused["reason"].endswith("from the broker ([bridge] commands); allowed: on")
    assert mqtt_client.send_command("house/toaster/command/start", "PRESS")["outcome"] == "applied"
    mqtt_client.wait_for(lambda: mqtt_client.shows("lamp", status=True))
    assert "binary_sensor" in str(mqtt_client.retained["homeassistant/device/house-lamp/config"])
    assert "command/off" not in str(mqtt_client.retained["homeassistant/device/house-lamp/config"])


def test_the_bridge_is_a_process_of_the_house(make_house: HouseFactory, broker: Mosquitto) -> None:
    """`house status` shows the bridge, and its restart restarts no other process."""
    house = make_house(toml(broker.port))
    house.house("up")
    pids = house.pids()
    with house.listen(BRIDGE) as listener:
        listener.wait_for(connected)
    assert house.status()["services"][BRIDGE]["state"]["phase"] == "connected"
    house.house("restart", BRIDGE)
    assert house.pids() == pids
    assert "is up" in house.log(BRIDGE)
