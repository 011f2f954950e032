"""One press to many: from a command to a switch until the mirror holds the new state of every lamp.

The clock starts just before the command is sent. In the house it stops with the mirror's answer to
a question, in which every lamp is in the state that this press led to; the question is asked once
all the lamps have been heard by a subscriber beside the mirror, and again until it is so. In a peer
it stops when the mirror has the last of them. All are alive at the same time, each lamp a process of its own.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple

from bench import peers
from bench.cast import Cast
from bench.house import House
from bench.measurements.press import BROKER, CALM_SECONDS, LIMIT, OURS
from bench.report import Scale, Sheet
from bench.sight import all_live
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


def lit_house(lamps: int) -> str:
    """Give a house of a mirror, a switch and so many lamps that follow it."""
    return HEAD + "".join(LAMP.format(index) for index in range(lamps))


class Ours:
    """A house to press."""

    def __init__(self, house: House, lamps: int) -> None:
        self._house = house
        self._names = [f"lamp_{index}" for index in range(lamps)]
        self._ear = house.ear(*self._names)
        self._mirror = house.mirror()
        self._mirror.until(all_live)

    def press(self) -> float:
        """Press, and give the seconds until the mirror has everybody."""
        for _ in self._ear.drain():
            pass
        id_, began = self._house.do("switch", "press")
        mark, topics = f'"cause":"{id_}"'.encode(), set(self._names)
        for payload in self._ear.payloads():
            if mark in payload[: payload.find(b'"past":')]:
                topics.discard(payload[11 : payload.index(b'"', 11)].decode())  # {"device":"NAME"
            if not topics:
                break
        while True:
            receipt = self._mirror.receipt(1000)
            known = (receipt.result or {})["devices"] if receipt else {}
            if receipt and all(known[name]["cause"] == id_ for name in self._names):
                return receipt.at - began


def theirs(cast: Cast) -> float:
    """Press a peer."""
    sent, answer = cast.press()
    return float(answer["at"]) - sent


def measure(scale: Scale, sheet: Sheet) -> None:
    """Press everybody in turn, once for each number of lamps."""
    amount = AMOUNTS[scale]
    lacking = {title: lack for word, title in PEERS.items() if (lack := peers.find(word).missing())}
    for title, lack in lacking.items():
        sheet.note(f"{title} was not measured: {lack}.")
    for lamps in amount.lamps:
        with ExitStack() as stack:
            house = stack.enter_context(House(lit_house(lamps)))
            subjects: dict[str, Callable[[], float]] = {OURS: Ours(house, lamps).press}
            for word, title in PEERS.items():
                if title not in lacking:
                    cast = stack.enter_context(Cast(word, lamps))
                    subjects[title] = lambda cast=cast: theirs(cast)  # type: ignore[misc]
            for _ in range(amount.rounds):
                took: dict[str, list[float]] = {title: [] for title in subjects}
                for _ in range(amount.presses):
                    for title, press in subjects.items():
                        took[title].append(1000 * press())
                        time.sleep(CALM_SECONDS)
                for title, found in took.items():
                    middle = percentile(found, 0.5)
                    sheet.add(
                        TITLE, title, f"{lamps} lamps", middle, "ms", is_control=title in PEERS.values()
                    )
    sheet.note(f"{amount.presses} presses a round; a round's value is their median.")
