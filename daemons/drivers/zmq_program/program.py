"""What a program has said, what it was told, and whether it can be reached. Pure: every `now` is given."""

import os
from typing import Any

from daemons.drivers.zmq_program.message import number_of, part_of, text_of
from daemons.drivers.zmq_program.options import Options
from daemons.kinds import TOUCHES, ButtonPress, Reading

ANSWER_SECONDS = 5.0
"""How long the program may take to report the state that it was told."""
START_SECONDS = 1.0
"""How long it may take to connect after the start of this process, before it counts as unreachable; and how
long its state may be missing after that, before it counts as reachable with an unknown state."""
PRESSES_A_SECOND = 10.0
"""More presses than a hand can make are dropped: each is a message to the whole house."""


class Program:
    """One program of a person."""

    def __init__(self, options: Options, said: bool | None, now: float) -> None:
        """`said` is what the last process has told a program that reports no state; None if nothing."""
        self._options = options
        self._meanings = options.meanings
        self._said = said
        """The setting that was said last; None if none is known."""
        self._said_at = now
        self._is_unconfirmed = False
        """Whether the program has not reported yet what was said last."""
        self._heard_on: bool | None = None
        self._heard_at: float | None = None
        """When the last message came that was understood."""
        self._measured: dict[str, Any] = {}
        self._presses: list[ButtonPress] = []
        self._presses_left, self._pressed_at = 2 * PRESSES_A_SECOND, now
        """How many more presses are allowed, and since when (a token bucket)."""
        self._opened_at = now
        self._connected_at: float | None = None
        """When the connection was made; None while there is none."""
        self._was_reachable: bool | None = None
        self._losses = 0
        self._fault: str | None = None
        """Why the latest message was dropped."""

    def follow(self, now: float, *, is_connected: bool) -> None:
        """Note whether the publisher is connected. Without a connection the state becomes unknown."""
        if not is_connected:
            self._connected_at = self._heard_on = None
        elif self._connected_at is None:
            self._connected_at = now

    def hear(self, frames: list[bytes], now: float) -> str | None:
        """Handle a message; return why it is dropped, or None."""
        try:
            text = text_of(frames, self._options.topic)
            if text is None:
                return None
            meaning = self._understand(text, now)
        except ValueError as error:
            self._fault = f"it sent a message that is dropped: {error}"
            return str(error)
        if meaning is None:
            self._heard_at, self._fault = now, None
        elif self._heard_at is None:  # later, another device may understand it
            self._fault = f"it sent a message that is dropped: {meaning}"
        return meaning

    def tell(self, *, on: bool) -> None:
        """Note a setting; `to_say` returns its message."""
        self._said, self._is_unconfirmed = on, self._options.is_answered
        if not self._options.is_answered:
            self._heard_on = on

    def to_say(self, now: float) -> list[bytes] | None:
        """Return the message for a new setting or a new subscriber; None if the program has reported it."""
        options = self._options
        if self._said is None or (options.is_answered and not self._is_unconfirmed):
            return None
        self._said_at = now
        text = options.say_on if self._said else options.say_off
        return [part.encode() for part in (options.say_topic, text) if part is not None]

    def reading(self, now: float, failure: str | None, *, is_heard: bool) -> Reading:
        """Return what is known of the program.

        `failure` is why its publisher is not connected. `is_heard` is whether it subscribes to the driver.
        """
        why, reachable = self._reachability(now, failure, is_heard=is_heard)
        if self._was_reachable and not reachable:
            self._losses += 1
        self._was_reachable = reachable
        presses = tuple(self._presses)
        self._presses.clear()
        is_pending = reachable is True and now < self._answer_deadline
        on = self._said if self._options.on is None else self._heard_on
        measured = self._measured if reachable else {**self._measured, "power_watts": None}
        return Reading(
            on=None if self._is_unconfirmed and (is_pending or not reachable) else on,
            fault=why or self._fault,
            reachable=reachable,
            losses=self._losses,
            is_pending=is_pending,
            at=self._heard_at,
            presses=presses,
            **measured,
        )

    def due(self, now: float) -> float | None:
        """Return when the reading may differ although nothing happens."""
        starts = (at + START_SECONDS for at in (self._opened_at, self._connected_at) if at is not None)
        times = (self._answer_deadline, self._silent_at, *starts)
        return min((at for at in times if at > now), default=None)

    @property
    def _silent_at(self) -> float:
        """When the program counts as silent; 0 if it never does."""
        since = max(self._connected_at or 0.0, self._heard_at or 0.0)
        return since + self._options.silent_seconds if self._options.silent_seconds else 0.0

    @property
    def _answer_deadline(self) -> float:
        return self._said_at + ANSWER_SECONDS if self._is_unconfirmed else 0.0

    def _understand(self, text: str, now: float) -> str | None:
        """Apply a text; return why it is dropped, or None. Raises ValueError if it has not the right form."""
        part = part_of(text, self._options.json_field, self._options.word)
        meaning = None if part is None else self._meanings.get(part)
        if meaning in TOUCHES:
            if not self._allows_press(now):
                return f"more than {PRESSES_A_SECOND:g} presses in a second"
            self._presses.append(ButtonPress(meaning, os.urandom(5).hex()))
        elif meaning is not None:
            self._heard_on = meaning == "on"
            self._is_unconfirmed = self._is_unconfirmed and self._heard_on is not self._said
        elif part is not None and self._options.measures and (number := number_of(part)) is not None:
            is_whole = self._options.measures == "battery_percent"
            self._measured[self._options.measures] = round(number) if is_whole else number
        else:
            return f"{text[:60]!r} has no meaning in the options"
        return None

    def _allows_press(self, now: float) -> bool:
        since = now - self._pressed_at
        left = min(2 * PRESSES_A_SECOND, self._presses_left + since * PRESSES_A_SECOND)
        self._presses_left, self._pressed_at = left - (left >= 1), now
        return left >= 1

    def _reachability(
        self, now: float, failure: str | None, *, is_heard: bool
    ) -> tuple[str | None, bool | None]:
        """Return why the program cannot be reached, and whether it can; None while it is not known yet."""
        why = self._why_unreachable(now, failure, is_heard=is_heard)
        is_waiting = self._options.on is not None and self._heard_on is None
        if why is None:
            began_at = self._connected_at if is_waiting else None
        else:
            began_at = self._opened_at if self._was_reachable is None else None
        if began_at is not None and now < began_at + START_SECONDS:
            return None, None
        return why, why is None

    def _why_unreachable(self, now: float, failure: str | None, *, is_heard: bool) -> str | None:
        options = self._options
        if options.subscribe is not None and self._connected_at is None:
            return f"{options.subscribe}: {failure}"
        if 0 < self._silent_at <= now:
            return f"{options.subscribe}: no understood message for {options.silent_seconds:g} s"
        if options.publish is not None and not is_heard:
            return f"{options.publish}: no program subscribes to it"
        return None
