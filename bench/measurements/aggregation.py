"""The rate at which the mirror receives states from 20 and from 200 publishers, and the age of unread states.

The mirror is the real one, with its page. Its lamps are publishers in one process of the measurement. They
hold the lamps' own sockets. A state is about 2 kB of JSON. Each state has a changed measurement, and every
tenth state switches the lamp.

The states are published in bursts that fit into the mirror's queues. The *rate* is the size of a burst,
divided by the time from its first state until the mirror has its last one. *Lost* are published states
that the mirror's own counter (`/metrics`) lacks, over the whole measurement. The *age* is that of the
oldest state that is published but not yet in the mirror's table. It is read every 50 ms while 1,000 states
a second arrive. The table shows the median and the maximum.

*With page clients* is the same measurement while the mirror's own process sends every change to 100
WebSocket clients. The mirrors of the peers decode the same JSON and keep the latest state of each
publisher. The publishers of a peer share one connection to its server.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple
from urllib.request import urlopen

from bench import peers
from bench.house import House
from bench.measurements.press import BROKER, LIMIT, OURS
from bench.observers import PATIENCE, MirrorClient
from bench.page_clients import PageClients
from bench.peer_system import PeerSystem
from bench.publisher_load import PublisherLoad
from bench.report import Scale, Sheet
from bench.table import Section, Table
from daemons.cli.drill_report import percentile
from daemons.errors import HouseError

RATE, AGE, LOST = "States a second", "Age of the oldest unread state at 1,000 a second", "States lost"
WITH_CLIENTS = f"{OURS}, with page clients"
PEERS = {"pyzmq": LIMIT, "mosquitto": BROKER, "redis": "Redis", "nats": "NATS"}
SECTION = Section(3, "Aggregation", (Table(RATE, reference_row=LIMIT, plot="bars"), Table(AGE), Table(LOST)))
STEADY_RATE = 1000.0
SAMPLE_SECONDS = 0.05
CONNECT_SECONDS = 30.0
"""How long a mirror may take to connect to every publisher."""
STILL_SECONDS = 2.0
"""After this time without another state, the missing states are lost."""


class Amount(NamedTuple):
    """How much is measured."""

    publishers: tuple[int, ...]
    rounds: int
    burst: int
    seconds: float
    clients: int


AMOUNTS = {
    "tiny": Amount((3,), 1, 300, 0.3, 3),
    "small": Amount((20, 200), 3, 10_000, 1.0, 100),
    "full": Amount((20, 200), 10, 15_000, 20.0, 100),
}


class LoadedMirror:
    """A mirror under load: its publishers, and the number of its states."""

    def __init__(
        self, load: PublisherLoad, count: Callable[[], tuple[float, int]], total: Callable[[], int]
    ) -> None:
        """`count` returns a time, and the number of states up to which none is missing.

        `total` returns the number of received states.
        """
        self._load = load
        self._count = count
        self._total = total
        self._missed = load.sent - total()
        """The number of states published before the mirror was connected to the publishers."""

    def burst(self, count: int) -> float:
        """Publish as fast as possible; return the states a second."""
        wanted = self._load.sent + count
        self._load.begin(count)
        last, began = 0, time.monotonic()
        while True:
            at, there = self._count()
            if there >= wanted:
                break
            if there > last:
                last, began = there, time.monotonic()
            elif time.monotonic() - began > STILL_SECONDS:
                break  # the missing states are lost, and counted by lost()
            time.sleep(0.005)
        times = self._load.finish()
        return count / (at - times[0])

    def steady(self, seconds: float) -> list[float]:
        """Publish at a steady rate; return the ages of the oldest unread state, in seconds."""
        count, first = int(seconds * STEADY_RATE), self._load.sent
        samples = []
        self._load.begin(count, STEADY_RATE)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(SAMPLE_SECONDS)
            samples.append(self._count())
        times = self._load.finish()
        unread = [(at, times[there - first]) for at, there in samples if first <= there < self._load.sent]
        return [max(0.0, at - published) for at, published in unread]

    def lost(self) -> int:
        """Return the number of states that never arrived."""
        end = time.monotonic() + STILL_SECONDS
        while (missing := self._load.sent - self._total() - self._missed) and time.monotonic() < end:
            time.sleep(0.1)
        return max(0, missing)  # one may have arrived between the two counts


@contextmanager
def house_mirror(publishers: int, clients: int) -> Iterator[LoadedMirror]:
    """Run the real mirror, with lamps that consist of sockets only."""
    lamps = "".join(f'\n[devices.lamp_{i}]\nkind = "lamp"\ndriver = "simulated"\n' for i in range(publishers))
    names = [f"lamp_{index}" for index in range(publishers)]
    toml = '[recorder]\nenabled = false\n\n[devices.mirror]\nkind = "mirror"\nport = 0\n' + lamps
    with House(toml) as house, ExitStack() as stack:
        url = house.page()
        house.house("stop", *names)
        load = stack.enter_context(PublisherLoad("pyzmq", house.run, 0, publishers))
        mirror = house.mirror_client()
        wait_until_connected(load, lambda: count_received(url))
        if clients:
            stack.enter_context(PageClients(url, clients))
        yield LoadedMirror(load, lambda: count(mirror, names), lambda: count_received(url))


def wait_until_connected(load: PublisherLoad, total: Callable[[], int]) -> None:
    """Publish a state from each publisher, until all of them arrive."""
    end, came = time.monotonic() + CONNECT_SECONDS, -1
    while came < load.publishers:
        if time.monotonic() > end:
            raise HouseError("the mirror is not connected to all publishers")
        before = total()
        load.begin(load.publishers)
        load.finish()
        time.sleep(0.1)
        came = total() - before


def count(mirror: MirrorClient, names: list[str]) -> tuple[float, int]:
    """Request the mirror's data; return the time, and the number of states up to the first missing one."""
    receipt = mirror.request(int(PATIENCE * 1000))
    if receipt is None or receipt.result is None:
        raise HouseError(f"the mirror sent no answer within {PATIENCE:g} s")
    seqs = [receipt.result["devices"][name]["seq"] or 0 for name in names]
    return receipt.at, min(seq * len(names) + index for index, seq in enumerate(seqs))


def count_received(url: str) -> int:
    """Return the number of lamp states that the mirror has received."""
    with urlopen(f"{url}metrics", timeout=PATIENCE) as answer:  # noqa: S310  the page of our own house
        lines = answer.read().decode().splitlines()
    mine = [line for line in lines if line.startswith('house_messages_total{device="lamp_')]
    return sum(int(float(line.rpartition(" ")[2])) for line in mine if 'type="state"' in line)


@contextmanager
def peer_mirror(word: str, publishers: int) -> Iterator[LoadedMirror]:
    """Run a peer's mirror."""
    with (
        PeerSystem(word, 0, publishers) as system,
        PublisherLoad(word, system.folder, system.port, publishers) as load,
    ):

        def received() -> tuple[float, int]:
            answer = system.received()
            return answer["at"], answer["received"]

        wait_until_connected(load, lambda: received()[1])
        missed = load.sent - received()[1]

        def count() -> tuple[float, int]:
            at, number = received()
            return at, number + missed

        yield LoadedMirror(load, count, lambda: count()[1])


def measure(scale: Scale, sheet: Sheet) -> None:
    """Put load on each mirror in turn."""
    amount = AMOUNTS[scale]
    missing = {title: reason for word, title in PEERS.items() if (reason := peers.find(word).missing())}
    for title, reason in missing.items():
        sheet.note(f"{title} was not measured: {reason}.")
    for publishers in amount.publishers:
        with ExitStack() as stack:
            mirrors = {OURS: stack.enter_context(house_mirror(publishers, 0))}
            mirrors[WITH_CLIENTS] = stack.enter_context(house_mirror(publishers, amount.clients))
            for word, title in PEERS.items():
                if title not in missing:
                    mirrors[title] = stack.enter_context(peer_mirror(word, publishers))
            column = f"{publishers} publishers"
            for _ in range(amount.rounds):
                for title, mirror in mirrors.items():
                    is_control = title in PEERS.values()
                    rate = mirror.burst(amount.burst)
                    sheet.add(
                        RATE, title, column, rate, "states/s", is_control=is_control, more_is_better=True
                    )
                    ages = [1000 * age for age in mirror.steady(amount.seconds)] or [0.0]
                    for what, share in (("p50", 0.5), ("max", 1.0)):
                        age = percentile(ages, share)
                        sheet.add(AGE, title, f"{column}, {what}", age, "ms", is_control=is_control)
            for title, mirror in mirrors.items():
                is_control = title in PEERS.values()
                sheet.add(LOST, title, column, mirror.lost(), "", is_control=is_control)
    sheet.note(f"Bursts of {amount.burst:,} states; {amount.clients} page clients.")
