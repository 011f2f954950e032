"""The latest that the house said on each topic, for who comes late; and what of it was missed. Pure."""

from collections import defaultdict

import msgspec
from msgspec import Struct

from daemons.bus.sequence import Numbers
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
        self._numbers: defaultdict[bytes, Numbers] = defaultdict(Numbers)
        """Of each process, what has come of it."""
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
        name = topic.partition(b"/")[0]
        if topic.endswith(b"/heartbeat"):
            is_new = self._beats.get(name) != payload  # the same one comes again with the answer
            self._beats[name] = payload
            return is_new and self._numbers[name].lacks(mark.boot, mark.seq)
        self._numbers[name].take(mark.boot, mark.seq, is_report=mark.life is not None)
        self.current[topic] = payload
        if mark.life == "offline":
            self._forget(topic.rpartition(b"/")[2] + b"/state", mark.at)
        return False

    def _forget(self, topic: bytes, at: float) -> None:
        """Have nothing of what was said before a moment: nobody knows whether it is still so."""
        if topic in self.current and _mark.decode(self.current[topic]).at < at:
            del self.current[topic]
