"""What a person looks at, and what each key means there. Pure: it does nothing, it gives the wish."""

from typing import Any, Literal, NamedTuple

from daemons.kinds import Kind

ARMED_SECONDS = 5.0
"""How long the first `r` is remembered, before it is a first one again."""
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


class View:
    """What is selected, what is shown beside the devices, and what happened last."""

    def __init__(self) -> None:
        self.selected = ""
        self.panel: Panel = "presses"
        self.kinds: dict[str, type[Kind]] = {}
        """The kind of each device, which declares its primary commands."""
        self.has_keys = True
        self._notice: Notice | None = None
        self._armed: tuple[str, float] | None = None
        """Which device `r` was pressed for, and when."""

    def tell(self, at: float, text: str, style: str = "") -> None:
        """Show what became of something; the first line of it."""
        self._armed = None
        self._notice = Notice(at, text.partition("\n")[0], style)

    def notice(self, now: float) -> Notice | None:
        """Return the current notice; an unanswered question expires."""
        if self._armed and now - self._armed[1] > ARMED_SECONDS:
            self._armed = self._notice = None
        return self._notice

    def choose(self, devices: dict[str, Any]) -> str:
        """Return the selected device; the first one if it no longer exists."""
        if self.selected not in devices:
            self.selected = next(iter(by_room(devices)), "")
        return self.selected

    def action(self, devices: dict[str, Any]) -> str | None:
        """Return the command of the Enter key."""
        name = self.choose(devices)
        return self.kinds[name].primary_command(devices[name]["state"]) if name in self.kinds else None

    def press(self, key: str, devices: dict[str, Any], now: float) -> Wish | None:
        """Handle a key; return the requested action, or None."""
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
