"""The words of a state: on and off, and the states of a cover. Pure."""

from daemons.drivers.generic_mqtt.source import Detection, Presses, States
from daemons.drivers.generic_mqtt.value import to_text
from daemons.kinds import TOUCHES, Touch

ON, OFF = ("on", "true", "1", "yes"), ("off", "false", "0", "no")
"""The usual words of a state, in lower case."""
DETECTED, CLEAR = (*ON, "open", "detected"), (*OFF, "closed", "clear")
"""The usual words of a detection, in lower case."""
ANY = "*"
"""In the options, the word of any press."""
COVER = ("open", "closed", "opening", "closing", "stopped")
"""The usual words of a cover, in lower case."""
LONGEST_QUOTE = 20


class Switch:
    """The two words of a value that is on or off."""

    def __init__(self, on: tuple[str, ...], off: tuple[str, ...], *, any_case: bool) -> None:
        self._on, self._off = on, off
        self._any_case = any_case

    @classmethod
    def of_state(cls, states: States, on: str, off: str) -> "Switch":
        """Return the words of a state, where a command has the payloads `on` and `off`."""
        if states.on is not None or states.off is not None:
            return cls((states.on or on,), (states.off or off,), any_case=False)
        on, off = on.casefold(), off.casefold()
        others_on, others_off = (word for word in ON if word != off), (word for word in OFF if word != on)
        return cls((on, *others_on), (off, *others_off), any_case=True)

    @classmethod
    def of_detection(cls, detection: Detection) -> "Switch":
        """Return the words of a detection."""
        if detection.on is None and detection.off is None:
            return cls(DETECTED, CLEAR, any_case=True)
        return cls((detection.on or "ON",), (detection.off or "OFF",), any_case=False)

    def read(self, value: object) -> bool | None:
        """Return whether a value is on, or None if it is unknown; ValueError if it is neither on nor off."""
        text = to_text(value)
        if text is None:
            return None
        word = text.casefold() if self._any_case else text
        if word in self._on:
            return True
        if word in self._off:
            return False
        raise ValueError(f"{text[:LONGEST_QUOTE]!r} is neither {self._on[0]!r} nor {self._off[0]!r}")


def cover_word(value: object, states: States) -> str | None:
    """Return the state of a cover as one of COVER, or None if it is unknown; ValueError if it is none."""
    text = to_text(value)
    if text is None:
        return None
    own = {getattr(states, word): word for word in COVER if getattr(states, word) is not None}
    found = own.get(text) or next((word for word in COVER if word == text.casefold()), None)
    if found is None:
        raise ValueError(f"{text[:LONGEST_QUOTE]!r} is no state of a cover; set it in states")
    return found


def press_of(value: object, presses: Presses) -> Touch | None:
    """Return the press of a word, or None if the word is no press."""
    try:
        text = to_text(value)
    except ValueError:
        return None
    if not text:
        return None
    words: dict[str, Touch] = {}
    for touch in TOUCHES:
        own = getattr(presses, touch)
        for word in (own,) if isinstance(own, str) else own or ():
            words[word] = touch
    if not words:
        words = {touch: touch for touch in TOUCHES}
    return words.get(text) or words.get(ANY)
