"""The counters and the latest statuses of the house in Prometheus' text format."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from prometheus_client.registry import Collector

from daemons.bus.status import PRESENCES
from daemons.config.loader import kind_or_none
from daemons.processes.mirror.page import PageContext
from daemons.processes.mirror.page.counters import BUCKET_LIMITS_SECONDS, Histogram
from daemons.runtime.clock import uptime

__all__ = ["CONTENT_TYPE", "write"]


def write(context: PageContext, memory: dict[str, int]) -> bytes:
    """Return all metrics; `memory` is the memory of each process in bytes."""
    registry = CollectorRegistry()
    registry.register(HouseCollector(context, memory))
    return generate_latest(registry)


class HouseCollector(Collector):
    """Reads the mirror's table and counters at each scrape."""

    def __init__(self, context: PageContext, memory: dict[str, int]) -> None:
        self._context = context
        self._memory = memory

    def collect(self) -> Iterator[Metric]:
        """Yield every metric family."""
        yield from self._totals()
        yield from self._statuses()
        yield from self._durations()

    def _totals(self) -> Iterator[Metric]:
        counters = self._context.counters
        messages = CounterMetricFamily(
            "house_messages", "Messages received on the bus.", labels=["device", "type"]
        )
        for labels, number in list(counters.messages.items()):
            messages.add_metric(labels, number)
        yield messages
        yield GaugeMetricFamily("house_page_clients", "Connected WebSocket clients.", counters.clients)
        yield CounterMetricFamily(
            "house_page_changes_passed_over",
            "Changes that were not sent to slow clients.",
            counters.skipped_changes,
        )

    def _statuses(self) -> Iterator[Metric]:
        now = uptime()
        latest = self._context.changes.latest()[1]
        entries = self._context.table.entries
        age = GaugeMetricFamily(
            "house_age_seconds", "Age of the latest message of a process.", labels=["device"]
        )
        presence = GaugeMetricFamily(
            "house_presence",
            "1 for the presence of a process, 0 for the others.",
            labels=["device", "presence"],
        )
        restarts = CounterMetricFamily(
            "house_process_restarts", "How often a process was restarted.", labels=["device"]
        )
        memory = GaugeMetricFamily(
            "house_process_memory_bytes", "Memory of a process (PSS).", labels=["device"]
        )
        measured = GaugeMetricFamily(
            "house_measurement", "Measurements of a device, by field.", labels=["device", "field"]
        )
        for name, change in latest.items():
            entry, status = entries.get(name), change.status
            # The mirror itself has no entry. An age without any message is the uptime of the machine.
            age.add_metric([name], now - entry.heard_at if entry else 0.0)
            for word in PRESENCES:
                presence.add_metric([name, word], float(status.presence == word))
            restarts.add_metric([name], status.restarts or 0)
            if name in self._memory:
                memory.add_metric([name], self._memory[name])
            peer = self._context.peers.get(name)
            kind = kind_or_none(peer.kind) if peer else None
            for field in sorted(kind.measurements()) if kind else ():
                value = (status.state or {}).get(field)
                if isinstance(value, int | float):
                    measured.add_metric([name, field], value)
        yield from (age, presence, restarts, memory, measured)

    def _durations(self) -> Iterator[Metric]:
        counters = self._context.counters
        latency = HistogramMetricFamily(
            "house_state_latency_seconds",
            "From the publishing of a state to the mirror's table.",
            labels=["device"],
        )
        for name, histogram in list(counters.latencies.items()):
            latency.add_metric([name], *prometheus_buckets(histogram))
        yield latency
        commands = HistogramMetricFamily(
            "house_command_seconds", "From a command to its receipt.", labels=["device", "outcome"]
        )
        for labels, histogram in list(counters.commands.items()):
            commands.add_metric(labels, *prometheus_buckets(histogram))
        yield commands


def prometheus_buckets(histogram: Histogram) -> tuple[list[tuple[str, float]], float]:
    """Return cumulative buckets (each with its upper limit and its count), and the sum in seconds."""
    total, buckets = 0.0, []
    limits = [*map(str, BUCKET_LIMITS_SECONDS), "+Inf"]
    for limit, number in zip(limits, histogram.counts, strict=True):
        total += number
        buckets.append((limit, total))
    return buckets, histogram.sum_seconds
