"""The hardware of one device in a rehearsal. It outlives the device's process, as real hardware does."""

from collections.abc import Callable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from daemons.drivers import Driver
from daemons.drivers.physics.events import SimulatedCalendar
from daemons.drivers.physics.relay import Relay, Switching
from daemons.drivers.physics.valve import with_valve
from daemons.kinds import ButtonPress, Load, Message, Outcome, Reading, Setting, Touch

LOST = "the rehearsal has cut its connection"
MEASURED: dict[str, float | None] = {
    "temperature_celsius": 21.0,
    "humidity_percent": 45.0,
    "battery_percent": 100,
    "illuminance_lux": None,
    "pressure_hectopascals": None,
    "co2_ppm": None,
    "pm25_micrograms": None,
    "soil_moisture_percent": None,
}
"""What hardware measures until an event changes it; None for what it does not measure yet."""


class NoOptions(Struct, frozen=True):
    """The options of rehearsed hardware: there are none."""


class RehearsedHardware(Driver[NoOptions]):
    """A relay, a button and a sensor. A connection to them may be lost."""

    options_type = NoOptions
    real = False

    def __init__(self, device: str, speed: float, measured: Mapping[str, float | None]) -> None:
        """`speed` is how many times faster than usual it works; `measured` is what its sensor measures."""
        super().__init__(device, NoOptions())
        self.speed = speed
        self.measured = dict(measured)
        self.switchings: list[Switching] = []
        self._relay = Relay(((0.0, 0.0),))
        self._presses: list[ButtonPress] = []
        self._read_until = 0
        """How many presses the process has read."""
        self._drawn_watts: float | None = None
        """The power while it is on; None: that of its kind."""
        self._losses = 0
        self._is_lost = False
        self._unsent: tuple[Setting, str | None, float] | None = None
        """The setting that could not be sent, its cause, and since when it waits."""
        self._last_reading = Reading(reachable=None)
        self.calendar: SimulatedCalendar | None = None
        """The events of a device that needs them."""
        self.wall: Callable[[], float] = lambda: 0.0
        """The function that returns the clock of the house, in Unix seconds; its world sets it."""
        self.messages: list[Message] = []
        """The messages that it has delivered, repeats included."""
        self._outcome: Outcome | None = None
        """The outcome of the last message, for the process that sent it."""

    # What the process calls

    def open(self, power_profile: tuple[Load, ...], now: float) -> None:
        """Begin a new process, which has read no press."""
        self._relay.power_profile = power_profile
        self._read_until, self._unsent, self._outcome = 0, None, None
        self._advance(now)

    def skip_presses(self, until: int) -> None:
        """Go on after the presses that the last process handled."""
        self._read_until = until

    def set(self, setting: Setting, cause: str | None, now: float) -> None:
        """Apply a setting; without a connection it waits, and a message is refused for now."""
        if message := setting.message:
            self._outcome = Outcome(message.key, message.attempt, "refused_for_now", LOST)
            if not self._is_lost:
                self.messages.append(message)
                self._outcome = Outcome(message.key, message.attempt, "taken")
        elif self._is_lost:
            self._unsent = (setting, cause, now)
        else:
            self._switch(setting, cause, now)

    def read(self, now: float) -> Reading:
        """Return the latest reading."""
        if self._is_lost:
            return replace(
                self._last_reading, reachable=False, fault=LOST, losses=self._losses, outcome=self._outcome
            )
        self._advance(now)
        presses = tuple(self._presses[self._read_until :])
        self._read_until = len(self._presses)
        reading = replace(
            self._relay.reading(now),
            losses=self._losses,
            at=now,
            presses_until=self._read_until,
            outcome=self._outcome,
            **self.measured,
        )
        if self.calendar is not None:
            reading = replace(reading, calendar=self.calendar.events(self.wall()))
        reading = with_valve(reading)
        if self._drawn_watts is not None and (reading.on or reading.power_watts is None):
            reading = replace(reading, power_watts=self._drawn_watts)
        self._last_reading = reading
        return replace(reading, presses=presses) if presses else reading

    def due(self, now: float) -> float | None:
        """Return when the relay's timer expires, or the power of the appliance changes."""
        return None if self._is_lost else self._relay.next_change(now)

    # What happens to it

    @property
    def is_on(self) -> bool:
        """Whether the relay is on now."""
        return self._relay.last.on

    def is_on_at(self, now: float) -> bool:
        """Return whether the relay is on, also if its timer has expired while nothing has read it."""
        self._advance(now)
        return self.is_on

    def heat_at(self, now: float) -> float:
        """Return how much of its heat it gives to its room, 0 to 1: all while it is on, or by its valve."""
        is_on = self.is_on_at(now)
        percent = with_valve(replace(self._relay.reading(now), **self.measured)).valve_percent
        return float(is_on) if percent is None else percent / 100

    def press(self, touch: Touch, id_: str) -> None:
        """Press its button."""
        self._presses.append(ButtonPress(touch, id_))

    def switch_by_hand(self, now: float, *, on: bool) -> None:
        """Switch it at the appliance, or let a detector detect."""
        self._advance(now)
        if on != self._relay.last.on:
            self._switch(Setting(on), None, now)

    def set_by_hand(self, setting: Setting, now: float) -> None:
        """Set it at the appliance."""
        self._switch(setting, None, now)

    def measure(self, values: Mapping[str, float]) -> None:
        """Change what its sensor measures.

        `power_watts` is what the appliance behind it draws from now on while it is on.
        """
        self.measured |= {
            name: int(value) if name == "battery_percent" else float(value)
            for name, value in values.items()
            if name != "power_watts"
        }
        self._drawn_watts = values.get("power_watts", self._drawn_watts)

    def lose(self, now: float) -> None:
        """Cut its connection."""
        if not self._is_lost:
            self.read(now)
            self._is_lost, self._losses = True, self._losses + 1

    def restore(self, now: float) -> None:
        """Restore its connection; a setting that waited is applied."""
        self._is_lost = False
        if self._unsent is not None:
            (setting, cause, since), self._unsent = self._unsent, None
            if setting.off_after_seconds is not None:
                left = setting.off_after_seconds - (now - since)
                setting = replace(setting, off_after_seconds=left) if left > 0 else Setting(on=False)
            self._switch(setting, cause, now)

    def _advance(self, now: float) -> None:
        if expired := self._relay.expired(now):
            self._apply(expired)

    def _switch(self, setting: Setting, cause: str | None, now: float) -> None:
        self._advance(now)
        if switching := self._relay.switching(setting, cause, now):
            self._apply(switching)

    def _apply(self, switching: Switching) -> None:
        self._relay.apply(switching)
        self.switchings.append(switching)
