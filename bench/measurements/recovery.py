"""How soon a house is itself again after a kill and a hang, and how long its verbs take; shipped and stock.

*Shipped* is the house as it is: supervisord with the nursery, and the steward. *Stock* is supervisord
without its section `[rpcinterface:nursery]`, so that every process is a new interpreter by execve, and
with the steward stopped. Both are up at the same time, and are broken in turn; stock gets fewer kills, for
each takes it one or two seconds. Stock's figures of `house` verbs are still kind to it: these ask
supervisord again and again, which turns its loop. The rows of supervisorctl show it alone.

"On the mirror" is timed from the signal to the first answer of the mirror that has the
successor's state in it, asked again and again through one socket, so the way there and back is in
it; where the mirror itself is the victim, to its first answer with every process live. Who is
killed, and when, is chance with a fixed seed. Verbs are timed as a person has them, from the start of the
`house` command to its end: `up` and `restart` end when every device was heard, `reload` when the
changed one was.
"""

import os
import random
import signal
import time
from contextlib import ExitStack
from typing import NamedTuple

from bench.house import BREAKFAST, SUPERVISORCTL, House, without_steward
from bench.report import Scale, Sheet
from bench.sight import Mirror, all_live
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
        Aim("down of 200 under 1 s", VERBS, "house down, 200 devices", SHIPPED, 1),
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
    """How often a house is taken down and up."""
    devices: tuple[int, ...]
    stock_devices: tuple[int, ...]
    alone: int
    """With how many devices supervisord is shut down by itself; stock takes 0.7 s for each."""


AMOUNTS = {
    "tiny": Amount(1, 2, 1, 0, 1, 1, (2,), (), 0),
    "small": Amount(5, 25, 1, 2, 5, 3, (4, 20, 100, 200), (4, 20, 100), 4),
    "full": Amount(10, 100, 10, 10, 20, 10, (4, 20, 100, 200), (4, 20, 100, 200), 50),
}


class Victim:
    """A breakfast house that is broken on purpose."""

    def __init__(self, house: House, *, stock: bool) -> None:
        self.house = house
        self.title = STOCK if stock else SHIPPED
        self._mirror: Mirror = house.mirror()
        self._mirror.until(all_live)
        if stock:
            without_steward(house)
            self._mirror.forget(STEWARD)
            self._mirror.forget("recorder")
        self.names = sorted(self._mirror.until(all_live))

    def harm(self, name: str, number: signal.Signals) -> tuple[float, float]:
        """Send a signal; give the seconds to the successor's state, and until all are live again."""
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
    """Break both houses in turn; then take houses of many sizes up and down."""
    amount = AMOUNTS[scale]
    chance = random.Random(1)  # noqa: S311  it shall be repeatable
    with ExitStack() as stack:
        shipped = Victim(stack.enter_context(House(BREAKFAST)), stock=False)
        stock = Victim(stack.enter_context(House(BREAKFAST, stock=True)), stock=True)
        for _ in range(amount.rounds):
            kill(sheet, shipped, amount.kills, 0.1, chance)
            kill(sheet, stock, amount.stock_kills, 1.0, chance)
        devices = [name for name in shipped.names if name not in ("mirror", STEWARD)]
        for _ in range(amount.hangs):
            took = shipped.harm(chance.choice(devices), signal.SIGSTOP)[0]
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
        crowds(sheet, devices_, amount)
    if amount.alone:
        for is_stock in (False, True):
            shutdown(sheet, amount.alone, stock=is_stock)
    sheet.note(
        f"{amount.rounds * amount.kills} kills of the shipped house, {amount.rounds * amount.stock_kills} "
        f"of stock; each `up` {amount.runs} times, of stock once."
    )


def kill(sheet: Sheet, victim: Victim, number: int, pause: float, chance: random.Random) -> None:
    """Kill at random, each time once all are live again; `pause` keeps us out of step with any tick."""
    shown, live = [], []
    for _ in range(number):
        time.sleep(chance.uniform(0, pause))
        seconds = victim.harm(chance.choice(victim.names), signal.SIGKILL)
        shown.append(1000 * seconds[0])
        live.append(1000 * seconds[1])
    for share, word in ((0.5, "p50"), (0.99, "p99")):
        sheet.add(KILLS, f"{BACK}, {word}", victim.title, percentile(shown, share), "ms")
    sheet.add(KILLS, "kill -9 to everybody shown live, p50", victim.title, percentile(live, 0.5), "ms")


def crowds(sheet: Sheet, devices: int, amount: Amount) -> None:
    """Take a house of so many lamps down and up, and have one of them changed; stock, slow as it is, once."""
    toml = "".join(LAMP.format(index) for index in range(devices))
    column, down = f"{devices} devices", f"house down, {devices} devices"
    with House(toml) as house:
        for run in range(amount.runs):
            sheet.add(VERBS, down, SHIPPED, house.house("down"), "s")
            sheet.add(READY, SHIPPED, column, house.house("up"), "s")
            if devices == amount.devices[-1]:
                house.edit(PLAIN, f'kind = "lamp"\nbrightness_percent = {run + 10}\n')
                took = house.house("reload")
                sheet.add(VERBS, f"house reload, one of {devices} changed", SHIPPED, took, "s")
    if devices not in amount.stock_devices:
        return
    try:
        with House(toml, stock=True) as house:
            sheet.add(READY, STOCK, column, house.up_seconds, "s")
            sheet.add(VERBS, down, STOCK, house.house("down"), "s")
    except HouseError as error:
        sheet.note(f"Stock did not bring up {devices} devices: {str(error).splitlines()[-1]}")


PLAIN = r'kind = "lamp"\n(?:brightness_percent = \d+\n)?'
"""Where the first lamp's brightness is, or would be."""


def shutdown(sheet: Sheet, devices: int, *, stock: bool) -> None:
    """End a house by supervisorctl instead of by `house down`."""
    with House("".join(LAMP.format(index) for index in range(devices)), stock=stock) as house:
        pid = house.pids()["supervisord"]
        with ended(pid) as wait:
            began = time.perf_counter()
            house.command([*SUPERVISORCTL, "shutdown"])
            wait(600)
            took = time.perf_counter() - began
        sheet.add(VERBS, f"supervisorctl shutdown, {devices} devices", STOCK if stock else SHIPPED, took, "s")
