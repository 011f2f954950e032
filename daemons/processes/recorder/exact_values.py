"""The measurements by which rules go: they are recorded as inputs, and not folded into minutes later.

A noisy sensor changes all the time. So of each measurement, one value is recorded in a while: the latest.
"""

from collections.abc import Iterator

from daemons.storage.history_row import Input, Sample

VALUE_SECONDS = 10.0
"""The time between two recorded values of one measurement. After a longer pause, each value is recorded."""


class ExactValues:
    """Chooses the values to record. Pure."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str], Sample] = {}
        """By device and field, the latest value that is not recorded."""
        self._recorded: dict[tuple[str, str], tuple[float, float]] = {}
        """By device and field, when (steady seconds) a value was last recorded, and the value."""

    def add(self, sample: Sample) -> None:
        """Note a value; it replaces the one that waits."""
        self._waiting[sample.device, sample.name] = sample

    def due(self, now: float) -> Iterator[Input]:
        """Yield what is to be recorded at `now` (steady seconds)."""
        for key, sample in list(self._waiting.items()):
            at, value = self._recorded.get(key, (-VALUE_SECONDS, None))
            if now - at < VALUE_SECONDS:
                continue
            del self._waiting[key]
            if sample.value != value:
                self._recorded[key] = now, sample.value
                yield Input(sample.device, sample.at, "values", {sample.name: sample.value})

    def clear(self) -> None:
        """Forget what was recorded: a new file begins."""
        self._recorded.clear()
