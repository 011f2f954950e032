"""A lamp that can be dimmed, and that rules can turn on and off.

It keeps its state over every restart, and follows a person that switches or dims it by hand.
"""

from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from daemons.bus.message import Scalar
from daemons.kinds import Load, Machine, PrimaryCommand, Reading, Result, Setting

Percent = Annotated[int, Meta(ge=1, le=100)]
Kelvin = Annotated[int, Meta(ge=1000, le=10_000)]


class Options(Struct, frozen=True):
    """The options of a lamp."""

    brightness_percent: Percent = 100
    """The brightness when `on` names none, in percent."""
    colour_temperature_kelvin: Kelvin | None = None
    """The colour of its white when `on` names none, in kelvins: 2700 is warm, 6500 is cold. By default the
    lamp's own."""
    lamp_watts: Annotated[float, Meta(ge=0, le=10_000)] = 7.0
    """The power of a simulated lamp at full brightness, in watts."""


class LampMemory(Struct, frozen=True):
    """The memory of a lamp."""

    on: bool = False
    brightness_percent: int = 100
    starts: int = 0
    colour_temperature_kelvin: int | None = None


class State(Struct, frozen=True, kw_only=True):
    """The published state of a lamp."""

    status: bool
    """Whether it is on."""
    phase: str
    """"on" or "off"."""
    brightness_percent: int
    """Its brightness; for a lamp that is off, its last brightness."""
    colour_temperature_kelvin: int | None
    """The colour of its white; None if it is neither set nor reported."""
    starts: int
    """How often it has gone on in its life."""
    power_watts: float | None
    fault: str | None = None


class On(Struct, frozen=True):
    """Turn it on, dim it or tint it; a value that is not given is the usual one."""

    brightness_percent: Percent | None = None
    colour_temperature_kelvin: Kelvin | None = None


class Off(Struct, frozen=True):
    """Turn it off."""


class Toggle(Struct, frozen=True):
    """Turn it on if it is off, and off if it is on."""


class Lamp(Machine[Options, LampMemory]):
    """A lamp that can be dimmed, and that rules can turn on and off."""

    options_type = Options
    memory_type = LampMemory
    state_type = State
    commands = (On, Off, Toggle)
    primary_commands = (
        PrimaryCommand("off", "Turn off", when={"status": (True,)}),
        PrimaryCommand("on", "Turn on"),
    )
    results = (
        Result("off", {"status": False}),
        Result(
            "on",
            {"status": True},
            {
                "brightness_percent": "brightness_percent",
                "colour_temperature_kelvin": "colour_temperature_kelvin",
            },
        ),
    )
    entity_class = "light"

    @classmethod
    def possible_states(cls, options: Options) -> tuple[dict[str, Scalar], ...]:  # noqa: ARG003  the same with all options
        """Return its phases."""
        return ({"phase": "on", "status": True}, {"phase": "off", "status": False})

    def handle_command(self, memory: LampMemory, command: On | Off | Toggle, now: float) -> LampMemory:
        """Switch, dim or tint."""
        if isinstance(command, Off) or (isinstance(command, Toggle) and memory.on):
            return replace(memory, on=False)
        wanted = command if isinstance(command, On) else On()
        return self._switch_on(
            memory,
            wanted.brightness_percent or self.options.brightness_percent,
            wanted.colour_temperature_kelvin or self.options.colour_temperature_kelvin,
        )

    def advance(self, memory: LampMemory, now: float) -> LampMemory:
        """Change nothing."""
        return memory

    def adopt(self, memory: LampMemory, reading: Reading, now: float) -> LampMemory:
        """Follow a person that switched or dimmed it by hand."""
        if not reading.on:
            return replace(memory, on=False)
        bright = reading.brightness_percent or memory.brightness_percent
        return self._switch_on(memory, bright, reading.colour_temperature_kelvin)

    def next_deadline(self, memory: LampMemory) -> None:
        """Return None: time makes no difference."""

    def desired_setting(self, memory: LampMemory) -> Setting:
        """Return the light as it was switched."""
        if not memory.on:
            return Setting(on=False)
        return Setting(
            on=True,
            brightness_percent=memory.brightness_percent,
            colour_temperature_kelvin=memory.colour_temperature_kelvin,
        )

    def state(self, memory: LampMemory, reading: Reading, now: float) -> State:
        """Return the light."""
        return State(
            status=memory.on,
            phase="on" if memory.on else "off",
            brightness_percent=memory.brightness_percent,
            colour_temperature_kelvin=memory.colour_temperature_kelvin or reading.colour_temperature_kelvin,
            starts=memory.starts,
            power_watts=reading.power_watts,
            fault=reading.fault,
        )

    def power_profile(self) -> tuple[Load, ...]:
        """Return the power of the lamp."""
        return ((1.0, self.options.lamp_watts),)

    @staticmethod
    def _switch_on(memory: LampMemory, brightness_percent: int, kelvin: int | None) -> LampMemory:
        kelvin = kelvin or memory.colour_temperature_kelvin
        return LampMemory(True, max(1, brightness_percent), memory.starts + (not memory.on), kelvin)
