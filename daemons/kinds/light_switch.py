"""A wall switch with its light: a press turns it on or off, and the house sees the press."""

from typing import Annotated

from msgspec import Meta, Struct

from daemons.bus.message import Scalar
from daemons.kinds import Load, Machine, PrimaryCommand, Reading, Result, Setting, Touch


class Options(Struct, frozen=True):
    """The options of a light switch."""

    light_watts: Annotated[float, Meta(ge=0, le=10_000)] = 9.0
    """The power of a simulated light, in watts."""


class LightSwitchMemory(Struct, frozen=True):
    """The memory of a light switch."""

    on: bool = False
    presses: int = 0


class State(Struct, frozen=True, kw_only=True):
    """The published state of a light switch."""

    status: bool
    """Whether the light is on."""
    phase: str
    """"on" or "off"."""
    presses: int
    """How often it has been switched in its life."""
    power_watts: float | None
    fault: str | None = None


class Press(Struct, frozen=True):
    """Turn the light on if it is off, and off if it is on."""


class On(Struct, frozen=True):
    """Turn the light on."""


class Off(Struct, frozen=True):
    """Turn the light off."""


class LightSwitch(Machine[Options, LightSwitchMemory]):
    """A wall switch with its light: a press turns it on or off, and the house sees the press."""

    options_type = Options
    memory_type = LightSwitchMemory
    state_type = State
    commands = (Press, On, Off)
    primary_commands = (
        PrimaryCommand("press", "Turn off", when={"status": (True,)}),
        PrimaryCommand("press", "Turn on", when={"status": (False,)}),
        PrimaryCommand("press", "Press"),
    )
    results = (Result("off", {"status": False}), Result("on", {"status": True}))
    entity_class = "light"

    @classmethod
    def possible_states(cls, options: Options) -> tuple[dict[str, Scalar], ...]:  # noqa: ARG003  the same with all options
        """Return its phases."""
        return ({"phase": "on", "status": True}, {"phase": "off", "status": False})

    def handle_command(
        self, memory: LightSwitchMemory, command: Press | On | Off, now: float
    ) -> LightSwitchMemory:
        """Switch the light; on for a light that is on changes and counts nothing, and off likewise."""
        on = not memory.on if isinstance(command, Press) else isinstance(command, On)
        return memory if on == memory.on else LightSwitchMemory(on, memory.presses + 1)

    def advance(self, memory: LightSwitchMemory, now: float) -> LightSwitchMemory:
        """Change nothing."""
        return memory

    def adopt(self, memory: LightSwitchMemory, reading: Reading, now: float) -> LightSwitchMemory:
        """Follow a manual switch, and count it as a press."""
        return memory if reading.on == memory.on else LightSwitchMemory(bool(reading.on), memory.presses + 1)

    def press(self, memory: LightSwitchMemory, touch: Touch, now: float) -> LightSwitchMemory:
        """Switch the light at a single press; double and long presses are left to rules."""
        return LightSwitchMemory(not memory.on, memory.presses + 1) if touch == "single" else memory

    def next_deadline(self, memory: LightSwitchMemory) -> None:
        """Return None: time makes no difference."""

    def desired_setting(self, memory: LightSwitchMemory) -> Setting:
        """Return the light as it was switched."""
        return Setting(memory.on)

    def state(self, memory: LightSwitchMemory, reading: Reading, now: float) -> State:
        """Return the light and the count of presses."""
        return State(
            status=memory.on,
            phase="on" if memory.on else "off",
            presses=memory.presses,
            power_watts=reading.power_watts,
            fault=reading.fault,
        )

    def power_profile(self) -> tuple[Load, ...]:
        """Return the power of the light."""
        return ((1.0, self.options.light_watts),)
