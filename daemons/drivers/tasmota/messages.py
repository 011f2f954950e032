"""How Tasmota names its topics, writes its numbers, and announces its relays. Pure.

The facts are from tasmota.github.io/docs (MQTT, Commands) and from the announcements on
`tasmota/discovery/MAC/config`.
"""

import re
from collections.abc import Iterator
from math import ceil, isfinite
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta, Struct, field

from daemons.drivers.transports.mqtt_device import Topic
from daemons.kinds.base import colour as colours

DEFAULT_FULL_TOPIC = "%prefix%/%topic%/"
DEFAULT_PREFIXES = ("cmnd", "stat", "tele")
DEFAULT_STATES = ("OFF", "ON")
DEFAULT_WILLS = ("Offline", "Online")
SHORTEST_PULSE_SECONDS, LONGEST_PULSE_SECONDS = 0.1, 64800.0
MOST_TENTHS = 111
"""The greatest PulseTime in tenths of a second: 11.1 s."""
RELAY, LIGHT, SHUTTER = 1, 2, 3
"""The types of a relay in an announcement. 0 is none."""
COLOURED = (3, 4, 5)
"""The types of a light with colours: RGB, RGBW and RGBCCT."""
PULSE = re.compile(r"(\d+)(?:\D+(\d+))?")
"""A PulseTime of older firmware: the set value, and in brackets what is left."""

Word = Annotated[str, Meta(min_length=1, max_length=40)]


class Topics(NamedTuple):
    """The beginnings of the topics of one device."""

    command: str
    result: str
    telemetry: str

    def word(self, topic: str) -> str:
        """Return what follows the beginning of a topic that the device publishes."""
        return topic.removeprefix(self.result).removeprefix(self.telemetry)


def topics(full_topic: str, prefixes: tuple[str, str, str], topic: str) -> Topics:
    """Return the topics of a device; Tasmota adds a slash if its FullTopic does not end with one."""
    text = full_topic.replace("%topic%", topic)
    text = text if text.endswith("/") else f"{text}/"
    return Topics(*(text.replace("%prefix%", prefix) for prefix in prefixes))


class Announcement(Struct, frozen=True):
    """The announcement of a device; the names of the fields are Tasmota's."""

    t: Topic
    """The topic."""
    dn: str = ""
    """The name of the device."""
    fn: tuple[str | None, ...] = ()
    """The names of its relays."""
    hn: str = ""
    """The host name."""
    mac: str = ""
    md: str = ""
    """The model."""
    sw: str = ""
    """The firmware."""
    ft: str = DEFAULT_FULL_TOPIC
    """The FullTopic."""
    tp: tuple[str, ...] = DEFAULT_PREFIXES
    """The prefixes of commands, results and telemetry."""
    state: tuple[str, ...] = DEFAULT_STATES
    """The words of a relay: off, on, and others."""
    ofln: str = DEFAULT_WILLS[0]
    onln: str = DEFAULT_WILLS[1]
    rl: tuple[int, ...] = ()
    """The type of each relay."""
    lt_st: int = 0
    """The type of its light (LightType); 0 is none."""
    is_fan: int = field(name="if", default=0)
    """Whether its relays are the speeds of a fan (iFan)."""

    @property
    def title(self) -> str:
        """Return its name, or else its topic."""
        return self.dn or self.t

    def options(self) -> dict[str, Any]:
        """Return the driver's options for the topics and words, without those that have their default."""
        full_topic = self.ft.replace("%hostname%", self.hn).replace("%id%", self.mac[-6:])
        own = (
            ("full_topic", full_topic, DEFAULT_FULL_TOPIC),
            ("prefixes", list(self.tp[:3]), list(DEFAULT_PREFIXES)),
            ("states", list(self.state[:2]), list(DEFAULT_STATES)),
            ("wills", [self.ofln, self.onln], list(DEFAULT_WILLS)),
        )
        return {"topic": self.t, **{key: value for key, value, default in own if value != default}}

    def relays(self) -> Iterator[tuple[int, int, str]]:
        """Yield the number, the type and the name of each relay. A shutter has two motors, and comes once."""
        is_second = False
        for index, type_ in enumerate(self.rl):
            is_second = type_ == SHUTTER and not is_second and index > 0 and self.rl[index - 1] == SHUTTER
            if type_ and not is_second:
                name = self.fn[index] if index < len(self.fn) else None
                yield index + 1, type_, name or self.title


def pulse_time(seconds: float | None) -> int:
    """Return the PulseTime for a duration in seconds, rounded up; 0 (no timer) for None."""
    if seconds is None:
        return 0
    seconds = min(max(seconds, SHORTEST_PULSE_SECONDS), LONGEST_PULSE_SECONDS)
    tenths = ceil(round(seconds * 10, 6))
    return tenths if tenths <= MOST_TENTHS else ceil(round(seconds, 6)) + 100


def pulse_seconds(pulse: int) -> float | None:
    """Return the duration of a PulseTime in seconds; None for 0 (no timer)."""
    if pulse <= 0:
        return None
    return pulse / 10 if pulse <= MOST_TENTHS else float(pulse - 100)


def parse_pulse(value: Any) -> tuple[int, int | None] | None:
    """Return a reported PulseTime, and what is left of it, if that is known; None if it is no PulseTime.

    It is `{"Set": 400, "Remaining": 380}`, and with older firmware a number, or a text that begins with it.
    """
    if isinstance(value, dict):
        set_, left = number(value.get("Set")), number(value.get("Remaining"))
        return None if set_ is None else (int(set_), None if left is None else int(left))
    if isinstance(value, str) and (found := PULSE.match(value)):
        return int(found[1]), None if found[2] is None else int(found[2])
    return (value, None) if isinstance(value, int) and not isinstance(value, bool) else None


def number(value: Any) -> float | None:
    """Return a number that may be written as text; None for anything else."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    return float(value) if is_number(value) and isfinite(value) else None


def is_number(value: Any) -> bool:
    """Return whether a value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def channel_number(value: Any, relay: int, *, has_phases: bool) -> float | None:
    """Return the value of a relay in a meter; None if there is none.

    A list has a value for each relay, or the phases of the only relay: these are added up.
    """
    if not isinstance(value, list):
        return number(value)
    if has_phases:
        parts = [number(one) for one in value]
        return None if not parts or None in parts else sum(part for part in parts if part is not None)
    return number(value[relay - 1]) if relay <= len(value) else None


def is_coloured(found: dict[str, Any]) -> bool:
    """Return whether a bulb shows a colour, and so has no colour temperature: its white is off."""
    colour = found.get("HSBColor")
    parts = colour.split(",") if isinstance(colour, str) else []
    return number(found.get("White")) == 0 and len(parts) == 3 and number(parts[2]) not in (None, 0)  # noqa: PLR2004


def hsb(colour: str, brightness_percent: int) -> str:
    """Return a colour with its brightness in the terms of Tasmota: hue, saturation and brightness."""
    hue, saturation = colours.hue_and_saturation(colour)
    return f"{round(hue) % 360},{round(saturation)},{brightness_percent}"


def colour(found: dict[str, Any]) -> str | None:
    """Return the colour that a bulb shows; None while it shows white light. A strip may have no white."""
    text = found.get("HSBColor")
    parts = [number(part) for part in text.split(",")] if isinstance(text, str) else []
    if len(parts) != 3 or number(found.get("White", 0)) != 0:  # noqa: PLR2004
        return None
    hue, saturation, bright = parts
    return (
        colours.from_hue(hue, saturation) if bright and hue is not None and saturation is not None else None
    )


def decode_announcement(payload: bytes) -> Announcement | None:
    """Return an announcement, or None if it is not valid."""
    try:
        return msgspec.json.decode(payload, type=Announcement)
    except (msgspec.MsgspecError, RecursionError):
        return None
