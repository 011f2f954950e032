"""The event types of a button, and the device classes of a binary sensor, as words of House. Pure."""

import re

from daemons.kinds import Touch

ENDS = re.compile(r"_?(press|pressed|click|clicked|push|tap)$")
TOUCHES: dict[str, Touch] = {
    **dict.fromkeys(("", "single", "short", "on", "initial", "button"), "single"),
    **dict.fromkeys(("double", "multi_2", "2"), "double"),
    **dict.fromkeys(("triple", "multi_3", "3"), "triple"),
    **dict.fromkeys(("long", "hold", "held", "long_start"), "long"),
    **dict.fromkeys(("repeat", "long_repeat"), "hold"),
    **dict.fromkeys(("release", "released", "long_release", "hold_release", "long_end"), "release"),
}
"""By the type of an event, in small letters and without a word such as `press` at its end."""
DETECTIONS = {
    **{
        word: word
        for word in ("motion", "presence", "smoke", "gas", "carbon_monoxide", "vibration", "tamper")
    },
    "occupancy": "presence",
    "moving": "motion",
    "moisture": "water",
    **dict.fromkeys(("door", "window", "garage_door", "opening"), "opening"),
}
"""By the device class of a binary sensor, what it detects in the words of the kind `sensor`."""


def touch_of(event_type: str) -> Touch | None:
    """Return the press that an event is; None if it is none."""
    word = re.sub(r"[\s-]+", "_", event_type.strip().lower())
    return TOUCHES.get(word) or TOUCHES.get(ENDS.sub("", word))
