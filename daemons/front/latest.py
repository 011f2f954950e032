"""The latest that the house said on each topic, for who comes late; and what of it was missed. Pure."""

import msgspec
from msgspec import Struct

from daemons.errors import MessageError


class Mark(Struct):
    """As much of a message as it takes to see whether one before it was missed, or holds no more."""

    boot: int
    seq: int
    at: float = 0.0
    life: str | None = None


_mark = msgspec.json.Decoder(Mark)


class Latest:
    """Keeps what newcomers are told."""

    def __init__(self) -> None:
        self.current: dict[bytes, bytes] = {}
        """By topic. A sign of life is not among it, for only a new one is one."""
        self._heard: dict[bytes, tuple[int, int]] = {}
        """Of each process, the life and the number of the latest that it said."""
        self._beats: dict[bytes, bytes] = {}
        """Of each process, its latest sign of life."""

    def take(self, topic: bytes, payload: bytes) -> bool:
        """Take a message; true when its sender has to say again what is current, for that was missed.

        MessageError when it is none.
        """
        try:
            mark = _mark.decode(payload)
        except msgspec.MsgspecError as error:
            raise MessageError(str(error)) from error
        name, number = topic.partition(b"/")[0], (mark.boot, mark.seq)
        heard = self._heard.get(name, (0, 0))
        if topic.endswith(b"/heartbeat"):
            is_new = self._beats.get(name) != payload  # the same one comes again with the answer
            self._beats[name] = payload
            return is_new and number > heard
        self._heard[name] = max(heard, number)
        self.current[topic] = payload
        if mark.life == "offline":
            self._forget(topic.rpartition(b"/")[2] + b"/state", mark.at)
        return False

    def _forget(self, topic: bytes, at: float) -> None:
        """Have nothing of what was said before a moment: nobody knows whether it is still so."""
        if topic in self.current and _mark.decode(self.current[topic]).at < at:
            del self.current[topic]
