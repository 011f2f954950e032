"""The presses in `action`: of which button, and how it was pressed. Pure: it has no clock.

Makers name the same press `single`, `1_single`, `single_left`, `button_1_click` or `press_1`. A remote
control reports its button alone, such as `on` or `toggle_2`. A turn of a knob, a move of a brightness and
the codes of a keypad are no presses.
"""

import re
from collections import deque
from typing import NamedTuple

from daemons.drivers.transports.held_button import HeldButton
from daemons.kinds import Touch

ENDS = ("", "_press", "_pressed", "_click", "_tap")
COUNTS: dict[str, Touch | None] = {
    "single": "single",
    "short": "single",
    "double": "double",
    "triple": "triple",
    "quadruple": None,
    "quintuple": None,
    "long": "long",
}
PRESSES: dict[str, Touch | None] = {
    **{count + end: touch for count, touch in COUNTS.items() for end in ENDS},
    **dict.fromkeys(("press", "pressed", "click", "tap", "short_release"), "single"),
    **dict.fromkeys(("hold", "held", "longpress", "single_long"), "long"),
    **dict.fromkeys(("release", "released", "hold_release", "hold_released", "long_release"), "release"),
    **dict.fromkeys(("long_press_release", "longpress_release"), "release"),
    **dict.fromkeys(("double_long", "triple_long"), None),
    "press_release": None,
    "initial_press": None,
}
"""The words of a press; None for the word of a moment that counts under another word."""
AT_RELEASE: dict[str, Touch | None] = {**PRESSES, "press": None, "press_release": "single"}
"""The same for a button that reports `press` at the beginning of each press, also of a long one."""
WORDS = "|".join(sorted(PRESSES, key=len, reverse=True))
AFTER = re.compile(rf"(.+?)_({WORDS})")
BEFORE = re.compile(rf"({WORDS})_(.+)")
REMOTE = re.compile(
    r"((on|off|toggle|up|down|open|close|stop|play|pause|play_pause|track_next|track_previous|volume_up"
    r"|volume_down|arrow_left|arrow_right|scene|recall|emergency|panic|sos)(_[a-z]?\d+)?"
    r"(_top|_bottom)?(_left|_right|_center|_both|_up|_down)?)|(button_|key|bell)\d+"
)
"""The buttons of a remote control, each of which is an action by itself."""
SAME_PRESS_SECONDS = 2.0
"""Within this time, the same action on the other topic is the same press."""
MOST_UNPAIRED = 64


class Action(NamedTuple):
    """One value of `action`."""

    button: str
    """The part of the value that names the button; empty if the device has only one."""
    touch: Touch


def parse_action(text: str, *, at_release: bool = False) -> Action | None:
    """Return the press of a value, or None if the value is no press."""
    words = AT_RELEASE if at_release else PRESSES
    if text in words:
        button, word = "", text
    elif found := AFTER.fullmatch(text):
        button, word = found[1], found[2]
    elif found := BEFORE.fullmatch(text):
        word, button = found[1], found[2]
    else:
        return Action(text, "single") if REMOTE.fullmatch(text) else None
    touch = words[word]
    return Action(button, touch) if touch else None


class ActionReader:
    """Reads the presses of one button, each of them once."""

    def __init__(self, button: str | None, *, at_release: bool) -> None:
        self._button = button
        self._at_release = at_release
        self._held = HeldButton()
        self._unpaired: deque[tuple[str, str, float]] = deque(maxlen=MOST_UNPAIRED)
        """The actions that have come on one topic only: the topic, the action and its time."""

    def read(self, topic: str, text: str, now: float) -> Touch | None:
        """Return the press of an action, or None if it is no press of this button, or a copy.

        With its integration for Home Assistant, Zigbee2MQTT publishes each action on two topics.
        """
        if not text or self._is_copy(topic, text, now):
            return None
        action = parse_action(text, at_release=self._at_release)
        if action is None or self._button not in (None, action.button):
            return None
        if action.touch == "long":
            return self._held.hold(now)
        self._held.let_go()
        return action.touch

    def _is_copy(self, topic: str, text: str, now: float) -> bool:
        """Return whether the same action has come on the other topic, where it has no copy yet."""
        for other in self._unpaired:
            if other[1] == text and other[0] != topic and now - other[2] < SAME_PRESS_SECONDS:
                self._unpaired.remove(other)
                return True
        self._unpaired.append((topic, text, now))
        return False
