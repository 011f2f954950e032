"""A cluster that loses a node: three real nodes on this machine, and the sessions of many houses.

usage: python -m bench.fleet_cluster NATS [--houses 500]

The retained messages are those of a real house of twenty devices. The sessions do what a bridge does
(`bench/fleet_sessions.py`). Then a node is killed, and its houses say everything again at the others.
"""

import argparse
import asyncio
import resource
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench.fleet import retained_messages
from bench.fleet_sessions import NEW_SESSIONS_AT_ONCE, HouseSession, count_retained
from daemons.processes.mirror.page.memory_use import memory_use
from tests.support.nats_cluster import NatsCluster
from tests.support.rabbitmq_cluster import RabbitmqCluster

CLUSTERS: dict[str, type[NatsCluster] | type[RabbitmqCluster]] = {
    "NATS": NatsCluster,
    "RabbitMQ": RabbitmqCluster,
}
POLL_SECONDS = 0.05
"""How often the sessions are counted."""
MOST_SECONDS, MOST_SECONDS_PER_HOUSE = 300.0, 0.3
"""How long a cluster may take until all houses have said everything: the longer of the two."""
FILES_BESIDE = 500
"""How many files this process may open besides the connections of the houses."""
QUIET_SECONDS = 5.0
"""A new subscriber has all retained messages when none has arrived for this time."""


class Loss(NamedTuple):
    """What a cluster did with the sessions of many houses."""

    all_said: float
    """Seconds until all houses had said everything for the first time."""
    retained: int
    """The retained messages that a new subscriber gets at the last node."""
    memory_bytes: float
    """The memory of all nodes (PSS)."""
    moved: int
    """The houses whose session was lost."""
    half_again: float
    """Seconds from the kill of a node until half of these houses had said everything again."""
    all_again: float
    """Seconds from the kill of a node until all houses had said everything again."""
    retained_after: int
    """The retained messages that a new subscriber then gets at the last node."""

    def __str__(self) -> str:
        return (
            f"all houses had said everything after {self.all_said:.1f} s, and the three nodes took "
            f"{self.memory_bytes / 1e6:.0f} MB\n"
            f"a new subscriber at another node got {self.retained} retained messages\n"
            f"{self.moved} houses lost their node; half of them had said everything again after "
            f"{self.half_again:.1f} s, all after {self.all_again:.1f} s\n"
            f"a new subscriber then got {self.retained_after} retained messages"
        )


async def lose_node(cluster: NatsCluster | RabbitmqCluster, houses: int, messages: dict[str, bytes]) -> Loss:
    """Open the sessions of many houses, and kill the first node; TimeoutError names what was not reached."""
    opening = asyncio.Semaphore(NEW_SESSIONS_AT_ONCE)
    sessions = [HouseSession(number, cluster.ports, messages) for number in range(houses)]
    began = time.monotonic()
    tasks = [asyncio.create_task(session.run(opening)) for session in sessions]
    try:
        await _wait_until_all_said(sessions, began)
        all_said = time.monotonic() - began
        retained = await count_retained(cluster.ports[-1], QUIET_SECONDS)
        pids = [pid for node in range(len(cluster.ports)) for pid in cluster.pids(node)]
        memory = sum(memory_use({str(pid): pid for pid in pids}).values())
        killed_at = time.monotonic()
        cluster.kill(0)
        await _wait_until_all_said(sessions, killed_at, lost=cluster.ports[0])
        all_again = time.monotonic() - killed_at
        moved = [said - killed_at for one in sessions if (said := one.said_at) and said > killed_at]
        after = await count_retained(cluster.ports[-1], QUIET_SECONDS)
        return Loss(all_said, retained, memory, len(moved), statistics.median(moved), all_again, after)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _wait_until_all_said(sessions: Sequence[HouseSession], since: float, lost: int = 0) -> None:
    """Wait until each house has said everything at a node whose port is not `lost`."""
    most_seconds = max(MOST_SECONDS, MOST_SECONDS_PER_HOUSE * len(sessions))
    while missing := sum(session.said_at is None or session.port == lost for session in sessions):
        if time.monotonic() - since > most_seconds:
            raise TimeoutError(
                f"{missing} of {len(sessions)} houses had not said everything within {most_seconds:g} s"
            )
        await asyncio.sleep(POLL_SECONDS)


def allow_sessions(houses: int) -> None:
    """Raise the limit of open files, so that this process can hold the connections of so many houses."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, houses + FILES_BESIDE), most))


def main() -> None:
    """Measure, and print the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cluster", choices=CLUSTERS)
    parser.add_argument("--houses", type=int, default=500)
    options = parser.parse_args()
    if lack := CLUSTERS[options.cluster].missing():
        parser.error(lack)
    allow_sessions(options.houses)
    with tempfile.TemporaryDirectory() as folder:
        found = retained_messages(Path(folder), "off")
        messages = {topic.removeprefix("house/"): payload for topic, payload in found.items()}
        with CLUSTERS[options.cluster](Path(folder) / "cluster") as cluster:
            print(asyncio.run(lose_node(cluster, options.houses, messages)))


if __name__ == "__main__":
    main()
