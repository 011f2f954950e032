"""A whole house in virtual time: its devices, the bus between them, and what happens to them.

The house is loaded from its configuration by the loader of the real house, and its devices decide with the
code of the real house. Two rehearsals of the same events are the same, byte by byte: times, ids and the
order of messages come from here.
"""

import logging
import random
from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct

from daemons.bus.message import Command, Moment, Receipt, Report, Scalar, State
from daemons.config.device import Device
from daemons.config.house import House
from daemons.config.rule import Condition, Rule
from daemons.drivers.physics.events import EventText, SimulatedCalendar
from daemons.kinds import Kind, Machine, Setting, Touch
from daemons.processes.device.latest_states import SILENT_SECONDS
from daemons.processes.device.log_line import LogLine
from daemons.rehearsal.device import METER_SECONDS, MOMENT, RESTART_SECONDS, TICK_SECONDS, RehearsedDevice
from daemons.rehearsal.hardware import MEASURED, RehearsedHardware
from daemons.rehearsal.mirror import RehearsedMirror
from daemons.rehearsal.room import Air, Room
from daemons.rehearsal.timeline import Event, Timeline

DEADLINE_SECONDS = 5.0
"""How long a command may take."""
CONTINUOUS = frozenset({"energy_watt_hours", "remaining_seconds", "progress_percent", "position_percent"})
"""The measurements that change all the time while a device works."""
COUNTED_MINUTES = frozenset({"next_in_minutes"})
"""The measurements that change with each minute."""
FAILED_SECONDS = 1.0
"""A process that is away for longer has failed. One that was only killed is back in a moment."""
Publisher = RehearsedDevice | RehearsedMirror


class Change(Struct, frozen=True):
    """A change of a device, but for its measurements."""

    at: float
    """When it was published, in the steady seconds of the rehearsal."""
    wall: float
    """The same by the clock of the house (Unix seconds)."""
    device: str
    fields: dict[str, Scalar]
    """The fields that have changed, with their new values."""
    state: dict[str, Scalar]
    """All fields."""
    cause: str | None


class DeclinedRule(Struct, frozen=True):
    """A rule of a device that looked and did not act."""

    wall: float
    """When it decided, by the clock of the house (Unix seconds)."""
    device: str
    rule: int | None
    """Its number among the rules of the device, from 1; None for a daily time of the kind."""
    reason: str
    cause: str | None


class World:
    """A house in virtual time."""

    def __init__(
        self,
        house: House,
        start: float,
        *,
        only: Iterable[str] | None = None,
        seed: int = 0,
        latency_seconds: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        """Begin at `start` (Unix seconds), with all devices off and their processes not started.

        With `only`, the house has no other devices. Each message takes a random time from the range
        `latency_seconds`; `seed` decides which one.
        """
        self.house = house
        self.start = start
        self.calendar = house.calendar
        self.changes: list[Change] = []
        """All changes, in the order in which they were published."""
        self.log_lines: list[tuple[float, str, str]] = []
        """The lines of all logs: the time in steady seconds, the device, the text."""
        self.declined: list[DeclinedRule] = []
        """The rules that looked and did not act."""
        self.on_state: Callable[[str, State | None, State], None] = lambda _name, _before, _state: None
        """Called after each published state, with the device and its state before."""
        self._timeline = Timeline(start)
        self._random = random.Random(seed)  # noqa: S311  it must be repeatable
        self._latency = latency_seconds
        self._clock_offset = 0.0
        self._ids = 0
        self._reports: dict[str, Report] = {}
        """By device, what the steward has reported about its process last."""
        self._cut: set[str] = set()
        """The devices and hosts whose connection is cut."""
        self._cut_until: dict[str, float] = {}
        self._lost_until: dict[str, float] = {}
        """By device, until when its hardware is lost, in steady seconds."""
        chosen = {name: one for name, one in house.devices.items() if only is None or name in only}
        kinds = {name: one.kind for name, one in chosen.items()}
        titles = {name: one.title for name, one in chosen.items()}
        self._measurements = {name: kind.measurements() for name, kind in kinds.items()}
        self.devices = {
            name: RehearsedDevice(self, one, str(house.table(name)["kind"]), make_hardware(one))
            for name, one in chosen.items()
            if issubclass(one.kind, Machine)
        }
        for device in self.devices.values():
            device.hardware.wall = lambda: self.wall
        self.mirrors = {
            name: RehearsedMirror(self, one, without(titles, name), kinds)
            for name, one in chosen.items()
            if one.kind.role == "mirror"
        }
        self._connect(kinds)

    # Time

    @property
    def now(self) -> float:
        """The time in steady seconds. It begins as the time of day, and no clock step changes it."""
        return self._timeline.now

    @property
    def wall(self) -> float:
        """The time by the clock of the house, in Unix seconds."""
        return self._timeline.now + self._clock_offset

    def at(self, when: float, handler: Callable[[], None]) -> Event:
        """Call a handler at a time (steady seconds)."""
        return self._timeline.at(when, handler)

    def run(self, until: float) -> None:
        """Advance to the given time (steady seconds)."""
        self._timeline.run(until)

    def add_room(self, room: Room) -> None:
        """Warm a room by its heater from now on; nothing happens if the house has no such devices."""
        if room.sensor in self.devices and room.heater in self.devices:
            Air(self, room)

    # What happens

    def begin(self) -> None:
        """Start the processes of all devices."""
        for device in self.devices.values():
            device.start()

    def press(self, name: str, touch: Touch = "single", id_: str | None = None) -> str:
        """Press the button of a device, and return the id of the press: the given one, or a new one."""
        id_ = id_ or self.new_id()
        self.devices[name].hardware.press(touch, id_)
        self.devices[name].poll()
        return id_

    def send(
        self,
        name: str,
        command: str,
        args: dict[str, Any] | None = None,
        *,
        id_: str | None = None,
        who: str | None = None,
    ) -> Receipt | None:
        """Send a command, and return its receipt; None if the process does not run.

        It has the id and the sender that are given, or a new id and no sender.
        """
        deadline = self.wall + DEADLINE_SECONDS
        return self.devices[name].handle_command(
            Command(id=id_ or self.new_id(), command=command, args=args or {}, deadline=deadline, who=who)
        )

    def switch_by_hand(self, name: str, *, on: bool) -> None:
        """Switch hardware at the appliance; for a detector: let it detect, or not any more."""
        self.devices[name].hardware.switch_by_hand(self.now, on=on)
        self.devices[name].poll()

    def set_by_hand(self, name: str, setting: Setting) -> None:
        """Set hardware at the appliance, with its brightness or its direction."""
        self.devices[name].hardware.set_by_hand(setting, self.now)
        self.devices[name].poll()

    def measure(self, name: str, values: dict[str, float]) -> None:
        """Change what the hardware of a device measures."""
        self.devices[name].hardware.measure(values)
        self.devices[name].poll()

    def set_events(self, name: str, texts: tuple[EventText, ...]) -> None:
        """Change the events of a calendar."""
        if calendar := self.devices[name].hardware.calendar:
            calendar.texts = texts
        self.devices[name].poll()

    def kill(self, name: str, away_seconds: float = RESTART_SECONDS) -> None:
        """Kill the process of a device; it is started again as supervisord does, or after a longer time."""
        self.devices[name].kill(away_seconds)

    def stop(self, name: str) -> None:
        """Stop a device, until it is started."""
        self.devices[name].stop()

    def start_device(self, name: str) -> None:
        """Start a device that was stopped."""
        self.devices[name].is_stopped = False
        self.devices[name].start()

    def lose_hardware(self, name: str, seconds: float) -> None:
        """Cut the connection between a device and its hardware for some seconds.

        If it is cut already, it comes back when both times are over.
        """
        device = self.devices[name]
        device.hardware.lose(self.now)
        device.poll()
        until = self._lost_until[name] = max(self.now + seconds, self._lost_until.get(name, 0.0))

        def restore() -> None:
            if self._lost_until[name] == until:
                device.hardware.restore(self.now)
                device.poll()

        self.at(until, restore)

    def cut(self, names: Iterable[str], seconds: float) -> None:
        """Cut devices off from all others, or hosts from all other hosts, for some seconds.

        One that is cut off already comes back when both times are over.
        """
        cut, until = set(names), self.now + seconds
        links = {pair for pair in self._links() if self.is_linked(*pair)}
        self._cut |= cut
        for name in cut:
            self._cut_until[name] = max(until, self._cut_until.get(name, 0.0))
        for source, subscriber in links - {pair for pair in self._links() if self.is_linked(*pair)}:
            self._on_silence(source, subscriber)

        def heal() -> None:
            before = {pair for pair in self._links() if self.is_linked(*pair)}
            self._cut -= {name for name in cut if self._cut_until[name] <= until}
            for source, subscriber in self._links():
                if (source, subscriber) not in before and self.is_linked(source, subscriber):
                    subscriber.unheard.add(source.name)
                    self._send_latest(source, subscriber)

        self.at(until, heal)

    def step_clock(self, seconds: float) -> None:
        """Set the clock of the house forward, or back."""
        self._clock_offset += seconds
        for device in self.devices.values():
            device.poll()

    # What a person sees

    def message(self, mirror: str | None = None) -> str:
        """Return the sentence of a mirror."""
        return self.mirrors[mirror or next(iter(self.mirrors))].message

    def state(self, name: str) -> dict[str, Scalar] | None:
        """Return the fields of a device as they are now; None while it does not run."""
        if name in self.mirrors:
            latest = self.mirrors[name].latest
            return latest.state | {"message": self.message(name)} if latest else None
        appliance = self.devices[name].appliance
        return appliance.state(self.now) if appliance else None

    def latest(self, name: str) -> State | Moment | None:
        """Return the state of a device as it is now; None while it does not run."""
        if name in self.mirrors:
            return self.mirrors[name].latest
        appliance = self.devices[name].appliance
        return appliance.latest(name, self.now) if appliance else None

    # For the devices

    def new_id(self) -> str:
        """Return the id of a press or a command."""
        self._ids += 1
        return f"{self._ids:010x}"

    def log(self, name: str) -> Any:
        """Return the log of a device."""
        return LogAdapter(self, name)

    def decline(self, name: str, wall: float, line: LogLine) -> None:
        """Note that a rule of a device looked and did not act."""
        if line.refusal is not None:
            rule, reason = line.refusal
            self.declined.append(DeclinedRule(wall, name, rule, reason, line.cause))

    def is_linked(self, source: Publisher, subscriber: Publisher) -> bool:
        """Return whether messages of one device reach another."""
        if not self._cut:
            return True
        if source.name in self._cut or subscriber.name in self._cut:
            return False
        here, there = self._host(source), self._host(subscriber)
        return here == there or not {here, there} & self._cut

    def on_publish(self, publisher: Publisher, before: State | None, state: State) -> None:
        """Deliver a state to the devices that subscribe, and note what has changed."""
        if isinstance(publisher, RehearsedDevice):
            for mirror in self.mirrors.values():
                mirror.presence.silent_since.pop(publisher.name, None)
                mirror.receive(state)
        for subscriber in publisher.subscribers:
            if self.is_linked(publisher, subscriber):
                self._deliver(state, publisher, subscriber)
        self._note(publisher, before, state)
        self.on_state(publisher.name, before, state)

    def on_death(self, device: RehearsedDevice, away_seconds: float) -> None:
        """Start a process again that was killed; the others notice its silence."""
        for mirror in self.mirrors.values():
            mirror.presence.silent_since[device.name] = self.now
        for subscriber in device.subscribers:
            if self.is_linked(device, subscriber):
                self._on_silence(device, subscriber)
        if device.is_stopped:
            self._report(device.name, "stopped", None)
        elif away_seconds > FAILED_SECONDS:
            self._report(device.name, "failed", "exit status 1")
        else:
            self._report(device.name, "restarting", "terminated by SIGKILL")
        if not device.is_stopped:
            self.at(self.now + away_seconds, device.start)

    def on_start(self, device: RehearsedDevice) -> None:
        """Send a process that has started the states of its sources, as each subscription does."""
        for source in device.sources:
            if source.is_alive and self.is_linked(source, device):
                self._send_latest(source, device)
        for report in [*self._reports.values()]:
            self._send_report(report, device)
        self._report(device.name, "running", None)

    # The bus

    def _connect(self, kinds: dict[str, type[Kind]]) -> None:
        """Connect each device with its sources and its subscribers."""
        publishers: dict[str, Publisher] = {**self.devices, **self.mirrors}
        for device in self.devices.values():
            for name in sorted(device.device.subscriptions & publishers.keys()):
                device.sources.append(publishers[name])
                publishers[name].subscribers.append(device)
        for name, field in self._needed_measurements(kinds):
            if name in self.devices and field in CONTINUOUS:
                self.devices[name].tick_seconds = TICK_SECONDS
            elif name in self.devices and field in COUNTED_MINUTES:
                self.devices[name].tick_seconds = METER_SECONDS
        for device in self.devices.values():
            for name, _ in self._metered(device, kinds, meters=True):
                for ticking in (device, *([self.devices[name]] if name in self.devices else ())):
                    ticking.tick_seconds = min(METER_SECONDS, ticking.tick_seconds)

    def _metered(
        self, device: RehearsedDevice, kinds: dict[str, type[Kind]], *, meters: bool
    ) -> Iterable[tuple[str, str]]:
        """Yield the sources of a device with their fields: those that it meters, or the others."""
        needed = kinds[device.name].sources(device.device.options)
        return [item for item in needed.items() if (item[1] == "energy_watt_hours") is meters]

    def _needed_measurements(self, kinds: dict[str, type[Kind]]) -> Iterable[tuple[str, str]]:
        """Yield the devices, and those of their fields, that others compare with limits."""
        for device in self.devices.values():
            yield from self._metered(device, kinds, meters=False)
            for rule in device.device.rules:
                tests: tuple[Rule | Condition, ...] = (rule, *(one for _, one in rule.conditions()))
                for test in tests:
                    if name := limited_field(test):
                        yield test.device or "", name

    def _links(self) -> list[tuple[Publisher, RehearsedDevice]]:
        return [(source, device) for device in self.devices.values() for source in device.sources]

    def _host(self, publisher: Publisher) -> str | None:
        return self.house.devices[publisher.name].host

    def _deliver(self, state: State, source: Publisher, subscriber: RehearsedDevice) -> None:
        """Deliver a state after the latency, if the process that was to have it still runs."""
        life = subscriber.life

        def arrive() -> None:
            if subscriber.life == life and self.is_linked(source, subscriber):
                subscriber.receive(state)

        least, most = self._latency
        seconds = self._random.uniform(least, most) if most else 0.0
        self.at(self.now + seconds, arrive)

    def _send_latest(self, source: Publisher, subscriber: RehearsedDevice) -> None:
        if source.latest is not None and source.is_alive:
            self._deliver(source.latest, source, subscriber)

    def _on_silence(self, source: Publisher, subscriber: RehearsedDevice) -> None:
        """Poll a subscriber when the silence of a source has lasted for long enough."""
        if subscriber.appliance is not None and source.is_alive:
            subscriber.appliance.on_heartbeat(source.name, self.now)
        self.at(self.now + SILENT_SECONDS + MOMENT, subscriber.poll)

    def _report(self, name: str, life: Any, reason: str | None) -> None:
        """Report about a process, as the steward does, to the devices with a rule on it."""
        before = self._reports.get(name)
        if before is not None and (before.life, before.reason) == (life, reason):
            return
        seq = before.seq + 1 if before else 1
        report = self._reports[name] = Report(
            device=name, boot=1, seq=seq, at=self.wall, life=life, since=self.wall, reason=reason
        )
        for device in self.devices.values():
            self._send_report(report, device)

    def _send_report(self, report: Report, device: RehearsedDevice) -> None:
        if any(rule.process == report.device for rule in device.device.rules):
            self.at(self.now, lambda: device.receive_report(report))

    def _note(self, publisher: Publisher, before: State | None, state: State) -> None:
        if before is not None and before.turned == state.turned and before.boot == state.boot:
            return
        old = before.state if before else {}
        measurements = self._measurements[publisher.name]
        fields = {
            name: value
            for name, value in state.state.items()
            if name not in measurements and (name not in old or old[name] != value)
        }
        if fields:
            change = Change(self.now, self.wall, publisher.name, fields, state.state, state.cause)
            self.changes.append(change)


class LogAdapter:
    """The log of one device: its lines go to the world."""

    def __init__(self, world: World, device: str) -> None:
        self._world, self._device = world, device

    def log(self, level: int, text: str, *args: object, cause: str | None = None) -> None:
        """Add a line."""
        line = f"{logging.getLevelName(level).lower()}: {text % args if args else text}"
        self._world.log_lines.append((self._world.now, self._device, f"{line} [{cause}]" if cause else line))

    def error(self, text: str, *args: object) -> None:
        """Add a line about an error."""
        self.log(logging.ERROR, text, *args)


def make_hardware(device: Device) -> RehearsedHardware:
    """Return the hardware of a device, as its configuration describes it."""
    options = device.driver_options
    measured = {field: getattr(options, field, value) for field, value in MEASURED.items()}
    made = RehearsedHardware(device.name, float(getattr(options, "speed", 1.0)), measured)
    if "events" in getattr(device.kind, "needs", ()):
        made.calendar = SimulatedCalendar(getattr(options, "events", ()))
    return made


def limited_field(test: Rule | Condition) -> str | None:
    """Return the field that a rule or a condition compares with a limit; None without a limit."""
    return next(iter(test.above or test.below or {}), None)


def without(titles: dict[str, str], name: str) -> dict[str, str]:
    """Return the titles of all other devices."""
    return {other: title for other, title in titles.items() if other != name}
