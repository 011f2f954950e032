"""Faults of the link between two hosts, and the presses that are acted on meanwhile.
Each fault is a function that presses a light in the hall. In the kitchen, one switch counts presses up to
a minute old, another presses up to three seconds old, and a toaster makes toast. Their logs and the logs
of their hardware show which presses they acted on. `python -m bench hosts` prints a table of all faults;
`ROWS` in bench/measurements/hosts.py has the title of each row.
"""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tests.support.hosts import CommandSender, HostMonitor, Hosts
from tests.support.house import eventually

HASTY_SECONDS = 3.0
"""The grace of the device `hasty`."""
KITCHEN = ("kitchen_switch", "toaster", "tally", "hasty", "kitchen_mirror")
HALL = ("bathroom_light", "hall_lamp", "hall_mirror")


@dataclass(frozen=True)
class Outcome:
    """The number of presses that were acted on, by time."""

    presses: int
    once: int
    """Acted on once, within their grace."""
    twice: int
    lost: int
    """Never acted on, although they arrived within their grace."""
    late: int
    """Acted on after their grace, which is wrong."""
    left: int
    """Not acted on after their grace, which is right."""
    converged_seconds: float
    """The seconds from the end of the fault until each host had the state of the other."""

    @property
    def is_right(self) -> bool:
        """Return whether each press was acted on once within its grace, and never after it."""
        return self.twice == self.lost == self.late == 0 and self.once == self.presses


class TwoHosts:
    """One house of two hosts, and the faults that can be caused in it."""

    def __init__(self, hosts: Hosts, hall: HostMonitor, kitchen: HostMonitor, sender: CommandSender) -> None:
        self.hosts, self.hall, self.kitchen = hosts, hall, kitchen
        self.network = hosts.network
        self._sender = sender
        self._presses: list[str] = []
        """The ids of the presses, in order."""
        self._while_cut: dict[str, float] = {}
        """The time of each press that was made while the link is cut."""
        self._is_cut = False
        self._after_grace: set[str] = set()
        """The presses that reached the kitchen after the grace of its device `hasty`."""
        self._presses_before = int(kitchen.states["tally"]["state"]["presses"])

    def press(self, times: int = 1) -> str:
        """Press the light in the hall, and return the id of the last press."""
        for _ in range(times):
            receipt = self._sender.send("bathroom_light", "press")
            assert receipt["outcome"] == "applied", receipt
            self._presses.append(receipt["id"])
            if self._is_cut:
                self._while_cut[receipt["id"]] = time.monotonic()
        return self._presses[-1]

    def wait_until_acted(self) -> None:
        """Wait until every press was acted on."""
        presses = self._presses_before + len(self._presses)
        self.kitchen.until(lambda kitchen: kitchen.shows("tally", presses=presses))

    def start_cut(self) -> None:
        """Cut the link."""
        self.network.cut("hall", "kitchen")
        self._is_cut = True

    def heal(self) -> None:
        """End the cut."""
        now = time.monotonic()
        self.network.heal("hall", "kitchen")
        self._is_cut = False
        self._after_grace |= {id_ for id_, at in self._while_cut.items() if now - at > HASTY_SECONDS + 0.2}
        self._while_cut.clear()

    def cut(self) -> None:
        """Cut the link, and wait until both hosts report it."""
        self.start_cut()
        self.hall.until(lambda hall: all(hall.life(name) == "offline" for name in KITCHEN))
        self.kitchen.until(lambda kitchen: all(kitchen.life(name) == "offline" for name in HALL))

    def kill(self, host: str, name: str = "exchange") -> None:
        """Kill a process as soon as it runs."""
        pid = eventually(lambda: self.hosts[host].process(name))
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def settle(self) -> Outcome:
        """Wait until each host has the state of the other, and count the actions on the presses."""
        healed = time.monotonic()
        number = len(self._presses)
        self.kitchen.until(lambda kitchen: kitchen.shows("tally", presses=self._presses_before + number))
        self.hall.until(
            lambda hall: (
                all(hall.life(name) == "running" for name in KITCHEN)
                and hall.shows("tally", presses=self._presses_before + number)
            )
        )
        self.kitchen.until(lambda kitchen: all(kitchen.life(name) == "running" for name in HALL))
        converged = time.monotonic() - healed
        for _ in range(2):  # a device that acts twice on one press has done so by then
            self.kitchen.next_beat("bathroom_light")
        tally, hasty = (self.hosts.count_actions("kitchen", name) for name in ("tally", "hasty"))
        toast = self.hosts.count_starts("kitchen", "toaster")
        return Outcome(
            presses=number,
            once=sum(tally[id_] == 1 for id_ in self._presses),
            twice=sum(max(tally[id_], hasty[id_], toast[id_]) > 1 for id_ in self._presses),
            lost=sum(tally[id_] == 0 for id_ in self._presses),
            late=sum(hasty[id_] > 0 for id_ in self._after_grace),
            left=sum(hasty[id_] == 0 for id_ in self._after_grace),
            converged_seconds=converged,
        )


@contextmanager
def two_hosts_up(hosts: Hosts) -> Iterator[TwoHosts]:
    """Start the house on both hosts, and wait until each receives the messages of the other."""
    hosts.up()
    with (
        hosts.monitor("hall") as hall,
        hosts.monitor("kitchen") as kitchen,
        hosts.command_sender("hall") as sender,
    ):
        hosts.wait_until_connected(hall)
        hosts.wait_until_connected(kitchen)
        yield TwoHosts(hosts, hall, kitchen, sender)


def quiet(house: TwoHosts) -> Outcome:
    """Press without a fault."""
    house.press(3)
    return house.settle()


def cut(house: TwoHosts) -> Outcome:
    """Cut the link, press twice at once and twice after the shorter grace, and heal the link."""
    house.cut()
    house.press(2)
    time.sleep(HASTY_SECONDS + 1.5)
    house.press(2)
    house.heal()
    return house.settle()


def short_cuts(house: TwoHosts) -> Outcome:
    """Cut the link for a second, five times, with a press in each cut; no host detects these cuts."""
    for _ in range(5):
        house.start_cut()
        house.press()
        time.sleep(0.7)
        house.heal()
        time.sleep(0.3)
    return house.settle()


def repeated_cuts(house: TwoHosts) -> Outcome:
    """Cut the link until both hosts detect it, twice, with a press before, in and after each cut."""
    for _ in range(2):
        house.press()
        house.cut()
        house.press()
        house.heal()
        house.hall.until(lambda hall: hall.life("toaster") == "running")
    house.press()
    return house.settle()


def long_cut(house: TwoHosts) -> Outcome:
    """Cut the link for longer than TCP retries."""
    house.press()
    house.cut()
    time.sleep(5)
    house.press()
    house.heal()
    return house.settle()


def exchanges_killed(house: TwoHosts) -> Outcome:
    """Kill one of the exchanges at random moments, ten times, with a press around each kill."""
    generator = random.Random(11)  # noqa: S311
    for number in range(10):
        house.kill(("hall", "kitchen")[number % 2])
        house.press(1)
        time.sleep(generator.uniform(0, 0.3))
        if number % 5 == 4:  # a state has eight past moments; a slow machine may miss five presses
            house.wait_until_acted()
    return house.settle()


def exchanges_killed_while_cut(house: TwoHosts) -> Outcome:
    """Kill both exchanges while the link is cut, before and after the presses."""
    house.cut()
    house.kill("hall")
    house.press(2)
    house.kill("hall")
    house.kill("kitchen")
    house.heal()
    return house.settle()


def poor_way(house: TwoHosts) -> Outcome:
    """Delay frames by 200 ms and more, reorder them, and lose every tenth."""
    house.network.set("hall", "kitchen", delay_seconds=0.2, spread_seconds=0.1, loss=0.1)
    house.press(8)
    return house.settle()


def step_forward_while_cut(house: TwoHosts) -> Outcome:
    """Set the hall's clock five minutes forward while the link is cut, between presses."""
    house.cut()
    house.press(2)
    house.hosts.clocks["hall"].set(house.hosts.clocks["hall"].seconds + 300)
    house.press()
    time.sleep(HASTY_SECONDS + 1.5)
    house.press()
    house.heal()
    return house.settle()


def step_back_while_cut(house: TwoHosts) -> Outcome:
    """Set the hall's clock five minutes back while the link is cut, between presses."""
    house.cut()
    house.press(2)
    house.hosts.clocks["hall"].set(house.hosts.clocks["hall"].seconds - 300)
    house.press()
    time.sleep(HASTY_SECONDS + 1.5)
    house.press()
    house.heal()
    return house.settle()


def steps_while_up(house: TwoHosts) -> Outcome:
    """Set each clock forward and back by minutes, with a press right after each change."""
    for seconds in (300, -300, 0, 120):
        for host in ("hall", "kitchen"):
            house.hosts.clocks[host].set(seconds)
            house.press()
            # The age of a press that travels during a clock change would be computed by the new time.
            house.wait_until_acted()
    return house.settle()


FAULTS: dict[str, Callable[[TwoHosts], Outcome]] = {
    fault.__name__: fault
    for fault in (
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
CLOCK_FAULTS: dict[str, Callable[[TwoHosts], Outcome]] = {
    fault.__name__: fault for fault in (step_forward_while_cut, step_back_while_cut, steps_while_up)
}
"""The faults that need clocks that a test can set."""
