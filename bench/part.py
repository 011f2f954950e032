"""What each process of a peer does: the work of the house's own, with nothing of its promises. No I/O.

A switch takes a press, an appliance hears the switch, a mirror hears everybody. Each reads JSON,
keeps what it has to, and says its whole state as JSON, with the same fields and of the same
length as the house's. None of them checks what it reads, writes anything down, or gives a receipt.
"""

import time
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

Message = tuple[str, bytes]
"""A topic and its payload."""
PRESS, SWITCH, PROBE, MIRROR = "switch/set", "switch/state", "mirror/set", "mirror/state"
PAST = 8
"""A state of the house carries the eight moments before; these are two thirds of its bytes."""
encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder().decode


def topic(index: int) -> str:
    """Name the topic of an appliance."""
    return f"lamp_{index}/state"


class Teller:
    """Says one device's state, whole each time."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._seq = 0
        self._on = False
        self._past: list[dict[str, Any]] = []

    def tell(self, cause: str) -> bytes:
        """Be the other way round, and give the state."""
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
        """Give a state with the fields of the house's own."""
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
    """Takes presses, and says that it was pressed."""

    def __init__(self) -> None:
        self._teller = Teller("switch")

    def hear(self, _: str, payload: bytes) -> Iterable[Message]:
        """Take a press."""
        return [(SWITCH, self._teller.tell(decode(payload)["id"]))]


class Appliance:
    """Hears the switch, and says that it has."""

    def __init__(self, index: int) -> None:
        self._topic = topic(index)
        self._teller = Teller(f"lamp_{index}")

    def hear(self, _: str, payload: bytes) -> Iterable[Message]:
        """Follow the switch."""
        return [(self._topic, self._teller.tell(decode(payload)["cause"]))]


class Mirror:
    """Keeps the latest of everybody, and says so once all appliances have followed a press."""

    def __init__(self, appliances: int) -> None:
        self._appliances = appliances
        self._table: dict[str, dict[str, Any]] = {}
        self._waiting: dict[str, int] = {}
        self._heard = 0

    def hear(self, topic_: str, payload: bytes) -> Iterator[Message]:
        """Keep a state; tell how many there were when asked."""
        if topic_ == PROBE:
            yield MIRROR, encode({"heard": self._heard, "at": time.time(), "cause": decode(payload)["id"]})
            return
        state = decode(payload)
        self._table[topic_] = state
        self._heard += 1
        cause = state["cause"]
        if topic_ == SWITCH or cause is None:
            return
        left = self._waiting.pop(cause, self._appliances) - 1
        if left:
            self._waiting[cause] = left
            return
        told = {name: known["at"] for name, known in self._table.items()} if self._appliances == 1 else {}
        yield MIRROR, encode({"heard": told, "at": time.time(), "cause": cause})
