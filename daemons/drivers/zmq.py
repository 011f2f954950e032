"""Your own ZeroMQ program: it publishes its state, presses or a number, and subscribes to commands.

The program is plain pyzmq, as in any tutorial: a bound publisher that sends one text, or a topic and a
text. The driver subscribes to it, and binds a publisher of its own, which says a text for on and off.
A program that reports no state is only told: the text that was said last counts as its state.
"""

import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import msgspec
import zmq
from msgspec import Meta, Struct

from daemons.drivers import Driver
from daemons.drivers.transports.pubsub import Announcer, Curve, Endpoint, Sockets, Subscription
from daemons.drivers.transports.pubsub_message import number_of, part_of, text_of
from daemons.errors import StorageError
from daemons.kinds import TOUCHES, Ability, ButtonPress, Load, Reading, Setting, Touch
from daemons.runtime.rate_limit import TokenBucket
from daemons.storage.paths import replace_file
from daemons.values import KeyText, Seconds

Text = Annotated[str, Meta(min_length=1, max_length=1000)]
Measurement = Literal[
    "temperature_celsius", "humidity_percent", "illuminance_lux", "pressure_hectopascals", "co2_ppm",
    "pm25_micrograms", "soil_moisture_percent", "battery_percent", "power_watts", "energy_watt_hours",
]  # fmt: skip
HEARD = ("on", "off", *TOUCHES)
"""The options whose texts the program publishes."""
ANSWER_SECONDS = 5.0
"""How long the program may take to report the state that it was told."""
START_SECONDS = 1.0
"""How long it may take to connect after the start of this process, before it counts as unreachable; and how
long its state may be missing after that, before it counts as reachable with an unknown state."""
RETRY_SECONDS = 5.0
"""The pause before a port that another program has is tried again."""
LOG_SECONDS = 60.0
"""Dropped messages are logged once in this time."""
PRESSES_A_SECOND = 10.0
"""More presses than a hand can make are dropped: each is a message to the whole house."""


class Options(Struct, frozen=True, kw_only=True):
    """The options of your own ZeroMQ program."""

    subscribe: Endpoint | None = None
    """The endpoint of the program's publisher."""
    server_key: KeyText | None = None
    """The public key (CURVE, Z85) of that publisher. It must have one, unless it is on this machine."""
    topic: Text | None = None
    """The topic of the messages: the first frame, or the text before the first space."""
    json_field: Text | None = msgspec.field(name="field", default=None)
    """For JSON objects: the field with the text or the number."""
    word: Annotated[int, Meta(ge=1, le=100)] | None = None
    """For texts of several words: the number of the word that counts, from 1."""
    on: Text | None = None
    """The text that means on, or that a sensor detects."""
    off: Text | None = None
    """The text that means off."""
    single: Text | None = None
    """The text that is a press of a button."""
    double: Text | None = None
    """The text that is a double press."""
    triple: Text | None = None
    """The text that is a triple press."""
    long: Text | None = None
    """The text that is a long press."""
    hold: Text | None = None
    """The text that repeats while a button is held after a long press."""
    release: Text | None = None
    """The text that is the release after a long press."""
    measures: Measurement | None = None
    """What a number in a message measures."""
    silent_seconds: Seconds = msgspec.field(name="silent_after", default=Seconds(0))
    """After this time without an understood message, the program is unreachable. With `"0s"`, only the
    connection counts."""
    publish: Endpoint | None = None
    """The endpoint that the driver binds for its own publisher, on this machine."""
    say_on: Text = "on"
    """The text that the driver publishes to switch the program on."""
    say_off: Text = "off"
    """The text that the driver publishes to switch the program off."""
    say_topic: Text | None = None
    """The topic of these texts, in a frame of its own. Without it, a message is one frame."""

    def __post_init__(self) -> None:
        """Raise ValueError if options contradict each other, or open the house to the network."""
        if self.subscribe is None and self.publish is None:
            raise ValueError("there is no endpoint; name one to subscribe to, or one to publish at")
        if (self.on is None) != (self.off is None):
            raise ValueError("on and off belong together; name a text for each")
        texts = self.meanings
        if self.subscribe is None:
            if texts or self.measures or self.server_key or self.topic or self.silent_seconds:
                raise ValueError("there is nothing to hear; name the endpoint to subscribe to")
        elif not texts and self.measures is None:
            raise ValueError("no message has a meaning; name texts for on and off, for a press, or measures")
        elif not self.subscribe.is_loopback and self.server_key is None:
            raise ValueError("a publisher on another machine needs server_key, its public CURVE key")
        if len(texts) < sum(getattr(self, name) is not None for name in HEARD):
            raise ValueError("one text cannot have two meanings")
        if self.json_field is not None and self.word is not None:
            raise ValueError("field is for JSON objects and word for other texts; name one of them")
        if self.publish is not None and not self.publish.is_loopback:
            raise ValueError("it publishes on this machine only, for example at tcp://127.0.0.1:5556")
        if self.say_on == self.say_off:
            raise ValueError("say_on and say_off must differ")

    @property
    def meanings(self) -> dict[str, str]:
        """The options in HEARD, by their texts."""
        return {text.strip(): name for name in HEARD if (text := getattr(self, name)) is not None}

    @property
    def is_answered(self) -> bool:
        """Whether the program is told a setting, and reports its state."""
        return self.publish is not None and self.on is not None


class Said(Struct, frozen=True):
    """What was said last to a program that does not report its state."""

    on: bool


class Zmq(Driver[Options]):
    """Your own ZeroMQ program: it publishes its state, presses or a number, and subscribes to commands."""

    options_type = Options
    abilities: ClassVar[frozenset[Ability]] = frozenset({"switch", "press", "sense"})

    @classmethod
    def abilities_with(cls, options: Options) -> frozenset[Ability]:
        """Return the abilities for which there are texts, a number, or a publisher."""
        texts = {*options.meanings.values()}
        can = {
            "switch": options.publish is not None or texts,
            "press": texts & {*TOUCHES},
            "sense": options.measures is not None or "on" in texts,
        }
        return frozenset(ability for ability in cls.abilities if can[ability])

    def open(self, power_profile: tuple[Load, ...], now: float) -> None:
        """Begin to connect, and bind the publisher."""
        options = self.options
        self._sockets = Sockets()
        self.socket = self._sockets.descriptor
        self._meanings = options.meanings
        self._path = Path("hardware") / self.device / "said.json"
        self._said = self._read_said() if options.publish and not options.is_answered else None
        """The setting that was said last: on or off; None if none is known."""
        self._said_at = now
        self._is_unconfirmed = False
        """Whether the program has not reported yet what was said last."""
        self._heard_on: bool | None = None
        self._measured: dict[str, Any] = {}
        self._presses: list[ButtonPress] = []
        self._heard_at: float | None = None
        """When the last message came that was understood."""
        self._connected_at: float | None = None
        """When the connection was made; None while there is none."""
        self._opened_at = now
        self._was_reachable: bool | None = None
        self._losses = 0
        self._open_fault: str | None = None
        self._message_fault: str | None = None
        self._save_fault: str | None = None
        self._dropped = 0
        self._log_limit = TokenBucket(1 / LOG_SECONDS, 1)
        self._press_limit = TokenBucket(PRESSES_A_SECOND, 2 * PRESSES_A_SECOND)
        self._subscription: Subscription | None = None
        self._announcer: Announcer | None = None
        self._open_sockets(now)

    def set(self, setting: Setting, cause: str | None, now: float) -> None:
        """Publish the setting, now and for each program that subscribes before it is confirmed."""
        self._said, self._is_unconfirmed = setting.on, self.options.is_answered
        self._say(now)
        if not self.options.is_answered:
            self._heard_on = setting.on
            if self.options.publish is not None:
                self._save_said(setting.on)

    def read(self, now: float) -> Reading:
        """Return what the program has published."""
        if self._open_fault is not None and now >= self._retry_at:
            self._open_sockets(now)
        self._receive(now)
        if self._announcer and self._announcer.follow():
            self._say(now)
        why, reachable = self._reachability(now)
        if self._was_reachable and not reachable:
            self._losses += 1
        self._was_reachable = reachable
        presses = tuple(self._presses)
        self._presses.clear()
        is_pending = reachable is True and now < self._answer_deadline
        measured = self._measured if reachable else {**self._measured, "power_watts": None}
        return Reading(
            on=None if self._is_unconfirmed and (is_pending or not reachable) else self._on,
            fault=why or self._message_fault or self._save_fault,
            reachable=reachable,
            losses=self._losses,
            is_pending=is_pending,
            at=self._heard_at,
            presses=presses,
            **measured,
        )

    def due(self, now: float) -> float | None:
        """Return when the next reading may differ although no socket signals it."""
        if self._subscription and self._subscription.has_more:
            return now
        retry_at = self._subscription.due() if self._subscription else None
        open_at = self._retry_at if self._open_fault is not None else None
        starts = (at + START_SECONDS for at in (self._opened_at, self._connected_at) if at is not None)
        later = (at for at in (self._answer_deadline, self._silent_at, *starts) if at > now)
        times = (at for at in (retry_at, open_at, *later) if at is not None)
        return min(times, default=None)

    def close(self) -> None:
        """Close the sockets."""
        self._sockets.close()

    @property
    def _on(self) -> bool | None:
        return self._said if self.options.on is None else self._heard_on

    @property
    def _silent_at(self) -> float:
        """When the program counts as silent; 0 if it never does."""
        since = max(self._connected_at or 0.0, self._heard_at or 0.0)
        return since + self.options.silent_seconds if self.options.silent_seconds else 0.0

    @property
    def _answer_deadline(self) -> float:
        return self._said_at + ANSWER_SECONDS if self._is_unconfirmed else 0.0

    def _open_sockets(self, now: float) -> None:
        """Open the sockets that are not open; a failure becomes a fault, and is tried again later."""
        options = self.options
        try:
            if options.subscribe is not None and self._subscription is None:
                curve = None if options.server_key is None else _curve(options.server_key)
                topic = options.topic or ""
                self._subscription = Subscription(self._sockets, options.subscribe, topic, curve)
            if options.publish is not None and self._announcer is None:
                topics = [options.say_topic] if options.say_topic else [options.say_on, options.say_off]
                encoded = tuple(topic.encode() for topic in topics)
                self._announcer = Announcer(self._sockets, options.publish, encoded)
        except StorageError as error:
            self._open_fault = str(error)
        except zmq.ZMQError as error:
            self._open_fault = f"{options.publish} cannot be bound: {zmq.strerror(error.errno or 0)}"
        else:
            self._open_fault = None
        self._retry_at = now + RETRY_SECONDS

    def _receive(self, now: float) -> None:
        """Handle the messages of the program."""
        if self._subscription is None:
            return
        self._subscription.follow(now)
        if not self._subscription.is_connected:
            self._connected_at = self._heard_on = None
        elif self._connected_at is None:
            self._connected_at = now
        for frames in self._subscription.receive():
            try:
                text = text_of(frames, self.options.topic)
                if text is None:
                    continue
                is_understood = self._understand(text)
            except ValueError as error:
                self._message_fault = self._drop(str(error))
                continue
            if is_understood:
                self._heard_at = now
                self._message_fault = None
            else:
                fault = self._drop(f"{text[:60]!r} has no meaning in the options")
                # Another device may understand it. It is a fault only until this one has understood any.
                self._message_fault = fault if self._heard_at is None else self._message_fault

    def _understand(self, text: str) -> bool:
        """Apply a text; return False if it has no meaning. Raises ValueError if it has not the right form."""
        part = part_of(text, self.options.json_field, self.options.word)
        meaning = None if part is None else self._meanings.get(part)
        if meaning in TOUCHES:
            self._press(meaning)
        elif meaning is not None:
            self._heard_on = meaning == "on"
            self._is_unconfirmed = self._is_unconfirmed and self._heard_on is not self._said
        elif part is not None and self.options.measures and (number := number_of(part)) is not None:
            is_whole = self.options.measures == "battery_percent"
            self._measured[self.options.measures] = round(number) if is_whole else number
        else:
            return False
        return True

    def _press(self, touch: Touch) -> None:
        if self._press_limit.allow():
            self._presses.append(ButtonPress(touch, os.urandom(5).hex()))
        else:
            self._drop(f"more than {PRESSES_A_SECOND:g} presses in a second")

    def _reachability(self, now: float) -> tuple[str | None, bool | None]:
        """Return why the program cannot be reached, and whether it can; None while it is not known yet."""
        why = self._open_fault or self._why_unreachable(now)
        if why is None:
            is_waiting = self.options.on is not None and self._heard_on is None
            began_at = self._connected_at if is_waiting else None
        else:
            is_starting = self._was_reachable is None and self._open_fault is None
            began_at = self._opened_at if is_starting else None
        if began_at is not None and now < began_at + START_SECONDS:
            return None, None
        return why, why is None

    def _why_unreachable(self, now: float) -> str | None:
        options = self.options
        if self._subscription and self._connected_at is None:
            return f"{options.subscribe}: {self._subscription.failure}"
        if 0 < self._silent_at <= now:
            return f"{options.subscribe}: no understood message for {options.silent_seconds:g} s"
        if self._announcer and not self._announcer.is_heard:
            return f"{options.publish}: no program subscribes to it"
        return None

    def _say(self, now: float) -> None:
        """Publish what was said last, unless the program has reported it."""
        options = self.options
        if self._announcer and self._said is not None and (self._is_unconfirmed or not options.is_answered):
            text = options.say_on if self._said else options.say_off
            self._announcer.send([part.encode() for part in (options.say_topic, text) if part is not None])
            self._said_at = now

    def _drop(self, why: str) -> str:
        """Count a message that is dropped, log it once in a while, and return the fault."""
        self._dropped += 1
        if self._log_limit.allow():
            text = "dropped a message of %s: %s (%d until now)"
            logging.getLogger(self.device).warning(text, self.options.subscribe, why, self._dropped)
        return f"it sent a message that is dropped: {why}"

    def _read_said(self) -> bool | None:
        with suppress(OSError, msgspec.MsgspecError):
            return msgspec.json.decode(self._path.read_bytes(), type=Said).on
        return None

    def _save_said(self, on: bool) -> None:
        """Store what was said: a program that connects to the next process of the device is told it."""
        try:
            with suppress(OSError):
                self._path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._path, msgspec.json.encode(Said(on)))
        except StorageError as error:
            self._save_fault = str(error)
        else:
            self._save_fault = None


def _curve(server_key: str) -> Curve:
    """Return the keys of an encrypted connection; raises StorageError if the house's own cannot be read."""
    from daemons.storage.key_pair import own_key_pair  # noqa: PLC0415  only this connection needs it

    own = own_key_pair()
    return Curve(server_key, own.public_key, own.secret_key)
