"""A person: at home or away, as the person's telephone shows, or as set by hand.

A telephone sleeps and does not answer for minutes. So a person is away only after `away_after` without
an answer. If the network cannot be reached, or the source is silent, it is unknown where the person is.
"""

from typing import Literal, get_args

from msgspec import Struct, field
from msgspec.structs import replace

from daemons.bus.message import Scalar
from daemons.kinds import Ability, Load, Machine, PrimaryCommand, Reading, Setting
from daemons.values import Seconds

Place = Literal["unknown", "home", "away"]
PRESENCE = "presence"


class Options(Struct, frozen=True, kw_only=True):
    """The options of a person."""

    away_seconds: Seconds = field(name="away_after", default=Seconds(600))
    """How long the source must not see the person before the person is away."""


class PersonMemory(Struct, frozen=True):
    """The memory of a person."""

    place: Place = "unknown"
    seen: bool | None = None
    """Whether the source sees the person; None while this is unknown."""
    missing_since: float | None = None
    """Since when the source does not see a person that is not away yet, in the device's steady seconds."""


class State(Struct, frozen=True, kw_only=True):
    """The published state of a person."""

    status: bool
    """Whether the person is at home."""
    phase: Place
    since: float | None = None
    """When the phase began, in Unix seconds; None before its first change."""
    battery_percent: int | None = None
    fault: str | None = None


class Home(Struct, frozen=True):
    """Set the person to home; this holds until the source sees a change."""


class Away(Struct, frozen=True):
    """Set the person to away; this holds until the source sees a change."""


class Person(Machine[Options, PersonMemory]):
    """A person: at home or away, as the person's telephone shows, or as set by hand."""

    drives = False
    needs = frozenset[Ability]({"presence"})
    options_type = Options
    memory_type = PersonMemory
    state_type = State
    commands = (Home, Away)
    off_commands = ()
    primary_commands = (
        PrimaryCommand("away", "Set away", when={"status": (True,)}),
        PrimaryCommand("home", "Set home"),
    )
    resting_phases = get_args(Place)
    unknown_phases = ("unknown",)
    entity_class = "device_tracker"
    detections = {PRESENCE: "presence"}  # noqa: RUF012

    @classmethod
    def detects(cls, options: Options) -> str:  # noqa: ARG003  the same with all options
        """Return that its status detects the presence of the person."""
        return PRESENCE

    @classmethod
    def possible_states(cls, options: Options) -> tuple[dict[str, Scalar], ...]:  # noqa: ARG003  as above
        """Return its phases."""
        places: tuple[Place, ...] = get_args(Place)
        return tuple({"phase": place, "status": place == "home"} for place in places)

    def handle_command(self, memory: PersonMemory, command: Home | Away, now: float) -> PersonMemory:
        """Set the place by hand."""
        return replace(memory, place="home" if isinstance(command, Home) else "away", missing_since=None)

    def advance(self, memory: PersonMemory, now: float) -> PersonMemory:
        """Set the person to away who has been missing for long enough."""
        since = memory.missing_since
        if since is None or now < since + self.options.away_seconds:
            return memory
        return replace(memory, place="away", missing_since=None)

    def resume(self, memory: PersonMemory, now: float) -> PersonMemory:
        """Count the time without an answer anew: an answer meanwhile was not seen."""
        return memory if memory.missing_since is None else replace(memory, missing_since=now)

    def adopt(self, memory: PersonMemory, reading: Reading, now: float) -> PersonMemory:
        """Change nothing: `update_measurements` handles each reading."""
        return memory

    def update_measurements(self, memory: PersonMemory, reading: Reading, now: float) -> PersonMemory:
        """Follow a change of what the source sees; what was set by hand holds until then."""
        seen = reading.on if reading.reachable else None
        if reading.reachable is None or seen == memory.seen:
            return memory
        if seen is None:
            return PersonMemory()
        if seen:
            return PersonMemory("home", seen=True)
        return replace(memory, seen=False, missing_since=None if memory.place == "away" else now)

    def next_deadline(self, memory: PersonMemory) -> float | None:
        """Return when a missing person is away."""
        since = memory.missing_since
        return None if since is None else since + self.options.away_seconds

    def desired_setting(self, memory: PersonMemory) -> Setting:
        """Return off: it switches nothing."""
        return Setting(on=False)

    def state(self, memory: PersonMemory, reading: Reading, now: float) -> State:
        """Return the place."""
        return State(
            status=memory.place == "home",
            phase=memory.place,
            battery_percent=reading.battery_percent,
            fault=reading.fault,
        )

    def power_profile(self) -> tuple[Load, ...]:
        """Return a power of zero."""
        return ((1.0, 0.0),)
