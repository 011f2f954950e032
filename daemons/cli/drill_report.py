"""What a drill found: figures, and which promises they break. Pure.

Its judge of what happened is the hardware's own record (drivers/simulated), not the devices' words.
"""

from collections.abc import Iterable
from math import ceil
from typing import Any

from msgspec import Struct, field

from daemons.drivers.simulated import Switching

BACK_SECONDS = 5.0
"""A process that is not back after this time counts as lost."""
HOT_TOLERANCE_SECONDS = 1.0


class DrillPress(Struct, frozen=True):
    """One press: its id, whether it got its receipt, and who should have acted on it."""

    id: str
    receipt: str
    triggered_devices: tuple[str, ...]


class OnTime(Struct, frozen=True):
    """The longest time that something hot was on, and the longest it may be."""

    longest_seconds: float
    max_on_seconds: float


class DrillReport(Struct, kw_only=True):
    """All that a drill found."""

    seed: int
    seconds: float = 0.0
    recoveries: dict[str, list[float]] = field(default_factory=dict)
    """Of each sort of fault, the seconds until the device was heard again, one for each."""
    commands: dict[str, int] = field(default_factory=dict)
    """How many commands got which receipt."""
    presses: int = 0
    once: int = 0
    """How often an appliance acted once on a press that had its receipt; and twice or more; and never."""
    twice: int = 0
    never: int = 0
    hot: dict[str, OnTime] = field(default_factory=dict)
    live_but_wrong: int = 0
    """How often the mirror showed something as live that the hardware was not."""
    broken: list[str] = field(default_factory=list)
    """Each promise that was broken, in a sentence."""

    @property
    def is_kept(self) -> bool:
        """Whether every promise was kept."""
        return not self.broken

    def add_recovery(
        self, fault: str, device: str, seconds: float | None, limit: float = BACK_SECONDS
    ) -> None:
        """Note how long a device was away after a fault; nothing for one that was not back in time."""
        if seconds is None:
            self.broken.append(f"{device} was not back {limit:g} s after: {fault}")
            return
        self.recoveries.setdefault(fault, []).append(seconds)

    def add_receipt(self, outcome: str) -> None:
        """Note what came of a command."""
        self.commands[outcome] = self.commands.get(outcome, 0) + 1

    def evaluate(
        self, presses: Iterable[DrillPress], hardware_log: dict[str, list[Switching]], since: float
    ) -> None:
        """Count from the record what the presses led to, and how long hot things were on."""
        for press in presses:
            if press.receipt != "applied":
                continue
            self.presses += 1
            for name in press.triggered_devices:
                acted = sum(line.what == "on" and line.cause == press.id for line in hardware_log[name])
                self.once += acted == 1
                self.twice += acted > 1
                self.never += acted == 0
                if acted != 1:
                    self.broken.append(f"{name} acted {acted} times on press {press.id}")
        for name, hot in self.hot.items():
            longest = longest_on(hardware_log[name], since)
            self.hot[name] = OnTime(round(longest, 3), hot.max_on_seconds)
            if longest > hot.max_on_seconds + HOT_TOLERANCE_SECONDS:
                self.broken.append(
                    f"{name} was on for {longest:.1f} s, and max_on is {hot.max_on_seconds:g} s"
                )


def longest_on(lines: list[Switching], since: float) -> float:
    """Return the longest time, in seconds, that hardware was on after `since`, with its own timer."""
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
        longest = max(longest, (off_at or float("inf")) - on_at)  # on it stays
    return longest


def percentile(values: list[float], share: float) -> float:
    """Return the value that this share of the values does not exceed (nearest rank)."""
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
