"""A lamp that can be dimmed and show a colour, and that rules can turn on and off.

It keeps its state over every restart, and follows a person that switches or dims it by hand. While a button
is held, its brightness moves in small steps (`ramp`), until the button is released (`stop`).
"""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from daemons.bus.message import Scalar
from daemons.kinds import Ability, Control, Load, Machine, PrimaryCommand, Reading, Result, Setting
from daemons.kinds.base import colour as colours
from daemons.kinds.base.brightness import BRIGHTNESS, COLOUR
from daemons.values import Colour, Seconds

Percent = Annotated[int, Meta(ge=1, le=100)]
Level = Annotated[int, Meta(ge=0, le=100)]
Way = Literal["up", "down"]
STEP_SECONDS = 0.25
"""How often the brightness moves while a button is held: each step is a message to the hardware."""
ABSENCE_SECONDS = 1.0
"""After this time without a step, it is unknown whether the button is still held."""
LONGEST_RAMP_SECONDS = 600
FULL_PERCENT = 99
"""From the lowest brightness, 1 %, to the highest."""
Kelvin = Annotated[int, Meta(ge=1000, le=10_000)]


WARMTH = Control(
    command="on",
    argument="colour_temperature_kelvin",
    field="colour_temperature_kelvin",
    label="Warmth",
    takes="number",
    lowest=2000.0,
    highest=6500.0,
    step=100.0,
    unit="K",
)
"""The input of the colour temperature, over the whites that bulbs can have."""


class Options(Struct, frozen=True):
    """The options of a lamp."""

    brightness_percent: Percent = 100
    """The brightness when `on` names none, in percent."""
    colour_temperature_kelvin: Kelvin | None = None
    """The colour of its white when `on` names none, in kelvins: 2700 is warm, 6500 is cold. By default the
    lamp's own."""
    colour: Colour | None = None
    """The colour when `on` names none, such as `"orange"`. By default the lamp's own."""
    ramp_seconds: Seconds = field(name="ramp_time", default=Seconds(5))
    """How long `ramp` takes from the lowest to the highest brightness."""
    levels_percent: Annotated[tuple[Level, ...], Meta(min_length=2)] = (30, 60, 100, 0)
    """The brightnesses through which `cycle` goes, in percent. 0 is off."""
    lamp_watts: Annotated[float, Meta(ge=0, le=10_000)] = 7.0
    """The power of a simulated lamp at full brightness, in watts."""

    def __post_init__(self) -> None:
        """Raise ValueError for a colour with a white, a bad ramp, and a level that comes twice."""
        colours.refuse_both(self.colour, self.colour_temperature_kelvin)
        if not 1 <= self.ramp_seconds <= LONGEST_RAMP_SECONDS:
            raise ValueError('ramp_time must be from "1s" to "10m"')
        if len({*self.levels_percent}) < len(self.levels_percent):
            raise ValueError("levels_percent has a brightness twice, so cycle would not reach all others")


class Movement(Struct, frozen=True):
    """A movement of the brightness that goes on."""

    way: Way
    from_percent: int
    since: float
    steps: int = 0
    """How many steps are done."""


class LampMemory(Struct, frozen=True):
    """The memory of a lamp."""

    on: bool = False
    brightness_percent: int = 100
    starts: int = 0
    colour_temperature_kelvin: int | None = None
    colour: str | None = None
    """Its colour. It has none while it has a colour temperature."""
    movement: Movement | None = None
    """What `ramp` began and `stop` ends."""
    last_way: Way | None = None
    """The direction of the last ramp."""


class State(Struct, frozen=True, kw_only=True):
    """The published state of a lamp."""

    status: bool
    """Whether it is on."""
    phase: str
    """"on" or "off"."""
    brightness_percent: int
    """Its brightness; for a lamp that is off, its last brightness."""
    colour_temperature_kelvin: int | None
    """The colour of its white; None if it is neither set nor reported, or while it shows a colour."""
    colour: Colour | None
    """Its colour, as "#rrggbb" of full brightness; None for white light, or if it is not known."""
    starts: int
    """How often it has gone on in its life."""
    power_watts: float | None
    fault: str | None = None


class On(Struct, frozen=True):
    """Turn it on, dim it or tint it; a value that is not given is the usual one."""

    brightness_percent: Percent | None = None
    colour_temperature_kelvin: Kelvin | None = None
    colour: Colour | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a colour together with a white."""
        colours.refuse_both(self.colour, self.colour_temperature_kelvin)


class Off(Struct, frozen=True):
    """Turn it off."""


class Toggle(Struct, frozen=True):
    """Turn it on if it is off, and off if it is on."""


class Brighter(Struct, frozen=True):
    """Make it brighter; if it is off, turn it on at this brightness."""

    percent: Percent = 10


class Dimmer(Struct, frozen=True):
    """Make it dimmer, but never turn it off."""

    percent: Percent = 10


class Ramp(Struct, frozen=True):
    """Move the brightness until `stop`, or until the end. "turn" is the other direction than last time."""

    direction: Literal["up", "down", "turn"] = "turn"


class Stop(Struct, frozen=True):
    """Stop the movement of the brightness."""


class Cycle(Struct, frozen=True):
    """Go on to the next one of its levels."""


Command = On | Off | Toggle | Brighter | Dimmer | Ramp | Stop | Cycle


class Lamp(Machine[Options, LampMemory]):
    """A lamp that can be dimmed and show a colour, and that rules can turn on and off."""

    options_type = Options
    memory_type = LampMemory
    state_type = State
    commands = (On, Off, Toggle, Brighter, Dimmer, Ramp, Stop, Cycle)
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
                "colour": "colour",
            },
        ),
    )
    further_needs: ClassVar[dict[str, Ability]] = {
        "brightness_percent": "dim",
        "ramp_time": "dim",
        "levels_percent": "dim",
        "brighter": "dim",
        "dimmer": "dim",
        "ramp": "dim",
        "stop": "dim",
        "cycle": "dim",
        "colour_temperature_kelvin": "tint",
        "colour": "colour",
    }
    entity_class = "light"

    @classmethod
    def controls(cls, options: Options) -> tuple[Control, ...]:  # noqa: ARG003  the same with all options
        """Return the inputs of its brightness, of the whites that bulbs can have, and of its colour."""
        return BRIGHTNESS, WARMTH, COLOUR

    @classmethod
    def possible_states(cls, options: Options) -> tuple[dict[str, Scalar], ...]:  # noqa: ARG003  the same with all options
        """Return its phases."""
        return ({"phase": "on", "status": True}, {"phase": "off", "status": False})

    def handle_command(self, memory: LampMemory, command: Command, now: float) -> LampMemory:
        """Switch, dim or tint. Each command but `ramp` ends a movement where it is."""
        memory = replace(self.advance(memory, now), movement=None)
        match command:
            case On():
                bright = command.brightness_percent or self.options.brightness_percent
                named = command if command.colour or command.colour_temperature_kelvin else self.options
                return self._switch_on(memory, bright, named.colour_temperature_kelvin, named.colour)
            case Toggle() if not memory.on:
                return self.handle_command(memory, On(), now)
            case Off() | Toggle():
                return replace(memory, on=False)
            case Brighter():
                return self._dim(memory, (memory.brightness_percent if memory.on else 0) + command.percent)
            case Dimmer() if memory.on:
                return self._dim(memory, memory.brightness_percent - command.percent)
            case Ramp():
                return self._ramp(memory, command, now)
            case Cycle():
                return self._cycle(memory)
        return memory

    def advance(self, memory: LampMemory, now: float) -> LampMemory:
        """Move the brightness by all steps that are due; the movement ends at the lowest or highest one."""
        movement = memory.movement
        if movement is None:
            return memory
        steps = movement.steps
        while step_at(movement, steps + 1) <= now and not self._is_end(movement, steps):
            steps += 1
        left = None if self._is_end(movement, steps) else replace(movement, steps=steps)
        return replace(memory, brightness_percent=self._brightness(movement, steps), movement=left)

    def adopt(self, memory: LampMemory, reading: Reading, now: float) -> LampMemory:
        """Follow a person that switched or dimmed it by hand."""
        memory = replace(memory, movement=None)
        if not reading.on:
            return replace(memory, on=False)
        bright = reading.brightness_percent or memory.brightness_percent
        colour = reading.colour
        if colour and memory.colour and colours.is_near(colour, memory.colour):
            colour = memory.colour  # the hardware only rounds it
        return self._switch_on(memory, bright, reading.colour_temperature_kelvin, colour)

    def resume(self, memory: LampMemory, now: float) -> LampMemory:
        """End a movement where it was: its button may have been released long ago.

        After a short absence it goes on. A release in that time is learned from the button's past states.
        """
        movement = memory.movement
        is_long_ago = movement is not None and now > step_at(movement, movement.steps) + ABSENCE_SECONDS
        return replace(memory, movement=None) if is_long_ago else memory

    def next_deadline(self, memory: LampMemory) -> float | None:
        """Return when the brightness moves next; None while it does not."""
        return None if memory.movement is None else step_at(memory.movement, memory.movement.steps + 1)

    def desired_setting(self, memory: LampMemory) -> Setting:
        """Return the light as it was switched."""
        if not memory.on:
            return Setting(on=False)
        return Setting(
            on=True,
            brightness_percent=memory.brightness_percent,
            colour_temperature_kelvin=memory.colour_temperature_kelvin,
            colour=memory.colour,
        )

    def state(self, memory: LampMemory, reading: Reading, now: float) -> State:
        """Return the light."""
        shown = memory if memory.colour or memory.colour_temperature_kelvin else reading
        return State(
            status=memory.on,
            phase="on" if memory.on else "off",
            brightness_percent=memory.brightness_percent,
            colour_temperature_kelvin=None if shown.colour else shown.colour_temperature_kelvin,
            colour=shown.colour,  # type: ignore[arg-type]
            starts=memory.starts,
            power_watts=reading.power_watts,
            fault=reading.fault,
        )

    def power_profile(self) -> tuple[Load, ...]:
        """Return the power of the lamp."""
        return ((1.0, self.options.lamp_watts),)

    @staticmethod
    def _switch_on(
        memory: LampMemory, brightness_percent: int, kelvin: int | None, colour: str | None
    ) -> LampMemory:
        """Return the memory of a lamp that is on. A colour ends a white, and a white ends a colour."""
        if colour is not None:
            kelvin, colour = None, str(colour)
        elif kelvin is None:
            kelvin, colour = memory.colour_temperature_kelvin, memory.colour
        return replace(
            memory,
            on=True,
            brightness_percent=max(1, brightness_percent),
            starts=memory.starts + (not memory.on),
            colour_temperature_kelvin=kelvin,
            colour=colour,
        )

    def _dim(self, memory: LampMemory, brightness_percent: int) -> LampMemory:
        """Turn it on with a brightness, and with its colour or its white."""
        own = memory if memory.colour or memory.colour_temperature_kelvin else self.options
        bright = min(100, brightness_percent)
        return self._switch_on(memory, bright, own.colour_temperature_kelvin, own.colour)

    def _ramp(self, memory: LampMemory, command: Ramp, now: float) -> LampMemory:
        """Begin a movement. A lamp that is off can only become brighter, from the lowest brightness on."""
        way = self._turn(memory) if command.direction == "turn" else command.direction
        if not memory.on:
            if way == "down":
                return memory
            memory = self._dim(memory, 1)
        bright = memory.brightness_percent
        memory = replace(memory, last_way=way)
        is_there = bright == (100 if way == "up" else 1)
        return memory if is_there else replace(memory, movement=Movement(way, bright, now))

    @staticmethod
    def _turn(memory: LampMemory) -> Way:
        """Return the direction that is not the last one, unless the lamp is at an end."""
        if not memory.on or memory.brightness_percent == 1:
            return "up"
        return "down" if memory.brightness_percent == 100 or memory.last_way != "down" else "up"  # noqa: PLR2004

    def _cycle(self, memory: LampMemory) -> LampMemory:
        """Go on to the level after the one that it has; from any other brightness, to the first one."""
        levels = self.options.levels_percent
        level = memory.brightness_percent if memory.on else 0
        following = levels[(levels.index(level) + 1) % len(levels)] if level in levels else levels[0]
        if following == 0 and not memory.on:
            following = levels[(levels.index(0) + 1) % len(levels)]
        return self._dim(memory, following) if following else replace(memory, on=False)

    def _brightness(self, movement: Movement, steps: int) -> int:
        """Return the brightness after some steps."""
        change = round(steps * STEP_SECONDS * FULL_PERCENT / self.options.ramp_seconds)
        return max(1, min(100, movement.from_percent + (change if movement.way == "up" else -change)))

    def _is_end(self, movement: Movement, steps: int) -> bool:
        return self._brightness(movement, steps) == (100 if movement.way == "up" else 1)


def step_at(movement: Movement, step: int) -> float:
    """Return when a step of a movement is due."""
    return movement.since + step * STEP_SECONDS
