"""What the way between two hosts goes through, and what becomes of the presses: told by the devices there.

Each ordeal presses a light in the hall. In the kitchen a switch counts the presses of a minute at
the most, another those of three seconds at the most, and a toaster makes toast; what they did stands
in their logs and in their hardware's own records. `python -m bench hosts` prints the table of all of them.
"""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tests.support.hosts import Hand, Hosts, Watch
from tests.support.house import eventually

HASTY_SECONDS = 3.0
"""The grace of the device called so."""
KITCHEN = ("kitchen_switch", "toaster", "tally", "hasty", "kitchen_mirror")
HALL = ("bathroom_light", "hall_lamp", "hall_mirror")


@dataclass(frozen=True)
class Outcome:
    """What became of the presses of one ordeal."""

    presses: int
    once: int
    """Within their grace, and acted on once."""
    twice: int
    lost: int
    """Within their grace, and never acted on."""
    late: int
    """Beyond their grace, and acted on all the same."""
    left: int
    """Beyond their grace, and rightly never acted on."""
    converged_seconds: float
    """From the end of the ordeal until each half knew all of the other."""

    @property
    def is_right(self) -> bool:
        """Tell whether each press counted once within its grace, and never beyond it."""
        return self.twice == self.lost == self.late == 0 and self.once == self.presses


class Ordeal:
    """One house of two hosts, while something happens to it."""

    def __init__(self, hosts: Hosts, hall: Watch, kitchen: Watch, hand: Hand) -> None:
        self.hosts, self.hall, self.kitchen = hosts, hall, kitchen
        self.wire = hosts.wire
        self._hand = hand
        self._presses: list[str] = []
        """The id of each."""
        self._kept: dict[str, float] = {}
        """Those made while the way is cut, and when."""
        self._is_cut = False
        self._beyond: set[str] = set()
        """Those that were kept from the kitchen for longer than its hasty device waits."""
        self._was = int(kitchen.states["tally"]["state"]["presses"])

    def press(self, times: int = 1) -> str:
        """Press the light in the hall; give the id of the last press."""
        for _ in range(times):
            receipt = self._hand.send("bathroom_light", "press")
            assert receipt["outcome"] == "applied", receipt
            self._presses.append(receipt["id"])
            if self._is_cut:
                self._kept[receipt["id"]] = time.monotonic()
        return self._presses[-1]

    def arrive(self) -> None:
        """Wait until every press was acted on."""
        presses = self._was + len(self._presses)
        self.kitchen.until(lambda kitchen: kitchen.shows("tally", presses=presses))

    def part(self) -> None:
        """Cut the way."""
        self.wire.cut("hall", "kitchen")
        self._is_cut = True

    def heal(self) -> None:
        """Have the way be as it was."""
        now = time.monotonic()
        self.wire.heal("hall", "kitchen")
        self._is_cut = False
        self._beyond |= {id_ for id_, at in self._kept.items() if now - at > HASTY_SECONDS + 0.2}
        self._kept.clear()

    def cut(self) -> None:
        """Cut the way, and wait until both halves know it."""
        self.part()
        self.hall.until(lambda hall: all(hall.life(name) == "offline" for name in KITCHEN))
        self.kitchen.until(lambda kitchen: all(kitchen.life(name) == "offline" for name in HALL))

    def kill(self, host: str, name: str = "exchange") -> None:
        """Kill a process as it stands, as soon as there is one."""
        pid = eventually(lambda: self.hosts[host].process(name))
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def settled(self) -> Outcome:
        """Wait until both halves have converged, and give what became of the presses."""
        healed = time.monotonic()
        number = len(self._presses)
        self.kitchen.until(lambda kitchen: kitchen.shows("tally", presses=self._was + number))
        self.hall.until(
            lambda hall: (
                all(hall.life(name) == "running" for name in KITCHEN)
                and hall.shows("tally", presses=self._was + number)
            )
        )
        self.kitchen.until(lambda kitchen: all(kitchen.life(name) == "running" for name in HALL))
        converged = time.monotonic() - healed
        for _ in range(2):  # what acts a second time has done it by then
            self.kitchen.next_beat("bathroom_light")
        tally, hasty = (self.hosts.acted("kitchen", name) for name in ("tally", "hasty"))
        toast = self.hosts.starts("kitchen", "toaster")
        return Outcome(
            presses=number,
            once=sum(tally[id_] == 1 for id_ in self._presses),
            twice=sum(max(tally[id_], hasty[id_], toast[id_]) > 1 for id_ in self._presses),
            lost=sum(tally[id_] == 0 for id_ in self._presses),
            late=sum(hasty[id_] > 0 for id_ in self._beyond),
            left=sum(hasty[id_] == 0 for id_ in self._beyond),
            converged_seconds=converged,
        )


@contextmanager
def begun(hosts: Hosts) -> Iterator[Ordeal]:
    """Have the house up, and each half hear the other."""
    hosts.up()
    with hosts.watch("hall") as hall, hosts.watch("kitchen") as kitchen, hosts.hand("hall") as hand:
        hosts.together(hall)
        hosts.together(kitchen)
        yield Ordeal(hosts, hall, kitchen, hand)


def quiet(ordeal: Ordeal) -> Outcome:
    """Nothing happens."""
    ordeal.press(3)
    return ordeal.settled()


def cut(ordeal: Ordeal) -> Outcome:
    """Cut, two presses at once and two after their shorter grace, healed."""
    ordeal.cut()
    ordeal.press(2)
    time.sleep(HASTY_SECONDS + 1.5)
    ordeal.press(2)
    ordeal.heal()
    return ordeal.settled()


def short_cuts(ordeal: Ordeal) -> Outcome:
    """Cut for a second and healed, five times, with a press in each: too short to be noticed."""
    for _ in range(5):
        ordeal.part()
        ordeal.press()
        time.sleep(0.7)
        ordeal.heal()
        time.sleep(0.3)
    return ordeal.settled()


def repeated_cuts(ordeal: Ordeal) -> Outcome:
    """Cut until it is noticed and healed, twice, with a press before, in and after each."""
    for _ in range(2):
        ordeal.press()
        ordeal.cut()
        ordeal.press()
        ordeal.heal()
        ordeal.hall.until(lambda hall: hall.life("toaster") == "running")
    ordeal.press()
    return ordeal.settled()


def long_cut(ordeal: Ordeal) -> Outcome:
    """Cut for longer than TCP goes on trying."""
    ordeal.press()
    ordeal.cut()
    time.sleep(5)
    ordeal.press()
    ordeal.heal()
    return ordeal.settled()


def exchanges_killed(ordeal: Ordeal) -> Outcome:
    """Either exchange killed at random moments, ten times, with a press around each."""
    chance = random.Random(11)  # noqa: S311
    for number in range(10):
        ordeal.kill(("hall", "kitchen")[number % 2])
        ordeal.press(1)
        time.sleep(chance.uniform(0, 0.3))
        if (
            number % 5 == 4
        ):  # on a slow machine the way may be closed for all of five; a state tells eight back
            ordeal.arrive()
    return ordeal.settled()


def exchanges_killed_while_cut(ordeal: Ordeal) -> Outcome:
    """Both exchanges killed while the way is cut, before and after the presses."""
    ordeal.cut()
    ordeal.kill("hall")
    ordeal.press(2)
    ordeal.kill("hall")
    ordeal.kill("kitchen")
    ordeal.heal()
    return ordeal.settled()


def poor_way(ordeal: Ordeal) -> Outcome:
    """A delay of 200 ms, every tenth frame lost, frames that overtake each other."""
    ordeal.wire.set("hall", "kitchen", delay_seconds=0.2, spread_seconds=0.1, loss=0.1)
    ordeal.press(8)
    return ordeal.settled()


def step_forward_while_cut(ordeal: Ordeal) -> Outcome:
    """The hall's clock set five minutes forward while the way is cut, between presses."""
    ordeal.cut()
    ordeal.press(2)
    ordeal.hosts.clocks["hall"].set(ordeal.hosts.clocks["hall"].seconds + 300)
    ordeal.press()
    time.sleep(HASTY_SECONDS + 1.5)
    ordeal.press()
    ordeal.heal()
    return ordeal.settled()


def step_back_while_cut(ordeal: Ordeal) -> Outcome:
    """The hall's clock set five minutes back while the way is cut, between presses."""
    ordeal.cut()
    ordeal.press(2)
    ordeal.hosts.clocks["hall"].set(ordeal.hosts.clocks["hall"].seconds - 300)
    ordeal.press()
    time.sleep(HASTY_SECONDS + 1.5)
    ordeal.press()
    ordeal.heal()
    return ordeal.settled()


def steps_while_up(ordeal: Ordeal) -> Outcome:
    """Either clock set, to and fro by minutes, with a press right after each."""
    for seconds in (300, -300, 0, 120):
        for host in ("hall", "kitchen"):
            ordeal.hosts.clocks[host].set(seconds)
            ordeal.press()
            ordeal.arrive()  # what is under way while a clock is set is as old as the clock then says
    return ordeal.settled()


ORDEALS: dict[str, Callable[[Ordeal], Outcome]] = {
    ordeal.__name__: ordeal
    for ordeal in (
        quiet,
        cut,
        short_cuts,
        repeated_cuts,
        long_cut,
        exchanges_killed,
        exchanges_killed_while_cut,
        poor_way,
    )
}
CLOCK_ORDEALS: dict[str, Callable[[Ordeal], Outcome]] = {
    ordeal.__name__: ordeal for ordeal in (step_forward_while_cut, step_back_while_cut, steps_while_up)
}
"""Those in which the clocks can be set."""
