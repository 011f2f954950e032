"""The work of each process of a peer: the same as in the house, without its promises. No I/O.

A switch receives a press, an appliance receives the switch's state, and a mirror receives all states. Each
reads JSON, keeps the necessary part, and publishes its whole state as JSON, with the same fields and the
same length as in the house. Each handles a press once, also if it arrives again. None of them validates its
input, writes a journal or sends a receipt. A peer that keeps messages gives a new process what the last one
has published, by `restore`.
"""

import time
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import msgspec

Message = tuple[str, bytes]
"""A topic and its payload."""
PRESS, SWITCH, PROBE, MIRROR = "switch/set", "switch/state", "mirror/set", "mirror/state"
PAST = 8
"""A state of the house carries the eight changes before it; they are two thirds of its bytes."""
encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder().decode


def topic(index: int) -> str:
    """Return the topic of an appliance."""
    return f"lamp_{index}/state"


def cause_of(payload: bytes) -> str:
    """Return the cause of a message of these roles, which is its first field of this name."""
    return payload.partition(b'"cause":"')[2].partition(b'"')[0].decode()


class Role(Protocol):
    """The work of one process."""

    publishes: str
    """The topic of its own messages."""

    def handle(self, topic: str, payload: bytes) -> Iterable[Message]:
        """Handle a received message and return the messages to publish."""

    def restore(self, topic: str, payload: bytes) -> None:
        """Continue from the latest message of a topic, that of its last process included."""


class StateBuilder:
    """Builds the states of one device, whole each time."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._seq = 0
        self._on = False
        self._past: list[dict[str, Any]] = []
        self._causes: list[str] = []

    def restore(self, payload: bytes) -> None:
        """Continue after this state."""
        last = decode(payload)
        self._seq, self._on, self._past = last["seq"], last["state"]["status"], last["past"]
        self._causes = [moment["cause"] for moment in self._past] + [last["cause"]]

    def follow(self, cause: str) -> list[bytes]:
        """Return the next state, or nothing if this cause has been handled."""
        if cause in self._causes:
            return []
        self._causes = [*self._causes[-PAST:], cause]
        return [self.next_state(cause)]

    def next_state(self, cause: str) -> bytes:
        """Switch over, and return the new state."""
        now = time.time()
        if self._seq:
            shown = {"status": self._on, "phase": "on" if self._on else "off", "presses": self._seq}
            turned = {"status": now, "phase": now, "presses": now}
            self._past = [*self._past[1 - PAST :], {"state": shown, "turned": turned, "cause": cause}]
        self._seq, self._on = self._seq + 1, not self._on
        return encode(self.state(self._device, self._seq, now, self._on, cause, self._past))

    @staticmethod
    def state(
        device: str, seq: int, now: float, on: bool, cause: str | None, past: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """Return a state with the same fields as one of the house."""
        return {
            "device": device,
            "boot": 1,
            "seq": seq,
            "at": now,
            "since": now,
            "state": {
                "status": on,
                "phase": "on" if on else "off",
                "power_watts": 9.0,
                "presses": seq,
                "fault": None,
                "confirmed": True,
                "reachable": True,
                "unreachable_since": None,
            },
            "turned": {"status": now, "phase": now, "presses": now},
            "cause": cause,
            "past": past,
        }


class Switch:
    """Receives presses, and publishes a state for each."""

    publishes = SWITCH

    def __init__(self) -> None:
        self._builder = StateBuilder("switch")

    def handle(self, _: str, payload: bytes) -> Iterable[Message]:
        """Handle a press."""
        return [(SWITCH, state) for state in self._builder.follow(decode(payload)["id"])]

    def restore(self, topic_: str, payload: bytes) -> None:
        """Continue after its own state."""
        if topic_ == SWITCH:
            self._builder.restore(payload)


class Appliance:
    """Receives the switch's states, and follows."""

    def __init__(self, index: int) -> None:
        self.publishes = topic(index)
        self._builder = StateBuilder(f"lamp_{index}")

    def handle(self, _: str, payload: bytes) -> Iterable[Message]:
        """Follow the switch."""
        return [(self.publishes, state) for state in self._builder.follow(decode(payload)["cause"])]

    def restore(self, topic_: str, payload: bytes) -> None:
        """Continue after its own state."""
        if topic_ == self.publishes:
            self._builder.restore(payload)


class Mirror:
    """Keeps the latest state of each device, and publishes once all appliances have followed a press."""

    publishes = MIRROR

    def __init__(self, appliances: int) -> None:
        self._appliances = appliances
        self._table: dict[str, dict[str, Any]] = {}
        self._waiting: dict[str, int] = {}
        self._received = 0
        self._published_cause: str | None = None

    def handle(self, topic_: str, payload: bytes) -> Iterator[Message]:
        """Keep a state; answer a probe with the number of states."""
        if topic_ == PROBE:
            yield (
                MIRROR,
                encode({"received": self._received, "at": time.time(), "cause": decode(payload)["id"]}),
            )
            return
        state = decode(payload)
        self._table[topic_] = state
        self._received += 1
        cause = state["cause"]
        if topic_ == SWITCH or cause is None or cause == self._published_cause:
            return
        left = self._waiting.pop(cause, self._appliances) - 1
        if left:
            self._waiting[cause] = left
            return
        self._published_cause = cause
        times = {name: known["at"] for name, known in self._table.items()} if self._appliances == 1 else {}
        yield MIRROR, encode({"received": times, "at": time.time(), "cause": cause})

    def restore(self, topic_: str, payload: bytes) -> None:
        """Keep a state, or the cause that was published last."""
        if topic_ == MIRROR:
            self._published_cause = decode(payload)["cause"]
        else:
            self._table[topic_] = decode(payload)
