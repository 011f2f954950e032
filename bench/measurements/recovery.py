"""The time until a house works again after a kill or a hang, and the duration of its verbs.

*Shipped* is the house as it is: supervisord with the prefork plugin, and the steward. *Stock* is supervisord
without the section `[rpcinterface:prefork]`, so that every process is a new interpreter by execve, and
without the steward. Both run at the same time, and faults are caused in turn. Stock gets fewer kills,
because each takes it one or two seconds. The `house` verbs favour stock: they send many requests to
supervisord, and each request wakes its loop. The rows of supervisorctl show it without them.

"On the mirror" is the time from the signal to the first answer of the mirror that contains a state of the
new process. Requests are sent again and again through one socket, so the way there and back is included.
If the mirror itself is killed, the time ends at its first answer with every process live. The killed
process and the moment are random, with a fixed seed. Verbs are timed from the start of the `house` command
to its end. `up` and `restart` end when every device has sent a message, `reload` when the changed one has.
"""

import os
import random
import signal
import time
from contextlib import ExitStack
from typing import NamedTuple

from bench.house import BREAKFAST, SUPERVISORCTL, House, stop_steward
from bench.observers import MirrorClient, all_live
from bench.report import Scale, Sheet
from bench.table import Aim, Section, Table
from daemons.bus.message import STEWARD
from daemons.cli.drill_report import percentile
from daemons.errors import HouseError
from daemons.supervision.supervisord import ended

KILLS, VERBS, READY = "After a kill", "The verbs", "From `house up` to every device ready"
SHIPPED, STOCK = "shipped", "stock"
BACK = "kill -9 to state on the mirror"
SECTION = Section(
    4,
    "Recovery",
    (
        Table(KILLS, reference_column=SHIPPED),
        Table(VERBS, reference_column=SHIPPED),
        Table(READY, plot="lines"),
    ),
    (
        Aim("kill to state on the mirror, median, under 30 ms", KILLS, f"{BACK}, p50", SHIPPED, 30),
        Aim("100 devices ready under 1.5 s", READY, SHIPPED, "100 devices", 1.5),
        Aim("200 devices ready under 3 s", READY, SHIPPED, "200 devices", 3),
        Aim("`house down` of 200 devices under 1 s", VERBS, "house down, 200 devices", SHIPPED, 1),
    ),
)
LAMP = '[devices.lamp_{}]\nkind = "lamp"\ndriver = "simulated"\n\n'


class Amount(NamedTuple):
    """How much is measured."""

    rounds: int
    kills: int
    stock_kills: int
    """In each round."""
    hangs: int
    restarts: int
    runs: int
    """How often a house is stopped and started."""
    devices: tuple[int, ...]
    stock_devices: tuple[int, ...]
    alone: int
    """The number of devices for the shutdown by supervisorctl; stock takes 0.7 s for each."""


AMOUNTS = {
    "tiny": Amount(1, 2, 1, 0, 1, 1, (2,), (), 0),
    "small": Amount(5, 25, 1, 2, 5, 3, (4, 20, 100, 200), (4, 20, 100), 4),
    "full": Amount(10, 100, 10, 10, 20, 10, (4, 20, 100, 200), (4, 20, 100, 200), 50),
}


class FaultyHouse:
    """A breakfast house in which faults are caused."""

    def __init__(self, house: House, *, stock: bool) -> None:
        self.house = house
        self.title = STOCK if stock else SHIPPED
        self._mirror: MirrorClient = house.mirror_client()
        self._mirror.until(all_live)
        if stock:
            stop_steward(house)
            self._mirror.ignore(STEWARD)
            self._mirror.ignore("recorder")
        self.names = sorted(self._mirror.until(all_live))

    def disturb(self, name: str, number: signal.Signals) -> tuple[float, float]:
        """Send a signal; return the seconds to the new process's state, and until all are live again."""
        known = self._mirror.until(all_live)[name]
        began = time.perf_counter()
        os.kill(known["pid"], number)

        def back(answer: dict[str, dict[str, object]]) -> bool:
            is_new = int(str(answer[name]["boot"] or 0)) > known["boot"]
            others = all(other["presence"] == "live" for other in answer.values())
            return is_new and (name != "mirror" or others)

        self._mirror.until(back)
        took = time.perf_counter() - began
        self._mirror.until(lambda answer: all_live(answer) and answer[name]["pid"] != known["pid"])
        return took, time.perf_counter() - began


def measure(scale: Scale, sheet: Sheet) -> None:
    """Cause faults in both houses in turn; then stop and start houses of many sizes."""
    amount = AMOUNTS[scale]
    generator = random.Random(1)  # noqa: S311  a seed makes it repeatable
    with ExitStack() as stack:
        shipped = FaultyHouse(stack.enter_context(House(BREAKFAST)), stock=False)
        stock = FaultyHouse(stack.enter_context(House(BREAKFAST, stock=True)), stock=True)
        for _ in range(amount.rounds):
            kill(sheet, shipped, amount.kills, 0.1, generator)
            kill(sheet, stock, amount.stock_kills, 1.0, generator)
        devices = [name for name in shipped.names if name not in ("mirror", STEWARD)]
        for _ in range(amount.hangs):
            took = shipped.disturb(generator.choice(devices), signal.SIGSTOP)[0]
            sheet.add(KILLS, "SIGSTOP to state on the mirror (watchdog 3 s)", SHIPPED, 1000 * took, "ms")
        for _ in range(amount.restarts):
            for one in (shipped, stock):
                sheet.add(
                    VERBS, "house restart toaster", one.title, one.house.house("restart", "toaster"), "s"
                )
                sheet.add(VERBS, "(house --version)", one.title, one.house.house("--version"), "s")
        if amount.alone:
            for one in (shipped, stock):
                took = one.house.command([*SUPERVISORCTL, "restart", "toaster"])
                sheet.add(VERBS, "supervisorctl restart toaster", one.title, took, "s")
    for devices_ in amount.devices:
        measure_size(sheet, devices_, amount)
    if amount.alone:
        for is_stock in (False, True):
            shutdown(sheet, amount.alone, stock=is_stock)
    sheet.note(
        f"{amount.rounds * amount.kills} kills of the shipped house, {amount.rounds * amount.stock_kills} "
        f"of stock; each `up` {amount.runs} times, of stock once."
    )


def kill(sheet: Sheet, faulty: FaultyHouse, number: int, pause: float, generator: random.Random) -> None:
    """Kill at random, each time after all are live again; `pause` avoids a fixed phase to any timer."""
    shown, live = [], []
    for _ in range(number):
        time.sleep(generator.uniform(0, pause))
        seconds = faulty.disturb(generator.choice(faulty.names), signal.SIGKILL)
        shown.append(1000 * seconds[0])
        live.append(1000 * seconds[1])
    for share, word in ((0.5, "p50"), (0.99, "p99")):
        sheet.add(KILLS, f"{BACK}, {word}", faulty.title, percentile(shown, share), "ms")
    sheet.add(KILLS, "kill -9 to all processes shown live, p50", faulty.title, percentile(live, 0.5), "ms")


def measure_size(sheet: Sheet, devices: int, amount: Amount) -> None:
    """Stop and start a house of this many lamps, and change one of them; stock once, as it is slow."""
    toml = "".join(LAMP.format(index) for index in range(devices))
    column, down = f"{devices} devices", f"house down, {devices} devices"
    with House(toml) as house:
        for run in range(amount.runs):
            sheet.add(VERBS, down, SHIPPED, house.house("down"), "s")
            sheet.add(READY, SHIPPED, column, house.house("up"), "s")
            if devices == amount.devices[-1]:
                house.edit(BRIGHTNESS, f'kind = "lamp"\nbrightness_percent = {run + 10}\n')
                took = house.house("reload")
                sheet.add(VERBS, f"house reload, one of {devices} changed", SHIPPED, took, "s")
    if devices not in amount.stock_devices:
        return
    try:
        with House(toml, stock=True) as house:
            sheet.add(READY, STOCK, column, house.up_seconds, "s")
            sheet.add(VERBS, down, STOCK, house.house("down"), "s")
    except HouseError as error:
        sheet.note(f"Stock did not start {devices} devices: {str(error).splitlines()[-1]}")


BRIGHTNESS = r'kind = "lamp"\n(?:brightness_percent = \d+\n)?'
"""The place of the first lamp's brightness."""


def shutdown(sheet: Sheet, devices: int, *, stock: bool) -> None:
    """Stop a house by supervisorctl instead of by `house down`."""
    with House("".join(LAMP.format(index) for index in range(devices)), stock=stock) as house:
        pid = house.pids()["supervisord"]
        with ended(pid) as wait:
            began = time.perf_counter()
            house.command([*SUPERVISORCTL, "shutdown"])
            wait(600)
            took = time.perf_counter() - began
        sheet.add(VERBS, f"supervisorctl shutdown, {devices} devices", STOCK if stock else SHIPPED, took, "s")
