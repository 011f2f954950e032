"""One device of a rehearsal: its hardware and its journal outlive its process, which may be killed.

The process is that of the real house: the same appliance and the same runner. Only what surrounds them is
rehearsed: loop, bus, journal, driver and clock.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from daemons.bus.message import Command, Moment, Receipt, Report, State, StateContent, decode_moment
from daemons.config.device import Device
from daemons.config.rule import rule_key
from daemons.config.sun import SunCalendar
from daemons.kinds import Machine, Reading, Setting
from daemons.processes.device.appliance import Appliance
from daemons.processes.device.latest_states import SILENT_SECONDS
from daemons.processes.device.memory import DeviceMemory, resume_memory
from daemons.processes.device.rule_decision import RuleState
from daemons.processes.device.runner import IDLE_SECONDS, REFRESH_SECONDS, DeviceRunner
from daemons.processes.process_run import ProcessRun
from daemons.rehearsal.hardware import RehearsedHardware
from daemons.rehearsal.timeline import Event
from daemons.runtime.clock import Anchor

if TYPE_CHECKING:
    from daemons.rehearsal.mirror import RehearsedMirror
    from daemons.rehearsal.world import World

ANCHOR = Anchor("rehearsal", 0.0)
NEVER = float("inf")
RESTART_SECONDS = 0.03
"""How long a killed process is away: the median of the benchmark of recovery."""
TICK_SECONDS = 1.0
"""How often a device publishes measurements that change all the time, if a rule needs them."""
METER_SECONDS = 30.0
"""How often a device publishes its energy, if only a meter needs it, and how often a meter counts."""
STALE_MARGIN_SECONDS = 0.1
"""How long before its values are too old a sensor is read again."""
MOMENT = 0.001
"""A time limit has surely passed so much later, although it is a sum of floating-point numbers."""


class Killed(Exception):
    """The process is killed between two of its steps."""


class RehearsedDevice:
    """One device: its process, and what outlives it."""

    def __init__(self, world: "World", device: Device, kind: str, hardware: RehearsedHardware) -> None:
        self.name = device.name
        self.device = device
        self.hardware = hardware
        self.sources: list[RehearsedDevice | RehearsedMirror] = []
        """The devices to which it subscribes."""
        self.subscribers: list[RehearsedDevice] = []
        self.life = 0
        """A number that grows with each start and each end of the process."""
        self.latest: State | None = None
        """The state that was published last."""
        self.appliance: Appliance | None = None
        """The appliance of the running process; None while none runs."""
        self.unheard: set[str] = set()
        """The sources that have not sent their state since their link was healed: a heartbeat comes later."""
        self.tick_seconds = NEVER
        """How often it publishes measurements that change all the time: others need them."""
        self.is_stopped = False
        """Whether a person has stopped it."""
        self.journal = b""
        """The latest memory of its processes as JSON; empty before the first one."""
        self.steps = 0
        """How many steps (write, publish, set) its processes have made."""
        self.steps_left: int | None = None
        """After how many more steps the process is killed; None: it is not."""
        self._world = world
        self._kind = kind
        self._calendar = world.calendar if device.uses_clock else SunCalendar(world.calendar.zone)
        self._runner: DeviceRunner | None = None
        self._starts = 0
        self._seq = 0
        self._moments: dict[bytes, Moment] = {}
        self._uses_states = bool(device.kind.sources(device.options))
        """Whether its own state follows from the states of other devices."""
        self._is_polled_soon = False

    @property
    def _has_past(self) -> bool:
        """Whether anything reads its past states; those of a moment are seen only there."""
        return bool(self.subscribers or self.device.kind.momentary_phases)

    # The process

    @property
    def is_alive(self) -> bool:
        """Whether its process runs."""
        return self.appliance is not None

    def start(self) -> None:
        """Start its process, which goes on from the journal."""
        if self.appliance is not None or self.is_stopped:
            return
        world, now = self._world, self._world.now
        machine_type: Any = self.device.kind
        machine: Machine[Any, Any] = machine_type(self.device.options, self.hardware.speed)
        last = msgspec.json.decode(self.journal, type=DeviceMemory) if self.journal else None
        run = ProcessRun(int(world.start * 1000) + self._starts, 1, self._starts)
        log = world.log(self.name)
        memory = resume_memory(last, run, machine, self._kind, ANCHOR, now, world.wall, log)
        self.life, self._starts, self._seq = self.life + 1, self._starts + 1, 0
        self.unheard.clear()
        self.hardware.open(machine.power_profile(), now)
        if memory.presses_until is not None:
            self.hardware.skip_presses(memory.presses_until)
        self.appliance = Appliance(self.device, machine, memory, self._calendar)
        process: Any = RehearsedProcess(self, world)
        runner = DeviceRunner(
            self.appliance,
            process,
            process,
            process,
            process,
            lambda: self._world.wall,
            log,
            lambda wall, line: world.decline(self.name, wall, line),
        )
        self._runner = runner
        self._call(lambda: runner.start(lambda: True))
        world.on_start(self)
        if self.sources:  # those that it has not heard by then count as silent
            world.at(now + SILENT_SECONDS + MOMENT, self.poll)

    def go_on_from(self, other: "RehearsedDevice") -> None:
        """Go on from the memory and the hardware of a device of the same kind in another rehearsal.

        Its rules know nothing of what happened before, but for changes whose `for` or `delay` is not over.
        """
        self.hardware = other.hardware
        if other.journal:
            memory = msgspec.json.decode(other.journal, type=DeviceMemory)
            waits = {rule_key(rule): rule.for_seconds or rule.delay_seconds for rule in self.device.rules}
            states = {
                key: RuleState(added_at=self._world.now - float(seconds))
                for key, seconds in waits.items()
                if seconds
            }
            memory = replace(
                memory, created_at=self._world.wall, rule_states=states, last_order=None, receipts={}
            )
            self.journal = msgspec.json.encode(memory)

    def kill(self, away_seconds: float = RESTART_SECONDS) -> None:
        """End its process at once, and start it again later. What is in the journal stays."""
        if self.appliance is not None:
            self._world.on_death(self, away_seconds)
            self.appliance = self._runner = self.steps_left = None
            self.life += 1

    def stop(self) -> None:
        """Stop the device: its process finishes what it has begun, and ends until a person starts it."""
        self.is_stopped = True
        if runner := self._runner:
            self._call(runner.finish)
        self.kill()

    def poll(self) -> None:
        """Read the hardware, in the process."""
        if runner := self._runner:
            self._call(runner.poll)

    def receive(self, state: State) -> None:
        """Handle the state of another device, in the process."""
        self.unheard.discard(state.device)
        if runner := self._runner:
            self._call(lambda: runner.receive(state))
            if self._uses_states and not self._is_polled_soon:  # a rule of its own may wait for what it shows
                self._is_polled_soon = True
                self._world.at(self._world.now + REFRESH_SECONDS, self._poll_after_state)

    def receive_report(self, report: Report) -> None:
        """Handle a report about another process, in the process."""
        if runner := self._runner:
            self._call(lambda: runner.receive(report))

    def _poll_after_state(self) -> None:
        self._is_polled_soon = False
        self.poll()

    def stale_at(self) -> float | None:
        """Return when the values of a sensor are too old; None for any other device."""
        has_values = "stale" in self.device.kind.unknown_phases
        return self.appliance.next_deadline() if has_values and self.appliance else None

    def handle_command(self, command: Command) -> Receipt | None:
        """Return the receipt of a command; None if no process answers."""
        found: list[Receipt] = []
        if runner := self._runner:
            self._call(lambda: found.append(runner.handle_command(command)))
        return found[0] if found else None

    def call_later(self, when: float, handler: Callable[[], None]) -> Event:
        """Call a handler of the process at a time, if it still runs then."""
        life = self.life

        def call() -> None:
            if self.life == life:
                self._call(handler)

        return self._world.at(when, call)

    def _call(self, act: Callable[[], object]) -> None:
        """Handle an event in the process, with the heartbeats that its sources have sent until then."""
        if self.appliance is None:
            return
        for source in self.sources:
            is_heard = source.name not in self.unheard and self._world.is_linked(source, self)
            if source.is_alive and is_heard:
                self.appliance.on_heartbeat(source.name, self._world.now)
        try:
            act()
        except Killed:
            self.kill()

    # What the process does

    def write(self, memory: DeviceMemory) -> None:
        """Store the memory in the journal."""
        self._count_step()
        self.journal = msgspec.json.encode(memory)

    def set(self, setting: Setting, cause: str | None, now: float) -> None:
        """Set the hardware."""
        self._count_step()
        self.hardware.set(setting, cause, now)

    def publish(self, content: StateContent) -> None:
        """Publish a state for the devices that subscribe to it."""
        self._count_step()
        self._seq += 1
        before, self.latest = (
            self.latest,
            State(
                device=self.name,
                boot=self._starts,
                seq=self._seq,
                at=self._world.wall,
                since=content.since,
                state=content.state,
                turned=content.turned,
                cause=content.cause,
                reason=content.reason,
                origin=content.origin,
                past=self._decode(content.past) if self._has_past else (),
            ),
        )
        self._world.on_publish(self, before, self.latest)

    def _count_step(self) -> None:
        """Count a step of the process; raises Killed if it is killed before it."""
        if self.steps_left is not None:
            if self.steps_left == 0:
                raise Killed
            self.steps_left -= 1
        self.steps += 1

    def _decode(self, past: tuple[Raw, ...]) -> tuple[Moment, ...]:
        """Decode past states. A subscriber compares the objects, so each is made once."""
        payloads = [bytes(item) for item in past]
        self._moments = {item: self._moments.get(item) or decode_moment(Raw(item)) for item in payloads}
        return tuple(self._moments[item] for item in payloads)


class RehearsedProcess:
    """What the runner needs of its process: loop, bus, journal and driver."""

    error = None
    """Why the memory cannot be written: the disk of a rehearsal never fails."""

    def __init__(self, owner: RehearsedDevice, world: "World") -> None:
        self._owner, self._world = owner, world
        self._last_reading: Reading | None = None
        self._is_news = False
        """Whether the last reading was a new one: then the next poll of the real house may act on it."""
        self.publish, self.save, self.set = owner.publish, owner.write, owner.set
        self.at = owner.call_later

    def now(self) -> float:
        """Return the time, in the device's steady seconds."""
        return self._world.now

    def next_tick(self, seconds: float) -> float:
        """Return when the hardware is read although nothing is known to change; usually never.

        After a new reading it is read once more, as a real device does: for example, a rule that waits for
        its hardware acts at the first poll after the hardware is back. A sensor is read before it is stale.
        """
        now = self._world.now
        if self._is_news:
            return now + seconds
        is_working = seconds < IDLE_SECONDS
        tick_at = now + self._owner.tick_seconds if is_working else NEVER
        stale_at = self._owner.stale_at()
        if stale_at is not None and stale_at - STALE_MARGIN_SECONDS > now:
            return min(tick_at, stale_at - STALE_MARGIN_SECONDS)
        return tick_at

    def read(self, now: float) -> Reading:
        """Read the hardware."""
        reading = self._owner.hardware.read(now)
        lasting = replace(reading, at=None, energy_watt_hours=None, off_after_seconds=None)
        self._is_news = lasting != self._last_reading
        self._last_reading = lasting
        return reading

    def due(self, now: float) -> float | None:
        """Return when the hardware changes by itself."""
        return self._owner.hardware.due(now)
