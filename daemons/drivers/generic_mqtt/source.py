"""The tables in the options of the driver `mqtt`: where each value stands, and how it is set. Pure."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from daemons.drivers.generic_mqtt.value import JsonPath, TopicFilter
from daemons.drivers.transports.mqtt_device import Topic

Payload = Annotated[str, Meta(max_length=1000)]
"""The text of a message."""
Word = Annotated[str, Meta(min_length=1, max_length=100)]
"""A word of the hardware, such as `ON` or `1`."""
Amount = Annotated[float, Meta(ge=-1e6, le=1e6)]
TemplateText = Annotated[str, Meta(min_length=1, max_length=2000)]
"""A template of Home Assistant, in Jinja2."""
VALUE = "{value}"
"""The place of the value in the payload of a level."""


class Source(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a value stands."""

    topic: TopicFilter | None = None
    """Its topic; by default the `topic` of the device."""
    path: JsonPath = ""
    """Its path in a message that is JSON."""
    template: TemplateText | None = None
    """Instead of a path, a template of Home Assistant that makes it from the message."""

    def __post_init__(self) -> None:
        """Raise ValueError for a path and a template, and for a template that cannot be used."""
        check_template(self.template, self.path)

    @property
    def is_reported(self) -> bool:
        """Whether the options say where the value stands."""
        return bool(self.topic or self.path or self.template)


class Measurement(Source, frozen=True, kw_only=True):
    """Where a measurement stands, and how it is converted to its unit."""

    factor: Amount = 1.0
    """The number by which the value is multiplied."""
    offset: Amount = 0.0
    """The number that is then added."""


class Detection(Source, frozen=True, kw_only=True):
    """Where a detection stands."""

    on: Word | None = None
    """The word while it detects. By default on, true, 1, yes, open or detected, in any case."""
    off: Word | None = None
    """The word while it does not. By default off, false, 0, no, closed or clear, in any case."""


class Level(Source, frozen=True, kw_only=True):
    """Where the brightness of a lamp is reported, and how it is set."""

    command_topic: Topic | None = None
    """The topic that sets it; by default the `command_topic` of the device."""
    payload: Payload = VALUE
    """The message that sets it, with `{value}` for the value."""
    scale: Annotated[float, Meta(gt=0, le=65535)] = 255
    """The value of full brightness."""

    def __post_init__(self) -> None:
        """Raise ValueError for a payload without a value, and for a template that cannot be used."""
        super().__post_init__()
        check_payload(self.payload)


class ColourTemperature(Source, frozen=True, kw_only=True):
    """Where the colour temperature of a lamp is reported, and how it is set."""

    command_topic: Topic | None = None
    """The topic that sets it; by default the `command_topic` of the device."""
    payload: Payload = VALUE
    """The message that sets it, with `{value}` for the value."""
    unit: Literal["mired", "kelvin"] = "mired"
    """Its unit."""
    min_kelvin: Annotated[int, Meta(ge=1000, le=10_000)] = 2000
    """The warmest white of the lamp."""
    max_kelvin: Annotated[int, Meta(ge=1000, le=10_000)] = 6535
    """The coldest white of the lamp."""

    def __post_init__(self) -> None:
        """Raise ValueError for a payload without a value, and for a range that is empty."""
        super().__post_init__()
        check_payload(self.payload)
        if self.min_kelvin >= self.max_kelvin:
            raise ValueError("min_kelvin must be less than max_kelvin")


class Position(Source, frozen=True, kw_only=True):
    """Where the position of a cover is reported."""

    open: float = 100
    """The value of a cover that is open."""
    closed: float = 0
    """The value of a cover that is closed."""

    def __post_init__(self) -> None:
        """Raise ValueError for two equal ends."""
        super().__post_init__()
        if self.open == self.closed:
            raise ValueError("open and closed must differ")


class Target(Source, frozen=True, kw_only=True):
    """Where the target of a thermostat is reported, and how it is set."""

    command_topic: Topic | None = None
    """The topic that sets it; by default the `command_topic` of the device."""
    payload: Payload = VALUE
    """The message that sets it, with `{value}` for the temperature."""
    lowest_celsius: Annotated[float, Meta(ge=-50, le=30)] = 5.0
    """The lowest target. Off is this target, unless the mode has `off_mode`."""
    highest_celsius: Annotated[float, Meta(ge=5, le=200)] = 30.0
    """The highest target."""
    step_celsius: Annotated[float, Meta(ge=0.01, le=5)] = 0.5
    """The step of the targets."""

    def __post_init__(self) -> None:
        """Raise ValueError for a payload without a value, and for a thermostat with one target only."""
        super().__post_init__()
        check_payload(self.payload)
        if self.lowest_celsius + self.step_celsius > self.highest_celsius:
            raise ValueError("highest_celsius must be above lowest_celsius, by at least step_celsius")


class Mode(Source, frozen=True, kw_only=True):
    """Where the mode of a thermostat is reported, and how it is set."""

    command_topic: Topic | None = None
    """The topic that sets it; by default the `command_topic` of the device."""
    payload: Payload = VALUE
    """The message that sets it, with `{value}` for the word."""
    heat: Word = "heat"
    """The word of the mode in which it keeps its target."""
    off: Word = "off"
    """The word of the mode in which it is off."""
    off_mode: bool = False
    """Whether off is this mode, and not the lowest target, which keeps the frost away."""

    def __post_init__(self) -> None:
        """Raise ValueError for words that do not differ, and for an off mode that nothing confirms."""
        super().__post_init__()
        check_payload(self.payload)
        if self.heat == self.off:
            raise ValueError("heat and off must differ")
        if self.off_mode and not self.is_reported:
            raise ValueError("off_mode needs a topic, path or template, by which the mode is reported")


class Action(Source, frozen=True, kw_only=True):
    """Where a thermostat reports whether it heats."""

    heating: tuple[Word, ...] = ("heating", "preheating")
    """The words while it heats."""


class Measurements(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The measurements of a device."""

    power_watts: Measurement | None = None
    energy_watt_hours: Measurement | None = None
    temperature_celsius: Measurement | None = None
    humidity_percent: Measurement | None = None
    battery_percent: Measurement | None = None
    illuminance_lux: Measurement | None = None
    pressure_hectopascals: Measurement | None = None
    co2_ppm: Measurement | None = None
    pm25_micrograms: Measurement | None = None
    soil_moisture_percent: Measurement | None = None
    voltage_volts: Measurement | None = None
    current_amperes: Measurement | None = None
    power_factor: Measurement | None = None
    signal_dbm: Measurement | None = None
    link_quality: Measurement | None = None
    device_temperature_celsius: Measurement | None = None


class Detections(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The detections of a device, by the words of `detects`."""

    motion: Detection | None = None
    presence: Detection | None = None
    opening: Detection | None = None
    water: Detection | None = None
    smoke: Detection | None = None
    gas: Detection | None = None
    carbon_monoxide: Detection | None = None
    vibration: Detection | None = None
    tamper: Detection | None = None


class States(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The words of a state, where the usual ones do not fit."""

    on: Word | None = None
    off: Word | None = None
    open: Word | None = None
    closed: Word | None = None
    opening: Word | None = None
    closing: Word | None = None
    stopped: Word | None = None


Words = str | tuple[str, ...]
"""One word, or several."""


class Presses(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The words of each press. `*` is any message."""

    single: Words | None = None
    double: Words | None = None
    triple: Words | None = None
    long: Words | None = None
    hold: Words | None = None
    release: Words | None = None


def check_template(template: str | None, path: str) -> None:
    """Raise ValueError for a path and a template at once, and for a template that cannot be used."""
    if template is None:
        return
    if path:
        raise ValueError("a value has a path or a template, not both")
    try:
        from daemons.drivers.generic_mqtt.template import Template  # noqa: PLC0415  few devices have one
    except ModuleNotFoundError as error:
        missing = f"a template needs {error.name}, which is not installed"
        raise ValueError(f"{missing}; `make extra EXTRA=templates` installs it") from error
    Template(template)


def check_payload(payload: str) -> None:
    """Raise ValueError for a payload that does not have the value."""
    if VALUE not in payload:
        raise ValueError(f"payload needs {VALUE} where the value stands")
