"""What a person looks at, and what each key means there. Pure: it does nothing, it gives the wish."""

from typing import Any, Literal, NamedTuple

ARMED_SECONDS = 5.0
"""How long the first `r` is remembered, before it is a first one again."""
PAIRS = (("start", "stop"), ("on", "off"), ("open", "close"))
"""Commands of which the state says which is meant."""
KEYS = (
    ("↑ ↓  j k  1-9", "select a device"),
    ("Enter, space", "press, or start and stop"),
    ("r r", "restart the device's process"),
    ("l", "show or hide the end of its log"),
    ("?", "show or hide the keys"),
    ("q, Ctrl-C", "end the view, not the house"),
)

Panel = Literal["presses", "log", "keys"]


class Wish(NamedTuple):
    """What a key asks for: a command, a restart, or the end."""

    what: Literal["send", "restart", "end"]
    device: str = ""
    command: str = ""


class Notice(NamedTuple):
    """What became of a wish, and when; `style` is how it is written."""

    at: float
    text: str
    style: str = ""


def by_room(devices: dict[str, Any]) -> list[str]:
    """Name the devices in the order in which they are shown."""
    return sorted(devices, key=lambda name: str(devices[name]["room"]))


def natural(commands: tuple[str, ...], state: dict[str, Any] | None) -> str | None:
    """Say which of a device's commands a person means who just presses it; nothing when none is."""
    for word in ("press", "toggle", "single"):
        if word in commands:
            return word
    shown = state or {}
    if "stop" in commands and shown.get("status"):
        return "stop"  # whichever way it moves
    for begin, end in PAIRS:
        if begin in commands and end in commands:
            # A thermostat that is on does not heat all the time; a blind that is open does not move.
            kept = "target_celsius" in shown
            is_on = shown.get("phase") not in ("off", "frost") if kept else shown.get("status")
            return end if is_on or shown.get("phase") == begin else begin
    return None


class View:
    """What is selected, what is shown beside the devices, and what happened last."""

    def __init__(self) -> None:
        self.selected = ""
        self.panel: Panel = "presses"
        self.commands: dict[str, tuple[str, ...]] = {}
        """The words that each device takes."""
        self.has_keys = True
        self._notice: Notice | None = None
        self._armed: tuple[str, float] | None = None
        """Which device `r` was pressed for, and when."""

    def tell(self, at: float, text: str, style: str = "") -> None:
        """Show what became of something; the first line of it."""
        self._armed = None
        self._notice = Notice(at, text.partition("\n")[0], style)

    def notice(self, now: float) -> Notice | None:
        """Give what is to be told; a question that nobody answered is not told any more."""
        if self._armed and now - self._armed[1] > ARMED_SECONDS:
            self._armed = self._notice = None
        return self._notice

    def choose(self, devices: dict[str, Any]) -> str:
        """Give the device that is selected: the first one, when the one that was is not there."""
        if self.selected not in devices:
            self.selected = next(iter(by_room(devices)), "")
        return self.selected

    def action(self, devices: dict[str, Any]) -> str | None:
        """Say which command Enter gives."""
        name = self.choose(devices)
        return natural(self.commands.get(name, ()), devices[name]["state"]) if name else None

    def press(self, key: str, devices: dict[str, Any], now: float) -> Wish | None:
        """Take a key, and give what it asks for, if anything is to be done in the house."""
        name, self._armed, armed = self.choose(devices), None, self._armed
        if armed:
            self._notice = None
        if key in ("q", "end"):
            return Wish("end")
        if key in ("?", "l", "escape"):
            wanted: Panel = {"?": "keys", "l": "log"}.get(key, "presses")  # type: ignore[assignment]
            self.panel = "presses" if wanted == self.panel else wanted
        elif not name:
            return None
        elif key in ("enter", "space"):
            word = self.action(devices)
            if word:
                return Wish("send", name, word)
            self.tell(now, f"{devices[name]['name']} takes no command.")
        elif key == "r":
            if armed and armed[0] == name and now - armed[1] <= ARMED_SECONDS:
                return Wish("restart", name)
            self.tell(now, f"Restart {devices[name]['name']}? r again does.", "yellow")
            self._armed = name, now
        else:
            self._move(key, by_room(devices))
        return None

    def _move(self, key: str, names: list[str]) -> None:
        here, last = names.index(self.selected), len(names) - 1
        steps = {"up": here - 1, "k": here - 1, "down": here + 1, "j": here + 1, "first": 0, "last": last}
        if key in steps:
            self.selected = names[min(max(0, steps[key]), last)]
        elif key.isdigit() and 0 < int(key) <= len(names):
            self.selected = names[int(key) - 1]
