"""The report of a drill: figures, and the broken promises. Pure.

The report counts the switchings that the simulated hardware has recorded, not the states of the devices.
"""

from collections.abc import Iterable
from math import ceil
from typing import Any

from msgspec import Struct, field

from daemons.drivers.physics.relay import Switching

BACK_SECONDS = 20.0
"""A process that has sent no heartbeat after this time counts as lost."""
HOT_TOLERANCE_SECONDS = 1.0
"""How much longer than `max_on` hardware may be on, because clocks and timers are inexact."""


class DrillPress(Struct, frozen=True):
    """One press: its command id, the outcome of its receipt, and the devices that must act on it."""

    id: str
    receipt: str
    triggered_devices: tuple[str, ...]
    excused_devices: tuple[str, ...] = ()
    """The devices among them that a fault kept from acting: each of them may act once, or not at all."""


class OnTime(Struct, frozen=True):
    """The longest time that a heating device was on, and its limit `max_on`."""

    longest_seconds: float
    max_on_seconds: float


class DrillReport(Struct, kw_only=True):
    """The results of one drill."""

    seed: int
    seconds: float = 0.0
    recoveries: dict[str, list[float]] = field(default_factory=dict)
    """For each kind of fault, the seconds until the device had recovered, one value for each fault."""
    commands: dict[str, int] = field(default_factory=dict)
    """The number of commands by the outcome of their receipt."""
    presses: int = 0
    """The number of presses that were applied."""
    once: int = 0
    """How often an appliance acted exactly once on an applied press."""
    twice: int = 0
    """How often an appliance acted more than once on an applied press."""
    never: int = 0
    """How often an appliance did not act on an applied press."""
    hot: dict[str, OnTime] = field(default_factory=dict)
    live_but_wrong: int = 0
    """How often a live device published another state than that of its hardware."""
    broken: list[str] = field(default_factory=list)
    """One sentence for each broken promise."""

    @property
    def is_kept(self) -> bool:
        """Whether every promise was kept."""
        return not self.broken

    def add_recovery(
        self, fault: str, device: str, seconds: float | None, limit: float = BACK_SECONDS
    ) -> None:
        """Record how long a device needed to recover from a fault.

        If `seconds` is None, the device did not recover within `limit` seconds: a broken promise.
        """
        if seconds is None:
            self.broken.append(f"{device} was not back {limit:g} s after: {fault}")
            return
        self.recoveries.setdefault(fault, []).append(seconds)

    def count(self, fault: str) -> None:
        """Count a fault from which no process has to recover."""
        self.recoveries.setdefault(fault, []).append(0.0)

    def add_receipt(self, outcome: str) -> None:
        """Count the outcome of a command."""
        self.commands[outcome] = self.commands.get(outcome, 0) + 1

    def evaluate(
        self, presses: Iterable[DrillPress], hardware_log: dict[str, list[Switching]], since: float
    ) -> None:
        """Count how the appliances acted on the presses, and how long heating devices were on.

        Switchings that ended before `since` (Unix seconds) do not count as on time.
        """
        for press in presses:
            if press.receipt != "applied":
                self._evaluate_refused(press, hardware_log)
                continue
            self.presses += 1
            for name in press.triggered_devices:
                acted = sum(line.what == "on" and line.cause == press.id for line in hardware_log[name])
                is_excused = acted == 0 and name in press.excused_devices
                self.once += acted == 1
                self.twice += acted > 1
                self.never += acted == 0 and not is_excused
                if acted != 1 and not is_excused:
                    self.broken.append(f"{name} acted {acted} times on press {press.id}")
        for name, hot in self.hot.items():
            longest = longest_on(hardware_log[name], since)
            self.hot[name] = OnTime(round(longest, 3), hot.max_on_seconds)
            if longest > hot.max_on_seconds + HOT_TOLERANCE_SECONDS:
                self.broken.append(
                    f"{name} was on for {longest:.1f} s, and max_on is {hot.max_on_seconds:g} s"
                )

    def _evaluate_refused(self, press: DrillPress, hardware_log: dict[str, list[Switching]]) -> None:
        """Check that no appliance acted on a press that was not applied; without a receipt, it may have."""
        if press.receipt == "unanswered":
            return
        self.broken += [
            f"{name} acted on press {press.id}, which was {press.receipt}"
            for name in press.triggered_devices
            if any(line.what == "on" and line.cause == press.id for line in hardware_log[name])
        ]


def longest_on(lines: list[Switching], since: float) -> float:
    """Return the longest time in seconds that hardware was on, as limited by its own timer.

    Only an interval that ended after `since` counts.
    """
    longest, on_at, off_at = 0.0, None, None
    for line in lines:
        if on_at is not None and not line.on:
            end = min(line.at, off_at or line.at)
            longest = max(longest, end - on_at) if end >= since else longest
            on_at = None
        elif line.on:
            on_at = line.at if on_at is None else on_at
            off_at = line.off_at
    if on_at is not None:
        longest = max(longest, (off_at or float("inf")) - on_at)  # without a timer it stays on
    return longest


def percentile(values: list[float], share: float) -> float:
    """Return the percentile of the values by the nearest-rank method; `share` is between 0 and 1."""
    return sorted(values)[max(0, ceil(len(values) * share) - 1)]


def figures(report: DrillReport) -> dict[str, Any]:
    """Return a report as plain values for JSON."""
    return {
        "seed": report.seed,
        "seconds": round(report.seconds, 1),
        "kept": report.is_kept,
        "broken": report.broken,
        "faults": {
            fault: {
                "number": len(times),
                "p50_ms": round(percentile(times, 0.5) * 1000, 1),
                "p99_ms": round(percentile(times, 0.99) * 1000, 1),
                "max_ms": round(max(times) * 1000, 1),
            }
            for fault, times in report.recoveries.items()
        },
        "presses": {
            "with_receipt": report.presses,
            "acted_once": report.once,
            "acted_twice": report.twice,
            "acted_never": report.never,
        },
        "commands": report.commands,
        "hot": {
            name: {"longest_on_seconds": hot.longest_seconds, "max_on_seconds": hot.max_on_seconds}
            for name, hot in report.hot.items()
        },
        "live_but_wrong": report.live_but_wrong,
    }
