"""A cluster that loses a node: three real nodes on this machine, and the sessions of many houses."""

import asyncio
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

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


def lose_node(name: str, houses: int, messages: dict[str, bytes], folder: Path, most_seconds: float) -> Loss:
    """Start a cluster with many houses, and kill its first node; TimeoutError names what was not reached."""
    with CLUSTERS[name](folder) as cluster:
        return asyncio.run(_lose_node(cluster, houses, messages, most_seconds))


async def _lose_node(
    cluster: NatsCluster | RabbitmqCluster, houses: int, messages: dict[str, bytes], most_seconds: float
) -> Loss:
    opening = asyncio.Semaphore(NEW_SESSIONS_AT_ONCE)
    sessions = [HouseSession(number, cluster.ports, messages) for number in range(houses)]
    began = time.monotonic()
    tasks = [asyncio.create_task(session.run(opening)) for session in sessions]
    try:
        await _wait_until_all_said(sessions, began, most_seconds)
        all_said = time.monotonic() - began
        retained = await count_retained(cluster.ports[-1], QUIET_SECONDS)
        pids = [pid for node in range(len(cluster.ports)) for pid in cluster.pids(node)]
        memory = sum(memory_use({str(pid): pid for pid in pids}).values())
        killed_at = time.monotonic()
        cluster.kill(0)
        await _wait_until_all_said(sessions, killed_at, most_seconds, lost=cluster.ports[0])
        all_again = time.monotonic() - killed_at
        moved = [said - killed_at for one in sessions if (said := one.said_at) and said > killed_at]
        after = await count_retained(cluster.ports[-1], QUIET_SECONDS)
        return Loss(all_said, retained, memory, len(moved), statistics.median(moved), all_again, after)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _wait_until_all_said(
    sessions: Sequence[HouseSession], since: float, most_seconds: float, lost: int = 0
) -> None:
    """Wait until each house has said everything at a node whose port is not `lost`."""
    while missing := sum(session.said_at is None or session.port == lost for session in sessions):
        if time.monotonic() - since > most_seconds:
            raise TimeoutError(
                f"{missing} of {len(sessions)} houses had not said everything within {most_seconds:g} s"
            )
        await asyncio.sleep(POLL_SECONDS)
