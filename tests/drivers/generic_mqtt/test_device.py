"""One device with topics of its own: what its messages mean, and what it is sent."""

import asyncio
import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("aiomqtt", reason="needs the extra mqtt")

from daemons.drivers.generic_mqtt import device as module
from daemons.drivers.generic_mqtt.command import merge
from daemons.drivers.generic_mqtt.device import GenericDevice
from daemons.drivers.generic_mqtt.options import Options
from daemons.kinds import About, Setting
from daemons.values import convert
from tests.support.listening_channel import RecordingChannel, hardware_channel

COVER = {"command_topic": "c", "open": "up", "close": "down", "stop": "halt"}


def device(**options: Any) -> tuple[GenericDevice, RecordingChannel]:
    """Return a device as the driver creates it, and a channel that records its readings."""
    channel = RecordingChannel()
    return GenericDevice(channel, convert(options, Options)), channel  # type: ignore[arg-type]


def receive(generic: GenericDevice, topic: str, payload: Any, *, retained: bool = False) -> None:
    """Publish a message: a text as it is, everything else as JSON."""
    text = payload if isinstance(payload, str) else json.dumps(payload)
    generic.on_message(topic, text, retained=retained)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the uptime of the device, as the only item of a list."""
    now = [1000.0]
    monkeypatch.setattr(module, "uptime", lambda: now[0])
    return now


# State


@pytest.mark.parametrize(
    ("options", "payload", "expected"),
    [
        ({}, "ON", True),
        ({}, "off", False),
        ({}, "1", True),
        ({}, "unknown", None),
        ({"on": "0", "off": "1"}, "1", False),
        ({"on": "0", "off": "1"}, "0", True),
        ({"on": "AN", "off": "AUS"}, "AN", True),
        ({"on": "AN", "off": "AUS"}, "off", False),
        ({"states": {"on": "up", "off": "down"}}, "up", True),
        ({"states": {"on": "up"}}, "OFF", False),
        ({"state_path": "relay.0.state"}, '{"relay": [{"state": false}]}', False),
        ({"state_path": "output"}, '{"output": true, "apower": 3}', True),
    ],
)
def test_a_state_is_on_or_off(options: dict[str, Any], payload: str, expected: bool | None) -> None:
    """The payloads of the commands and the usual words count, but for a word that is the other payload."""
    plug, channel = device(state_topic="s", command_topic="c", **options)
    receive(plug, "s", payload)
    assert channel.reading.on is expected


@pytest.mark.parametrize(
    ("options", "payload", "text"),
    [
        ({}, "warm", "'warm' is neither 'on' nor 'off'"),
        ({"states": {"on": "up"}}, "UP", "'UP' is neither 'up' nor 'OFF'"),
        ({"state_path": "relay"}, '{"Relay": true, "b": 1}', "it has no relay; it has Relay, b"),
        ({"state_path": "relay"}, "ON", "JSON"),
        ({"state_path": "relay"}, '{"relay": [1]}', "a value must be text"),
    ],
)
def test_a_state_that_is_none_is_refused(options: dict[str, Any], payload: str, text: str) -> None:
    """The error says what came, and where the value was looked for."""
    plug, channel = device(state_topic="s", command_topic="c", **options)
    with pytest.raises(ValueError, match=text):
        receive(plug, "s", payload)
    assert channel.reading.on is None


def test_one_invalid_value_does_not_hide_the_others() -> None:
    """The state of a plug counts although its meter sends no number."""
    plug, channel = device(
        topic="s", state_path="on", command_topic="c", measurements={"power_watts": {"path": "p"}}
    )
    with pytest.raises(ValueError, match=r"measurements\.power_watts: 'much' is not a number"):
        receive(plug, "s", {"on": True, "p": "much"})
    assert (channel.reading.on, channel.reading.power_watts) == (True, None)


def test_measurements_are_converted_to_their_units() -> None:
    """`factor` and `offset` convert; a value that is unknown is None."""
    measurements = {
        "temperature_celsius": {"topic": "attic/fahrenheit", "factor": 0.5556, "offset": -17.778},
        "energy_watt_hours": {"path": "kwh", "factor": 1000},
        "battery_percent": {"path": "volts", "factor": 100, "offset": -200},
    }
    sensor, channel = device(topic="s", measurements=measurements)
    receive(sensor, "attic/fahrenheit", "68")
    receive(sensor, "s", {"kwh": "12.3456", "volts": 2.876})
    reading = channel.reading
    assert reading.temperature_celsius == pytest.approx(20, abs=0.01)
    assert (reading.energy_watt_hours, reading.battery_percent) == (12345.6, 88)
    receive(sensor, "s", {"kwh": None})
    assert channel.reading.energy_watt_hours is None
    with pytest.raises(ValueError, match="not a number"):
        receive(sensor, "s", {"kwh": "many"})
    fault = "sent an invalid message on s: measurements.energy_watt_hours: 'many' is not a number"
    assert channel.reading.fault == fault


def test_hardware_without_a_state_is_assumed_to_follow() -> None:
    """Its state is what was sent last, and it is said that no hardware has confirmed it."""
    plug, channel = device(command_topic="c")
    assert plug.read_messages() == []
    assert (channel.reading.on, channel.reading.reachable) == (None, True)
    assert plug.set_messages(Setting(on=True)) == [("c", "ON")]
    assert plug.has_reached(Setting(on=True))
    assert (channel.reading.on, channel.reading.is_assumed) == (True, True)


def test_hardware_with_a_state_must_confirm() -> None:
    """A state that the broker has kept confirms nothing. After a command without an answer, it is not
    reported as reachable until it reports anything."""
    plug, channel = device(command_topic="c", state_topic="s")
    receive(plug, "s", "ON", retained=True)
    before = plug.reports
    plug.set_messages(Setting(on=True))
    receive(plug, "s", "ON", retained=True)
    assert (plug.reports, channel.reading.is_assumed) == (before, False)
    channel.reading = msgspec.structs.replace(channel.reading, reachable=False)
    plug.read_messages()
    assert channel.reading.reachable is False
    receive(plug, "s", "ON")
    assert plug.reports > before
    assert channel.reading.reachable is True


def test_what_is_so_already_needs_no_new_report() -> None:
    """Hardware may report only changes. While a command is not answered, the next one must be."""
    plug, _ = device(command_topic="c", state_topic="s")
    receive(plug, "s", "ON")
    before = plug.reports
    assert plug.set_messages(Setting(on=True)) == [("c", "ON")]
    assert plug.reports > before
    assert plug.has_reached(Setting(on=True))
    plug.set_messages(Setting(on=False))
    before = plug.reports
    plug.set_messages(Setting(on=True))
    assert plug.reports == before
    receive(plug, "s", "ON")
    assert plug.reports > before


def test_a_state_that_is_kept_for_too_long_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its own time, or by `retained`. A message that comes now counts, whatever its time is."""
    monkeypatch.setattr(module, "time", lambda: 1_795_816_800.0)
    plug, channel = device(state_topic="s", state_path="on", time_path="at", max_age="10m")
    receive(plug, "s", {"on": True, "at": "2026-11-27T21:49:00Z"}, retained=True)
    assert channel.reading.on is None
    receive(plug, "s", {"on": True, "at": "2026-11-27T21:51:00Z"}, retained=True)
    assert channel.reading.on is True
    receive(plug, "s", {"on": False, "at": 0})
    assert channel.reading.on is False
    plug, channel = device(state_topic="s", retained=False)
    receive(plug, "s", "ON", retained=True)
    assert channel.reading.on is None


def test_what_the_broker_has_kept_makes_no_report_younger() -> None:
    """A sensor that died is stale also if the broker repeats its messages at each connection."""
    detections = {"motion": {"topic": "m"}, "tamper": {"topic": "x"}}
    table = {"detections": detections, "measurements": {"temperature_celsius": {"topic": "t"}}}
    messages = [("m", "ON"), ("x", "OFF"), ("t", "19.5")]
    with hardware_channel() as channel:
        for later in (0.0, 300.0):
            sensor = GenericDevice(channel, convert(table, Options))
            sensor.read_messages()
            for topic, payload in messages:
                receive(sensor, topic, payload, retained=later > 0.0)
            reading = channel.read(1000.0 + later)
            assert (reading.at, reading.detections) == (1000.0, {"motion": True, "tamper": False})
            channel.unreachable("the broker has restarted")
        receive(sensor, "t", "19.4", retained=True)
        assert channel.read(2000.0).at == 2000.0, "it was measured meanwhile"


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([("a", "online")], True),
        ([("a", "online"), ("b", "offline")], False),
        ([("a", "offline"), ("b", "online")], False),
        ([("a", "offline"), ("a", "online"), ("b", "online")], True),
        ([], None),
    ],
)
def test_all_its_availability_topics_must_be_online(
    messages: list[tuple[str, str]], expected: bool | None
) -> None:
    """A device behind a gateway is offline with its gateway."""
    plug, _ = device(command_topic="c", availability_topics=["a", "b"])
    for topic, payload in messages:
        receive(plug, topic, payload, retained=True)
    assert plug.is_online is expected
    with pytest.raises(ValueError, match="must be online or offline"):
        receive(plug, "a", "perhaps")


def test_an_availability_may_stand_in_json() -> None:
    """A value that is true or false is the word true or false."""
    words = {"availability_path": "mqtt.connected", "online": "true", "offline": "false"}
    plug, _ = device(command_topic="c", availability_topics=["a"], **words)
    receive(plug, "a", {"mqtt": {"connected": False}})
    assert plug.is_online is False


def test_its_announcement_says_what_the_hardware_is() -> None:
    """An announcement alone is no report: the hardware may be away. A removed one says nothing any more."""
    plug, channel = device(state_topic="s", announcement="homeassistant/switch/x/config")
    assert plug.topics[0] == "homeassistant/switch/x/config"
    config = {"dev": {"mf": "Sonoff", "mdl": "S31", "sw": 8.5, "cns": [["mac", "0000004F2A1C"]], "cu": "x"}}
    receive(plug, "homeassistant/switch/x/config", config, retained=True)
    assert channel.reading.reachable is None
    receive(plug, "s", "ON")
    assert channel.reading.about == About(
        manufacturer="Sonoff", model="S31", firmware="8.5", mac="00:00:00:4f:2a:1c"
    )
    receive(plug, "homeassistant/switch/x/config", "")
    receive(plug, "s", "ON")
    assert channel.reading.about is None


# Lamps


LAMP = {"command_topic": "c", "brightness": {"command_topic": "b"}}


@pytest.mark.parametrize(
    ("on_command", "expected"),
    [
        ("last", [("b", "102"), ("c", "ON")]),
        ("first", [("c", "ON"), ("b", "102")]),
        ("never", [("b", "102")]),
    ],
)
def test_a_lamp_gets_its_brightness(on_command: str, expected: list[tuple[str, str]]) -> None:
    """Before it goes on, so that it does not flash; or after, or alone."""
    lamp, _ = device(**LAMP, on_command=on_command)
    assert lamp.set_messages(Setting(on=True, brightness_percent=40)) == expected
    assert lamp.set_messages(Setting(on=True)) == [("c", "ON")]
    assert lamp.set_messages(Setting(on=False)) == [("c", "OFF")]


def test_what_goes_to_one_topic_as_json_is_one_message() -> None:
    """The lamp then goes on, gets its brightness and its white at once."""
    lamp, channel = device(
        state_topic="s",
        state_path="state",
        command_topic="c",
        on='{"state": "ON"}',
        off='{"state": "OFF"}',
        brightness={"path": "brightness", "payload": '{"brightness": {value}}', "scale": 254},
        colour_temperature={"path": "color_temp", "payload": '{"color_temp": {value}}', "max_kelvin": 4000},
    )
    setting = Setting(on=True, brightness_percent=50, colour_temperature_kelvin=6500)
    ((topic, payload),) = lamp.set_messages(setting)
    assert (topic, json.loads(payload)) == ("c", {"state": "ON", "brightness": 127, "color_temp": 250})
    receive(lamp, "s", {"state": "ON", "brightness": 127, "color_temp": 250})
    assert lamp.has_reached(setting)
    assert (channel.reading.brightness_percent, channel.reading.colour_temperature_kelvin) == (50, 4000)
    assert lamp.set_messages(Setting(on=False)) == [("c", '{"state": "OFF"}')]


def test_only_json_objects_are_merged() -> None:
    """Other messages keep their order."""
    messages = [("a", "1"), ("a", '{"x": 1}'), ("b", '{"y": 1}'), ("a", '{"x": 2, "z": 3}'), ("a", "{broken")]
    merged = merge(messages)
    assert merged == [("a", "1"), ("a", '{"x":2,"z":3}'), ("b", '{"y": 1}'), ("a", "{broken")]


# Covers


def test_a_cover_moves_until_it_stops_or_reaches_its_end(clock: list[float]) -> None:
    """It counts as moving from the command. A report of the time before the command is left out."""
    cover, channel = device(state_topic="s", position={"topic": "p"}, **COVER)
    assert cover.set_messages(Setting(on=True, direction="open", off_after_seconds=30)) == [("c", "up")]
    assert cover.has_reached(Setting(on=True, direction="open"))
    assert (channel.reading.on, channel.reading.direction, channel.reading.is_assumed) == (True, "open", True)
    receive(cover, "s", "closed")
    assert channel.reading.on is True
    receive(cover, "s", "Opening")
    assert channel.reading.is_assumed is False
    clock[0] += 10
    receive(cover, "p", "40")
    assert (channel.reading.on, channel.reading.position_percent) == (True, 40)
    receive(cover, "s", "open")
    assert (channel.reading.on, channel.reading.direction) == (False, None)
    assert cover.set_messages(Setting(on=False)) == [("c", "halt")]
    receive(cover, "s", "opening")
    assert channel.reading.on is False
    clock[0] += 10
    receive(cover, "s", "closing")
    assert (channel.reading.on, channel.reading.direction) == (True, "close")
    receive(cover, "p", "0")
    assert channel.reading.on is False


def test_a_cover_that_does_not_report_its_moves_stands_at_its_end(clock: list[float]) -> None:
    """The words open and closed are then no end of a move. A position may count backwards."""
    cover, channel = device(state_topic="s", position={"topic": "p", "open": 0, "closed": 255}, **COVER)
    cover.set_messages(Setting(on=True, direction="close", off_after_seconds=30))
    clock[0] += 5
    receive(cover, "s", "closed")
    assert channel.reading.on is True
    receive(cover, "p", "51")
    assert (channel.reading.on, channel.reading.position_percent) == (True, 80)
    receive(cover, "p", "255")
    assert (channel.reading.on, channel.reading.position_percent) == (False, 0)
    cover.set_messages(Setting(on=True, direction="open", off_after_seconds=30))
    clock[0] += 31
    receive(cover, "p", "128")
    assert (channel.reading.on, channel.reading.position_percent) == (False, 50)


def test_the_words_of_a_cover_are_set_in_states() -> None:
    """A word that is none of them is refused."""
    cover, channel = device(state_topic="s", states={"closing": "runter"}, **COVER)
    receive(cover, "s", "runter")
    assert channel.reading.direction == "close"
    with pytest.raises(ValueError, match="'hoch' is no state of a cover; set it in states"):
        receive(cover, "s", "hoch")


# Sensors and buttons


def test_each_detection_has_its_own_place() -> None:
    """A door that vibrates is not open."""
    detections = {"opening": {"path": "reed"}, "vibration": {"path": "v", "on": "1", "off": "0"}}
    sensor, channel = device(topic="s", detections=detections)
    receive(sensor, "s", {"reed": "closed", "v": 1})
    assert channel.reading.detections == {"opening": False, "vibration": True}
    receive(sensor, "s", {"reed": "OPEN"})
    assert channel.reading.detections == {"opening": True, "vibration": True}
    receive(sensor, "s", {"reed": None})
    assert channel.reading.for_detection("opening").on is None


@pytest.mark.parametrize(
    "options", [{"state_topic": "s"}, {"detections": {"motion": {"topic": "s"}}}], ids=["state", "detection"]
)
def test_a_detection_without_an_end_is_cleared(options: dict[str, Any]) -> None:
    """Each new detection begins the time anew. One that the broker has kept is over."""

    async def detect() -> None:
        sensor, channel = device(**options, clears_after="50ms")
        receive(sensor, "s", "ON", retained=True)
        assert channel.reading.on is None
        receive(sensor, "s", "ON")
        receive(sensor, "s", "ON")
        assert channel.reading.for_detection("motion").on is True
        cleared, update = asyncio.Event(), channel.update

        def note(**changes: Any) -> None:
            update(**changes)
            cleared.set()

        channel.update = note  # type: ignore[method-assign]
        await asyncio.wait_for(cleared.wait(), 20)
        assert channel.reading.for_detection("motion").on is False

    asyncio.run(detect())


@pytest.mark.parametrize(
    ("options", "payload", "expected"),
    [
        ({}, "double", ["double"]),
        ({}, "turned", []),
        ({"press_path": "action"}, '{"action": "long"}', ["long"]),
        ({"press_path": "action"}, '{"battery": 3}', []),
        ({"presses": {"single": ["1", "2"], "long": "L"}}, "2", ["single"]),
        ({"presses": {"single": ["1", "2"], "long": "L"}}, "single", []),
        ({"presses": {"single": "*", "long": "L"}}, "L", ["long"]),
        ({"presses": {"single": "*", "long": "L"}}, "anything", ["single"]),
    ],
)
def test_a_word_is_a_press(options: dict[str, Any], payload: str, expected: list[str]) -> None:
    """A message that the broker has kept is no press."""
    button, channel = device(press_topic="p", **options)
    receive(button, "p", payload, retained=True)
    receive(button, "p", payload)
    assert channel.touches == expected


# Junk


OPTIONS: list[dict[str, Any]] = [
    {"state_topic": "s", "command_topic": "c", "availability_topics": ["s"], "press_topic": "s"},
    {"state_topic": "s", "state_path": "a.0", "time_path": "t", "press_topic": "s", "press_path": "a"},
    {**COVER, "state_topic": "s", "position": {"path": "a"}, "availability_topics": ["s"]},
    {
        **LAMP,
        "topic": "s",
        "state_path": "a",
        "brightness": {"path": "a"},
        "colour_temperature": {"path": "a"},
    },
    {
        "topic": "s",
        "measurements": {"power_watts": {"path": "a", "factor": 1e6}, "battery_percent": {"path": "a"}},
        "detections": {"gas": {"path": "a"}},
    },
]
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abt"), inner, max_size=3),
    max_leaves=8,
)


@given(options=st.sampled_from(OPTIONS), payload=JSON.map(json.dumps) | st.text(), retained=st.booleans())
def test_junk_is_refused_with_a_value_error(options: dict[str, Any], payload: str, retained: bool) -> None:
    """No message, however wrong, raises anything else; what is read are numbers and words."""
    generic, channel = device(**options)
    with suppress(ValueError):
        generic.on_message("s", payload, retained=retained)
    msgspec.json.encode(channel.reading)
