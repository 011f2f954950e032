"""The options of a heater and of a thermostat, and what they refuse."""

from typing import Annotated, get_args

from msgspec import Meta, Struct, field

from daemons.kinds import TimetableEntry
from daemons.values import Day, Seconds

LOWEST_CELSIUS, HIGHEST_CELSIUS = 5, 30
Celsius = Annotated[float, Meta(ge=LOWEST_CELSIUS, le=HIGHEST_CELSIUS)]
COMPRESSOR_SECONDS = 300.0
"""How long a compressor must stand still before it may start again, unless the options say otherwise."""


class Entry(TimetableEntry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of a schedule."""

    celsius: Celsius
    """The target from then on."""


class PlannedOptions(Struct, frozen=True, kw_only=True):
    """The options of what keeps a target: where the target comes from, and the windows that pause it."""

    target_celsius: Celsius = 20.0
    """The usual temperature in °C."""
    schedule: Annotated[tuple[Entry, ...], Meta(min_length=1)] = ()
    """The target by the time of the week. The latest entry that has begun is in force."""
    target: str | None = None
    """A device whose `value` is the target: a number that people set."""
    mode: str | None = None
    """A device whose `value` selects one of the `targets`."""
    targets: Annotated[dict[str, Celsius], Meta(min_length=1)] = {}
    """For each value of `mode`, the target."""
    windows: Annotated[tuple[str, ...], Meta(min_length=1)] = ()
    """The sensors of its windows, which detect an opening.
    While one is open, it keeps only the frost away."""
    window_seconds: Seconds = field(name="window_after", default=Seconds(30))
    """How long a window must be open before it pauses."""

    def __post_init__(self) -> None:
        """Raise ValueError for options that contradict each other, or can never act."""
        planned = [name for name in ("schedule", "target", "mode") if getattr(self, name)]
        if len(planned) > 1:
            raise ValueError(f"{' and '.join(planned)} do not go together: each of them sets the target")
        if (self.mode is None) is not (not self.targets):
            raise ValueError("mode and targets go together")
        if len({*self.windows}) < len(self.windows):
            raise ValueError("windows names a device twice")
        if {self.target, self.mode} & {*self.windows} - {None}:
            raise ValueError("what sets the target is none of the windows")
        self._check_schedule()

    def _check_schedule(self) -> None:
        """Refuse two entries of the schedule that begin at the same time of the same day."""
        seen: set[tuple[str, str | None]] = set()
        for entry in self.schedule:
            begins = {(str(entry.at), day) for day in entry.days or get_args(Day)}
            if seen & begins:
                raise ValueError(f"two entries of the schedule begin at {entry.at} on the same day")
            seen |= begins


class Options(PlannedOptions, frozen=True, kw_only=True):
    """The options of a heater."""

    source: str | None = None
    """The device whose `temperature_celsius` it uses. By default its own hardware measures."""
    cools: bool = False
    """Whether it cools, as an air conditioner does: then it starts above its target, and stops at it."""
    hysteresis_celsius: Annotated[float, Meta(ge=0.1, le=5)] = 0.5
    """It starts this far below the temperature it keeps, and stops at that temperature.
    With `cools`, it starts this far above it."""
    frost_celsius: Annotated[float, Meta(ge=3, le=15)] | None = 6.0
    """The temperature it keeps while it is off, in °C. What cools never cools below it."""
    hot_celsius: Annotated[float, Meta(ge=20, le=45)] | None = None
    """With `cools`: the temperature it keeps while it is off, in °C. By default none."""
    min_on_seconds: Seconds = field(name="min_on", default=Seconds(0))
    """It does not stop for so long after a start, unless a person or a safety limit stops it."""
    min_off_seconds: Seconds | None = field(name="min_off", default=None)
    """It does not start for so long after a stop. By default `"0s"`, and `"5m"` with `cools`."""
    blind_seconds: Seconds = field(name="blind_after", default=Seconds(60))
    """How long it may heat without a temperature."""
    rest_seconds: Seconds = field(name="rest", default=Seconds(600))
    """How long it rests after `max_on`, and after a hand has switched it off."""
    max_on_seconds: Seconds = field(name="max_on", default=Seconds(4 * 3600))
    """It never heats for longer than this without a rest."""

    def __post_init__(self) -> None:
        """Raise ValueError for options that contradict each other, or can never act."""
        if min(self.max_on_seconds, self.rest_seconds, self.blind_seconds) <= 0:
            raise ValueError("max_on, rest and blind_after must be longer than 0s")
        if self.min_on_seconds >= self.max_on_seconds:
            raise ValueError("min_on must be shorter than max_on")
        super().__post_init__()
        self._check_guards()
        if self.source is not None and self.source in (self.target, self.mode):
            raise ValueError("what sets the target is not the source")

    @property
    def off_seconds(self) -> float:
        """How long it does not start after a stop."""
        if self.min_off_seconds is not None:
            return self.min_off_seconds
        return COMPRESSOR_SECONDS if self.cools else 0.0

    @property
    def guard_celsius(self) -> float | None:
        """The temperature that it keeps while it is off or paused; None if it keeps none."""
        return self.hot_celsius if self.cools else self.frost_celsius

    def _check_guards(self) -> None:
        """Refuse a target that a guard makes impossible."""
        named = {"target_celsius": [self.target_celsius]}
        named["schedule"] = [entry.celsius for entry in self.schedule]
        named["targets"] = [*self.targets.values()]
        if self.hot_celsius is not None and not self.cools:
            raise ValueError("hot_celsius goes with cools = true")
        for name, targets in named.items():
            word = "target_celsius" if name == "target_celsius" else f"a temperature in {name}"
            if self.frost_celsius is not None and any(target < self.frost_celsius for target in targets):
                raise ValueError(f"frost_celsius must not be above {word}")
            if self.hot_celsius is not None and any(target > self.hot_celsius for target in targets):
                raise ValueError(f"hot_celsius must not be below {word}")
