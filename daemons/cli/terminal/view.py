"""The state of the live view, and the meaning of each key. Pure: a key returns an action to execute."""

from typing import Any, Literal, NamedTuple

from daemons.kinds import Kind

ARMED_SECONDS = 5.0
"""How long the first `r` waits for the second one, in seconds."""
KEYS = (
    ("↑ ↓  j k  1-9", "select a device"),
    ("Enter, space", "press, or start and stop"),
    ("r r", "restart the device's process"),
    ("l", "show or hide the end of its log"),
    ("?", "show or hide the keys"),
    ("q, Ctrl-C", "end the view, not the house"),
)

Panel = Literal["presses", "log", "keys"]


class KeyAction(NamedTuple):
    """The action of a key: send a command, restart a process, or end the view."""

    what: Literal["send", "restart", "end"]
    device: str = ""
    command: str = ""


class Notice(NamedTuple):
    """A message about an action, with its time (Unix seconds) and its text style."""

    at: float
    text: str
    style: str = ""


def by_room(devices: dict[str, Any]) -> list[str]:
    """Return the names of the devices in the order of display."""
    return sorted(devices, key=lambda name: str(devices[name]["room"]))


class View:
    """The selected device, the panel below the devices, and the last notice."""

    def __init__(self) -> None:
        self.selected = ""
        self.panel: Panel = "presses"
        self.kinds: dict[str, type[Kind]] = {}
        """The kind of each device, which declares its primary commands."""
        self.has_keys = True
        self._notice: Notice | None = None
        self._armed: tuple[str, float] | None = None
        """The device for which `r` was pressed, and when; None if no question is open."""

    def set_notice(self, at: float, text: str, style: str = "") -> None:
        """Show the first line of a text as the notice; this cancels the question of a restart."""
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
        """Return the command that Enter sends to the selected device, or None."""
        name = self.choose(devices)
        return self.kinds[name].primary_command(devices[name]["state"]) if name in self.kinds else None

    def press(self, key: str, devices: dict[str, Any], now: float) -> KeyAction | None:
        """Handle a key; return the requested action, or None."""
        name, armed, self._armed = self.choose(devices), self._armed, None
        if armed:
            self._notice = None
        if key in ("q", "end"):
            return KeyAction("end")
        if key in ("?", "l", "escape"):
            panel: Panel = {"?": "keys", "l": "log"}.get(key, "presses")  # type: ignore[assignment]
            self.panel = "presses" if panel == self.panel else panel
        elif not name:
            return None
        elif key in ("enter", "space"):
            command = self.action(devices)
            if command:
                return KeyAction("send", name, command)
            self.set_notice(now, f"{devices[name]['name']} takes no command.")
        elif key == "r":
            if armed and armed[0] == name and now - armed[1] <= ARMED_SECONDS:
                return KeyAction("restart", name)
            self.set_notice(now, f"Restart {devices[name]['name']}? Press r again.", "yellow")
            self._armed = name, now
        else:
            self._move(key, by_room(devices))
        return None

    def _move(self, key: str, names: list[str]) -> None:
        row, last = names.index(self.selected), len(names) - 1
        rows = {"up": row - 1, "k": row - 1, "down": row + 1, "j": row + 1, "first": 0, "last": last}
        if key in rows:
            self.selected = names[min(max(0, rows[key]), last)]
        elif key.isdigit() and 0 < int(key) <= len(names):
            self.selected = names[int(key) - 1]
