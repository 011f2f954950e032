"""Relays and buttons on the pins of a Raspberry Pi, through gpiozero.

Pins have Broadcom numbers, as in gpiozero. Opening a pin as an output sets its level. So the driver
stores in `hardware/NAME/pins.json` which relay is on, and a restarted process opens each pin with the
stored level. Without this file, and after a reboot of the machine, every relay is off. A pin has no
timer: a relay stays on if the machine hangs. Do not use this driver for heating appliances; use
hardware with a timer.
"""

import atexit
import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import gpiozero
import gpiozero.devices
import msgspec
from msgspec import Meta, Struct, field

from daemons.drivers import Driver
from daemons.errors import StorageError
from daemons.kinds import Ability, ButtonPress, Load, Reading, Setting, Touch
from daemons.runtime.clock import boot_id, uptime
from daemons.storage.paths import replace_file
from daemons.values import Seconds

# At exit gpiozero makes every pin an input. This would switch a relay off at each restart of its process.
atexit.unregister(gpiozero.devices._shutdown)  # noqa: SLF001  gpiozero has no public way

Pin = Annotated[int, Meta(ge=0, le=27)]
COUNTED: tuple[Touch, ...] = ("single", "double", "triple")
"""The presses that follow each other, by their number."""
RELAYS = ("relay", "opens", "closes")
SHORTEST_HOLD_SECONDS = 0.1
"""Each `hold` is a message to the whole house."""
RETRY_SECONDS = 5.0
"""The pause before pins that could not be opened are tried again."""


class Options(Struct, frozen=True, kw_only=True):
    """The options of relays and buttons on pins."""

    relay: Pin | None = None
    """The pin of the relay."""
    opens: Pin | None = None
    """For a cover: the pin that moves it one way."""
    closes: Pin | None = None
    """For a cover: the pin that moves it the other way. Both are never on together."""
    active: Literal["high", "low"] = "high"
    """The level that switches a relay on."""
    button: Pin | None = None
    """The pin of a button, between it and ground. With `pull = "down"`, between it and 3.3 V."""
    pull: Literal["up", "down"] = "up"
    """The level of the button's pin while the button is not pressed."""
    debounce_seconds: Seconds = field(name="debounce", default=Seconds(0.03))
    """A change is ignored if it follows the last one within this time."""
    double_seconds: Seconds = field(name="double", default=Seconds(0))
    """Two presses within this time are a double press. A single press is then reported this much later."""
    triple: bool = False
    """Whether three presses, each within `double` of the last, are a triple press. A double press is then
    reported later, too."""
    long_seconds: Seconds = field(name="long", default=Seconds(0))
    """A press that lasts this long is a long press. With `"0s"`, there are no long presses."""
    hold_seconds: Seconds = field(name="hold", default=Seconds(0))
    """How often a long press reports `hold` while the button is down. With `"0s"`, it does not."""

    def __post_init__(self) -> None:
        """Raise ValueError if there is no pin, half a cover, or a pin with two uses."""
        pins = [pin for pin in (self.relay, self.opens, self.closes, self.button) if pin is not None]
        if not pins:
            raise ValueError("there is no pin; name one as relay, as button, or as opens and closes")
        if (self.opens is None) != (self.closes is None) or (
            self.relay is not None and self.opens is not None
        ):
            raise ValueError("a cover has opens and closes, and no relay")
        if len(set(pins)) < len(pins):
            raise ValueError("one pin cannot have two uses")
        if self.triple and not self.double_seconds:
            raise ValueError("triple needs double: the longest time between two presses")
        if self.hold_seconds and not self.long_seconds:
            raise ValueError("hold needs long: the time after which the button counts as held")
        if 0 < self.hold_seconds < SHORTEST_HOLD_SECONDS:
            raise ValueError('hold must be "100ms" or longer')


class SavedRelay(Struct, frozen=True):
    """The relay that is on, and the boot of the machine in which it was switched on."""

    boot_id: str = msgspec.field(name="machine")
    on: str | None = None


class Relay(gpiozero.OutputDevice):  # type: ignore[misc]  # the library has no types
    """An output that keeps its level when it is deleted: gpiozero would make its pin an input."""

    def __del__(self) -> None:
        """Do nothing."""


class PressDetector:
    """Detects presses from the changes of a button. Pure: it has no clock."""

    def __init__(
        self, double_seconds: float, long_seconds: float, *, triple: bool = False, hold_seconds: float = 0.0
    ) -> None:
        self._double, self._long, self._hold = double_seconds, long_seconds, hold_seconds
        self._most = 3 if triple else 2 if double_seconds else 1
        """How many presses may follow each other."""
        self._down: float | None = None
        """When the button went down; None if it is up, or if its press is reported already."""
        self._held: float | None = None
        """When a long press was reported last; None if the button is not held."""
        self._ended: float | None = None
        """When the last press ended, while another one may still follow."""
        self._count = 0
        """How many short presses have followed each other."""

    def change(self, down: bool, at: float) -> list[Touch]:
        """Handle a change of the button; return the presses that are complete."""
        found = self.advance(at)
        if down:
            if not self._long and not self._double:
                return [*found, "single"]
            self._down = at
            return found
        if self._held is not None:
            self._held = None
            return [*found, "release"]
        if self._down is None:
            return found  # the start of the press was missed
        self._down = None
        self._count, self._ended = self._count + 1, at
        return [*found, *self._finish()] if self._count == self._most else found

    def advance(self, now: float) -> list[Touch]:
        """Advance the time; return the presses that are complete."""
        found: list[Touch] = []
        if self._down is not None and self._long and now - self._down >= self._long:
            found += [*self._finish(), "long"]
            self._held, self._down = self._down + self._long, None
        elif self._ended is not None and self._down is None and now - self._ended >= self._double:
            found += self._finish()
        while self._held is not None and self._hold and now - self._held >= self._hold:
            found.append("hold")
            self._held += self._hold
        return found

    def due(self) -> float | None:
        """Return when the next press may be complete."""
        if self._down is not None:
            return self._down + self._long if self._long else None
        if self._held is not None:
            return self._held + self._hold if self._hold else None
        return None if self._ended is None else self._ended + self._double

    def _finish(self) -> list[Touch]:
        """Return the short presses that followed each other, as one press."""
        found: list[Touch] = [COUNTED[self._count - 1]] if self._count else []
        self._count, self._ended = 0, None
        return found


class Gpio(Driver[Options]):
    """Relays and buttons on the pins of a Raspberry Pi, through gpiozero."""

    options_type = Options
    abilities: ClassVar[frozenset[Ability]] = frozenset({"switch", "move", "press"})

    def open(self, power_profile: tuple[Load, ...], now: float) -> None:
        """Open the pins; each relay keeps its state after a restart of the process."""
        self.socket = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        options = self.options
        self._detector = PressDetector(
            options.double_seconds,
            options.long_seconds,
            triple=options.triple,
            hold_seconds=options.hold_seconds,
        )
        self._changes: list[tuple[bool, float]] = []
        self._names = [name for name in RELAYS if getattr(self.options, name) is not None]
        self._relays: dict[str, Relay] = {}
        """The opened relays: all of them, or none after a fault."""
        self._button: Any = None
        self._requested_on: bool | None = None
        self._fault: str | None = None
        self._set_fault: str | None = None
        """Why the last setting was not applied, if the pins are not the cause."""
        self._retry_at = now
        self._path = Path("hardware") / self.device / "pins.json"
        self._saved: str | None = ""
        """The stored relay: None if no relay is on, "" if this process has stored nothing yet."""
        self._open_pins(now)

    def set(self, setting: Setting, cause: str | None, now: float) -> None:
        """Switch the relays; the two relays of a cover are never on together."""
        if not self._names:
            self._requested_on = setting.on  # a button alone switches nothing, so the setting is the state
            return
        name = {None: "relay", "open": "opens", "close": "closes"}[setting.direction] if setting.on else None
        try:
            self._save(name)
        except StorageError as error:  # a relay whose state is not stored is not switched
            self._set_fault = str(error)
            return
        self._set_fault = None
        try:
            for other, relay in self._relays.items():
                if other != name:
                    relay.off()
            if name in self._relays:
                self._relays[name].on()
        except Exception as error:  # noqa: BLE001  each of gpiozero's pin libraries has its own errors
            self._on_pin_error(error, now)

    def read(self, now: float) -> Reading:
        """Return the levels of the pins and the new presses."""
        with suppress(BlockingIOError):
            os.eventfd_read(self.socket)
        if self._fault and now >= self._retry_at:
            self._open_pins(now)
        if self._fault:
            return Reading(reachable=False, fault=self._fault)
        touches: list[Touch] = []
        while self._changes:
            touches += self._detector.change(*self._changes.pop(0))
        touches += self._detector.advance(uptime())
        presses = tuple(ButtonPress(touch, os.urandom(5).hex()) for touch in touches)
        try:
            on = [name for name, relay in self._relays.items() if relay.value]
        except Exception as error:  # noqa: BLE001  as above
            self._on_pin_error(error, now)
            return Reading(reachable=False, fault=self._fault, presses=presses)
        return Reading(
            on=bool(on) if self._names else self._requested_on,
            direction="open" if "opens" in on else "close" if "closes" in on else None,
            fault=self._set_fault,
            at=now,
            presses=presses,
        )

    def due(self, now: float) -> float | None:
        """Return when a press is decided; after a fault, return when the pins are tried again."""
        if self._fault:
            return self._retry_at
        due = self._detector.due()
        return None if due is None else now + max(0.001, due - uptime())

    def close(self) -> None:
        """Close the button. The relays keep their state, also after the end of the process."""
        if self._button:
            self._button.close()
        self._relays, self._button = {}, None
        os.close(self.socket)

    def _open_pins(self, now: float) -> None:
        """Open the pins; a failure becomes a fault, and the pins are tried again later."""
        options = self.options
        try:
            on = self._read_saved()
            high = options.active == "high"
            self._relays = {
                name: Relay(getattr(options, name), active_high=high, initial_value=name == on)
                for name in self._names
            }
            if options.button is not None and self._button is None:
                bounce = options.debounce_seconds or None
                up = options.pull == "up"
                self._button = gpiozero.Button(options.button, pull_up=up, bounce_time=bounce)
                self._button.when_pressed = lambda: self._on_button_change(down=True)
                self._button.when_released = lambda: self._on_button_change(down=False)
        except Exception as error:  # noqa: BLE001  as above
            self._on_pin_error(error, now)
        else:
            self._fault = None

    def _read_saved(self) -> str | None:
        """Return the stored relay that is on; None if the file is missing or from an earlier boot."""
        try:
            found = msgspec.json.decode(self._path.read_bytes(), type=SavedRelay)
        except (OSError, msgspec.MsgspecError):
            return None
        return found.on if found.boot_id == boot_id() else None

    def _save(self, on: str | None) -> None:
        """Store which relay is on; raises StorageError if this fails.

        If all relays are off, the file is removed. A removal succeeds on a full disk too.
        """
        if on == self._saved:
            return
        if on is None:
            with suppress(OSError):
                self._path.unlink()
        else:
            with suppress(OSError):
                self._path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._path, msgspec.json.encode(SavedRelay(boot_id(), on)))
        self._saved = on

    def _on_pin_error(self, error: Exception, now: float) -> None:
        """Record that the pins cannot be used; the next attempt opens them with the stored levels."""
        self._relays = {}
        self._fault = f"the pins cannot be used: {error or type(error).__name__}"
        self._retry_at = now + RETRY_SECONDS

    def _on_button_change(self, down: bool) -> None:
        """Record a change of the button; gpiozero calls this method in its own thread."""
        self._changes.append((down, uptime()))
        os.eventfd_write(self.socket, 1)
