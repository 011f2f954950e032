"""The contract of a kind. Each kind is one file here, and its file name is its word in the configuration.

A kind has three frozen values: Options (set by a person), Memory (survives a crash) and State (is
published). A Machine decides: each of its methods takes the memory and an event, and returns the new
memory. The desired setting of the hardware, the state and the next deadline follow from the memory
alone. Therefore a machine has no I/O and no clock, and a restart after a crash needs no code of its own.

A kind also declares the facts that other processes need: its primary commands, its phases at rest, its
Home Assistant entity and its detector's words. They read these declarations and never guess.

The first line of the file is its entry in `house kinds`.

This file has the values of the hardware first (Setting, Reading), then the declarations (Kind), then the
decisions (Machine).
"""

from abc import ABC, abstractmethod
from collections.abc import Container, Iterator, Mapping
from datetime import UTC, tzinfo
from functools import cache
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar, get_args

from msgspec import Meta, Struct, structs
from msgspec.structs import replace

from daemons.bus.message import Scalar
from daemons.values import Day, TimeOfDay, format_toml, suggest

# Words

Ability = Literal[
    "switch", "dim", "tint", "move", "press", "sense", "notify", "presence", "regulate", "events",
]  # fmt: skip
"""An ability of a driver: switch on and off, dim, change the colour temperature of white light, move in
both directions, report presses of a button, report measurements, deliver messages to people, report
whether a person is there, set the temperature that hardware keeps by itself, report the events of a
calendar."""
ABILITIES: tuple[Ability, ...] = get_args(Ability)
Touch = Literal["single", "double", "triple", "long", "hold", "release"]
"""The way in which a button is pressed. A long press is reported while the button is still down. Some
hardware then repeats that it is held (`hold`), and reports when it is let go (`release`)."""
TOUCHES: tuple[Touch, ...] = get_args(Touch)
Direction = Literal["open", "close"]
EntityClass = Literal[
    "climate", "cover", "device_tracker", "event", "light", "notify", "number", "scene", "select", "switch"
]
"""A component of Home Assistant that can be the main entity of a device."""
Load = tuple[float, float]
"""A phase of an appliance's work after it is switched on: its length in seconds, and its power in watts."""

# The values of the hardware

BRIGHTNESS_TOLERANCE_PERCENT = 1
"""Bulbs have 254 steps of brightness, so the reported brightness may differ a little from the setting."""
COLOUR_TOLERANCE = 0.05
"""A share of the colour temperature: bulbs use mireds, and round them."""
TARGET_TOLERANCE_CELSIUS = 0.05


class Message(Struct, frozen=True, kw_only=True):
    """One attempt to deliver a message to a person."""

    key: str
    """The identity of the message: the same for each attempt, also after a restart. It has letters, digits
    and hyphens."""
    attempt: int
    """The number of the attempt. No other attempt of the device has it."""
    text: str
    title: str | None = None
    urgent: bool = False
    is_repeat: bool = False
    """Whether an earlier attempt may have delivered the message."""
    link: str | None = None
    """The link that acknowledges it. The kind gives the address of the page, and the driver adds the rest."""
    id: str | None = None
    """What `acknowledge` calls the message; None if nothing waits for an acknowledgement."""


WARM_CELSIUS = 8
"""Above this, the lowest target of a thermostat is not off."""


class TargetRange(Struct, frozen=True):
    """The targets that a thermostat can keep while it is on (°C); off may be a lower one."""

    lowest_celsius: float
    highest_celsius: float
    step_celsius: float

    def nearest(self, celsius: float) -> float:
        """Return the target that comes nearest to a temperature."""
        stepped = round(celsius / self.step_celsius) * self.step_celsius
        return round(min(self.highest_celsius, max(self.lowest_celsius, stepped)), 2)


class Setting(Struct, frozen=True):
    """The setting that the hardware shall have."""

    on: bool
    brightness_percent: int | None = None
    """The brightness, 1 to 100; None for hardware that cannot be dimmed."""
    colour_temperature_kelvin: int | None = None
    """The colour temperature of white light; None leaves it unchanged."""
    direction: Direction | None = None
    """The direction of a move; None for hardware that does not move."""
    target_celsius: float | None = None
    """The temperature that hardware with a thermostat of its own keeps; None for all other hardware."""
    off_after_seconds: float | None = None
    """A dead man's switch: the hardware goes off by itself after this time. None: it stays on."""
    message: Message | None = None
    """The message to deliver now. None withdraws one that is not on its way yet."""

    def is_met_by(self, reading: "Reading") -> bool:
        """Return whether the hardware has this setting; a value that it does not report counts as met."""
        if reading.on is not self.on:
            return False
        if not self.on:
            return True
        bright, kelvin = reading.brightness_percent, reading.colour_temperature_kelvin
        return (
            self.direction in (None, reading.direction or self.direction)
            and (
                self.brightness_percent is None
                or bright is None
                or abs(self.brightness_percent - bright) <= BRIGHTNESS_TOLERANCE_PERCENT
            )
            and (
                self.colour_temperature_kelvin is None
                or kelvin is None
                or abs(kelvin / self.colour_temperature_kelvin - 1) <= COLOUR_TOLERANCE
            )
            and self._is_target_met(reading)
        )

    def is_at_end(self, reading: "Reading") -> bool:
        """Return whether the hardware stands at the end to which it shall move: then it does not move."""
        end = {"open": 100, "close": 0, None: None}[self.direction if self.on else None]
        return end is not None and reading.position_percent == end

    def _is_target_met(self, reading: "Reading") -> bool:
        """Return whether the hardware keeps the target, or the nearest one that it can keep."""
        target, reported = self.target_celsius, reading.target_celsius
        if target is None or reported is None:
            return True
        wanted = reading.target_range.nearest(target) if reading.target_range else target
        return abs(wanted - reported) <= TARGET_TOLERANCE_CELSIUS


class ButtonPress(Struct, frozen=True):
    """A press of the hardware's own button."""

    what: Touch
    id: str
    """The cause of every change that follows from the press."""


DeliveryResult = Literal["taken", "refused", "refused_for_now", "unknown"]
"""What became of a message: the server took it, refuses it for ever, did not take it this time, or it is not
known whether the server took it."""


class Outcome(Struct, frozen=True):
    """The outcome of one attempt to deliver a message."""

    key: str
    attempt: int
    result: DeliveryResult
    text: str = ""
    """The reason, for a person; empty if the message was taken."""


class CalendarEvent(Struct, frozen=True, array_like=True):
    """One event of a calendar, or one occurrence of an event that repeats."""

    begin: float
    """In Unix seconds. If `is_local`, the clock of the house then shows what UTC shows at this number."""
    end: float
    """The same for its end; that of an all-day event is the midnight after its last day."""
    title: str
    place: str | None = None
    is_all_day: bool = False
    """Whether it lasts for whole days; then it is local, too."""
    is_local: bool = False
    """Whether its times have no zone, and count by the clock of the house."""


class CalendarEvents(Struct, frozen=True):
    """The events of a calendar that are on or come in the next days, in any order."""

    events: tuple[CalendarEvent, ...]
    until: float
    """In Unix seconds. Which events are on after this time is not known."""


class About(Struct, frozen=True, kw_only=True):
    """What a piece of hardware is; None stands for what it does not report."""

    manufacturer: str | None = None
    model: str | None = None
    firmware: str | None = None
    mac: str | None = None
    """The address of its network interface, as in `"a8:03:2a:b1:c2:d3"`."""
    url: str | None = None
    """The address of its own page, with `http://` or `https://`."""


class Reading(Struct, frozen=True, kw_only=True):
    """The state of the hardware, as it reports it; None stands for a value that it does not report."""

    on: bool | None = None
    """Whether it is on; for a detector, whether it detects. None: unknown."""
    detections: dict[str, bool] | None = None
    """By the word of a detection, whether it detects that; the device then reads `on` from the one of its
    `detects`. None for hardware that detects only one thing."""
    power_watts: float | None = None
    energy_watt_hours: float | None = None
    brightness_percent: int | None = None
    colour_temperature_kelvin: int | None = None
    direction: Direction | None = None
    """The direction of its move."""
    position_percent: int | None = None
    """How far open it is: 0 is closed, 100 is open."""
    temperature_celsius: float | None = None
    humidity_percent: float | None = None
    battery_percent: int | None = None
    illuminance_lux: float | None = None
    pressure_hectopascals: float | None = None
    """The pressure of the air."""
    co2_ppm: float | None = None
    """The carbon dioxide in the air, in parts per million."""
    pm25_micrograms: float | None = None
    """The fine dust below 2.5 µm, in micrograms per cubic metre of air."""
    soil_moisture_percent: float | None = None
    voltage_volts: float | None = None
    """The voltage of the mains, or of its battery."""
    current_amperes: float | None = None
    power_factor: float | None = None
    """The real power divided by the product of voltage and current: 0 to 1."""
    signal_dbm: float | None = None
    """The strength of its wireless signal, a negative number."""
    link_quality: float | None = None
    """The quality of its Zigbee link: 0 to 255."""
    device_temperature_celsius: float | None = None
    """The temperature inside the hardware itself."""
    about: About | None = None
    """What the hardware is."""
    target_celsius: float | None = None
    """The temperature that hardware with a thermostat of its own keeps."""
    target_range: TargetRange | None = None
    """The targets that it can keep; None if it can keep each one."""
    heating: bool | None = None
    """Whether it heats now."""
    valve_percent: float | None = None
    """How far open its valve is."""
    window_open: bool | None = None
    """Whether it has detected an open window by itself, and does not heat because of that."""
    cause: str | None = None
    """The cause of the last switching, if the driver knows it; None after a manual switch."""
    fault: str | None = None
    """The fault of the hardware, or of the connection to it."""
    is_assumed: bool = False
    """Whether `on` is only what was sent last, because the hardware reports no state."""
    reachable: bool | None = True
    """Whether the hardware answers; None while this is not known yet."""
    losses: int = 0
    """How often the connection was lost until now. It may have been lost between two readings."""
    is_pending: bool = False
    """Whether the driver still applies the last setting, within its own time limit."""
    off_after_seconds: float | None = None
    """How long until the hardware's own running timer switches it off; None if it reports no timer."""
    at: float | None = None
    """When the hardware last reported anything, in the device's steady seconds."""
    calendar: CalendarEvents | None = None
    """The events of a calendar; None while it was not read."""
    recorded: dict[str, dict[str, Scalar]] | None = None
    """By device, what its recorded state was at an earlier time; None while that was not read."""
    presses: tuple[ButtonPress, ...] = ()
    """The presses of its button since the last reading."""
    presses_until: int | None = None
    """How much of the record of presses was read, for hardware that has one: a device remembers it together
    with what these presses did, so that each press counts once, also if its process is killed."""
    outcome: Outcome | None = None
    """The outcome of the latest attempt to deliver a message."""

    def for_detection(self, word: str) -> "Reading":
        """Return the reading whose `on` is this detection; None there if the hardware does not report it."""
        return self if self.detections is None else replace(self, on=self.detections.get(word))


PLAUSIBLE: dict[str, tuple[float, float]] = {
    "power_watts": (-100_000, 100_000),  # negative: a solar plant that feeds power in
    "energy_watt_hours": (-1e9, 1e9),
    "brightness_percent": (0, 100),
    "colour_temperature_kelvin": (500, 40_000),
    "position_percent": (0, 100),
    "temperature_celsius": (-100, 1500),  # from a deep freezer to the inside of a stove
    "humidity_percent": (0, 100),
    "battery_percent": (0, 100),
    "illuminance_lux": (0, 200_000),
    "pressure_hectopascals": (300, 1100),
    "co2_ppm": (0, 100_000),
    "pm25_micrograms": (0, 10_000),
    "soil_moisture_percent": (0, 100),
    "voltage_volts": (-1000, 1000),
    "current_amperes": (-1000, 1000),
    "power_factor": (-1, 1),
    "signal_dbm": (-150, 20),
    "link_quality": (0, 255),
    "device_temperature_celsius": (-100, 300),
    "target_celsius": (-50, 100),
    "valve_percent": (0, 100),
    "progress_percent": (0, 100),
    "remaining_seconds": (0, 1e9),
}
"""For each measurement, the lowest and the highest value that it can have in a house. A value outside comes
from a broken sensor, and counts as unknown."""
ROOM_CELSIUS = (-40.0, 60.0)
"""The temperatures that a room can have. What heats a room refuses all others."""


def is_plausible(name: str, value: object) -> bool:
    """Return whether a field can have a value; a field that is not in PLAUSIBLE can have any."""
    if name not in PLAUSIBLE or isinstance(value, bool) or not isinstance(value, int | float):
        return True
    low, high = PLAUSIBLE[name]
    return low <= value <= high  # false for NaN


def without_implausible(reading: Reading) -> Reading:
    """Return a reading whose implausible values are unknown (None); its fault names them."""
    refused = [
        name
        for name in PLAUSIBLE
        if (value := getattr(reading, name, None)) is not None and not is_plausible(name, value)
    ]
    if not refused:
        return reading
    return replace(reading, **dict.fromkeys(refused), fault=add_implausible(reading.fault, refused))


def add_implausible(fault: str | None, refused: list[str]) -> str:
    """Return a fault that names refused measurements. It has no value: a broken sensor always has another."""
    texts = [f"its {name} is not {range_text(name)}, and counts as unknown" for name in refused]
    return "; ".join([fault, *texts] if fault else texts)


def range_text(name: str) -> str:
    """Return the plausible range of a measurement."""
    low, high = PLAUSIBLE[name]
    return f"from {low:.0f} to {high:.0f}"


class HardwareLink(Struct, frozen=True, kw_only=True):
    """The fields about the connection to the hardware; the device adds them to the State of its kind."""

    confirmed: bool | None
    """Whether the hardware has reported this state during this run of the process; None for hardware that
    reports no state."""
    reachable: bool
    """Whether the hardware answers."""
    unreachable_since: float | None
    """Since when the hardware does not answer, in Unix seconds; None while it answers."""


class HardwareMeter(Struct, frozen=True, kw_only=True):
    """The field about the meter of the hardware; the device adds it to the State of its kind."""

    energy_watt_hours: float | None
    """The count of its meter, to the watt-hour; None if the hardware reports none."""


class HardwareFacts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The facts about the hardware itself; the device adds those that it reports to the State of its kind."""

    voltage_volts: float | None = None
    current_amperes: float | None = None
    power_factor: float | None = None
    signal_dbm: float | None = None
    link_quality: float | None = None
    device_temperature_celsius: float | None = None
    hardware_manufacturer: str | None = None
    hardware_model: str | None = None
    hardware_firmware: str | None = None
    hardware_mac: str | None = None
    hardware_url: str | None = None


HARDWARE_FACTS = frozenset(HardwareFacts.__struct_fields__)
"""The facts are published about once a minute, wait in no rule with `turns`, and are not in the history."""


# The declarations


class TimetableEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of a week's timetable. It is in force until the next entry."""

    days: Annotated[tuple[Day, ...], Meta(min_length=1)] | None = None
    """The days on which it begins; None for every day."""
    at: TimeOfDay
    """When it begins."""


class PrimaryCommand(Struct, frozen=True):
    """A command that a device's main button sends, and the states for which it applies."""

    command: str
    label: str
    """The text on the button: a verb that people use."""
    when: dict[str, tuple[Scalar, ...]] = {}
    """The allowed values of some fields of the state. Without any, the command applies to every state."""

    def applies_to(self, state: Mapping[str, Scalar]) -> bool:
        """Return whether each field in `when` has one of its values; an absent field counts as None."""
        return all(state.get(field) in values for field, values in self.when.items())


class Result(Struct, frozen=True, omit_defaults=True):
    """The state to which a command leads, for as long as nothing else happens.

    A scene compares the device with it, and undoes by it. A rule with `follow` copies by it.
    """

    command: str
    state: dict[str, Scalar] = {}
    """The values that fields of the state then have."""
    arguments: dict[str, str] = {}
    """By argument of the command, the field of the state that then has its value."""
    restores: bool = True
    """Whether an undo or a copy may send the command, to lead to this state."""

    def without(self, lacks: Container[str]) -> "Result":
        """Return the result for a device that lacks some arguments."""
        return replace(self, arguments={k: name for k, name in self.arguments.items() if k not in lacks})


class Control(Struct, frozen=True, kw_only=True):
    """An input for one argument of a command: the page, the terminal and the bridge offer it."""

    command: str
    argument: str
    field: str
    """The field of the state with the present value."""
    label: str
    """The name of the value."""
    takes: Literal["choice", "number", "time"]
    """One of the `choices`, a number, or a time of day such as "06:45"."""
    choices: tuple[str, ...] = ()
    lowest: float | None = None
    highest: float | None = None
    step: float = 1.0
    unit: str = ""

    def refusal(self, value: object) -> str | None:
        """Return why a value is refused, or None; its type was checked before."""
        if self.takes == "choice" and value not in self.choices:
            return f"{format_toml(value)} is none of its values; {suggest(value, self.choices)}"
        if self.takes != "number" or isinstance(value, bool) or not isinstance(value, int | float):
            return None
        if self.lowest is not None and value < self.lowest:
            return f"{value:g} is below its lowest value, {self.lowest:g}"
        if self.highest is not None and value > self.highest:
            return f"{value:g} is above its highest value, {self.highest:g}"
        return None


class DailyTime(Struct, frozen=True):
    """A time of day at which a device sends itself a command, as a rule with `at` would."""

    at: str
    """A local time such as "06:45", or "06:45-10m" for ten minutes before it."""
    command: str
    days: tuple[str, ...]
    """The days of the week of the local time, such as "mon"."""


class Kind(ABC):
    """A word that `kind` may have in the configuration, and its declarations."""

    word: ClassVar[str] = ""
    """The word itself; the loader sets it."""
    role: ClassVar[str] = "device"
    """The process that runs it: `run` of daemons/processes/ROLE/ROLE.py."""
    default_driver: ClassVar[str | None] = None
    """The driver of a device whose configuration names none; None if it must name one."""
    options_type: ClassVar[type[Struct]]
    state_type: ClassVar[type[Struct]]
    commands: ClassVar[tuple[type[Struct], ...]] = ()
    """Its commands: the class's name in lower case is the word, its fields are the arguments."""
    personal_arguments: ClassVar[frozenset[str]] = frozenset()
    """The arguments of its commands that the history does not record: texts for people."""
    off_commands: ClassVar[tuple[str, ...]] = ("off", "stop")
    """Those of its commands that only switch off or stop. A device carries them out also while its memory
    cannot be written."""
    further_needs: ClassVar[Mapping[str, Ability]] = {}
    """For each of its commands, arguments, options and fields that needs one: the ability of a driver."""
    primary_commands: ClassVar[tuple[PrimaryCommand, ...]] = ()
    """The commands of the device's main button on the page and in the terminal. The first that applies to
    the state is sent. Without any, the device has no such button."""
    secondary_commands: ClassVar[tuple[PrimaryCommand, ...]] = ()
    """The same for a second, smaller button on the page, such as "Cancel"."""
    uses_clock: ClassVar[bool] = False
    """Whether it needs the wall clock: then it gets `zone`, and `update_clock` is called."""
    results: ClassVar[tuple[Result, ...]] = ()
    """The states to which its commands lead. A scene cannot check, nor undo, a command that is not among
    them."""
    derived_options: ClassVar[frozenset[str]] = frozenset()
    """The options that no person writes: the check of the configuration adds them to the table."""
    makes: ClassVar[str | None] = None
    """Its product, in a word, for the mirror's sentence; None if it makes nothing."""
    resting_phases: ClassVar[tuple[str, ...]] = ("idle", "off")
    """The phases in which no work is under way. The mirror's sentence then leaves the device out."""
    finished_phases: ClassVar[tuple[str, ...]] = ()
    """The phases in which its work "has finished" in the mirror's sentence, and not "is ready"."""
    unknown_phases: ClassVar[tuple[str, ...]] = ()
    """The phases in which `status` does not count, because the true state is unknown."""
    momentary_phases: ClassVar[tuple[str, ...]] = ()
    """The phases that end as soon as they are published. No `for` and no condition can hold in one."""
    unrecorded: ClassVar[frozenset[str]] = frozenset()
    """The measurements that follow from others over time: the history does not record them."""
    page_fields: ClassVar[frozenset[str]] = frozenset()
    """The measurements that only a drawing or a table makes use of, such as the columns of a forecast."""
    entity_class: ClassVar[EntityClass | None] = None
    """Its main entity in Home Assistant; None if it has only buttons and sensors there."""
    entity_device_class: ClassVar[str | None] = None
    """Home Assistant's device class of that entity, if it is a switch."""
    detections: ClassVar[dict[str, str | None]] = {}
    """Each word that `detects` may return, with Home Assistant's device class for it, if there is one."""

    @classmethod
    def primary_command(cls, state: Mapping[str, Scalar] | None) -> str | None:
        """Return the command of the main button for a state, or None if the kind has none for it."""
        found = (choice.command for choice in cls.primary_commands if choice.applies_to(state or {}))
        return next(found, None)

    @classmethod
    def command_to(cls, fields: Mapping[str, Scalar]) -> tuple[str, dict[str, Scalar]] | None:
        """Return the command that sets these fields, with its arguments; None if there is none.

        A field that the command has no argument for is left out.
        """
        for result in cls.results:
            values = {
                argument: fields[field]
                for argument, field in result.arguments.items()
                if fields.get(field) is not None
            }
            is_met = all(name in fields and fields[name] == value for name, value in result.state.items())
            if result.restores and is_met and (result.state or values):
                return result.command, values
        return None

    @classmethod
    def effect_of(cls, command: str) -> dict[str, Scalar]:
        """Return the fields that a command sets with their values; empty if that is not known."""
        return next((result.state for result in cls.results if result.command == command), {})

    @classmethod
    @cache  # msgspec reads the annotations anew each time, and prefork does it once for all devices
    def fields(cls) -> dict[str, Any]:
        """Return the type of each field of the published state."""
        return {field.encode_name: field.type for field in structs.fields(cls.state_type)}

    @classmethod
    def measurements(cls) -> frozenset[str]:
        """Return the fields that are measurements: they change all the time, and no rule waits for them."""
        return frozenset(name for name, type_ in cls.fields().items() if type_ in (float, float | None))

    @classmethod
    def sources(cls, options: Any) -> dict[str, str]:  # noqa: ARG003  most kinds use no other device
        """Return the devices whose states it uses with these options, each with the field that it needs."""
        return {}

    @classmethod
    def refused_sources(
        cls,
        options: Any,  # noqa: ARG003  as above
        found: Mapping[str, "tuple[type[Kind], Any]"],  # noqa: ARG003
    ) -> Iterator[tuple[str, str]]:
        """Yield each option that names a device that cannot be used in this way, with the reason.

        `found` has the kind and the options of each of its `sources`.
        """
        yield from ()

    @classmethod
    def timetable(cls, options: Any) -> tuple[TimetableEntry, ...]:  # noqa: ARG003  most kinds have none
        """Return its timetable. The device tells the machine which entry is in force."""
        return ()

    @classmethod
    def times_of_day(cls, options: Any) -> tuple[TimeOfDay, ...]:
        """Return the times of day in its options."""
        return tuple(entry.at for entry in cls.timetable(options))

    @classmethod
    def climate_mode(cls, options: Any) -> Literal["heat", "cool"]:  # noqa: ARG003  only one kind can cool
        """Return what an entity of the class "climate" does to its room while it works."""
        return "heat"

    @classmethod
    def possible_states(cls, options: Any) -> tuple[dict[str, Scalar], ...]:  # noqa: ARG003  as above
        """Return all combinations of values that some fields can have with these options.

        A field that a combination leaves out can then have every value of its type.
        """
        return ({},)

    @classmethod
    def units(cls, options: Any) -> dict[str, str]:  # noqa: ARG003  most fields have their unit in their name
        """Return the unit of each field for which the options decide it, such as a currency."""
        return {}

    @classmethod
    def control(cls, options: Any) -> Control | None:  # noqa: ARG003  most kinds have none
        """Return the input for its value with these options, or None if it has none."""
        return None

    @classmethod
    def main_entity(cls, options: Any) -> EntityClass | None:  # noqa: ARG003  most kinds have one for all options
        """Return the class of its main entity in Home Assistant with these options."""
        return cls.entity_class

    @classmethod
    def usable_commands(cls, options: Any) -> tuple[str, ...]:  # noqa: ARG003  most kinds carry out all of them
        """Return the words of the commands that it can carry out with these options."""
        return tuple(command.__name__.lower() for command in cls.commands)

    @classmethod
    def settle_seconds(cls, options: Any) -> float:  # noqa: ARG003  most kinds need no time
        """Return how long it takes at most until its state shows the result of a command."""
        return 0.0

    @classmethod
    def detects(cls, options: Any) -> str | None:  # noqa: ARG003  most kinds detect nothing
        """Return which of the `detections` its `status` reports; None if `status` reports its own work."""
        return None


# The decisions

O = TypeVar("O", bound=Struct)  # noqa: E741  O for Options, M for Memory
M = TypeVar("M", bound=Struct)


class Machine(Kind, Generic[O, M]):
    """A kind with hardware: a pure state machine. Every `now` is in the device's steady seconds."""

    drives: ClassVar[bool] = True
    """Whether it switches anything; a button or a sensor only reports."""
    needs: ClassVar[frozenset[Ability]] = frozenset({"switch"})
    """The abilities of a driver; at least one of them is needed. A kind without hardware needs none."""
    memory_type: ClassVar[type[Struct]]
    keeps_trying: ClassVar[bool] = False
    """Whether a setting that lost hardware could not get is sent when it is back, however late that is."""
    zone: tzinfo = UTC
    """The timezone of the house."""

    def __init__(self, options: O, speed: float = 1.0) -> None:
        """Keep the options; `speed` is how many times faster than usual simulated hardware works."""
        self.options = options
        self.speed = speed

    @property
    def heats(self) -> bool:
        """Whether it can start a fire. A kind with `max_on_seconds` is never on for longer than that."""
        return getattr(self.options, "max_on_seconds", None) is not None

    @classmethod
    @cache
    def fields(cls) -> dict[str, Any]:
        """Return the type of each field of the published state, with those that the device adds."""
        own = super().fields()
        groups = (HardwareMeter, HardwareLink, HardwareFacts) if cls.needs else ()
        added = [f for group in groups for f in structs.fields(group)]
        return own | {f.encode_name: f.type for f in added if f.encode_name not in own}

    @classmethod
    def measurements(cls) -> frozenset[str]:
        """Return the fields that are measurements. `confirmed` is one of them, so no rule waits for it."""
        return super().measurements() | ({"confirmed"} | HARDWARE_FACTS if cls.needs else frozenset())

    @abstractmethod
    def handle_command(self, memory: M, command: Any, now: float) -> M:
        """Return the memory after one of the `commands`; raise Rejected with the reason for a refusal."""

    @abstractmethod
    def advance(self, memory: M, now: float) -> M:
        """Return the memory at `now`. Called at `next_deadline`; harmless at any other moment."""

    @abstractmethod
    def adopt(self, memory: M, reading: Reading, now: float) -> M:
        """Return the memory that fits the hardware, where `reading.on` is always true or false.

        Called after a manual switch, or when the hardware did not reach the desired setting.
        """

    def resume(self, memory: M, now: float) -> M:
        """Return the memory after a restart, in which all that was not seen meanwhile is unknown.

        Called once, before `advance`.
        """
        return memory

    def begin_again(self, memory: M, reading: Reading, now: float) -> M:
        """Return the memory after a start that waited until its hardware can be reached.

        Times that were counted from the start are counted from `now`. `reading` is the first one since. It is
        unknown whether the hardware was on meanwhile.
        """
        return memory

    def update_measurements(self, memory: M, reading: Reading, now: float) -> M:
        """Return the memory with the values of a reading. Called with every reading, before `adopt`."""
        return memory

    def press(self, memory: M, touch: Touch, now: float) -> M:
        """Return the memory after a press of the hardware's own button."""
        return memory

    def update_sources(self, memory: M, states: Mapping[str, Mapping[str, Scalar] | None], now: float) -> M:
        """Return the memory with the states of its `sources`. The state of a silent device is None.

        `states` leaves out a device that has sent nothing yet and is not late.
        """
        return memory

    def update_clock(self, memory: M, offset: float | None, now: float) -> M:
        """Return the memory with the wall clock less the steady clock, in seconds.

        Called often, also if nothing changed. `offset` is None until the wall clock is known to be right.
        """
        return memory

    def is_worth_writing(self, written: M, memory: M) -> bool:
        """Return whether a new memory is written to the journal; `written` is what was written last.

        A kill loses what was not written, so it must be possible to learn or to miss it again.
        """
        return True

    def update_timetable(self, memory: M, index: int, began_at: float, now: float) -> M:
        """Return the memory while an entry of its `timetable` is in force.

        Called again and again. `began_at` is the moment of the entry in Unix seconds: after a step of the
        wall clock, an earlier entry may be in force again. While the clock is not known to be right, this is
        not called.
        """
        return memory

    def daily_times(self, memory: M) -> tuple[DailyTime, ...]:
        """Return the times of day at which it sends itself a command. A kind with any has `uses_clock`."""
        return ()

    @abstractmethod
    def next_deadline(self, memory: M) -> float | None:
        """Return the next moment at which time makes a difference, or None."""

    @abstractmethod
    def desired_setting(self, memory: M) -> Setting:
        """Return the setting that the hardware shall have."""

    @abstractmethod
    def state(self, memory: M, reading: Reading, now: float) -> Struct:
        """Return the State. As time passes, only its measurements change without a new memory or reading."""

    @abstractmethod
    def power_profile(self) -> tuple[Load, ...]:
        """Return the power of such an appliance over time after it is switched on; the last phase lasts."""


class Virtual(Machine[O, M]):
    """A kind without hardware: a value that people and rules set, or that follows from other devices."""

    default_driver = "virtual"
    drives = False
    needs = frozenset()

    def adopt(self, memory: M, reading: Reading, now: float) -> M:
        """Change nothing: there is no hardware."""
        return memory

    def desired_setting(self, memory: M) -> Setting:
        """Return off: it switches nothing."""
        return Setting(on=False)

    def power_profile(self) -> tuple[Load, ...]:
        """Return a power of zero."""
        return ((1.0, 0.0),)
