"""The processor time of a press by its steps, in function calls without a socket, a disk or hardware.

usage: python -m bench.press_profile [--presses PRESSES] [--profile PART]

The devices are those of config/house.toml, and each has eight past states. The parts of a press:

- *switch*: the bathroom light gets a command, decides, and publishes its new state;
- *follower*: the coffee maker gets the state of the switch, which is on now, and starts;
- *bystander*: the coffee maker gets the state of the switch, which is off now, and does nothing;
- *mirror*: a reader decodes the state of the switch.

The output is a table with the microseconds of each step: the tenth percentile, because other processes may
use the machine, and the median. Its last column has the function calls of the whole part. With `--profile`,
the output is the profile of one part. press_cost.py measures the same process with its disk and its log.
"""

import argparse
import cProfile
import pstats
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from daemons.bus import message
from daemons.bus.message import Command, EncodedState, KnownMoments, Published, State
from daemons.bus.sequence import MessageFilter
from daemons.config.device import build
from daemons.config.house import load_house
from daemons.kinds import Machine, Reading, Setting
from daemons.processes.device.appliance import Appliance
from daemons.processes.device.device import UTC_CALENDAR
from daemons.processes.device.memory import DeviceMemory
from daemons.processes.process_run import ProcessRun
from daemons.runtime.clock import Anchor

CONFIG = Path(__file__).parent.parent / "config" / "house.toml"
SWITCH, FOLLOWER = "bathroom_light", "coffee_maker"
PRESSES = 4000
PROFILED_PRESSES = 400
WARM_UP_PRESSES = 20
"""After so many, each device has its eight past states."""
PRESS_SECONDS = 60.0
"""The time between two presses: the coffee of a press is finished before the next one but one."""
PRESSED, FOLLOWS, IGNORES, READS = PARTS = ("switch", "follower", "bystander", "mirror")
WHOLE = "all steps"
START = 1_700_000_000.0
Times = dict[str, list[float]]
"""The seconds of each press by step."""


class Stopwatch:
    """Adds up the seconds of each step of one part, and profiles the part."""

    def __init__(self, profile: cProfile.Profile | None = None) -> None:
        self.steps: dict[str, float] = defaultdict(float)
        self._profile = profile
        self._began = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Measure what is done meanwhile, which calls `lap` after each step."""
        if self._profile:
            self._profile.enable()
        self._began = time.perf_counter()
        yield
        if self._profile:
            self._profile.disable()

    def lap(self, step: str | None) -> None:
        """Add the time since the last lap to a step, or to none."""
        if step is not None:
            self.steps[step] += time.perf_counter() - self._began
        self._began = time.perf_counter()


Watches = dict[str, Stopwatch]


def ignore_gap(_: str) -> None:
    """Do nothing: here no message is lost."""


class Reader:
    """What a subscriber does with each message that arrives."""

    def __init__(self, *, with_past: bool = True) -> None:
        self._filter = MessageFilter(ignore_gap)
        self._with_past = with_past
        self._known: KnownMoments = {}

    def decode(self, frames: list[bytes]) -> Published | None:
        """Return a message, or None if it is not new."""
        received = message.decode(frames, self._known, with_past=self._with_past)
        return received if self._filter.is_new(frames[0], received) else None


class Rehearsed:
    """One device of the house with its hardware, and with what its process does around the decisions."""

    def __init__(self, name: str) -> None:
        slice_ = load_house(CONFIG).slices()[name]
        device = build(name, slice_.table, (), [])
        if device is None or not issubclass(device.kind, Machine):
            raise TypeError(f"{name} of {CONFIG} is no device with hardware")
        machine = device.kind(device.options, speed=15.0)
        self.name = name
        self.on = False
        memory = DeviceMemory(
            kind=name,
            machine=msgspec.Raw(msgspec.json.encode(machine.memory_type())),
            anchor=Anchor("bench", 0.0),
            written_at=0.0,
            created_at=START - 1.0,
            life=ProcessRun(1, 1, 0),
        )
        self.appliance = Appliance(device, machine, memory, UTC_CALENDAR)
        self.published: list[list[bytes]] = []
        self._reader = Reader()
        self._written: DeviceMemory | None = None
        self._shown: Any = None
        self._seq = 0
        self.appliance.start(self.read(), 0.0, START)
        self.apply(0.0, Stopwatch())

    def read(self) -> Reading:
        """Return a reading of the hardware."""
        return Reading(on=self.on, power_watts=9.0 if self.on else 0.0)

    def command(self, payload: bytes, now: float, watch: Stopwatch) -> None:
        """Decode and handle a command."""
        command = message.decode_command(payload)
        watch.lap("decode")
        receipt = self.appliance.handle_command(command, now, START + now)
        watch.lap("decide")
        self.apply(now, watch)
        message.encode(self.appliance.receipt(command.id) or receipt)
        watch.lap("receipt")

    def receive(self, frames: list[bytes], now: float, watch: Stopwatch) -> None:
        """Decode and handle a state."""
        received = self._reader.decode(frames)
        watch.lap("decode")
        if isinstance(received, State):
            self.appliance.on_state(received, now, START + now)
            watch.lap("decide")
            self.apply(now, watch)

    def apply(self, now: float, watch: Stopwatch) -> None:
        """Do what the process does after each event, without its I/O."""
        while True:
            memory = self.appliance.memory
            if memory != self._written:
                self._written = memory
                watch.lap("memory")
                msgspec.json.encode(msgspec.structs.replace(memory, written_at=now))
                watch.lap("journal bytes")
                self.appliance.set_storage_error(None, now, START + now)
            setting = self.appliance.next_setting(now)
            watch.lap("memory")
            if setting is None:
                break
            self._set(setting)
            watch.lap(None)
            self.appliance.on_reading(self.read(), now, START + now)
            watch.lap("decide")
        state = self.appliance.state(now)
        shown = (memory.last_state, memory.change_times, memory.cause, state["confirmed"])
        if shown != self._shown:
            self._shown = shown
            self._seq += 1
            made = EncodedState(
                device=self.name,
                boot=1,
                seq=self._seq,
                at=START + now,
                since=self.appliance.since,
                state=state,
                turned=memory.change_times,
                cause=memory.cause,
                past=memory.encoded_past,
            )
            self.published.append([message.topic(made), message.encode(made)])
        watch.lap("publish")
        self.appliance.log_lines.clear()
        _ = self.appliance.is_idle
        self.appliance.next_deadline()
        watch.lap("timer")

    def poll(self, now: float) -> None:
        """Read the hardware and advance time."""
        self.appliance.advance(now, START + now)
        self.appliance.on_reading(self.read(), now, START + now)
        self.apply(now, Stopwatch())

    def _set(self, setting: Setting) -> None:
        self.on = setting.on


def press(switch: Rehearsed, follower: Rehearsed, reader: Reader, number: int, watches: Watches) -> None:
    """Press the switch once, and pass its states on."""
    now = number * PRESS_SECONDS
    payload = message.encode(Command(id=f"press-{number:06}", command="press", deadline=START + now + 5))
    switch.published.clear()
    with watches[PRESSED].running():
        switch.command(payload, now, watches[PRESSED])
    part = FOLLOWS if switch.on else IGNORES
    for frames in switch.published:
        with watches[part].running():
            follower.receive(frames, now, watches[part])
        with watches[READS].running():
            reader.decode(frames)
            watches[READS].lap("decode")
    for seconds in (10.0, 20.0, 30.0, 50.0):  # the coffee gets ready, and stands
        follower.poll(now + seconds)


def press_all(presses: int, profiles: dict[str, cProfile.Profile]) -> dict[str, Times]:
    """Press this often, and return the seconds of each step by part."""
    switch, follower, reader = Rehearsed(SWITCH), Rehearsed(FOLLOWER), Reader(with_past=False)
    times: dict[str, Times] = {part: defaultdict(list) for part in PARTS}
    for number in range(1, WARM_UP_PRESSES + presses + 1):
        is_warm = number > WARM_UP_PRESSES
        watches = {part: Stopwatch(profiles.get(part) if is_warm else None) for part in PARTS}
        press(switch, follower, reader, number, watches)
        for part, watch in watches.items() if is_warm else ():
            for step, seconds in watch.steps.items():
                times[part][step].append(seconds)
            if watch.steps:
                times[part][WHOLE].append(sum(watch.steps.values()))
    return times


def main() -> None:
    """Measure, and print the table or the profile."""
    parser = argparse.ArgumentParser(prog="python -m bench.press_profile", description=__doc__)
    parser.add_argument("--presses", type=int, default=PRESSES)
    parser.add_argument("--profile", choices=PARTS)
    options = parser.parse_args()
    profiles = {part: cProfile.Profile() for part in PARTS}
    press_all(PROFILED_PRESSES, profiles)
    if options.profile:
        pstats.Stats(profiles[options.profile]).sort_stats("tottime").print_stats(50)
        return
    for part, steps in press_all(options.presses, {}).items():
        share = len(steps[WHOLE]) / options.presses
        calls = pstats.Stats(profiles[part]).total_calls / PROFILED_PRESSES / share  # type: ignore[attr-defined]
        for step, seconds in steps.items():
            low, middle = statistics.quantiles(seconds, n=10)[0], statistics.median(seconds)
            count = f"{calls:8.0f}" if step == WHOLE else ""
            print(f"{part:10} {step:15} {1e6 * low:8.1f} {1e6 * middle:8.1f} {count}")


if __name__ == "__main__":
    main()
