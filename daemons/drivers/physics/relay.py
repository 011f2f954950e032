"""A relay with a timer that switches it off, a meter, and an appliance behind it that draws power. Pure.

Each time is in the device's steady seconds.
"""

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from daemons.kinds import Direction, Load, Reading, Setting

Action = Literal["on", "off", "dim", "turn", "target", "arm"]


class Switching(Struct, frozen=True, omit_defaults=True):
    """The state of a relay since `at`, and its cause."""

    at: float
    what: Action
    on: bool
    cause: str | None = None
    brightness_percent: int | None = None
    colour_temperature_kelvin: int | None = None
    colour: str | None = None
    direction: Direction | None = None
    target_celsius: float | None = None
    off_at: float | None = None
    """When the relay's timer switches it off, also without a process."""
    energy_watt_hours: float = 0.0
    """The reading of the meter at that time."""


NEVER_SWITCHED = Switching(0.0, "off", on=False)


class Relay:
    """A relay, in the state of its last switching."""

    def __init__(self, power_profile: tuple[Load, ...]) -> None:
        """Create a relay that is off. `power_profile` is what the appliance draws while it is on."""
        self.last = NEVER_SWITCHED
        self.power_profile = power_profile
        self._on_since = 0.0

    def apply(self, switching: Switching) -> None:
        """Apply a switching."""
        if switching.on and not self.last.on:
            self._on_since = switching.at
        self.last = switching

    def reset(self) -> None:
        """Forget all switchings."""
        self.last = NEVER_SWITCHED

    def expired(self, now: float) -> Switching | None:
        """Return the switching by the relay's timer, if that has expired."""
        last = self.last
        if last.on and last.off_at is not None and now >= last.off_at:
            return self._switching(last.off_at, "off", Setting(on=False), "off_timer", None)
        return None

    def switching(self, setting: Setting, cause: str | None, now: float) -> Switching | None:
        """Return the switching to a setting; None if the relay already has it."""
        last = self.last
        off_at = now + setting.off_after_seconds if setting.on and setting.off_after_seconds else None
        light = (setting.brightness_percent, setting.colour_temperature_kelvin, setting.colour)
        if setting.on != last.on:
            what: Action = "on" if setting.on else "off"
        elif setting.on and setting.direction != last.direction:
            what = "turn"
        elif setting.on and light != (
            last.brightness_percent,
            last.colour_temperature_kelvin,
            last.colour,
        ):
            what = "dim"
        elif setting.on and setting.target_celsius != last.target_celsius:
            what = "target"
        elif abs((off_at or 0.0) - (last.off_at or 0.0)) > 1:
            what = "arm"
        else:
            return None
        return self._switching(now, what, setting, cause, off_at)

    def reading(self, now: float) -> Reading:
        """Return what the hardware reports, without a sensor; what never draws power has no meter."""
        last = self.last
        has_meter = any(watts for _, watts in self.power_profile)
        return Reading(
            on=last.on,
            power_watts=self.watts(now) if has_meter else None,
            energy_watt_hours=round(self.energy(now), 3) if has_meter else None,
            brightness_percent=last.brightness_percent,
            colour_temperature_kelvin=last.colour_temperature_kelvin,
            colour=last.colour,
            direction=last.direction,
            target_celsius=last.target_celsius,
            off_after_seconds=last.off_at - now if last.on and last.off_at is not None else None,
            cause=last.cause,
        )

    def watts(self, now: float) -> float:
        """Return the present power in watts."""
        if not self.last.on:
            return 0.0
        left = now - self._on_since
        for seconds, watts in self.power_profile[:-1]:
            if left < seconds:
                return watts * self._dim_factor
            left -= seconds
        return self.power_profile[-1][1] * self._dim_factor

    def energy(self, now: float) -> float:
        """Return the total energy that the relay has drawn, in watt-hours."""
        last = self.last
        if not last.on:
            return last.energy_watt_hours
        drawn = self._energy_until(now) - self._energy_until(last.at)
        return last.energy_watt_hours + drawn * self._dim_factor

    def next_change(self, now: float) -> float | None:
        """Return when the timer expires or the power changes next; None if neither does."""
        return min((at for at in self._changes() if at > now), default=None)

    def _changes(self) -> Iterator[float]:
        """Yield the times at which time alone changes something."""
        if not self.last.on:
            return
        if self.last.off_at is not None:
            yield self.last.off_at
        at = self._on_since
        for seconds, _ in self.power_profile[:-1]:
            at += seconds
            yield at

    def _switching(
        self, at: float, what: Action, setting: Setting, cause: str | None, off_at: float | None
    ) -> Switching:
        return Switching(
            at,
            what,
            setting.on,
            cause,
            setting.brightness_percent,
            setting.colour_temperature_kelvin,
            setting.colour,
            setting.direction,
            setting.target_celsius,
            off_at,
            round(self.energy(at), 4),
        )

    @property
    def _dim_factor(self) -> float:
        return (self.last.brightness_percent or 100) / 100

    def _energy_until(self, until: float) -> float:
        left, watt_seconds = max(0.0, until - self._on_since), 0.0
        for index, (seconds, watts) in enumerate(self.power_profile):
            last = index == len(self.power_profile) - 1
            stretch = left if last else min(left, seconds)
            watt_seconds += stretch * watts
            left -= stretch
        return watt_seconds / 3600
