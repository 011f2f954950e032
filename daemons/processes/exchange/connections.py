"""Who has come by the network: its connections, by the number that each got when it was let in.

libzmq neither bounds what a connection may subscribe to nor ends one. But it says by which descriptor
a frame has come (ZMQ_SRCFD, zmq_msg_get(3)), and a TCP connection that is shut down there ends as if
its other side had ended it: at once, and with all that was kept for it.
"""

import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import zmq
from msgspec import Struct, field

from daemons.bus.sockets import Logger, Refusals
from daemons.runtime.rate_limit import Rates

MOST_HEARING = 50
"""Connections of one key that hear something."""
LARGEST = 64 * 1024
"""Bytes of all that the connections of one key have subscribed to, EACH more for each."""
EACH = 32
FRAMES_A_SECOND, FRAMES_AT_ONCE = 500, 2000
"""Of one key, on all its connections; who sends more is shut out for a while."""
CALLS_A_SECOND, CALLS_AT_ONCE = 10, 150
"""New connections of one key."""
SHUT_OUT_SECONDS = 10.0


class Mark(NamedTuple):
    """By which a connection is known: its number, whose it is, and where it comes in."""

    number: int
    who: str
    descriptor: int


class Caller(Struct):
    """One connection that hears something."""

    who: str
    descriptor: int
    peer: Any
    """Its other end: as long as the descriptor leads there, it is this connection's."""
    prefixes: set[bytes] = field(default_factory=set)
    size: int = 0


class Callers:
    """Knows the connections, and ends those that are too much."""

    def __init__(self, log: Logger, now: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._refusals = Refusals(log)
        self._now = now
        self._number = 0
        self._ended: dict[str, int] = {}
        """Of who had to leave, the number of the latest connection then."""
        self._shut_out: dict[str, float] = {}
        self._hearing: dict[int, Caller] = {}
        self._frames = Rates(FRAMES_A_SECOND, FRAMES_AT_ONCE)
        self._calls = Rates(CALLS_A_SECOND, CALLS_AT_ONCE)

    def admit(self, who: str) -> str | None:
        """Give a new connection what `take` knows it by; nothing when it may not come in now."""
        if self._now() < self._shut_out.get(who, 0.0):
            return None
        if not self._calls.take(who):
            self._refusals.add(who, f"more than {CALLS_A_SECOND} new connections a second")
            return None
        self._number += 1
        return f"{self._number} {who}"

    def take(self, frame: zmq.Frame) -> Mark | None:
        """Say whose frame it is; nothing when nobody is to heed it."""
        try:
            number, _, who = str(frame.get("User-Id")).partition(" ")
        except zmq.ZMQError:
            return None  # libzmq's own word that a connection has ended, and its subscriptions with it
        mark = Mark(int(number), who, int(frame.get(zmq.SRCFD)))
        if mark.number <= self._ended.get(who, 0):
            shut(mark.descriptor)
            return None
        if not self._frames.take(who):
            self._turn_out(mark, f"it sends more than {FRAMES_A_SECOND} messages a second")
            return None
        return mark

    def has_room(self, mark: Mark, begins: bool, prefix: bytes) -> bool:
        """Take into account that a subscription begins, or ends, for libzmq keeps it, allowed or not.

        False when it is too much; its sender is turned out.
        """
        caller = self._hearing.get(mark.number)
        if caller is None:
            self._forget_gone()
            caller = Caller(mark.who, mark.descriptor, peer(mark.descriptor))
            self._hearing[mark.number] = caller
        if begins == (prefix in caller.prefixes):
            return True
        (caller.prefixes.add if begins else caller.prefixes.remove)(prefix)
        caller.size += (len(prefix) + EACH) * (1 if begins else -1)
        own = [other for other in self._hearing.values() if other.who == mark.who]
        if len(own) > MOST_HEARING:
            self._turn_out(mark, f"it hears by more than {MOST_HEARING} connections")
        elif sum(other.size for other in own) > LARGEST:
            self._turn_out(mark, f"its subscriptions have more than {LARGEST} bytes")
        return mark.number in self._hearing

    def end(self, who: str) -> None:
        """End the connections of a key; who may, comes again, as what it is now."""
        self._ended[who] = self._number
        for number, caller in list(self._hearing.items()):
            if caller.who == who:
                del self._hearing[number]
                if peer(caller.descriptor) == caller.peer:
                    shut(caller.descriptor)

    def _turn_out(self, mark: Mark, why: str) -> None:
        """End the connections of a key, and let in no new one for a while."""
        self._log.warning("%s is shut out for %g s: %s", mark.who, SHUT_OUT_SECONDS, why)
        self._shut_out[mark.who] = self._now() + SHUT_OUT_SECONDS
        self.end(mark.who)
        shut(mark.descriptor)

    def _forget_gone(self) -> None:
        """Forget the connections that have ended by themselves."""
        for number, caller in list(self._hearing.items()):
            if peer(caller.descriptor) != caller.peer:
                del self._hearing[number]


def peer(descriptor: int) -> Any:
    """Give the other end of a TCP connection; nothing when it is none, or not any more."""
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as connection:
        if connection.family in (socket.AF_INET, socket.AF_INET6):
            return connection.getpeername()
    return None


def shut(descriptor: int) -> None:
    """End a TCP connection; nothing happens when it has ended."""
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as connection:
        if connection.family in (socket.AF_INET, socket.AF_INET6):
            connection.shutdown(socket.SHUT_RDWR)
