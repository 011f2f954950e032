"""How many states a second the mirror takes from 20 and from 200 publishers, and how old it lets them get.

The mirror is the real one, with its page; its lamps are publishers in one process of the
measurement, at the lamps' own sockets. States are some 2 kB of JSON and change a measurement each
time, and every tenth time whether the lamp is on. They are published in bursts that its
queues have room for. The rate is the burst over the time from its first state until the mirror has
its last one; lost is what the mirror's own count (`/metrics`) lacks of all that was published, over
the whole measurement. The age is that of the oldest state that was published and not yet in
the mirror's table, looked at every 50 ms while 1,000 states a second arrive: the median, and the worst.

*With 100 page clients* is the same while 100 WebSocket clients are sent every change, in the
mirror's own process. The peers' mirrors decode the same JSON and keep the latest of each publisher;
their publishers share one connection to the broker.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple
from urllib.request import urlopen

from bench import peers
from bench.cast import Cast
from bench.crowd import Crowd
from bench.flood import Flood
from bench.house import House
from bench.measurements.press import BROKER, LIMIT, OURS
from bench.report import Scale, Sheet
from bench.sight import PATIENCE, Mirror
from bench.table import Section, Table
from daemons.cli.drill_report import percentile
from daemons.errors import HouseError

RATE, AGE, LOST = "States a second", "Age of the oldest unread state at 1,000 a second", "States lost"
CROWD = f"{OURS}, with page clients"
PEERS = {"pyzmq": LIMIT, "mosquitto": BROKER, "redis": "Redis", "nats": "NATS"}
SECTION = Section(3, "Aggregation", (Table(RATE, reference_row=LIMIT, plot="bars"), Table(AGE), Table(LOST)))
CALM_RATE = 1000.0
LOOK_SECONDS = 0.05
FIND_SECONDS = 30.0
"""How long a mirror may take to find every publisher."""
STILL_SECONDS = 2.0
"""After so long without another state the rest is lost."""


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


class Taker:
    """A mirror that takes states: who floods it, and how many it has."""

    def __init__(
        self, flood: Flood, count: Callable[[], tuple[float, int]], total: Callable[[], int]
    ) -> None:
        """`count` gives a moment, and how many states up to which none is missing; `total` how many came."""
        self._flood = flood
        self._count = count
        self._total = total
        self._missed = flood.sent - total()
        """What was published before the mirror had found the publishers."""

    def burst(self, count: int) -> float:
        """Publish as fast as can be; give the states a second."""
        wanted = self._flood.sent + count
        self._flood.begin(count)
        last, began = 0, time.monotonic()
        while True:
            at, there = self._count()
            if there >= wanted:
                break
            if there > last:
                last, began = there, time.monotonic()
            elif time.monotonic() - began > STILL_SECONDS:
                break  # what is missing is lost, and told as such
            time.sleep(0.005)
        times = self._flood.finish()
        return count / (at - times[0])

    def calm(self, seconds: float) -> list[float]:
        """Publish at a calm rate; give the age of the oldest unread state, in seconds, at each look."""
        count, first = int(seconds * CALM_RATE), self._flood.sent
        looks = []
        self._flood.begin(count, CALM_RATE)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(LOOK_SECONDS)
            looks.append(self._count())
        times = self._flood.finish()
        unread = [(at, times[there - first]) for at, there in looks if first <= there < self._flood.sent]
        return [max(0.0, at - published) for at, published in unread]

    def lost(self) -> int:
        """Say how many states never came."""
        end = time.monotonic() + STILL_SECONDS
        while (missing := self._flood.sent - self._total() - self._missed) and time.monotonic() < end:
            time.sleep(0.1)
        return max(0, missing)  # one may have come between the first count and the second


@contextmanager
def ours(publishers: int, clients: int) -> Iterator[Taker]:
    """Have the real mirror, and lamps of which only the sockets are there."""
    lamps = "".join(f'\n[devices.lamp_{i}]\nkind = "lamp"\ndriver = "simulated"\n' for i in range(publishers))
    names = [f"lamp_{index}" for index in range(publishers)]
    toml = '[recorder]\nenabled = false\n\n[devices.mirror]\nkind = "mirror"\nport = 0\n' + lamps
    with House(toml) as house, ExitStack() as stack:
        url = house.page()
        house.house("stop", *names)
        flood = stack.enter_context(Flood("pyzmq", house.run, 0, publishers))
        mirror = house.mirror()
        until_found(flood, lambda: metrics(url))
        if clients:
            stack.enter_context(Crowd(url, clients))
        yield Taker(flood, lambda: count(mirror, names), lambda: metrics(url))


def until_found(flood: Flood, total: Callable[[], int]) -> None:
    """Publish a state of each, until all of them come."""
    end, came = time.monotonic() + FIND_SECONDS, -1
    while came < flood.publishers:
        if time.monotonic() > end:
            raise HouseError("the mirror does not find the publishers")
        before = total()
        flood.begin(flood.publishers)
        flood.finish()
        time.sleep(0.1)
        came = total() - before


def count(mirror: Mirror, names: list[str]) -> tuple[float, int]:
    """Ask the mirror; give the moment, and how many states it has up to the first that is missing."""
    receipt = mirror.receipt(int(PATIENCE * 1000))
    if receipt is None or receipt.result is None:
        raise HouseError(f"the mirror says nothing for {PATIENCE:g} s")
    seqs = [receipt.result["devices"][name]["seq"] or 0 for name in names]
    return receipt.at, min(seq * len(names) + index for index, seq in enumerate(seqs))


def metrics(url: str) -> int:
    """Read how many states the mirror has heard of the lamps."""
    with urlopen(f"{url}metrics", timeout=PATIENCE) as answer:  # noqa: S310  it is our own page
        lines = answer.read().decode().splitlines()
    mine = [line for line in lines if line.startswith('house_messages_total{device="lamp_')]
    return sum(int(float(line.rpartition(" ")[2])) for line in mine if 'type="state"' in line)


@contextmanager
def theirs(word: str, publishers: int) -> Iterator[Taker]:
    """Have a peer's mirror."""
    with Cast(word, 0, publishers) as cast, Flood(word, cast.folder, cast.port, publishers) as flood:

        def heard() -> tuple[float, int]:
            answer = cast.heard()
            return answer["at"], answer["heard"]

        until_found(flood, lambda: heard()[1])
        missed = flood.sent - heard()[1]

        def count() -> tuple[float, int]:
            at, number = heard()
            return at, number + missed

        yield Taker(flood, count, lambda: count()[1])


def measure(scale: Scale, sheet: Sheet) -> None:
    """Flood everybody in turn."""
    amount = AMOUNTS[scale]
    lacking = {title: lack for word, title in PEERS.items() if (lack := peers.find(word).missing())}
    for title, lack in lacking.items():
        sheet.note(f"{title} was not measured: {lack}.")
    for publishers in amount.publishers:
        with ExitStack() as stack:
            takers = {OURS: stack.enter_context(ours(publishers, 0))}
            takers[CROWD] = stack.enter_context(ours(publishers, amount.clients))
            for word, title in PEERS.items():
                if title not in lacking:
                    takers[title] = stack.enter_context(theirs(word, publishers))
            column = f"{publishers} publishers"
            for _ in range(amount.rounds):
                for title, taker in takers.items():
                    is_control = title in PEERS.values()
                    rate = taker.burst(amount.burst)
                    sheet.add(
                        RATE, title, column, rate, "states/s", is_control=is_control, more_is_better=True
                    )
                    ages = [1000 * age for age in taker.calm(amount.seconds)] or [0.0]
                    for what, share in (("p50", 0.5), ("max", 1.0)):
                        age = percentile(ages, share)
                        sheet.add(AGE, title, f"{column}, {what}", age, "ms", is_control=is_control)
            for title, taker in takers.items():
                is_control = title in PEERS.values()
                sheet.add(LOST, title, column, taker.lost(), "", is_control=is_control)
    sheet.note(f"Bursts of {amount.burst:,} states; {amount.clients} page clients.")
