"""Your own ZeroMQ program: it publishes its state, presses or a number, and subscribes to commands.

The program is plain pyzmq, as in any tutorial: a bound publisher that sends one text, or a topic and a
text. The driver subscribes to it, and binds a publisher of its own, which says a text for on and off.
A program that reports no state is only told: the text that was said last counts as its state.
"""

import logging
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import msgspec
import zmq
from msgspec import Struct
from msgspec.structs import replace

from daemons.drivers import Driver
from daemons.drivers.transports.pubsub import Announcer, Curve, Sockets, Subscription
from daemons.drivers.zmq_program.options import Options
from daemons.drivers.zmq_program.program import Program
from daemons.errors import StorageError
from daemons.kinds import TOUCHES, Ability, Load, Reading, Setting
from daemons.runtime.rate_limit import TokenBucket
from daemons.storage.paths import replace_file

RETRY_SECONDS = 5.0
"""The pause before a port that another program has is tried again."""
LOG_SECONDS = 60.0
"""Dropped messages are logged once in this time."""


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
        self._sockets = Sockets()
        self.socket = self._sockets.descriptor
        self._subscription: Subscription | None = None
        self._announcer: Announcer | None = None
        self._path = Path("hardware") / self.device / "said.json"
        self._is_stored = self.options.publish is not None and not self.options.is_answered
        """Whether what was said is stored, because the program does not report it."""
        self._program = Program(self.options, self._read_said() if self._is_stored else None, now)
        self._open_fault: str | None = None
        self._save_fault: str | None = None
        self._dropped = 0
        self._log_limit = TokenBucket(1 / LOG_SECONDS, 1)
        self._open_sockets(now)

    def set(self, setting: Setting, cause: str | None, now: float) -> None:
        """Publish the setting, now and for each program that subscribes before it is confirmed."""
        self._program.tell(on=setting.on)
        self._say(now)
        if self._is_stored:
            self._save_said(setting.on)

    def read(self, now: float) -> Reading:
        """Return what the program has published."""
        if self._open_fault is not None and now >= self._retry_at:
            self._open_sockets(now)
        if self._subscription:
            self._subscription.follow(now)
            self._program.follow(now, is_connected=self._subscription.is_connected)
            for frames in self._subscription.receive():
                if why := self._program.hear(frames, now):
                    self._log_dropped(why)
        if self._announcer and self._announcer.follow():
            self._say(now)
        failure = self._subscription.failure if self._subscription else None
        is_heard = self._announcer is not None and self._announcer.is_heard
        reading = self._program.reading(now, failure, is_heard=is_heard)
        if self._open_fault is not None:
            return replace(reading, on=None, reachable=False, fault=self._open_fault)
        return replace(reading, fault=reading.fault or self._save_fault)

    def due(self, now: float) -> float | None:
        """Return when the next reading may differ although no socket signals it."""
        if self._subscription and self._subscription.has_more:
            return now
        retry_at = self._subscription.due() if self._subscription else None
        open_at = self._retry_at if self._open_fault is not None else None
        times = (retry_at, open_at, self._program.due(now))
        return min((at for at in times if at is not None), default=None)

    def close(self) -> None:
        """Close the sockets."""
        self._sockets.close()

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

    def _say(self, now: float) -> None:
        """Publish what was said last, unless the program has reported it."""
        if self._announcer and (frames := self._program.to_say(now)):
            self._announcer.send(frames)

    def _log_dropped(self, why: str) -> None:
        """Count a message that was dropped, and log it once in a while."""
        self._dropped += 1
        if self._log_limit.allow():
            text = "dropped a message of %s: %s (%d until now)"
            logging.getLogger(self.device).warning(text, self.options.subscribe, why, self._dropped)

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
