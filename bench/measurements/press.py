"""From a press to the mirror: a switch, an appliance that follows it, and a mirror that receives both states.

The time starts just before a command is sent to the switch. It ends when the mirror has put the
appliance's new state into its table and publishes its own state. The end is the time written in this
message, so the way to a reader is not included. These are three messages, in the house and in each peer.
States are about 2 kB of JSON in both.

*House* is the real one: `house up` with a light switch, a toaster and a mirror. It has validation, journals
that are written before each action and message, receipts, simulated hardware, the page, the steward and the
recorder. The row *its run directory in memory* is the same on a tmpfs; the difference is the cost of the
disk's filesystem.

Of the peers, *bare pyzmq* is the limit: the same sockets, a Poller and JSON, nothing else. *With a journal*
adds the house's number of files. They are renamed over the old ones, the usual way to write before an
action; the house writes in place. The brokers are servers on loopback with their usual Python client.
*Mosquitto* at QoS 0 and 1, *Redis* (publish and subscribe) and *NATS* write nothing down.

Three peers keep every message, so that a press counts once, as in the house:

- *Redis Streams*: consumer groups, and an append-only file that is forced to the disk once a second. Redis
  writes before it answers. The result and the acknowledgement of a message are one transaction. A kill of any
  process loses nothing and repeats nothing.
- *NATS JetStream*: a stream in files. The server writes before it acknowledges a message, and a publisher
  waits for that. Each message has an id. A kill of any process loses nothing and repeats nothing. The server
  forces its files to the disk every two minutes.
- *mosquitto, QoS 2*: persistent sessions, and a file of its own in each process. The broker stores its
  messages once a second, after it has acknowledged them. So a kill of the broker loses up to a second. The
  promise is weaker than that of the house.

None of these three has simulated hardware, validation, receipts, a supervisor, a page or a recorder.

All systems run at the same time. Each gets one press in turn, with a pause after each, so that each press
finds all of them at rest. In the table of *presses after a rest*, no process of any system has had a press
for 250 ms, as in a home. Then the processor's caches hold other data, and its cores may sleep.

The last table explains the distance to the aims. It shows the work of the process that receives the press,
called without a socket. *Warm* presses follow each other directly. Before a *cold* press the processor's
caches are emptied, as after a pause in which other processes worked. The house decides (it validates,
computes a new state, and carries out each id once), writes the journal twice, switches, and checks the
result. A peer does none of this. From a press to the mirror, this work is done three times, cold.
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
from bench.house import House
from bench.observers import MirrorClient, all_live
from bench.peer_system import PeerSystem
from bench.press_cost import BARE, COLD, WARM
from bench.report import Scale, Sheet
from bench.table import Aim, Section, Table, ratios
from daemons.cli.drill_report import percentile

TITLE = "From a press to the mirror"
RESTED = "From a press to the mirror, after a rest of 250 ms"
STAGES, INSIDE = "Where the time goes", "Inside the process that receives the press"
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
    "mosquitto_qos2": "mosquitto, QoS 2, stored once a second",
    "redis_streams": "Redis Streams, written first",
    "nats_jetstream": "NATS JetStream, written first",
}
FORGETFUL = tuple(PEERS[word] for word in ("mosquitto", "mosquitto_qos1", "redis", "nats"))
"""The brokers that keep nothing."""
KEPT = tuple(PEERS[word] for word in ("mosquitto_qos2", "redis_streams", "nats_jetstream"))
"""The brokers that keep each message until it is handled."""
SECTION = Section(
    1,
    TITLE,
    (
        Table(TITLE, reference_row=LIMIT, plot="bars"),
        Table(RESTED, reference_row=LIMIT),
        Table(STAGES),
        Table(INSIDE, reference_row=BARE),
    ),
    (
        Aim("at most 1.3 times bare pyzmq at the median", TITLE, OURS, "p50", 1.3, (LIMIT, "p50")),
        Aim(
            "at most 0.8 times the fastest broker that keeps messages, at the median",
            *(TITLE, OURS, "p50", 0.8),
            fastest=KEPT,
        ),
        Aim(
            "at most as long as the fastest broker that keeps nothing, at the median",
            *(TITLE, OURS, "p50", 1.0),
            fastest=FORGETFUL,
        ),
        Aim("p99 below that of every broker", TITLE, OURS, "p99", 1.0, fastest=FORGETFUL + KEPT),
        Aim(
            "after a rest, at most 0.8 times the fastest broker that keeps messages",
            *(RESTED, OURS, "p50", 0.8),
            fastest=KEPT,
        ),
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
PAUSE_SECONDS = 0.005
REST_SECONDS = 0.25
DEADLINE_SECONDS = 1.0
"""A receipt is remembered until its deadline.

At ten presses a second, there are twice as many receipts as in a home.
"""


class Amount(NamedTuple):
    """How much is measured."""

    rounds: int
    presses: int
    rested: int
    """How many presses of a round come after a rest."""
    inside: int
    """How many presses a process gets as calls, warm and cold; its list of receipts must hold them."""


AMOUNTS = {
    "tiny": Amount(2, 3, 1, 2),
    "small": Amount(5, 100, 8, 40),
    "full": Amount(10, 1000, 50, 80),
}


class Press(NamedTuple):
    """The times of one press, in Unix seconds."""

    sent: float
    switch: float
    appliance: float
    mirror: float


class HouseUnderTest:
    """A running house, to be pressed."""

    def __init__(self, house: House) -> None:
        self._house = house
        house.command_seconds = DEADLINE_SECONDS
        self._states = house.subscribe("mirror")
        self._mirror: MirrorClient = house.mirror_client()
        self._mirror.until(all_live)

    def press(self) -> Press:
        """Press, and wait for the mirror's state; then restore the state before."""
        return self.restore(*self.press_once())

    def press_once(self) -> tuple[str, float, float]:
        """Press, and wait for the mirror's state; return the press's id, its time, and that of the state."""
        for _ in self._states.drain():
            pass
        id_, sent = self._house.do("switch", "press")
        return id_, sent, self._states.until(lambda state: state.cause == id_).at

    def restore(self, id_: str, sent: float, mirror: float) -> Press:
        """Restore the state before a press, and return its times."""
        known = self._mirror.until(lambda answer: answer["toaster"]["cause"] == id_)
        self._house.do("toaster", "stop")
        self._house.do("switch", "off")
        self._states.until(lambda state: state.state["phase"] == "quiet")
        return Press(sent, known["switch"]["at"], known["toaster"]["at"], mirror)


def press_peer(system: PeerSystem) -> Press:
    """Press a peer."""
    sent, answer = system.press()
    return Press(sent, answer["received"]["switch/state"], answer["received"]["lamp_0/state"], answer["at"])


def measure(scale: Scale, sheet: Sheet) -> None:
    """Press each system in turn."""
    amount = AMOUNTS[scale]
    with ExitStack() as stack:
        systems: dict[str, Callable[[], Press]] = {
            OURS: HouseUnderTest(stack.enter_context(House(TOML))).press
        }
        if Path(MEMORY).is_dir() and os.access(MEMORY, os.W_OK):
            systems[IN_MEMORY] = HouseUnderTest(stack.enter_context(House(TOML, below=MEMORY))).press
        for word, title in PEERS.items():
            if reason := peers.find(word).missing():
                sheet.note(f"{title} was not measured: {reason}.")
                continue
            system = stack.enter_context(PeerSystem(word, 1))
            systems[title] = lambda system=system: press_peer(system)  # type: ignore[misc]
        all_times: dict[str, list[float]] = {title: [] for title in systems}
        all_rested: dict[str, list[float]] = {title: [] for title in systems}
        for _ in range(amount.rounds):
            for title, presses in press_in_turn(systems, amount.presses, PAUSE_SECONDS).items():
                all_times[title] += add_round(sheet, title, presses)
            for title, presses in press_in_turn(systems, amount.rested, REST_SECONDS).items():
                all_rested[title] += add_rested(sheet, title, presses)
            add_inside(sheet, amount.inside)
    for table, column, share, times in (
        (TITLE, "p99.9", 0.999, all_times),
        (RESTED, "p99", 0.99, all_rested),
    ):
        for title, took in times.items():
            is_control = title in PEERS.values()
            sheet.add(table, title, column, percentile(took, share), "ms", is_control=is_control)
    add_notes(sheet)
    pressed, rested = amount.rounds * amount.presses, amount.rounds * amount.rested
    sheet.note(
        f"{pressed:,} presses of each, and {rested:,} after a rest, in {amount.rounds} rounds. p99.9 is over "
        "all of them, and so is p99 after a rest."
    )


def press_in_turn(
    systems: dict[str, Callable[[], Press]], number: int, pause: float
) -> dict[str, list[Press]]:
    """Press each system in turn, this often; each press comes after a pause."""
    found: dict[str, list[Press]] = {title: [] for title in systems}
    for _ in range(number):
        for title, press in systems.items():
            time.sleep(pause)
            found[title].append(press())
    return found


def add_inside(sheet: Sheet, presses: int) -> None:
    """Add the cost of a press inside one process."""
    command = [sys.executable, "-P", "-m", "bench.press_cost", str(presses)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    for part, ways in json.loads(done.stdout).items():
        for how in (COLD, WARM):
            took = 1e6 * statistics.median(ways[how])
            sheet.add(INSIDE, part, how, took, "µs", is_control=part == BARE)


def add_notes(sheet: Sheet) -> None:
    """Add notes about the part of the distance to the limit that a promise costs."""
    found = {title: sheet.figure(TITLE, title, "p50") for title in (JOURNAL, IN_MEMORY, LIMIT)}
    if (limit := found.pop(LIMIT)) is None:
        return
    for title, why in (
        (JOURNAL, "the cost of a journal whose files are renamed over the old ones"),
        (IN_MEMORY, "the cost of the house without the disk's filesystem"),
    ):
        if (figure := found[title]) is not None:
            times = statistics.median(ratios(figure, limit))
            sheet.note(f"{title}: {times:.1f} times bare pyzmq at the median; {why}.")


def add_rested(sheet: Sheet, title: str, presses: list[Press]) -> list[float]:
    """Add a round of presses after a rest, and return its times in milliseconds."""
    took = [1000 * (press.mirror - press.sent) for press in presses]
    sheet.add(RESTED, title, "p50", percentile(took, 0.5), "ms", is_control=title in PEERS.values())
    return took


def add_round(sheet: Sheet, title: str, presses: list[Press]) -> list[float]:
    """Add a round, and return its times in milliseconds."""
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
"""Each step ends at the time in the message that a process then publishes. If the message belongs to
another press, the press is left out.
"""
