"""Home Assistant gets the configuration of every kind, in both formats, with its documented keys."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from daemons.bus.status import PRESENCES
from daemons.config import loader
from daemons.config.house import load_house
from daemons.config.roster import Peer
from daemons.kinds import Kind
from daemons.processes.bridge.commands import parse_command
from daemons.processes.bridge.discovery import (
    discovery_messages,
    hardware_fields,
    hardware_texts,
    node_of_topic,
)
from daemons.processes.bridge.entities import FROM_HARDWARE, BridgedDevice
from daemons.processes.bridge.topics import Address, Topics
from daemons.values import convert
from tests.support import factories, homeassistant

TOPICS = Topics("house")
ALL = ("dim", "move", "press", "sense", "switch", "tint")
FORMS = ("device", "component")
WORDS = sorted(loader.available("kinds"))
MAIN = {
    "button": "event",
    "counter": "number",
    "cover": "cover",
    "flag": "switch",
    "group": "switch",
    "heater": "climate",
    "lamp": "light",
    "light_switch": "light",
    "messenger": "notify",
    "mode": "select",
    "moment": "switch",
    "number": "number",
    "person": "device_tracker",
    "plug": "switch",
    "presence": "switch",
    "scene": "scene",
}
"""The component of each kind; the other kinds have only buttons and sensors."""
Found = dict[str, tuple[str, dict[str, Any]]]


def subject(word: str, **more: Any) -> BridgedDevice:
    """Return a device of a kind whose hardware reports every optional measurement."""
    about = {"abilities": ALL, "detects": more.pop("detects", None), "room": "Kitchen"}
    options = convert(more.pop("options", factories.REQUIRED.get(word, {})), loader.kind(word).options_type)
    about |= {"control": loader.kind(word).control(options), **more.pop("peer", {})}
    peer = Peer(title=word.capitalize(), kind=word, **about)
    return BridgedDevice(
        name=word, peer=peer, kind=loader.kind(word), **{"hardware_fields": FROM_HARDWARE, **more}
    )


def found(*bridged_devices: BridgedDevice, form: str = "device") -> Found:
    """Check each discovery message, and return all entities by their unique ids."""
    entities: Found = {}
    for topic, payload in discovery_messages(form, "homeassistant", bridged_devices, TOPICS, "Home").items():
        entities |= homeassistant.check(topic, payload)
    return entities


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("accepts_commands", [True, False])
@pytest.mark.parametrize("hardware_fields", [FROM_HARDWARE, frozenset[str]()], ids=["rich", "poor"])
@pytest.mark.parametrize("word", WORDS)
def test_the_configuration_of_every_kind_is_valid(
    word: str, hardware_fields: frozenset[str], accepts_commands: bool, form: str
) -> None:
    """With or without optional measurements and commands, no key is unknown or missing."""
    entities = found(
        subject(word, hardware_fields=hardware_fields, accepts_commands=accepts_commands), form=form
    )
    assert f"house-{word}-process" in entities
    if not accepts_commands:
        assert not {key for _, config in entities.values() for key in config if "command" in key}
        assert "button" not in {component for component, _ in entities.values()}


@pytest.mark.parametrize("word", WORDS)
def test_only_accepted_commands_are_announced(word: str) -> None:
    """With a list of commands, every entity is valid, and none sends another command."""
    commands = [command.__name__.lower() for command in loader.kind(word).commands]
    for accepted in commands:
        entities = found(subject(word, accepts_commands=(f"{word}/{accepted}", "other/")))
        sent = {
            config["command_topic"].partition("/command/")[2]
            for _, config in entities.values()
            if "command_topic" in config
        }
        assert sent <= {accepted, ""}
        whole = [config for _, config in entities.values() if config.get("command_topic", "").endswith("nd")]
        assert all(accepted in map(str, config.values()) or "template" in str(config) for config in whole)
    everything = found(subject(word, accepts_commands=(f"{word}/",)))
    assert everything == found(subject(word))


@pytest.mark.parametrize("word", WORDS)
def test_both_formats_have_the_same_entities(word: str) -> None:
    """Both forms have the same entities and ids, so one can replace the other."""
    one, other = (found(subject(word), form=form) for form in FORMS)
    assert one == other


@pytest.mark.parametrize("word", MAIN)
def test_the_device_has_its_name_room_and_model(word: str) -> None:
    """The main entity has the right component, and the name of the device."""
    component, config = found(subject(word))[f"house-{word}-main"]
    assert component == MAIN[word]
    assert config["name"] is None


def test_nothing_is_shown_twice() -> None:
    """No sensor or button repeats a value or a command of the main entity."""
    for word, gone in {
        "lamp": {"on", "off", "toggle", "status", "phase", "brightness_percent", "colour_temperature_kelvin"},
        "cover": {"open", "close", "stop", "set", "status", "phase", "position_percent"},
        "heater": {"on", "off", "set", "status", "enabled", "target_celsius", "temperature_celsius"},
        "button": {"status", "phase", "last", "power_watts"},
        "messenger": {"send"},
        "mode": {"set", "phase", "status"},
        "number": {"set", "value", "unit", "phase", "status"},
        "counter": {"set", "count", "status"},
        "moment": {"set", "on", "off", "toggle", "status"},
    }.items():
        assert not {f"house-{word}-{key}" for key in gone} & found(subject(word)).keys()


def test_each_other_command_is_a_button() -> None:
    """Each press of a button has its own id, so MQTT may deliver it twice."""
    component, config = found(subject("toaster"))["house-toaster-start"]
    assert (component, config["command_topic"]) == ("button", "house/toaster/command/start")
    rendered = homeassistant.render(config["command_template"])
    assert json.loads(rendered)["id"].startswith("ha-")
    assert "house-lamp-toggle" not in found(subject("lamp"))


def test_a_message_of_home_assistant_is_queued_once() -> None:
    """The text becomes the argument of `send`; each message has its own id, so MQTT may deliver it twice."""
    config = found(subject("messenger"))["house-messenger-main"][1]
    assert config["command_topic"] == "house/messenger/command/send"
    template = homeassistant.environment().from_string(config["command_template"])
    payload = template.render({"value": 'the "door" is open'})
    sent = parse_command(Address("messenger", "send"), payload.encode(), {"messenger": None})
    assert (sent.command, sent.args) == ("send", {"text": 'the "door" is open'})
    assert str(sent.id).startswith("ha-")


def test_an_optional_measurement_is_announced_after_its_first_report() -> None:
    """A plug without a meter has no power; the progress of coffee is always announced."""
    assert "house-plug-power_watts" not in found(subject("plug", hardware_fields=frozenset()))
    assert "house-plug-power_watts" in found(subject("plug"))
    assert "house-sensor-power_watts" in found(subject("sensor"))
    assert "house-sensor-power_watts" not in found(subject("sensor", hardware_fields=frozenset()))
    assert "house-coffee_maker-progress_percent" in found(
        subject("coffee_maker", hardware_fields=frozenset())
    )
    assert hardware_fields({"power_watts": 0.0, "energy_watt_hours": None, "status": True}) == {"power_watts"}


def test_every_device_with_a_counter_has_an_energy_sensor() -> None:
    """A heater on a metering plug counts in the energy dashboard, as a plug does."""
    for word in ("heater", "lamp", "coffee_maker", "plug"):
        _, config = found(subject(word))[f"house-{word}-energy_watt_hours"]
        assert (config["device_class"], config["state_class"]) == ("energy", "total_increasing")


def test_a_meter_has_energy_and_money() -> None:
    """A sum that is over has no statistics; money has its currency, and without one no entity."""
    entities = found(subject("meter", peer={"units": {"today_cost": "EUR", "total_cost": "EUR"}}))
    shown = {
        name: tuple(
            entities[f"house-meter-{name}"][1].get(key)
            for key in ("device_class", "state_class", "unit_of_measurement")
        )
        for name in ("today_kwh", "last_week_kwh", "energy_watt_hours", "today_cost", "total_cost")
    }
    assert shown == {
        "today_kwh": ("energy", "total_increasing", "kWh"),
        "last_week_kwh": ("energy", None, "kWh"),
        "energy_watt_hours": ("energy", "total_increasing", "Wh"),
        "today_cost": ("monetary", None, "EUR"),
        "total_cost": ("monetary", "total", "EUR"),
    }
    assert "house-meter-power_watts" in entities
    assert not [key for key in found(subject("meter")) if key.endswith("_cost")]


def test_a_light_has_the_abilities_of_its_driver() -> None:
    """A light has brightness and colour if its driver and hardware have them."""
    keys = {"brightness_template", "color_temp_template"}
    for abilities, from_hardware, expected in (
        (("switch",), FROM_HARDWARE, set()),
        (("dim", "switch"), FROM_HARDWARE, {"brightness_template"}),
        (("dim", "switch", "tint"), frozenset[str](), {"brightness_template"}),
        (("dim", "switch", "tint"), FROM_HARDWARE, keys),
    ):
        made = subject("lamp", hardware_fields=from_hardware, peer={"abilities": abilities})
        assert keys & found(made)["house-lamp-main"][1].keys() == expected


@pytest.mark.parametrize(
    ("values", "attributes", "args"),
    [
        ({}, {"brightness": 77, "color_temp_kelvin": 3000}, (None, None)),
        ({"brightness": 128}, {}, (50, None)),
        ({"brightness": 1}, {"color_temp_kelvin": 3003}, (1, 3003)),
        ({"color_temp": 250}, {"brightness": 128}, (50, 4000)),
        ({"brightness": 255, "color_temp": 153}, {}, (100, 6535)),
    ],
)
def test_a_light_command_has_only_the_changed_values(
    values: dict[str, int], attributes: dict[str, int], args: tuple[int | None, int | None]
) -> None:
    """A plain on has no value; a slider sends only its own value."""
    template = found(subject("lamp"))["house-lamp-main"][1]["command_on_template"]
    rendered = json.loads(homeassistant.render(template, b"", attributes, **values))
    rendered_args = rendered["args"]
    assert rendered["command"] == "on"
    assert (rendered_args["brightness_percent"], rendered_args["colour_temperature_kelvin"]) == args


@pytest.mark.parametrize(
    ("values", "attributes", "expected"),
    [
        ({}, {"color_mode": "hs", "rgb_color": (255, 0, 0)}, (None, None)),
        ({"red": 255, "green": 136, "blue": 0}, {"color_temp_kelvin": 2700}, ("#ff8800", None)),
        ({"brightness": 9}, {"color_mode": "hs", "rgb_color": (255, 136, 0)}, ("#ff8800", None)),
        ({"brightness": 9}, {"color_mode": "color_temp", "rgb_color": (1, 2, 3)}, (None, None)),
        ({"color_temp": 250}, {"color_mode": "hs", "rgb_color": (255, 136, 0)}, (None, 4000)),
    ],
)
def test_a_light_has_a_colour_or_a_white(
    values: dict[str, int], attributes: dict[str, Any], expected: tuple[str | None, int | None]
) -> None:
    """A command never has both; a change of the brightness keeps the colour."""
    made = subject("lamp", hardware_fields=FROM_HARDWARE, peer={"abilities": ("colour", "dim", "tint")})
    config = found(made)["house-lamp-main"][1]
    rendered = json.loads(homeassistant.render(config["command_on_template"], b"", attributes, **values))
    args = rendered["args"]
    assert (args["colour"], args["colour_temperature_kelvin"]) == expected


@pytest.mark.parametrize(
    ("colour", "expected"), [("#ff8800", ("255", "136", "0")), (None, ("None", "None", "None"))]
)
def test_a_light_shows_its_colour(colour: str | None, expected: tuple[str, ...]) -> None:
    """Without a colour, Home Assistant gets none, and shows the white. Not all lights have colours."""
    plain = subject("lamp", peer={"abilities": ("dim", "switch")})
    assert "red_template" not in found(plain)["house-lamp-main"][1]
    config = found(subject("lamp", peer={"abilities": ("colour", "dim")}))["house-lamp-main"][1]
    state = state_of(status=True, brightness_percent=50, colour=colour)
    assert (
        tuple(homeassistant.render(config[f"{part}_template"], state) for part in ("red", "green", "blue"))
        == expected
    )


@pytest.mark.parametrize("percent", range(1, 101))
def test_a_brightness_survives_the_way_there_and_back(percent: int) -> None:
    """Home Assistant counts to 255, and returns the same percentage."""
    config = found(subject("lamp"))["house-lamp-main"][1]
    state = state_of(status=True, brightness_percent=percent)
    there = int(homeassistant.render(config["brightness_template"], state))
    assert 1 <= there <= 255
    back = json.loads(homeassistant.render(config["command_on_template"], brightness=there))
    assert back["args"]["brightness_percent"] == percent


def state_of(**fields: Any) -> bytes:
    """Return the payload of a state topic."""
    return json.dumps({"state": fields, "since": 1.0, "at": 1.0, "cause": None}).encode()


@pytest.mark.parametrize(
    ("phase", "position", "shown"),
    [
        ("unknown", None, ""),
        ("open", 100.0, "open"),
        ("closed", 0.0, "closed"),
        ("between", 40.0, "open"),
        ("opening", 40.0, "opening"),
        ("closing", None, "closing"),
        ("turning", 40.0, "open"),
    ],
)
def test_a_cover_has_its_position(phase: str, position: float | None, shown: str) -> None:
    """States have Home Assistant's words; an unknown state is empty."""
    _, config = found(subject("cover"))["house-cover-main"]
    state = state_of(phase=phase, position_percent=position)
    assert homeassistant.render(config["value_template"], state) == shown
    at = homeassistant.render(config["position_template"], state)
    assert at == ("" if position is None else str(int(position)))


def test_a_heater_is_a_climate() -> None:
    """Frost protection counts as off, also while the heater heats; the limits are those of the kind."""
    _, config = found(subject("heater"))["house-heater-main"]
    assert (config["min_temp"], config["max_temp"], config["modes"]) == (5, 30, ["off", "heat"])
    for enabled, status, mode, action in (
        (True, True, "heat", "heating"),
        (True, False, "heat", "idle"),
        (False, True, "off", "heating"),
        (False, False, "off", "off"),
    ):
        state = state_of(enabled=enabled, status=status, target_celsius=20.5, temperature_celsius=None)
        assert homeassistant.render(config["mode_state_template"], state) == mode
        assert homeassistant.render(config["action_template"], state) == action
        assert homeassistant.render(config["temperature_state_template"], state) == "20.5"
        assert homeassistant.render(config["current_temperature_template"], state) == "None"
    rendered = {mode: render_value(config["mode_command_template"], mode) for mode in config["modes"]}
    assert rendered == {"off": "off", "heat": "on"}


def test_a_heater_that_cools_is_a_climate_that_cools() -> None:
    """Its modes are off and cool."""
    _, config = found(subject("heater", peer={"cools": True}))["house-heater-main"]
    assert config["modes"] == ["off", "cool"]
    state = state_of(enabled=True, status=True, target_celsius=24, temperature_celsius=27.5)
    assert homeassistant.render(config["mode_state_template"], state) == "cool"
    assert homeassistant.render(config["action_template"], state) == "cooling"
    assert render_value(config["mode_command_template"], "cool") == "on"


def render_value(template: str, value: str) -> str:
    """Return a rendered command template."""
    return homeassistant.environment().from_string(template).render(value=value)


@pytest.mark.parametrize(
    ("detects", "class_"),
    [("motion", "motion"), ("water", "moisture"), ("opening", "opening"), ("ghosts", None)],
)
def test_the_device_class_of_a_sensor_is_its_detection(detects: str, class_: str | None) -> None:
    """The device class is Home Assistant's, and an unknown state is not "off"."""
    component, config = found(subject("sensor", detects=detects))["house-sensor-status"]
    assert (component, config.get("device_class")) == ("binary_sensor", class_)
    for status, phase, shown in ((True, "motion", "on"), (False, "clear", "off"), (False, "stale", "None")):
        assert homeassistant.render(config["value_template"], state_of(status=status, phase=phase)) == shown
    assert "house-sensor-status" not in found(subject("sensor"))


def test_a_calendar_has_sensors_and_no_list() -> None:
    """Home Assistant refuses a state of more than 255 characters."""
    shown = found(subject("calendar", detects="event"))
    assert shown["house-calendar-status"][0] == "binary_sensor"
    assert shown["house-calendar-next_event"][0] == "sensor"
    assert not {"house-calendar-events", "house-calendar-more_events"} & shown.keys()


def test_a_button_is_an_event() -> None:
    """The event has the possible presses, on a topic without retain."""
    _, config = found(subject("button"))["house-button-main"]
    assert config["event_types"] == ["single", "double", "triple", "long", "hold", "release"]
    assert config["state_topic"] == "house/button/event"


def test_a_mode_is_a_select() -> None:
    """Its options are the values of this device; a choice that looks like JSON stays a text."""
    options = {"values": ["home", "null"]}
    _, config = found(subject("mode", options=options))["house-mode-main"]
    assert (config["options"], config["command_topic"]) == (["home", "null"], "house/mode/command/set")
    assert json.loads(render_value(config["command_template"], "null")) == {"args": {"value": "null"}}
    assert homeassistant.render(config["value_template"], state_of(phase="home")) == "home"


@pytest.mark.parametrize(("high", "mode"), [(30, "slider"), (3000, "box")])
def test_a_number_has_the_limits_of_its_device(high: float, mode: str) -> None:
    """Limits, step and unit are those of the configuration; many steps need a box."""
    options = {"min": 5, "max": high, "step": 0.5, "unit": "°C"}
    _, config = found(subject("number", options=options))["house-number-main"]
    limits = (config["min"], config["max"], config["step"], config["unit_of_measurement"], config["mode"])
    assert limits == (5, high, 0.5, "°C", mode)
    assert homeassistant.render(config["value_template"], state_of(value=21.5)) == "21.5"


def test_a_moment_is_a_switch_with_a_time() -> None:
    """The text accepts clock times only; every version of Home Assistant has this platform."""
    entities = found(subject("moment"))
    assert entities["house-moment-main"][0] == "switch"
    component, config = entities["house-moment-time"]
    assert (component, config["name"]) == ("text", "Time")
    assert re.fullmatch(config["pattern"], "06:45")
    assert not re.fullmatch(config["pattern"], "6:45")
    assert json.loads(render_value(config["command_template"], "06:45")) == {"args": {"time": "06:45"}}


def test_without_commands_a_value_is_a_sensor() -> None:
    """Nothing can be set, and the value is still there."""
    assert found(subject("mode", accepts_commands=False))["house-mode-phase"][0] == "sensor"
    assert found(subject("counter", accepts_commands=False))["house-counter-count"][0] == "sensor"


def test_a_device_is_available_while_bridge_and_device_are() -> None:
    """Process and reachability stay available, because they show the reason."""
    entities = found(subject("lamp"))
    words = {"payload_available": "online", "payload_not_available": "offline"}
    both = [{"topic": f"house/{name}/availability", **words} for name in ("bridge", "lamp")]
    assert entities["house-lamp-main"][1]["availability"] == both
    assert entities["house-lamp-main"][1]["availability_mode"] == "all"
    assert entities["house-lamp-process"][1]["availability"] == both[:1]
    assert entities["house-lamp-process"][1]["options"] == list(PRESENCES)
    hardware = entities["house-lamp-reachable"][1]["availability"]
    assert hardware[0] == both[0]
    rendered = [homeassistant.render(hardware[1]["value_template"], word.encode()) for word in PRESENCES]
    assert rendered == ["online", *["offline"] * 5]
    assert "availability" not in entities["house-bridge-bridge"][1]


@pytest.mark.parametrize("form", FORMS)
def test_devices_are_grouped(form: str) -> None:
    """Devices have a room, a model and a version; without a configured room they have none."""
    messages = discovery_messages(
        form, "ha", [subject("lamp"), subject("plug", peer={"room": "House"})], TOPICS, "My house"
    )
    devices = {payload["device"]["identifiers"][0]: payload["device"] for payload in messages.values()}
    assert devices.keys() == {"house-bridge", "house-lamp", "house-plug"}
    assert devices["house-bridge"]["name"] == "My house"
    assert devices["house-lamp"]["via_device"] == "house-bridge"
    assert devices["house-lamp"]["suggested_area"] == "Kitchen"
    assert devices["house-lamp"]["model"] == "Lamp"
    assert "suggested_area" not in devices["house-plug"]
    assert {node_of_topic(topic, "ha") for topic in messages} == devices.keys()


STRIP = {
    "hardware_manufacturer": "TP-Link",
    "hardware_model": "HS300",
    "hardware_firmware": "1.0.21",
    "hardware_mac": "a8:03:2a:b1:c2:d3",
    "hardware_url": "http://plug.lan/",
}


@pytest.mark.parametrize("form", FORMS)
def test_the_registry_has_what_the_hardware_is(form: str) -> None:
    """The outlets of one strip have one MAC, and stay devices of their own; nothing of it is a sensor."""
    about = hardware_texts({"status": True, "phase": "on", "voltage_volts": 230.0, **STRIP})
    assert about == STRIP
    subjects = [subject("plug", about=about), subject("lamp", about=about), subject("toaster")]
    for subjects_, connections in ((subjects, None), (subjects[1:], [["mac", STRIP["hardware_mac"]]])):
        messages = discovery_messages(form, "homeassistant", subjects_, TOPICS, "My house")
        devices = {payload["device"]["identifiers"][0]: payload["device"] for payload in messages.values()}
        lamp = devices["house-lamp"]
        assert (lamp["manufacturer"], lamp["model"], lamp["sw_version"]) == ("TP-Link", "HS300", "1.0.21")
        assert lamp["configuration_url"] == "http://plug.lan/"
        assert lamp.get("connections") == connections
        assert (devices["house-toaster"]["manufacturer"], devices["house-toaster"]["model"]) == (
            "House", "Toaster",
        )  # fmt: skip
    assert not [key for key in found(*subjects, form=form) if "hardware_" in key]


def test_the_condition_of_the_hardware_is_diagnostic() -> None:
    """Battery, signal and voltage stand apart from what the device is for; counts only go up."""
    entities = found(subject("plug"), subject("sensor"))
    for name in ("sensor-battery_percent", "plug-signal_dbm", "plug-voltage_volts", "plug-power_factor"):
        assert entities[f"house-{name}"][1]["entity_category"] == "diagnostic"
    assert entities["house-plug-signal_dbm"][1]["device_class"] == "signal_strength"
    assert "entity_category" not in entities["house-plug-power_watts"][1]
    assert entities["house-plug-starts"][1]["state_class"] == "total_increasing"
    assert entities["house-plug-main"][1]["device_class"] == "outlet"


def test_a_detector_lists_the_phases_that_it_can_have() -> None:
    """A door is never wet."""
    door = '[devices.door]\nkind = "sensor"\ndriver = "simulated"\ndetects = "opening"\n'
    bridge = '[bridge]\nbroker = "localhost"\n'
    peer = load_house(Path("house.toml"), bridge + door).slices()["bridge"].peers["door"]
    entities = found(BridgedDevice(name="door", peer=peer, kind=loader.kind("sensor")))
    assert set(entities["house-door-phase"][1]["options"]) == {"unknown", "stale", "open", "closed"}


def test_discovery_can_be_off() -> None:
    """With discovery off nothing is announced."""
    assert discovery_messages("off", "homeassistant", [subject("lamp")], TOPICS, "Home") == {}


@pytest.mark.parametrize(
    "topic", ["homeassistant/status", "house/lamp/state", "homeassistant/a/b/c/d/config", "x"]
)
def test_other_topics_are_no_discovery(topic: str) -> None:
    """Topics of states, births and other programs have no node."""
    assert node_of_topic(topic, "homeassistant") is None


def test_a_new_kind_needs_no_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new kind is announced by its declaration alone."""
    from msgspec import Struct  # noqa: PLC0415

    class State(Struct, frozen=True):
        status: bool
        water_celsius: float
        litres: float
        lid: str
        fault: str | None = None

    class Boil(Struct, frozen=True):
        pass

    class Kettle(Kind):
        state_type = State
        commands = (Boil,)

    entities = found(BridgedDevice(name="kettle", peer=Peer("Kettle", "Kitchen", "kettle"), kind=Kettle))
    assert entities["house-kettle-boil"][0] == "button"
    water = entities["house-kettle-water_celsius"][1]
    assert (water["name"], water["unit_of_measurement"], water["device_class"]) == (
        "Water",
        "°C",
        "temperature",
    )
    assert "unit_of_measurement" not in entities["house-kettle-litres"][1]
    assert entities["house-kettle-lid"][0] == "sensor"
    assert entities["house-kettle-status"][0] == "binary_sensor"


@pytest.mark.parametrize("word", WORDS)
def test_every_template_reads_every_state(word: str) -> None:
    """Templates work with every field unknown and with every field known."""
    kind = loader.kind(word)
    for state in states(kind):
        for component, config in found(
            subject(word, detects="motion" if word == "sensor" else None)
        ).values():
            payload = state_of(**state)
            for key, template in config.items():
                if not key.endswith("_template") or "command" in key:
                    continue
                shown = homeassistant.render(template, payload)
                assert "value_json" not in shown
                if component == "binary_sensor" and key == "value_template":
                    assert shown in (config["payload_on"], config["payload_off"], "None")
                if "options" in config and config["state_topic"].endswith("/state"):
                    assert shown in config["options"]
                if "unit_of_measurement" in config:
                    assert shown == "None" or float(shown) >= 0


def states(kind: type[Kind]) -> list[dict[str, Any]]:
    """Return the emptiest and the fullest state of a kind."""
    from daemons.processes.bridge.entities import is_optional, literals, parts  # noqa: PLC0415

    least: dict[str, Any] = {}
    most: dict[str, Any] = {}
    word = kind.__module__.rpartition(".")[2]
    control = kind.control(convert(factories.REQUIRED.get(word, {}), kind.options_type))
    for name, type_ in kind.fields().items():
        plain = parts(type_)
        value: Any = "text"
        options = literals(type_)
        if control and control.field == name and control.choices:
            options = list(control.choices)
        if options:
            value = options[-1]
        elif bool in plain:
            value = True
        elif plain & {int, float}:
            value = 42
        most[name] = value
        least[name] = None if is_optional(type_) else (options[0] if options else value)
    return [least, most]


BRIDGED = """\
[bridge]
broker = "localhost"
[devices.window]
kind = "sensor"
driver = "simulated"
[devices.plug]
kind = "plug"
driver = "simulated"
[devices.lamp]
kind = "lamp"
driver = "simulated"
[devices.lights]
kind = "group"
of = "lamp"
[devices.mixed]
kind = "group"
members = ["plug", "lamp"]
[devices.windows]
kind = "group"
members = ["window"]
[devices.movie]
kind = "scene"
sets = { lamp = "on" }
[devices.blind]
kind = "cover"
driver = "simulated"
[devices.blinds]
kind = "group"
of = "cover"
[devices.mild]
kind = "number"
max = 25
[devices.warm]
kind = "number"
max = 20
[devices.numbers]
kind = "group"
of = "number"
"""


def test_a_group_is_what_its_members_are() -> None:
    """A group of lamps is a light that can be dimmed; a group of sensors has no commands."""
    house = load_house(Path("house.toml"), BRIDGED)
    peers = house.slices()["bridge"].peers
    devices = [
        BridgedDevice(name=name, peer=peer, kind=loader.kind(peer.kind), hardware_fields=FROM_HARDWARE)
        for name, peer in peers.items()
    ]
    entities = found(*devices)
    components = {name: entities.get(f"house-{name}-main", ("",))[0] for name in peers}
    assert components["lights"] == "light"
    assert "brightness_template" in entities["house-lights-main"][1]
    assert (components["mixed"], components["windows"], components["movie"]) == ("switch", "", "scene")
    assert "house-windows-any_on" in entities
    buttons = [key for key, (component, _) in entities.items() if component == "button"]
    of_groups = [key for key in buttons if not key.startswith(("house-lamp-", "house-mild-", "house-warm-"))]
    assert of_groups == ["house-lights-stop", "house-movie-undo"]
    assert entities["house-movie-main"][1]["command_topic"] == "house/movie/command"
    component, blinds = entities["house-blinds-main"]
    assert (component, blinds["set_position_topic"]) == ("cover", "house/blinds/command/set")
    render = homeassistant.environment().from_string
    for phase in ("open", "closed", "opening", "closing"):
        state = {"cover": phase, "phase": "some", "position_percent": 40}
        assert render(blinds["value_template"]).render(value_json={"state": state}) == phase
    component, value = entities["house-numbers-value"]
    assert (component, value["max"], value["command_topic"]) == ("number", 20, "house/numbers/command/set")
    sent = render(value["command_template"]).render(value=7)
    assert json.loads(sent) == {"args": {"value": 7}}


def test_a_weather_has_sensors_with_units_and_no_columns() -> None:
    """Home Assistant gets the wind and the rain, and not the texts that only a page shows."""
    entities = found(subject("weather"))
    names = ("gust_kmh", "rain_mm", "rain_within_minutes", "night_min_celsius")
    configs = {name: entities[f"house-weather-{name}"][1] for name in names}
    units = {
        name: (config["unit_of_measurement"], config["device_class"]) for name, config in configs.items()
    }
    assert units == {
        "gust_kmh": ("km/h", "wind_speed"),
        "rain_mm": ("mm", "precipitation"),
        "rain_within_minutes": ("min", "duration"),
        "night_min_celsius": ("°C", "temperature"),
    }
    assert not [key for key in entities if "hourly" in key or "daily" in key or "forecast_at" in key]


def test_a_mirror_has_an_alarm_and_says_what_deserves_attention() -> None:
    """They are no details of the hardware, and a button acknowledges."""
    entities = found(subject("mirror"))
    component, config = entities["house-mirror-alarm"]
    assert (component, config["device_class"]) == ("binary_sensor", "safety")
    component, config = entities["house-mirror-attention"]
    assert (component, "entity_category" in config) == ("sensor", False)
    assert "entity_category" not in entities["house-mirror-attention_count"][1]
    assert entities["house-mirror-acknowledge"][0] == "button"
