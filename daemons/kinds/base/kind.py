"""The declarations of a kind. Other processes read them, and never guess."""

from abc import ABC
from collections.abc import Container, Iterator, Mapping
from functools import cache
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, Struct, structs
from msgspec.structs import replace

from daemons.bus.message import Scalar
from daemons.kinds.base.hardware import Ability
from daemons.values import Day, TimeOfDay, format_toml, suggest

EntityClass = Literal[
    "climate", "cover", "device_tracker", "event", "light", "notify", "number", "scene", "select", "switch"
]
"""A component of Home Assistant that can be the main entity of a device."""


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
    sign: str = ""
    """A sign that can stand for the label on a small button, such as "▲"."""

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
    takes: Literal["choice", "number", "time", "colour"]
    """One of the `choices`, a number, a time of day such as "06:45", or a colour such as "#ff8800". Its state
    may have no colour: then the input shows that there is none."""
    choices: tuple[str, ...] = ()
    lowest: float | None = None
    highest: float | None = None
    step: float = 1.0
    unit: str = ""
    shape: Literal["slider", "steps"] = "slider"
    """How a person sets a number: with a slider, or with a step down and a step up."""

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
    buttons: ClassVar[tuple[PrimaryCommand, ...]] = ()
    """The commands that each have a button of their own on the page, in place of the main button. A button
    is dimmed while its `when` does not apply."""
    values: ClassVar[tuple[str, ...]] = ()
    """The fields of the state that the page writes large, the most important first."""
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
    def reporters(cls, options: Any) -> tuple[str, ...]:  # noqa: ARG003  as above
        """Return the processes whose reports about other processes it uses with these options.

        `update_sources` then gets the fields `life` and `reason` of each report, under "process/NAME".
        """
        return ()

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
    def controls(cls, options: Any) -> tuple[Control, ...] | None:
        """Return all inputs with these options. By default there is only its `control`.

        With None, there is one for each argument of a command to which `results` assigns a field.
        """
        found = cls.control(options)
        return (found,) if found else None

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
