"""One press for many lamps: from a command to a switch until the mirror has the new state of every lamp.

The time starts just before the command is sent. In the house it ends with the mirror's answer that
contains the new state of every lamp. The request is sent when another subscriber has received the states
of all lamps, and again until the answer is complete. In a peer, the time ends when the mirror has the last
state. All systems run at the same time. Each lamp is a process of its own.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple

from bench import peers
from bench.house import House
from bench.measurements.press import BROKER, LIMIT, OURS, PAUSE_SECONDS
from bench.observers import all_live
from bench.peer_system import PeerSystem
from bench.report import Scale, Sheet
from bench.table import Section, Table
from daemons.cli.drill_report import percentile

TITLE = "From a press to the states of all lamps at the mirror"
PEERS = {"pyzmq": LIMIT, "mosquitto": BROKER}
SECTION = Section(2, "Fan-out", (Table(TITLE, reference_row=LIMIT, plot="lines"),))
HEAD = """
[house]
name = "Bench"

[devices.mirror]
kind = "mirror"
port = 0

[devices.switch]
kind = "light_switch"
driver = "simulated"
"""
LAMP = """
[devices.lamp_{0}]
kind = "lamp"
driver = "simulated"

[[devices.lamp_{0}.when]]
device = "switch"
turns = {{ status = true }}
do = "on"

[[devices.lamp_{0}.when]]
device = "switch"
turns = {{ status = false }}
do = "off"
"""


class Amount(NamedTuple):
    """How much is measured."""

    lamps: tuple[int, ...]
    rounds: int
    presses: int


AMOUNTS = {
    "tiny": Amount((2,), 1, 1),
    "small": Amount((10, 50, 200), 5, 3),
    "full": Amount((10, 50, 200), 10, 20),
}


def lamp_house(lamps: int) -> str:
    """Return a house of a mirror, a switch, and this many lamps that follow it."""
    return HEAD + "".join(LAMP.format(index) for index in range(lamps))


class HouseUnderTest:
    """A running house, to be pressed."""

    def __init__(self, house: House, lamps: int) -> None:
        self._house = house
        self._names = [f"lamp_{index}" for index in range(lamps)]
        self._states = house.subscribe(*self._names)
        self._mirror = house.mirror_client()
        self._mirror.until(all_live)

    def press(self) -> float:
        """Press, and return the seconds until the mirror has the state of every lamp."""
        for _ in self._states.drain():
            pass
        id_, began = self._house.do("switch", "press")
        pattern, topics = f'"cause":"{id_}"'.encode(), set(self._names)
        for payload in self._states.payloads():
            if pattern in payload[: payload.find(b'"past":')]:
                topics.discard(payload[11 : payload.index(b'"', 11)].decode())  # {"device":"NAME"
            if not topics:
                break
        while True:
            receipt = self._mirror.request(1000)
            known = (receipt.result or {})["devices"] if receipt else {}
            if receipt and all(known[name]["cause"] == id_ for name in self._names):
                return receipt.at - began


def press_peer(system: PeerSystem) -> float:
    """Press a peer."""
    sent, answer = system.press()
    return float(answer["at"]) - sent


def measure(scale: Scale, sheet: Sheet) -> None:
    """Press each system in turn, once for each number of lamps."""
    amount = AMOUNTS[scale]
    missing = {title: reason for word, title in PEERS.items() if (reason := peers.find(word).missing())}
    for title, reason in missing.items():
        sheet.note(f"{title} was not measured: {reason}.")
    for lamps in amount.lamps:
        with ExitStack() as stack:
            house = stack.enter_context(House(lamp_house(lamps)))
            systems: dict[str, Callable[[], float]] = {OURS: HouseUnderTest(house, lamps).press}
            for word, title in PEERS.items():
                if title not in missing:
                    system = stack.enter_context(PeerSystem(word, lamps))
                    systems[title] = lambda system=system: press_peer(system)  # type: ignore[misc]
            for _ in range(amount.rounds):
                took: dict[str, list[float]] = {title: [] for title in systems}
                for _ in range(amount.presses):
                    for title, press in systems.items():
                        took[title].append(1000 * press())
                        time.sleep(PAUSE_SECONDS)
                for title, found in took.items():
                    middle = percentile(found, 0.5)
                    sheet.add(
                        TITLE, title, f"{lamps} lamps", middle, "ms", is_control=title in PEERS.values()
                    )
    sheet.note(f"{amount.presses} presses a round; a round's value is their median.")
