"""From a press to the mirror: a switch, an appliance that hears it, and a mirror that hears both.

The clock starts just before a command is sent to the switch, and stops when the mirror, which has
taken the appliance's new state into its table, says how the house stands: it is the moment written
in that message, so the way to whoever reads it is not in it. That is three messages, in the house
and in each peer; states are some 2 kB of JSON in both.

*The house* is the real one: `house up` of a light switch, a toaster and a mirror, with validation,
journals written before anything is done or said, receipts, hardware on paper, the page, the
steward and the recorder. *Its run directory in memory* is the same on a tmpfs: what the disk's
filesystem costs. Of the peers, *bare pyzmq* is the limit: the same sockets, a Poller and JSON, nothing
else. *With a journal* is that with the house's number of files written anew and renamed over the old
ones, the usual way to write down before acting; the house writes in place. The brokers are servers
on loopback with their usual Python client, nothing is written down and nobody gives a receipt (but
for MQTT's own, at QoS 1).

Everybody is up at the same time. One press goes to each in turn, with a pause after each, so that
it finds everything at rest.

What keeps the house from its aim stands in the last table: the work of the process that takes the press,
called without a socket, with the processor's caches as they are when presses follow each other in a
row, and *cold*, as after a pause in which others have worked. To decide (validated, written as a new
state, once for each id), to write that down, twice, to switch, and to look what became of it, is that
many times the work of a peer, which does none of it; and from a press to the mirror it is done three times,
cold.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from bench import peers
from bench.cast import Cast
from bench.house import House
from bench.inside import BARE, COLD, ROW
from bench.report import Scale, Sheet
from bench.sight import Mirror, all_live
from bench.table import Aim, Section, Table, ratios
from daemons.cli.drill_report import percentile

TITLE = "From a press to the mirror"
STAGES, INSIDE = "Where the time goes", "Inside the process that takes the press"
OURS, IN_MEMORY, LIMIT, BROKER = (
    "House",
    "House, its run directory in memory",
    "bare pyzmq",
    "mosquitto, QoS 0",
)
JOURNAL = "bare pyzmq with a journal"
PEERS = {
    "pyzmq": LIMIT,
    "pyzmq_journal": JOURNAL,
    "mosquitto": BROKER,
    "mosquitto_qos1": "mosquitto, QoS 1",
    "redis": "Redis",
    "nats": "NATS",
}
SECTION = Section(
    1,
    TITLE,
    (Table(TITLE, reference_row=LIMIT, plot="bars"), Table(STAGES), Table(INSIDE, reference_row=BARE)),
    (
        Aim("at most 1.3 times bare pyzmq at the median", TITLE, OURS, "p50", 1.3, (LIMIT, "p50")),
        Aim("at most 0.6 of mosquitto with paho at QoS 0", TITLE, OURS, "p50", 0.6, (BROKER, "p50")),
    ),
)
TOML = """
[house]
name = "Bench"

[devices.mirror]
kind = "mirror"
port = 0

[devices.switch]
kind = "light_switch"
driver = "simulated"

[devices.toaster]
kind = "toaster"
driver = "simulated"

[[devices.toaster.when]]
device = "switch"
turns = { status = true }
do = "start"
"""
MEMORY = "/dev/shm"  # noqa: S108  where Linux has a tmpfs
CALM_SECONDS = 0.005
DEADLINE_SECONDS = 1.0
"""A receipt is remembered until its deadline; at ten presses a second twice as many as in a home would be."""


class Amount(NamedTuple):
    """How much is measured."""

    rounds: int
    presses: int
    inside: int
    """How many presses a process is given by calls, in a row and cold; they must fit among its receipts."""


AMOUNTS = {"tiny": Amount(2, 3, 2), "small": Amount(5, 100, 40), "full": Amount(10, 1000, 80)}


class Press(NamedTuple):
    """The moments of one press, in Unix seconds."""

    sent: float
    switch: float
    appliance: float
    mirror: float


class Ours:
    """A house to press."""

    def __init__(self, house: House) -> None:
        self._house = house
        house.command_seconds = DEADLINE_SECONDS
        self._ear = house.ear("mirror")
        self._mirror: Mirror = house.mirror()
        self._mirror.until(all_live)

    def press(self) -> Press:
        """Press, and hear what the mirror says of it; then have all as it was."""
        for _ in self._ear.drain():
            pass
        id_, sent = self._house.do("switch", "press")
        mirror = self._ear.until(lambda state: state.cause == id_).at
        known = self._mirror.until(lambda answer: answer["toaster"]["cause"] == id_)
        self._house.do("toaster", "stop")
        self._house.do("switch", "off")
        self._ear.until(lambda state: state.state["phase"] == "quiet")
        return Press(sent, known["switch"]["at"], known["toaster"]["at"], mirror)


def theirs(cast: Cast) -> Press:
    """Press a peer."""
    sent, answer = cast.press()
    return Press(sent, answer["heard"]["switch/state"], answer["heard"]["lamp_0/state"], answer["at"])


def measure(scale: Scale, sheet: Sheet) -> None:
    """Press everybody in turn."""
    amount = AMOUNTS[scale]
    with ExitStack() as stack:
        subjects: dict[str, Callable[[], Press]] = {OURS: Ours(stack.enter_context(House(TOML))).press}
        if Path(MEMORY).is_dir() and os.access(MEMORY, os.W_OK):
            subjects[IN_MEMORY] = Ours(stack.enter_context(House(TOML, below=MEMORY))).press
        for word, title in PEERS.items():
            if lack := peers.find(word).missing():
                sheet.note(f"{title} was not measured: {lack}.")
                continue
            cast = stack.enter_context(Cast(word, 1))
            subjects[title] = lambda cast=cast: theirs(cast)  # type: ignore[misc]
        every: dict[str, list[float]] = {title: [] for title in subjects}
        for _ in range(amount.rounds):
            found: dict[str, list[Press]] = {title: [] for title in subjects}
            for _ in range(amount.presses):
                for title, press in subjects.items():
                    found[title].append(press())
                    time.sleep(CALM_SECONDS)
            for title, presses in found.items():
                every[title] += tell(sheet, title, presses)
            look_inside(sheet, amount.inside)
        for title, took in every.items():
            sheet.add(
                TITLE, title, "p99.9", percentile(took, 0.999), "ms", is_control=title in PEERS.values()
            )
    explain(sheet)
    pressed = amount.rounds * amount.presses
    sheet.note(f"{pressed:,} presses of each, in {amount.rounds} rounds; p99.9 is over all of them.")


def look_inside(sheet: Sheet, presses: int) -> None:
    """Add what a press costs inside one process."""
    command = [sys.executable, "-P", "-m", "bench.inside", str(presses)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    for part, ways in json.loads(done.stdout).items():
        for how in (COLD, ROW):
            took = 1e6 * statistics.median(ways[how])
            sheet.add(INSIDE, part, how, took, "µs", is_control=part == BARE)


def explain(sheet: Sheet) -> None:
    """Say how much of the way to the limit is the price of a promise."""
    found = {title: sheet.figure(TITLE, title, "p50") for title in (JOURNAL, IN_MEMORY, LIMIT)}
    if (limit := found.pop(LIMIT)) is None:
        return
    for title, why in (
        (JOURNAL, "so much does writing down before acting cost by files that are renamed over the old ones"),
        (IN_MEMORY, "so much does the house cost without the disk's filesystem"),
    ):
        if (figure := found[title]) is not None:
            times = statistics.median(ratios(figure, limit))
            sheet.note(f"{title}: {times:.1f} times bare pyzmq at the median; {why}.")


def tell(sheet: Sheet, title: str, presses: list[Press]) -> list[float]:
    """Add a round, and give its times in milliseconds."""
    took = [1000 * (press.mirror - press.sent) for press in presses]
    is_control = title in PEERS.values()
    for column, share in (("p50", 0.5), ("p99", 0.99)):
        sheet.add(TITLE, title, column, percentile(took, share), "ms", is_control=is_control)
    whole = [press for press in presses if list(press) == sorted(press)]
    for column, begin, end in STEPS if whole else ():
        stage = [1000 * (getattr(press, end) - getattr(press, begin)) for press in whole]
        sheet.add(STAGES, title, column, percentile(stage, 0.5), "ms", is_control=is_control)
    return took


STEPS = (
    ("press to switch", "sent", "switch"),
    ("switch to appliance", "switch", "appliance"),
    ("appliance to mirror", "appliance", "mirror"),
)
"""Each ends at the moment that a process writes in what it then says. Where that is of another state, told
since or before, the press is left out."""
