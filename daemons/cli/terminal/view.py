"""The state of the live view, and the meaning of each key. Pure: a key returns an action to execute."""

from typing import Any, Literal, NamedTuple

from daemons.bus.message import Scalar
from daemons.cli.terminal.controls import moved
from daemons.cli.terminal.selection import Selection
from daemons.kinds import Control, Kind

ARMED_SECONDS = 5.0
"""How long the first `r` waits for the second one, in seconds."""
MOVED_SECONDS = 1.5
"""How long a value that + or - has sent counts as the present one, in seconds."""
KEYS = (
    ("↑ ↓  j k  1-9", "select a device"),
    ("Enter, x", "press, start or stop; x: its second command, such as cancel"),
    ("+  -  s", "make it brighter or dimmer; s: type its value, such as a time"),
    ("a", "acknowledge what deserves attention"),
    ("w  l", "show why it is as it is; l: the end of its log"),
    ("/  o", "find devices by a text; o: change their order"),
    ("r r", "restart the device's process"),
    ("?", "show or hide the keys"),
    ("q, Ctrl-C", "end the view, not the house"),
)

Panel = Literal["presses", "log", "why", "keys"]


class KeyAction(NamedTuple):
    """The action of a key: send a command, restart a process, or end the view."""

    what: Literal["send", "restart", "end"]
    device: str = ""
    command: str = ""
    argument: str | None = None
    """The name of the command's argument; None without one."""
    value: Scalar = None


class Notice(NamedTuple):
    """A message about an action, with its time (Unix seconds) and its text style."""

    at: float
    text: str
    style: str = ""


LONGEST_VALUE = 40


def number(typed: str) -> int | float | None:
    """Return a typed number, a whole one as such; None if it is none."""
    try:
        return int(typed) if typed.lstrip("-").isdecimal() else float(typed)
    except ValueError:
        return None


def allowed(control: Control) -> str:
    """Return in a few words what a control takes."""
    if control.takes == "number" and control.lowest is not None and control.highest is not None:
        return f"{control.lowest:g} to {control.highest:g} {control.unit}".strip()
    return {
        "choice": ", ".join(control.choices),
        "time": 'such as "06:45"',
        "number": "a number",
        "colour": 'such as "#ff8800" or "orange"',
    }[control.takes]


class View:
    """The selected device, the panel below the devices, and the last notice."""

    def __init__(self) -> None:
        self.selected = ""
        self.panel: Panel = "presses"
        self.kinds: dict[str, type[Kind]] = {}
        """The kind of each device, which declares its primary commands."""
        self.controls: dict[str, Control] = {}
        """By device, the input for its value."""
        self.has_keys = True
        self.selection = Selection()
        self.is_filtering = False
        """Whether keys change the filter."""
        self._moved: dict[str, tuple[float, int | float]] = {}
        """By device, when a value was sent by + or -, and the value; its state may not show it yet."""
        self._notice: Notice | None = None
        self._armed: tuple[str, float] | None = None
        """The device for which `r` was pressed, and when; None if no question is open."""
        self._typed: str | None = None
        """What was typed for the value of the selected device; None if nothing is being typed."""

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
        """Return the selected device; the first one if it no longer exists, or is not shown."""
        names = self.selection.names(devices)
        if self.selected not in names:
            self.selected = next(iter(names), "")
        return self.selected

    def action(self, devices: dict[str, Any]) -> str | None:
        """Return the command that Enter sends to the selected device, or None."""
        name = self.choose(devices)
        return self.kinds[name].primary_command(devices[name]["state"]) if name in self.kinds else None

    def second_action(self, devices: dict[str, Any]) -> str | None:
        """Return the second command of the selected device for its state, or None."""
        name = self.choose(devices)
        kind = self.kinds.get(name)
        choices = kind.secondary_commands if kind else ()
        state = devices[name]["state"] or {} if name else {}
        return next((choice.command for choice in choices if choice.applies_to(state)), None)

    def press(self, key: str, devices: dict[str, Any], now: float) -> KeyAction | None:
        """Handle a key; return the requested action, or None."""
        if self._typed is not None:
            return self._type(key, devices, now)
        if self.is_filtering:
            return self._filter(key, devices)
        name, armed, self._armed = self.choose(devices), self._armed, None
        if armed:
            self._notice = None
        if key in ("q", "end"):
            return KeyAction("end")
        if key in ("?", "l", "w", "escape"):
            panel: Panel = {"?": "keys", "l": "log", "w": "why"}.get(key, "presses")  # type: ignore[assignment]
            if key == "escape" and self.panel == "presses":
                self.selection.filter = ""
            self.panel = "presses" if panel == self.panel else panel
        elif key == "a":
            return self._acknowledge(now)
        elif key == "/":
            self.is_filtering = True
        elif key == "o":
            self.selection.next_order()
            self.set_notice(now, f"The devices are in the order of: {self.selection.order}.")
        elif not name:
            return None
        elif key in ("enter", "space"):
            command = self.action(devices)
            if command:
                return KeyAction("send", name, command)
            self.set_notice(now, f"{devices[name]['name']} takes no command.")
        elif key == "x":
            second = self.second_action(devices)
            if second:
                return KeyAction("send", name, second)
            self.set_notice(now, f"{devices[name]['name']} has no second command at the moment.")
        elif key in ("+", "=", "-"):
            return self._dim(name, devices, now, up=key != "-")
        elif key == "s":
            if name in self.controls:
                self._show_typed("", devices, now)
            else:
                self.set_notice(now, f"{devices[name]['name']} has no value that can be typed.")
        elif key == "r":
            if armed and armed[0] == name and now - armed[1] <= ARMED_SECONDS:
                return KeyAction("restart", name)
            self.set_notice(now, f"Restart {devices[name]['name']}? Press r again.", "yellow")
            self._armed = name, now
        else:
            self._move(key, self.selection.names(devices))
        return None

    def _acknowledge(self, now: float) -> KeyAction | None:
        """Return the action that acknowledges all notices: a mirror remembers that they were seen."""
        mirror = next((name for name, kind in self.kinds.items() if kind.role == "mirror"), None)
        if mirror is None:
            self.set_notice(now, "This house has no mirror, which would remember it.")
            return None
        return KeyAction("send", mirror, "acknowledge")

    def _filter(self, key: str, devices: dict[str, Any]) -> KeyAction | None:
        """Handle a key while the filter is typed: Enter keeps the filter, Escape removes it."""
        typed = self.selection.filter
        if key == "end":
            return KeyAction("end")
        if key in ("enter", "escape"):
            self.is_filtering = False
            typed = "" if key == "escape" else typed.strip()
        elif key in ("up", "down"):
            self._move(key, self.selection.names(devices) or [self.selected])
        else:
            more = " " if key == "space" else key if len(key) == 1 else ""
            typed = typed[:-1] if key == "backspace" else typed + more
        self.selection.filter = typed[:LONGEST_VALUE]
        return None

    def _dim(self, name: str, devices: dict[str, Any], now: float, *, up: bool) -> KeyAction | None:
        """Return the command that moves the value of a device up or down."""
        control, state = self.controls.get(name), devices[name]["state"] or {}
        if control is None or control.takes != "number":
            self.set_notice(now, f"{devices[name]['name']} has no value that goes up and down.")
            return None
        at, sent = self._moved.get(name, (0.0, 0))
        value = moved(control, sent if now - at < MOVED_SECONDS else state.get(control.field), up=up)
        if value is None:
            self.set_notice(
                now, f"The {control.label.lower()} of {devices[name]['name']} is not known; s sets it."
            )
            return None
        self._moved[name] = now, value
        return KeyAction("send", name, control.command, control.argument, value)

    def _type(self, key: str, devices: dict[str, Any], now: float) -> KeyAction | None:
        """Handle a key while a value is being typed: Enter sends it, and Escape ends the input."""
        name, typed = self.choose(devices), self._typed or ""
        control = self.controls.get(name)
        if key == "end":
            return KeyAction("end")
        if key == "enter" and typed and control:
            self._typed = None
            value = number(typed) if control.takes == "number" else typed
            if value is not None:
                return KeyAction("send", name, control.command, control.argument, value)
            self.set_notice(now, f"{typed} is no number.", "red")
        elif key in ("enter", "escape") or control is None:
            self._typed, self._notice = None, None
        else:
            typed = typed[:-1] if key == "backspace" else typed + key if len(key) == 1 else typed
            self._show_typed(typed[:LONGEST_VALUE], devices, now)
        return None

    def _show_typed(self, typed: str, devices: dict[str, Any], now: float) -> None:
        """Show what was typed so far, with what is allowed."""
        name = self.choose(devices)
        control = self.controls[name]
        text = f"{devices[name]['name']}, {control.label.lower()} ({allowed(control)}): {typed}_"
        self.set_notice(now, text, "bold")
        self._typed = typed

    def _move(self, key: str, names: list[str]) -> None:
        if self.selected not in names:
            return
        row, last = names.index(self.selected), len(names) - 1
        rows = {"up": row - 1, "k": row - 1, "down": row + 1, "j": row + 1, "first": 0, "last": last}
        if key in rows:
            self.selected = names[min(max(0, rows[key]), last)]
        elif key.isdecimal() and 0 < int(key) <= len(names):
            self.selected = names[int(key) - 1]
