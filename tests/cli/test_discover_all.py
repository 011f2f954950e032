"""`house discover` on a network with hardware of every family: each thing once, as what it is."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

pytest.importorskip("zeroconf", reason="needs the extra discover")
pytest.importorskip("paho", reason="needs the extra mqtt")

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from daemons.cli.main import main
from daemons.drivers import kasa
from tests.cli.test_discover import announced
from tests.drivers.test_kasa import answering
from tests.support.emulator import Emulator, emulator
from tests.support.emulators.kasa import decrypt, encrypt
from tests.support.house import HouseFactory

ESPHOME_WORDS = {"friendly_name": "Kitchen", "version": "2025.10.0", "mac": "a8032ab12345"}
TASMOTA = {
    "ip": "192.168.1.9", "dn": "Heater", "fn": ["Heater"], "hn": "tasmota-1", "mac": "A4CF12345678",
    "md": "Sonoff S31", "ty": 0, "if": 0, "ofln": "Offline", "onln": "Online", "state": ["OFF", "ON"],
    "sw": "13.1.0", "t": "tasmota_4F2A1C", "ft": "%prefix%/%topic%/", "tp": ["cmnd", "stat", "tele"],
    "rl": [1, 0, 0, 0, 0, 0, 0, 0], "swc": [-1], "btn": [0], "so": {"4": 0}, "lk": 0, "lt_st": 0, "ver": 1,
}  # fmt: skip
OWN = {
    "name": "Pump", "uniq_id": "pump", "stat_t": "shed/pump/status", "cmd_t": "shed/pump/set",
    "val_tpl": "{{ value_json.relay[0].state }}", "stat_on": "True", "stat_off": "False", "pl_on": "1",
    "pl_off": "0", "dev": {"ids": ["pump"], "name": "Pump"},
}  # fmt: skip
ZIGBEE = {
    "friendly_name": "plug", "ieee_address": "0x00124b0022a1b2c3", "type": "Router", "supported": True,
    "definition": {
        "vendor": "IKEA", "model": "E1603", "description": "Plug",
        "exposes": [
            {
                "type": "switch",
                "features": [
                    {
                        "type": "binary", "name": "state", "property": "state", "access": 7,
                        "value_on": "ON", "value_off": "OFF",
                    }
                ],
            },
            {"type": "numeric", "name": "power", "property": "power", "access": 1, "unit": "W"},
        ],
    },
}  # fmt: skip
BASE = """
[recorder]
enabled = false
[devices.mirror]
kind = "mirror"
port = 0
"""


def publish(port: int, messages: dict[str, Any]) -> None:
    """Publish retained messages."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    for topic, payload in messages.items():
        client.publish(topic, json.dumps(payload), 1, retain=True).wait_for_publish(20)
    client.disconnect()
    client.loop_stop()


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Yield an emulator of each family that can be searched for, by its driver; all of them are on."""
    words = ("shelly", "shelly_gen1", "kasa", "esphome", "mqtt_tasmota", "mqtt_zigbee2mqtt", "mqtt")
    with ExitStack() as stack:
        found: dict[str, Any] = {}
        for word in words:
            folder = tmp_path / word
            folder.mkdir()
            found[word] = stack.enter_context(emulator(word)(folder))
            found[word].switch_by_hand(True)
            found[word].switchings.clear()
        for service, name, word, texts in (
            ("_shelly._tcp.local.", "shellyplusplugs-a8", "shelly", {"gen": "2", "app": "PlusPlugS"}),
            ("_http._tcp.local.", "shellyplug-s-a8", "shelly_gen1", {}),
            ("_esphomelib._tcp.local.", "kitchen", "esphome", ESPHOME_WORDS),
        ):
            stack.enter_context(announced(service, f"{name}-{found[word].port}", found[word].port, texts))
        plug = found["kasa"]
        monkeypatch.setattr(kasa, "broadcast", "127.0.0.1")
        monkeypatch.setattr(kasa, "broadcast_port", plug.port)
        reply = lambda request: encrypt(json.dumps(plug.reply(json.loads(decrypt(request)))).encode())  # noqa: E731
        stack.enter_context(answering(("127.0.0.1", plug.port), reply))
        publish(found["mqtt_tasmota"].broker.port, {"tasmota/discovery/A4CF12345678/config": TASMOTA})
        zigbee = {**ZIGBEE, "friendly_name": found["mqtt_zigbee2mqtt"].options()["device"]}
        publish(found["mqtt_zigbee2mqtt"].broker.port, {"zigbee2mqtt/bridge/devices": [zigbee]})
        publish(found["mqtt"].broker.port, {"homeassistant/switch/pump/relay/config": OWN})
        yield found


def known_brokers(network: dict[str, Emulator]) -> str:
    """Return devices that name the broker of each MQTT driver."""
    tables = {
        "mqtt_tasmota": 'topic = "other"',
        "mqtt_zigbee2mqtt": 'device = "other"',
        "mqtt": 'state_topic = "other", command_topic = "other/set"',
    }
    return "".join(
        f'[devices.other_{word}]\nkind = "plug"\ndriver = "{word}"\n'
        f"{word} = {{ {own}, port = {network[word].options()['port']} }}\n"
        for word, own in tables.items()
    )


def shows(name: str, **fields: Any) -> Callable[[Any], bool]:
    """Return whether a listener has heard these fields of a device."""
    return lambda listener: bool(listener.has_state(name, **fields))


@pytest.mark.long
def test_each_thing_is_found_once_and_stays_as_it_is(
    make_house: HouseFactory, network: dict[str, Any]
) -> None:
    """`house add --found` writes each as what it is; `house reload` switches none of them."""
    house = make_house(BASE + known_brokers(network))
    house.house("up")
    files = ("--config", str(house.config), "--run", str(house.run))
    done = CliRunner().invoke(main, [*files, "discover", "--timeout", "4", "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    drivers = [one["driver"] for one in found if one["kind"] == "plug" and one["driver"]]
    assert sorted(drivers) == sorted(network), [(one["title"], one["driver"], one["note"]) for one in found]
    added = CliRunner().invoke(main, [*files, "add", "--found", "--timeout", "4"])
    assert added.exit_code == 0, added.output
    again = CliRunner().invoke(main, [*files, "add", "--found", "--timeout", "4"])
    assert "nothing was written" in again.output
    house.house("reload")
    names = {one["driver"]: one["name"] for one in found if one["kind"] == "plug" and one["driver"]}
    network["mqtt"].announce()  # no announcement of Home Assistant says how to ask for a state
    with house.listen(*names.values()) as listener:
        for name in names.values():
            listener.wait_for(shows(name, status=True, reachable=True), 30)
        assert {word: one.switchings for word, one in network.items()} == {word: [] for word in network}
        for word, name in names.items():
            assert house.send(name, "off")["outcome"] == "applied"
            listener.wait_for(shows(name, status=False, confirmed=True), 30)
            assert network[word].on is False
