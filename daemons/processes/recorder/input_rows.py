"""The rows of outside inputs: what devices publish, the measurements by which rules go, and the house."""

import time
from collections.abc import Callable, Iterator, Mapping

from daemons.bus.input import DetectionInput, Inputs, details
from daemons.config.roster import Peer
from daemons.processes.recorder.clock_steps import ClockSteps
from daemons.processes.recorder.exact_values import ExactValues
from daemons.runtime.clock import uptime
from daemons.runtime.rate_limit import TokenBuckets
from daemons.storage.history import HOUSE
from daemons.storage.history_row import Input, Sample
from daemons.storage.installed import INSTALLED_FINGERPRINT

INPUTS_PER_SECOND, INPUTS_AT_ONCE = 1.0, 500.0
"""How many inputs of one device are recorded, on average and at once: a flood must not fill the disk."""


class InputRows:
    """Makes the rows of new inputs."""

    def __init__(self, peers: Mapping[str, Peer], now: Callable[[], float]) -> None:
        """`now` returns the steady time in seconds."""
        self._peers = peers
        self._now = now
        self._latest: dict[str, tuple[int, int]] = {}
        """By device, the run of its process and the number of its latest input."""
        self._limits = TokenBuckets(INPUTS_PER_SECOND, INPUTS_AT_ONCE)
        self._exact = ExactValues()
        self._clock = ClockSteps()
        self._configuration = ""
        """The fingerprint of the configuration that was recorded last."""

    def published(self, inputs: Inputs) -> Iterator[Input]:
        """Yield the inputs of a message that are new. Without any, yield a row that a gap may lie before."""
        name, boot, earlier = inputs.device, inputs.boot, inputs.earlier
        known = self._latest.get(name, (0, 0))
        if name not in self._peers or (boot, inputs.number) <= known:
            return
        self._latest[name] = boot, inputs.number
        after = known[1] if known[0] == boot else 0
        for number, input_ in enumerate(inputs.inputs, inputs.number - len(inputs.inputs) + 1):
            if number > after and self._limits.allow(name):
                what = "values" if isinstance(input_, DetectionInput) else str(input_.__struct_config__.tag)
                yield Input(name, input_.at, what, details(input_), boot, number, earlier)
        if not inputs.inputs:
            yield Input(name, inputs.at, "gap", {}, boot, inputs.number, earlier)

    def add(self, sample: Sample) -> None:
        """Note a new measurement, if rules go by it."""
        if sample.name in self._peers[sample.device].ruled:
            self._exact.add(sample)

    def due_values(self) -> Iterator[Input]:
        """Yield the measurements to be recorded now; called once a second."""
        yield from self._exact.due(self._now())

    def due_events(self) -> Iterator[Input]:
        """Yield what happened to the house; called once a second."""
        before, wall, after = uptime(), time.time(), uptime()
        if step := self._clock.measure(before, wall, after):
            yield Input(HOUSE, max(wall - step, 0.0), "clock", {"seconds": round(step, 3)})
        installed = INSTALLED_FINGERPRINT.read_or_last()
        if installed and installed != self._configuration:
            self._configuration = installed
            yield Input(HOUSE, wall, "configuration", {"digest": installed})

    def begin_file(self) -> None:
        """Forget what was recorded in another file: a new one begins with what is so now."""
        self._exact.clear()
        self._configuration = ""
