"""Relays and buttons on the pins of a Raspberry Pi, by gpiozero.

Pins are Broadcom numbers, as gpiozero counts them. Taking a pin as an output gives it a level, so
which relay is on is written down, in `hardware/NAME/pins.json`, and the next life of the process
takes its pin with that level; without such a note, and after a start of the machine, every relay is
off. A pin has no timer of its own: what is on stays on when the whole machine hangs. What heats
belongs behind hardware that can go off by itself.
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

# gpiozero ends by making every pin an input, which would drop a relay whenever its process restarts.
atexit.unregister(gpiozero.devices._shutdown)  # noqa: SLF001  it offers no other way

Pin = Annotated[int, Meta(ge=0, le=27)]
RELAYS = ("relay", "opens", "closes")
RETRY_SECONDS = 5.0
"""How long until pins that could not be had are tried again."""


class Options(Struct, frozen=True, kw_only=True):
    """What can be set."""

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
    """A change that comes sooner than this after the last one is ignored."""
    double_seconds: Seconds = field(name="double", default=Seconds(0))
    """Two presses within this time are a double press. A single press is then reported this much later."""
    long_seconds: Seconds = field(name="long", default=Seconds(0))
    """A press that lasts this long is a long press. With `"0s"` there are none."""

    def __post_init__(self) -> None:
        """Refuse pins that do nothing, half a cover, and a pin for two things."""
        pins = [pin for pin in (self.relay, self.opens, self.closes, self.button) if pin is not None]
        if not pins:
            raise ValueError("there is no pin; name one as relay, as button, or as opens and closes")
        if (self.opens is None) != (self.closes is None) or (
            self.relay is not None and self.opens is not None
        ):
            raise ValueError("a cover has opens and closes, and no relay")
        if len(set(pins)) < len(pins):
            raise ValueError("one pin cannot be two things")


class SavedRelay(Struct, frozen=True):
    """Which relay was switched on last, and in which start of the machine."""

    boot_id: str = msgspec.field(name="machine")
    on: str | None = None


class Relay(gpiozero.OutputDevice):  # type: ignore[misc]  # the library has no types
    """An output that keeps its level when it is let go of: gpiozero would make its pin an input."""

    def __del__(self) -> None:
        """Do nothing."""


class PressDetector:
    """Tells single, double and long presses apart. Pure: it is told when the button went down and up."""

    def __init__(self, double_seconds: float, long_seconds: float) -> None:
        self._double, self._long = double_seconds, long_seconds
        self._down: float | None = None
        """Since when it is down, as long as that may become something."""
        self._single: float | None = None
        """When a press has ended that may still become a double one."""

    def change(self, down: bool, at: float) -> list[Touch]:
        """Handle a change of the button; return the presses that are complete."""
        found = self.advance(at)
        if down:
            if not self._long and not self._double:
                return [*found, "single"]
            self._down = at
            return found
        if self._down is None:
            return found  # it was long and is reported, or its beginning was missed
        self._down = None
        if self._single is not None:
            self._single = None
            return [*found, "double"]
        if not self._double:
            return [*found, "single"]
        self._single = at
        return found

    def advance(self, now: float) -> list[Touch]:
        """Advance the time; return the presses that are complete."""
        found: list[Touch] = []
        if self._long and self._down is not None and now - self._down >= self._long:
            found += ["single", "long"] if self._single is not None else ["long"]
            self._down = self._single = None
        elif self._single is not None and self._down is None and now - self._single >= self._double:
            found.append("single")
            self._single = None
        return found

    def due(self) -> float | None:
        """Return when the next press may be complete."""
        if self._down is not None:
            return self._down + self._long if self._long else None
        return None if self._single is None else self._single + self._double


class Gpio(Driver[Options]):
    """Relays and buttons on the pins of a Raspberry Pi, by gpiozero."""

    options_type = Options
    abilities: ClassVar[frozenset[Ability]] = frozenset({"switch", "move", "press"})

    def open(self, power_profile: tuple[Load, ...], now: float) -> None:
        """Open the pins without changing them."""
        self.socket = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._detector = PressDetector(self.options.double_seconds, self.options.long_seconds)
        self._changes: list[tuple[bool, float]] = []
        self._names = [name for name in RELAYS if getattr(self.options, name) is not None]
        self._relays: dict[str, Relay] = {}
        """Those that could be taken: all, or after a fault none."""
        self._button: Any = None
        self._requested_on: bool | None = None
        self._fault: str | None = None
        self._set_fault: str | None = None
        """Why the last order was not carried out, where that is not the pins' fault."""
        self._retry_at = now
        self._path = Path("hardware") / self.device / "pins.json"
        self._saved: str | None = ""
        """Which relay the note says is on, as far as this life knows; "" stands for not at all."""
        self._open_pins(now)

    def set(self, setting: Setting, cause: str | None, now: float) -> None:
        """Switch; of a cover's two relays never both are on."""
        if not self._names:
            self._requested_on = setting.on  # a button alone switches nothing: it is as it was told
            return
        name = {None: "relay", "open": "opens", "close": "closes"}[setting.direction] if setting.on else None
        try:
            self._save(name)
        except StorageError as error:  # what would be off after a restart does not go on
            self._set_fault = str(error)
            return
        self._set_fault = None
        try:
            for other, relay in self._relays.items():
                if other != name:
                    relay.off()
            if name in self._relays:
                self._relays[name].on()
        except Exception as error:  # noqa: BLE001  each of gpiozero's pin libraries has errors of its own
            self._on_pin_error(error, now)

    def read(self, now: float) -> Reading:
        """Read the pins back."""
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
        presses = tuple(ButtonPress(what, os.urandom(5).hex()) for what in touches)
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
        """Look when a press has become one sort or the other, and when pins may be free again."""
        if self._fault:
            return self._retry_at
        due = self._detector.due()
        return None if due is None else now + max(0.001, due - uptime())

    def close(self) -> None:
        """Close the button; the relays keep their state, also after the end of the process."""
        if self._button:
            self._button.close()
        self._relays, self._button = {}, None
        os.close(self.socket)

    def _open_pins(self, now: float) -> None:
        """Open the pins; a failure becomes a fault, and is tried again."""
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
        """Return the last state of the relay; None without a note from this boot of the machine."""
        try:
            found = msgspec.json.decode(self._path.read_bytes(), type=SavedRelay)
        except (OSError, msgspec.MsgspecError):
            return None
        return found.on if found.boot_id == boot_id() else None

    def _save(self, on: str | None) -> None:
        """Note which relay is on, or PlaceError; off is no note, which a full disk can hold too."""
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
        """See that the pins are not ours; when they are again, each gets the level that is wanted then."""
        self._relays = {}
        self._fault = f"the pins cannot be used: {error or type(error).__name__}"
        self._retry_at = now + RETRY_SECONDS

    def _on_button_change(self, down: bool) -> None:
        """Record a change of the button; gpiozero calls this in its own thread."""
        self._changes.append((down, uptime()))
        os.eventfd_write(self.socket, 1)
