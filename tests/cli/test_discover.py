"""`house discover`: all drivers search at once, here against real announcements on loopback."""

import json
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import tomli
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("paho.mqtt", reason="needs the extra mqtt")
pytest.importorskip("zeroconf", reason="needs the extra discover")

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from zeroconf import ServiceInfo, Zeroconf

from daemons.cli import discover
from daemons.cli.main import main
from daemons.config import loader
from daemons.config.editor import encode
from daemons.config.house import load_house
from daemons.contract.subject import loadable
from daemons.drivers import Found
from daemons.drivers.shelly import Shelly
from daemons.drivers.transports import mdns
from tests.support.emulators.shelly import ShellyPlug
from tests.support.house import BREAKFAST
from tests.support.mosquitto import Mosquitto

TASMOTA: dict[str, Any] = {
    "dn": "Kettle", "fn": ["Kettle", None], "md": "Sonoff S31", "sw": "13.1.0", "t": "tasmota_4F2A1C",
    "rl": [1, 0, 0, 0, 0, 0, 0, 0],
}  # fmt: skip
ZIGBEE: list[dict[str, Any]] = [
    {"friendly_name": "Coordinator"},
    {
        "friendly_name": "kitchen/Blind",
        "definition": {"model": "TS130F", "vendor": "Tuya", "exposes": [{"type": "cover"}]},
    },
]
SECONDS = 6
"""Long enough for a repeated mDNS query."""


@contextmanager
def announced(type_: str, name: str, port: int, words: dict[str, str]) -> Iterator[None]:
    """Announce a service by mDNS on loopback."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mdns, "interfaces", ["127.0.0.1"])
        zeroconf = Zeroconf(interfaces=["127.0.0.1"])
        try:
            address = socket.inet_aton("127.0.0.1")
            info = ServiceInfo(
                type_, f"{name}.{type_}", port, properties=words, addresses=[address], server=f"{name}.local."
            )
            zeroconf.register_service(info)
            yield
        finally:
            zeroconf.close()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """Yield a broker with the announcements of a Tasmota plug and of Zigbee2MQTT."""
    with Mosquitto(tmp_path / "broker") as made:
        client = paho.Client(CallbackAPIVersion.VERSION2)
        client.connect("127.0.0.1", made.port)
        client.loop_start()
        for topic, payload in (
            ("tasmota/discovery/A4/config", TASMOTA),
            ("zigbee2mqtt/bridge/devices", ZIGBEE),
        ):
            client.publish(topic, json.dumps(payload), 1, retain=True).wait_for_publish(20)
        client.disconnect()
        client.loop_stop()
        yield made


def house(folder: Path, text: str, *words: str) -> Result:
    """Run a verb on a configuration."""
    file = folder / "house.toml"
    file.write_text(text)
    return CliRunner().invoke(main, ["--config", str(file), "--run", str(folder / "run"), *words])


def with_broker(port: int) -> str:
    """Return a configuration with a device of each MQTT driver at the broker."""
    at = f'topic = "one", port = {port}'
    return (
        f'{BREAKFAST}\n[devices.a]\nkind = "plug"\ndriver = "mqtt_tasmota"\nmqtt_tasmota = {{ {at} }}\n'
        f'[devices.b]\nkind = "plug"\ndriver = "mqtt_zigbee2mqtt"\n'
        f'mqtt_zigbee2mqtt = {{ device = "one", port = {port} }}\n'
    )


@pytest.mark.parametrize(
    ("driver", "kind", "model"),
    [
        ("mqtt_tasmota", "plug", "Sonoff S31"),
        pytest.param("mqtt_zigbee2mqtt", "cover", "Tuya TS130F", marks=pytest.mark.long),
    ],
)
def test_a_device_at_a_broker_is_found_with_a_valid_table(
    broker: Mosquitto, tmp_path: Path, driver: str, kind: str, model: str
) -> None:
    """The broker of the configuration is used; the printed table makes a valid configuration."""
    text = with_broker(broker.port)
    words = ("discover", "--driver", driver, "--timeout", str(SECONDS))
    (found,) = json.loads(house(tmp_path, text, *words, "--json").stdout)
    assert (found["driver"], found["kind"], found["model"], found["used_by"]) == (driver, kind, model, [])
    printed = house(tmp_path, text, *words, "--toml").stdout
    (tmp_path / "house.toml").write_text(text + printed)
    device = load_house(tmp_path / "house.toml").devices[found["name"]]
    assert (device.driver, device.driver_options.port) == (loader.driver(driver), broker.port)
    again = house(tmp_path, text + printed, *words, "--json").stdout
    assert json.loads(again)[0]["used_by"] == [found["name"]]


def test_a_shelly_is_found_by_its_announcement(tmp_path: Path) -> None:
    """The announcement is real multicast on loopback, where another test run may have one, too."""
    words = {"gen": "2", "app": "PlusPlugS", "ver": "1.4.4"}
    with (
        ShellyPlug(tmp_path) as plug,
        announced("_shelly._tcp.local.", f"shellyplusplugs-{plug.port}", plug.port, words),
    ):
        address = plug.options()["address"]
        plug.config["input:0"]["type"] = "button"
        table = f'kind = "plug"\ndriver = "shelly"\nshelly.address = "{address}"'
        text = f"{BREAKFAST}\n[devices.kettle]\n{table}\n"
        done = house(tmp_path, text, "discover", "--driver", "shelly", "--timeout", str(SECONDS), "--json")
    relay, button = [one for one in json.loads(done.stdout) if one["address"] == address]
    assert (relay["address"], relay["model"], relay["firmware"]) == (address, "PlusPlugS", "1.4.4")
    assert (relay["kind"], relay["used_by"]) == ("plug", ["kettle"])
    assert (button["kind"], button["used_by"], button["name"]) == ("button", [], "kettle_button_0")


# With fake searches


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Make drivers find a given list, or raise an error."""
    results: dict[str, Any] = {"shelly": []}

    def searching(word: str) -> Any:
        async def search(_cls: object, seconds: float, known: object) -> list[Found]:
            found = results.get(word, [])
            if isinstance(found, Exception):
                raise found
            return list(found)

        return classmethod(search)

    for word in ("shelly", "shelly_gen1", "kasa", "mqtt_tasmota", "mqtt_zigbee2mqtt"):
        monkeypatch.setattr(loader.driver(word), "discover", searching(word))

    async def browse(*_: object) -> list[mdns.MdnsService]:
        return []

    monkeypatch.setattr(mdns, "browse", browse)
    return results


def plug(title: str = "Kettle", **changes: Any) -> Found:
    """Return a found Shelly."""
    usual = {"title": title, "address": "10.0.0.7", "driver": "shelly", "options": {"address": "10.0.0.7"}}
    return Found(**{**usual, **changes})


def test_a_search_that_fails_does_not_fail_the_others(tmp_path: Path, searches: dict[str, Any]) -> None:
    """The failure is on standard error; if only this driver searches, the command fails."""
    searches |= {"shelly": [plug()], "kasa": OSError("no network"), "mqtt_tasmota": ValueError("oh")}
    done = house(tmp_path, BREAKFAST, "discover", "--timeout", "0.1", "--json")
    assert [found["name"] for found in json.loads(done.stdout)] == ["kettle"]
    assert "Skipped kasa: its search has failed: no network" in done.stderr
    assert "Skipped mqtt_tasmota: its search has failed: oh" in done.stderr
    single = house(tmp_path, BREAKFAST, "discover", "--driver", "kasa", "--timeout", "0.1")
    assert (single.exit_code, "no network" in single.stderr) == (1, True)


def test_a_missing_library_is_reported_with_the_command_that_installs_it(
    tmp_path: Path, searches: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library is missing at the import or at the search; drivers with one reason share a line."""
    for module in ("kasa", "zeroconf"):
        monkeypatch.setitem(sys.modules, module, None)
    for module in ("daemons.drivers.kasa", "daemons.drivers.transports.mdns"):
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.delattr("daemons.drivers.transports.mdns")
    searches["shelly"] = ModuleNotFoundError(name="zeroconf")
    done = house(tmp_path, BREAKFAST, "discover", "--timeout", "0.1")
    lines = done.stderr.splitlines()
    assert "Skipped kasa: needs python-kasa, which is not installed; `make extra EXTRA=kasa`" in done.stderr
    assert any("shelly: needs zeroconf" in line for line in lines)
    single = house(tmp_path, BREAKFAST, "discover", "--driver", "kasa")
    assert (single.exit_code, "make extra EXTRA=kasa" in single.stderr) == (1, True)


def test_nothing_found_prints_hints(tmp_path: Path, searches: dict[str, Any]) -> None:
    """The exit status is 0; JSON is an empty list, and TOML is empty."""
    done = house(tmp_path, BREAKFAST, "discover", "--timeout", "0.1")
    assert done.exit_code == 0
    assert done.stdout.startswith("Nothing was found within 0.1 s. What to try:")
    assert json.loads(house(tmp_path, BREAKFAST, "discover", "--timeout", "0.1", "--json").stdout) == []
    assert house(tmp_path, BREAKFAST, "discover", "--timeout", "0.1", "--toml").stdout == ""


def test_the_printed_table_has_every_field(tmp_path: Path, searches: dict[str, Any]) -> None:
    """The command that adds it is printed; markup and control sequences of a device have no effect."""
    searches["shelly"] = [plug("[red]Kettle\x1b[2J", model="PlusPlugS", note="wants a password\nowner=evil")]
    done = house(tmp_path, BREAKFAST, "discover", "--timeout", "0.1")
    for word in ("[red]Kettle", "PlusPlugS", "10.0.0.7", "plug", "shelly", "house add --found"):
        assert word in done.stdout
    assert "\x1b[2J" not in done.stdout
    printed = house(tmp_path, BREAKFAST, "discover", "--timeout", "0.1", "--toml").stdout
    assert tomli.loads(printed)["devices"].popitem()[1].keys() == {"kind", "driver", "shelly"}


def test_a_found_device_is_added_once(tmp_path: Path, searches: dict[str, Any]) -> None:
    """`add --found` appends the new devices; the second time it writes nothing."""
    searches["shelly"] = [plug("Toaster"), plug("Toaster", address="b", options={"address": "b"})]
    done = house(tmp_path, BREAKFAST, "add", "--found", "--timeout", "0.1")
    text = (tmp_path / "house.toml").read_text()
    assert done.stdout == (
        f"Added toaster_2, toaster_3 to {tmp_path}/house.toml; `house reload` starts them.\n"
    )
    assert text.startswith(BREAKFAST)
    assert {"toaster_2", "toaster_3"} <= load_house(tmp_path / "house.toml").devices.keys()
    assert "nothing was written" in house(tmp_path, text, "add", "--found", "--timeout", "0.1").stdout
    assert (tmp_path / "house.toml").read_text() == text


def test_a_device_with_invalid_options_is_only_listed(searches: dict[str, Any]) -> None:
    """The device has the problem as its note, and no table is printed."""
    searches["shelly"] = [plug(options={"address": "a b"})]
    (seen,) = discover.match_with_house(searches["shelly"], None)
    assert (seen.found.driver, seen.name) == (None, None)
    assert '"a b" is not allowed' in seen.found.note


def test_a_broken_configuration_does_not_prevent_a_search(tmp_path: Path, searches: dict[str, Any]) -> None:
    """A warning is printed and the search runs, but nothing is added to the file."""
    searches["shelly"] = [plug()]
    done = house(tmp_path, "[", "discover", "--timeout", "0.1", "--json")
    assert (done.exit_code, len(json.loads(done.stdout))) == (0, 1)
    assert "`house check` lists them" in done.stderr
    assert house(tmp_path, "[", "add", "--found", "--timeout", "0.1").exit_code == 2
    assert (tmp_path / "house.toml").read_text() == "["


@pytest.mark.parametrize(
    ("driver", "message"), [("shely", "did you mean 'shelly'"), ("gpio", "cannot search")]
)
def test_a_driver_that_cannot_search_is_a_mistake(tmp_path: Path, driver: str, message: str) -> None:
    """The exit status is 2, also for an unknown driver."""
    done = house(tmp_path, BREAKFAST, "discover", "--driver", driver)
    assert (done.exit_code, message in done.stderr) == (2, True)


def test_each_network_driver_can_search() -> None:
    """These drivers can search, and no others."""
    assert Shelly.discover is not None
    able = {word for word in loadable(list(loader.available("drivers"))) if discover.can_search(word)}
    assert able == {
        *loadable(["esphome", "kasa", "mqtt", "mqtt_tasmota", "mqtt_zigbee2mqtt", "shelly", "shelly_gen1"])
    }


@given(st.text(max_size=60), st.text(max_size=60))
def test_the_table_of_any_name_is_valid_toml(title: str, note: str) -> None:
    """The name and the note of a device cannot add anything else to its table."""
    (seen,) = discover.match_with_house([plug(title, note=note)], None)
    table = tomli.loads(discover.format_table(seen))["devices"]
    assert table == {seen.name: {"kind": "plug", "driver": "shelly", "shelly": {"address": "10.0.0.7"}}}
    assert tomli.loads(f"x = {encode(title)}") == {"x": title}
