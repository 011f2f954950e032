"""The house in numbers, for Prometheus: what was heard, how old it is, how long things take."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from prometheus_client.registry import Collector

from daemons.bus.presence import PRESENCES
from daemons.config.loader import find_kind
from daemons.processes.mirror.page import Subject
from daemons.processes.mirror.page.counters import EDGES_SECONDS, Times
from daemons.runtime.clock import uptime

__all__ = ["CONTENT_TYPE", "write"]


def write(subject: Subject, memory: dict[str, int]) -> bytes:
    """Give everything in Prometheus' text format; `memory` is what each process holds, in bytes."""
    registry = CollectorRegistry()
    registry.register(House(subject, memory))
    return generate_latest(registry)


class House(Collector):
    """Reads the mirror's table and tally at the moment it is asked."""

    def __init__(self, subject: Subject, memory: dict[str, int]) -> None:
        self._subject = subject
        self._memory = memory

    def collect(self) -> Iterator[Metric]:
        """Give every family of numbers."""
        yield from self._heard()
        yield from self._standing()
        yield from self._taken()

    def _heard(self) -> Iterator[Metric]:
        tally = self._subject.tally
        messages = CounterMetricFamily(
            "house_messages", "Messages heard on the bus.", labels=["device", "type"]
        )
        for labels, number in list(tally.messages.items()):
            messages.add_metric(labels, number)
        yield messages
        yield GaugeMetricFamily("house_page_clients", "Clients that hear the house.", tally.clients)
        yield CounterMetricFamily(
            "house_page_changes_passed_over", "Changes that slow clients were spared.", tally.passed_over
        )

    def _standing(self) -> Iterator[Metric]:
        now = uptime()
        latest = self._subject.board.latest()[1]
        entries = self._subject.table.entries
        age = GaugeMetricFamily(
            "house_age_seconds", "How long ago a process was last heard.", labels=["device"]
        )
        presence = GaugeMetricFamily(
            "house_presence", "1 for how a process stands, else 0.", labels=["device", "presence"]
        )
        restarts = CounterMetricFamily(
            "house_process_restarts", "How often it was started again.", labels=["device"]
        )
        memory = GaugeMetricFamily(
            "house_process_memory_bytes", "What it holds in memory (PSS).", labels=["device"]
        )
        measured = GaugeMetricFamily(
            "house_measurement", "What a device measures, by the field's name.", labels=["device", "field"]
        )
        for name, change in latest.items():
            entry = entries.get(name)
            age.add_metric([name], now - entry.heard if entry and entry.heard else 0.0 if not entry else now)
            for word in PRESENCES:
                presence.add_metric([name, word], float(change.standing["presence"] == word))
            restarts.add_metric([name], change.standing["restarts"] or 0)
            if name in self._memory:
                memory.add_metric([name], self._memory[name])
            peer = self._subject.peers.get(name)
            kind = find_kind(peer.kind) if peer else None
            for field in sorted(kind.measurements()) if kind else ():
                value = (change.standing["state"] or {}).get(field)
                if isinstance(value, int | float):
                    measured.add_metric([name, field], value)
        yield from (age, presence, restarts, memory, measured)

    def _taken(self) -> Iterator[Metric]:
        tally = self._subject.tally
        latency = HistogramMetricFamily(
            "house_state_latency_seconds",
            "From the publishing of a state to the mirror's table.",
            labels=["device"],
        )
        for name, times in list(tally.latencies.items()):
            latency.add_metric([name], *histogram(times))
        yield latency
        commands = HistogramMetricFamily(
            "house_command_seconds", "From a command to its receipt.", labels=["device", "outcome"]
        )
        for labels, times in list(tally.commands.items()):
            commands.add_metric(labels, *histogram(times))
        yield commands


def histogram(times: Times) -> tuple[list[tuple[str, float]], float]:
    """Give the buckets, each holding those below it as well, and the sum."""
    total, buckets = 0.0, []
    for edge, number in zip([*map(str, EDGES_SECONDS), "+Inf"], times.counts, strict=True):
        total += number
        buckets.append((edge, total))
    return buckets, times.sum_seconds
