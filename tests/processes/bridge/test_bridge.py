"""The bridge in real houses, at a real broker that is killed, frozen, restarted and not let in at."""

import json
import os
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from daemons.bus.message import BRIDGE
from daemons.processes.bridge.session import STANDSTILL_SECONDS
from tests.support import homeassistant
from tests.support.house import Ear, Household, eventually
from tests.support.mosquitto import Mosquitto, make_certificate
from tests.support.mqtt_recorder import Eavesdropper, eavesdropping

Houses = Callable[..., Household]
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
def heard(broker: Mosquitto) -> Iterator[Eavesdropper]:
    """Yield a client that records all messages of the broker."""
    with eavesdropping(broker.port) as made:
        yield made


@pytest.fixture
def house(household: Houses, broker: Mosquitto, heard: Eavesdropper) -> Household:
    """Yield a house whose bridge has published everything."""
    made = household(toml(broker.port))
    made.house("up")
    heard.until(lambda: heard.is_online(BRIDGE) and all(map(heard.is_online, DEVICES)))
    return made


def connected(ear: Ear) -> bool:
    """Return whether the bridge reports a session."""
    return ear.shows(BRIDGE, status=True, phase="connected", fault=None)


def waits(ear: Ear, why: str) -> bool:
    """Return whether the bridge reports no session, for a reason."""
    return ear.shows(BRIDGE, status=False, phase="waiting") and why in str(ear.states[BRIDGE].state["fault"])


def test_states_are_published_and_commands_are_carried_out(house: Household, heard: Eavesdropper) -> None:
    """Every device has a state and an availability; plain commands and JSON get a receipt."""
    heard.until(lambda: heard.shows("lamp", status=False, confirmed=True))
    assert heard.ask("house/lamp/command", "ON")["outcome"] == "applied"
    heard.until(lambda: heard.shows("lamp", status=True, brightness_percent=60))
    assert heard.ask("house/lamp/command/on", "25")["outcome"] == "applied"
    heard.until(lambda: heard.shows("lamp", brightness_percent=25))
    order = {"command": "start", "args": {"browning": 5}, "id": "mine"}
    receipt = heard.ask("house/toaster/command", order)
    assert (receipt["id"], receipt["command"], receipt["outcome"]) == ("mine", "start", "applied")
    heard.until(lambda: heard.shows("toaster", phase="toasting"))
    assert json.loads(heard.standing["house/toaster/state"])["cause"] == "mine"
    rejected = heard.ask("house/toaster/command/start", "PRESS")
    assert (rejected["outcome"], rejected["reason"]) == ("rejected", "it is already toasting")
    assert heard.ask("house/toaster/command/fly", "PRESS")["outcome"] == "rejected"
    assert "unknown device 'attic'" in heard_by_the_bridge(heard, "house/attic/command", "ON")["reason"]
    assert heard.standing["house/lamp/presence"] == b"live"


def heard_by_the_bridge(heard: Eavesdropper, topic: str, payload: str) -> dict[str, Any]:
    """Return the receipt that the bridge itself sends, for a command to an unknown device."""
    heard.say(topic, payload)
    found: dict[str, Any] = heard.until(lambda: heard.receipts(BRIDGE))[-1]
    return found


def kill_the_bridge(ear: Ear, heard: Eavesdropper) -> None:
    """Kill the bridge, and wait until its successor has reported that it is online."""
    heard.forget()
    ear.kill(BRIDGE)
    heard.until(lambda: heard.all("house/bridge/availability")[-1:] == [b"online"])


def test_a_retained_or_repeated_command_is_not_carried_out_again(
    house: Household, heard: Eavesdropper
) -> None:
    """A retained command is rejected, clearing it does nothing, and an id counts once."""
    first = heard.ask("house/toaster/command", {"command": "start", "id": "a", "timeout_seconds": 3})
    assert first["outcome"] == "applied"
    heard.ask("house/toaster/command/stop", "PRESS")
    again = heard.ask("house/toaster/command", {"command": "start", "id": "a", "timeout_seconds": 60})
    assert (again["outcome"], again["at"]) == (first["outcome"], first["at"])
    with house.ear(BRIDGE, "toaster") as ear:
        kill_the_bridge(ear, heard)
        ear.until(lambda _: time.time() > first["at"] + 3)
        late = heard.ask("house/toaster/command", {"command": "start", "id": "a", "timeout_seconds": 60})
        assert late["outcome"] in ("applied", "expired")  # the first one's receipt, or that it is too late
        assert heard.ask("house/toaster/command/start", "PRESS", retain=True)["outcome"] == "applied"
        heard.until(lambda: heard.shows("toaster", starts=2))
        heard.ask("house/toaster/command/stop", "PRESS")
        heard.forget()
        ear.kill(BRIDGE)
        receipt = heard.until(lambda: heard.receipts("toaster"))[0]
        assert "it is retained" in receipt["reason"]
        refused = heard.ask("house/toaster/command/start", "", retain=True)
        assert "clears a retained message" in refused["reason"]
    assert [switching.on for switching in house.witness("toaster")] == [True, False, True, False]


def test_a_late_command_is_not_carried_out(house: Household, heard: Eavesdropper) -> None:
    """A command after its deadline expires, and so does one that waited while the bridge stood still."""
    late = heard.ask("house/lamp/command", {"command": "on", "deadline": time.time() - 1})
    assert late["outcome"] == "expired"
    with house.ear(BRIDGE) as ear:
        pid = ear.until(lambda ear: BRIDGE in ear.beats).beats[BRIDGE].pid
        os.kill(pid, signal.SIGSTOP)
        heard.say("house/lamp/command", "ON")
        time.sleep(STANDSTILL_SECONDS + 2)  # time that passes is what this is about
        os.kill(pid, signal.SIGCONT)
        heard.until(lambda: b"offline" in heard.all("house/bridge/availability"))
        heard.until(lambda: heard.is_online(BRIDGE))
        assert heard.ask("house/lamp/command", "OFF")["outcome"] == "applied"
        assert ear.until(lambda ear: BRIDGE in ear.beats).beats[BRIDGE].pid == pid
    assert house.witness("lamp") == []


def test_a_dead_bridge_makes_everything_unavailable(house: Household, heard: Eavesdropper) -> None:
    """The broker publishes the will at once; the successor publishes all states, and then "online"."""
    with house.ear(BRIDGE, "lamp") as ear:
        heard.forget()
        ear.kill(BRIDGE)
        heard.until(lambda: heard.all("house/bridge/availability") == [b"offline", b"online"])
        topics = [topic for topic, _ in heard.said]
        assert topics.index("house/lamp/state") < len(topics) - topics[::-1].index(
            "house/bridge/availability"
        )


def test_a_stopped_device_is_unavailable(house: Household, heard: Eavesdropper) -> None:
    """A stopped device is offline; a killed one that is back at once never was."""
    with house.ear("lamp") as ear:
        heard.forget()
        ear.kill("lamp")
        assert heard.ask("house/lamp/command", "ON")["outcome"] == "applied"
        heard.until(lambda: heard.shows("lamp", status=True))
        assert b"offline" not in heard.all("house/lamp/availability")
    house.house("stop", "lamp")
    heard.until(lambda: heard.standing["house/lamp/availability"] == b"offline")
    heard.until(lambda: heard.standing["house/lamp/presence"] == b"stopped")
    assert heard.is_online("toaster")
    unanswered = heard.ask("house/lamp/command", {"command": "on", "timeout_seconds": 0.1})
    assert unanswered["outcome"] == "unanswered"
    house.house("start", "lamp")
    heard.until(lambda: heard.is_online("lamp"))


def test_unreachable_hardware_is_unavailable(
    household: Houses, broker: Mosquitto, heard: Eavesdropper
) -> None:
    """The process is live, but its state may be wrong, so the device is unavailable."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        plug = f"""
[devices.plug]
kind = "plug"
driver = "mqtt_tasmota"
mqtt_tasmota = {{ topic = "x", port = {port} }}
"""
        household(f"{plug}\n{toml(broker.port)}").house("up")
        heard.until(lambda: heard.shows("plug", reachable=False))
        told = {"house/plug/presence": b"live", "house/plug/availability": b"offline"}
        heard.until(lambda: {topic: heard.standing.get(topic) for topic in told} == told)


def test_discovery_is_published_again_when_home_assistant_starts(
    house: Household, heard: Eavesdropper
) -> None:
    """Every device is announced once at the start, and once more for each start of Home Assistant."""
    topic = "homeassistant/device/house-lamp/config"
    component, config = homeassistant.check(topic, json.loads(heard.standing[topic]))["house-lamp-main"]
    assert (component, config["command_topic"]) == ("light", "house/lamp/command")
    heard.forget()
    heard.say("homeassistant/status", "online")
    nodes = {f"homeassistant/device/house-{name}/config" for name in (*DEVICES, BRIDGE)}
    heard.until(lambda: nodes <= {where for where, _ in heard.said})
    heard.say("homeassistant/status", "offline")


def test_a_press_is_published_once(house: Household, heard: Eavesdropper) -> None:
    """Each press has its cause, and a bridge that was killed does not publish it again."""
    with house.ear(BRIDGE, "bell") as ear:
        receipts = [house.send("bell", word) for word in ("single", "double", "single")]
        told = heard.until(lambda: len(heard.all("house/bell/event")) >= 3 and heard.all("house/bell/event"))
        events = [json.loads(payload) for payload in told]
        assert [event["event_type"] for event in events] == ["single", "double", "single"]
        assert [event["cause"] for event in events] == [receipt["id"] for receipt in receipts]
        kill_the_bridge(ear, heard)
        assert heard.ask("house/bell/command/long", "PRESS")["outcome"] == "applied"
        (event,) = heard.until(lambda: heard.all("house/bell/event"))
        assert json.loads(event)["event_type"] == "long"
        assert "house/bell/event" not in Standing(heard).retained


class Standing:
    """Return the retained messages that a new client receives."""

    def __init__(self, heard: Eavesdropper) -> None:
        with eavesdropping(heard._client.port) as other:
            other.say("marker/x", "x", retain=True)
            other.until(lambda: "marker/x" in other.standing)
            self.retained = {topic for topic in other.standing if topic != "marker/x"}
            other.say("marker/x", "", retain=True)


def test_the_bridge_waits_for_a_missing_broker(household: Houses, broker: Mosquitto) -> None:
    """A broker that is missing, lost, or back without its memory gets everything; no process notices."""
    broker.kill()
    house = household(toml(broker.port))
    house.house("up")
    with house.ear(BRIDGE, "lamp") as ear:
        ear.until(lambda ear: waits(ear, "Connection refused"))
        before = ear.until(lambda ear: "lamp" in ear.beats).beats["lamp"].pid
        for _ in range(2):
            broker.start()
            ear.until(connected)
            with eavesdropping(broker.port) as heard:
                heard.until(lambda: heard.is_online(BRIDGE) and all(map(heard.is_online, DEVICES)))
                heard.until(lambda: "homeassistant/device/house-toaster/config" in heard.standing)
                assert heard.ask("house/lamp/command", "OFF")["outcome"] == "applied"
            broker.kill()
            ear.until(lambda ear: waits(ear, ""))
        ear.beats.clear()
        assert ear.until(lambda ear: "lamp" in ear.beats).beats["lamp"].pid == before
    assert "Traceback" not in house.log(BRIDGE)


def test_a_broker_that_hangs_delays_nothing(house: Household, broker: Mosquitto, heard: Eavesdropper) -> None:
    """The bridge goes on beating, reports the lost session, and opens a new one later."""
    with house.ear(BRIDGE) as ear:
        pid = ear.until(lambda ear: BRIDGE in ear.beats).beats[BRIDGE].pid
        broker.send(signal.SIGSTOP)
        try:
            house.send("lamp", "on")
            ear.until(lambda ear: waits(ear, ""))
            ear.beats.clear()
            assert ear.until(lambda ear: BRIDGE in ear.beats).beats[BRIDGE].pid == pid
        finally:
            broker.send(signal.SIGCONT)
        ear.until(connected)
    heard.until(lambda: heard.is_online(BRIDGE) and heard.shows("lamp", status=True))


def test_a_corrected_password_is_used(household: Houses, tmp_path: Path) -> None:
    """A wrong password is reported; the right one in its file is used without a restart."""
    secret = tmp_path / "password"
    secret.write_text("wrong\n")
    secret.chmod(0o600)
    with Mosquitto(tmp_path / "broker", password=PASSWORD) as broker:
        house = household(toml(broker.port, username="house", password_file=str(secret)))
        house.house("up")
        with house.ear(BRIDGE) as ear:
            ear.until(lambda ear: waits(ear, "refuses the user name or the password"))
            secret.write_text(f"{PASSWORD}\n")
            ear.until(connected)


def test_a_certificate_must_be_trusted(household: Houses, tmp_path: Path) -> None:
    """An untrusted certificate is reported; with the right authority the session is opened."""
    other = make_certificate(tmp_path, "other")
    with Mosquitto(tmp_path / "broker", tls=True) as broker:
        house = household(toml(broker.port, tls=True, certificate_authority=str(other)))
        house.house("up")
        with house.ear(BRIDGE) as ear:
            ear.until(lambda ear: waits(ear, "its certificate is not trusted: self-signed certificate"))
            other.write_bytes(broker.authority.read_bytes())
            ear.until(connected)


def packet(kind: int, body: bytes) -> bytes:
    """Return an MQTT packet with a short body."""
    assert len(body) < 128
    return bytes([kind, len(body)]) + body


def text(value: str) -> bytes:
    """Return a string as MQTT encodes it."""
    return struct.pack("!H", len(value)) + value.encode()


def publish(port: int, topic: str, payload: str, *, dup: bool) -> socket.socket:
    """Publish at QoS 1 without reading the acknowledgement, or publish it again as a duplicate."""
    link = socket.create_connection(("127.0.0.1", port), 20)
    link.sendall(packet(0x10, text("MQTT") + bytes([4, 2, 0, 60]) + text("publisher")))
    assert link.recv(4) == b"\x20\x02\x00\x00"
    link.sendall(packet(0x32 | dup << 3, text(topic) + struct.pack("!H", 7) + payload.encode()))
    return link


@pytest.mark.parametrize("payload", ["PRESS", '{"id": "once", "timeout_seconds": 60}'])
def test_a_command_that_is_delivered_twice_counts_once(
    household: Houses, broker: Mosquitto, payload: str
) -> None:
    """The broker dies between a command and its acknowledgement, so its sender has to send it again.

    To the bridge that is a new message of a new session, without a mark of any kind.
    """
    house = household(toml(broker.port))
    house.house("up")
    with house.ear(BRIDGE, "toaster") as ear:
        ear.until(connected)
        with publish(broker.port, "house/toaster/command/start", payload, dup=False):
            ear.until(lambda ear: ear.shows("toaster", starts=1))
            broker.kill()
        ear.until(lambda ear: waits(ear, ""))
        house.send("toaster", "stop")
        broker.start()
        ear.until(connected)
        with eavesdropping(broker.port) as heard:
            with publish(broker.port, "house/toaster/command/start", payload, dup=True):
                receipt = heard.until(lambda: heard.receipts("toaster"))[0]
            if payload == "PRESS":
                assert "an equal command arrived just before the broker was lost" in receipt["reason"]
                assert heard.ask("house/toaster/command/start", payload)["outcome"] == "applied"
                heard.until(lambda: heard.shows("toaster", starts=2))
            else:
                assert (receipt["id"], receipt["outcome"]) == ("once", "applied")  # the first one's
                assert heard.ask("house/toaster/command/start", '{"id": "twice"}')["outcome"] == "applied"
    assert [switching.on for switching in house.witness("toaster")] == [True, False, True]


def test_topics_that_are_no_longer_used_are_cleared(
    house: Household, broker: Mosquitto, heard: Eavesdropper
) -> None:
    """After a removed device, another form of discovery, or another prefix, no old topic remains."""

    def standing(what: str) -> set[str]:
        return {topic for topic in heard.standing if what in topic}

    text_ = house.config.read_text()
    toaster = text_.partition("[devices.toaster]")[2].partition("[devices.bell]")[0]
    house.config.write_text(text_.replace(f"[devices.toaster]{toaster}", ""))
    house.house("reload")
    heard.until(lambda: not standing("toaster"))
    assert standing("house/lamp")
    heard.forget()
    house.config.write_text(house.config.read_text() + 'discovery = "component"\n')
    house.house("reload")
    heard.until(lambda: "homeassistant/light/house-lamp/main/config" in heard.standing)
    heard.until(lambda: not standing("homeassistant/device/"))
    moved = heard.all("homeassistant/device/house-lamp/config")
    assert moved == [b'{"migrate_discovery": true}', b""]  # so Home Assistant keeps what it knows of it
    house.config.write_text(house.config.read_text() + 'prefix = "home/one"\n')
    house.house("reload")
    heard.until(lambda: heard.is_online("lamp", prefix="home/one") and heard.is_online(BRIDGE, "home/one"))
    heard.until(lambda: not {topic for topic in heard.standing if topic.startswith("house/")})
    assert "homeassistant/light/home-one-lamp/main/config" in heard.standing
    assert "homeassistant/light/house-lamp/main/config" not in heard.standing


def test_a_bridge_without_commands_only_publishes(
    household: Houses, broker: Mosquitto, heard: Eavesdropper
) -> None:
    """Without commands none is accepted, and no entity with commands is announced."""
    house = household(toml(broker.port, commands=False, discovery="off"))
    house.house("up")
    heard.until(lambda: heard.is_online(BRIDGE) and heard.is_online("lamp"))
    heard.say("house/lamp/command", "ON")
    house.send("lamp", "off")
    house.send("toaster", "start")
    heard.until(lambda: heard.shows("toaster", phase="toasting"))
    assert house.witness("lamp") == []
    assert not [topic for topic in heard.standing if topic.startswith("homeassistant/")]


def test_the_bridge_is_a_process_of_the_house(household: Houses, broker: Mosquitto) -> None:
    """`house status` shows it, and a restart of it restarts no other process."""
    house = household(toml(broker.port))
    house.house("up")
    pids = house.pids()
    eventually(lambda: (house.status()["services"][BRIDGE]["state"] or {}).get("phase") == "connected")
    house.house("restart", BRIDGE)
    assert house.pids() == pids
    assert "is up" in house.log(BRIDGE)
