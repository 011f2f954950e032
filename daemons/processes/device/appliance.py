"""All decisions of one appliance: its requests, its rules and its hardware. Pure.

Each method takes an event and its time. Afterwards `memory`, `next_setting`, `state` and
`next_deadline` say what follows. `runner` carries that out, in this order: write the memory, publish
the state, send the setting, set the timer.

Each time is given twice: `now` in the device's steady seconds, `wall` in Unix seconds.
"""

from typing import Any

from msgspec.structs import asdict, replace

from daemons.bus.faults import CLOCK_FAULT
from daemons.bus.input import PressInput
from daemons.bus.message import Command, Moment, Receipt, Report, State
from daemons.bus.origin import Cause, Origin, Reason, is_later_chain, new_origin_id
from daemons.bus.state_history import StateHistory
from daemons.config.device import Device
from daemons.config.rule import Rule, StateFields, process_key
from daemons.config.sun import SunCalendar
from daemons.errors import Rejected, RejectedForNow
from daemons.kinds import Machine, Reading, Setting
from daemons.processes.device.hardware import Hardware
from daemons.processes.device.latest_states import LatestStates
from daemons.processes.device.log_line import Level, LogLine, Refusal
from daemons.processes.device.memory import DeviceMemory
from daemons.processes.device.recent_inputs import RecentInputs
from daemons.processes.device.requests import Requests
from daemons.processes.device.rules import Action, Rules, reason_of
from daemons.processes.device.timetable import Timetable
from daemons.values import TimeOfDay


class Appliance:
    """Decides for one device, and adds to `log_lines` what is worth a line in the log."""

    def __init__(
        self, device: Device, machine: Machine[Any, Any], memory: DeviceMemory, calendar: SunCalendar
    ) -> None:
        self.name = device.name
        self.log_lines: list[LogLine] = []
        self.inputs = RecentInputs(type(machine), memory.input_number)
        self._memory = memory
        self._history = StateHistory(
            memory.last_state,
            memory.change_times,
            memory.last_state_cause,
            memory.encoded_past,
            memory.known_fields,
            memory.changed_at,
            memory.clock_offsets,
            memory.last_state_reason,
            memory.last_state_origin,
        )
        self._written_history = self._history
        self._recorded: tuple[Any, ...] | None = None
        """What the fields of the history follow from; None: not known."""
        self._sources = machine.sources(machine.options)
        self._hears_reports = bool(machine.reporters(machine.options))
        self._measurements = machine.measurements()
        self._unknown_phases = machine.unknown_phases
        self._uses_clock = machine.uses_clock
        if machine.uses_clock:
            machine.zone = calendar.zone
        self._measured = {
            *self._sources,
            *(rule.device for rule in device.rules if rule.device and rule.limit),
            *(condition.device for rule in device.rules for condition in rule.all or ()),
        } - {device.name}
        """The devices of whose measurements this one makes use."""
        self._hears_itself = any(rule.device == device.name and rule.turning for rule in device.rules)
        self._peers = LatestStates(memory.silent_since)
        self._reports: dict[str, State] = {}
        """By process, its latest report as a state, if a rule waits for it."""
        self._requests = Requests(device.name, memory.receipts)
        self._rules = Rules(
            device,
            memory.rule_states,
            memory.last_order,
            memory.created_at,
            calendar,
            self._peers,
            self.latest,
            self._log,
        )
        self._hardware = Hardware(device, machine, memory, self._log)
        self._timetable = Timetable(machine.timetable(machine.options), calendar)
        self._unwritten_actions: list[Action] = []
        """The actions of rules that are taken back if the memory cannot be written."""

    @property
    def memory(self) -> DeviceMemory:
        """The memory to write to the journal."""
        return replace(
            self._memory,
            machine=self._hardware.encoded_memory,
            cause=self._hardware.cause.id,
            reason=self._hardware.cause.reason,
            origin=self._hardware.cause.origin,
            is_new=self._hardware.is_new,
            confirmed=self._hardware.is_confirmed,
            unsent_since=self._hardware.unsent_since,
            off_deadline=self._hardware.off_deadline,
            auto_off_at=self._hardware.auto_off_at,
            presses_until=self._hardware.presses_until,
            rule_states=self._rules.states,
            last_order=self._rules.last_order,
            silent_since=self._peers.silent_since,
            receipts=self._requests.receipts,
            last_state=self._history.fields,
            last_state_cause=self._history.cause,
            last_state_reason=self._history.reason,
            last_state_origin=self._history.origin,
            change_times=self._history.change_times,
            encoded_past=self._history.encoded_past,
            known_fields=self._history.known_fields,
            changed_at=self._history.changed_at,
            clock_offsets=self._history.clock_offsets,
        )

    def start(self, reading: Reading, now: float, wall: float) -> None:
        """Start, or go on after a crash: let the elapsed time act, then read the hardware."""
        self._peers.start(now, self._measured)
        self._rules.set_own(self._own_rules())
        self._rules.start(now)
        self._hardware.resume(now)
        self.advance(now, wall)
        self._hardware.restore(now)
        self._hear_itself(now, wall)
        self.on_reading(reading, now, wall)

    def on_state(self, state: State, now: float, wall: float) -> None:
        """Handle the state of another device, and its past states."""
        self._peers.on_state(state, now, wall - state.at)
        self._rules.hear(state, now, wall)
        self.advance(now, wall)

    def on_report(self, report: Report, now: float, wall: float) -> None:
        """Handle a report about a process, like a state whose fields have turned at its `since`."""
        if not (self._hears_reports or self._rules.hears(process_key(report.device))):
            return
        name = report.device
        origin = Origin(new_origin_id(name, report.since), report.since, "program", name)
        state = self._reports[name] = State(
            device=process_key(name),
            boot=report.boot,
            seq=report.seq,
            at=report.at,
            since=report.since,
            state={"life": report.life, "reason": report.reason},
            turned={"life": report.since},
            origin=origin,
        )
        self._rules.hear(state, now, wall)
        self.advance(now, wall)

    def wait_for_clock(self) -> None:
        """Hold the rules with times of day back until the wall clock is known to be right."""
        self._rules.is_clock_right = False
        self._log("warning", CLOCK_FAULT, None)

    def trust_clock(self, now: float, wall: float) -> None:
        """Release the rules with times of day; they learn of the states that arrived meanwhile."""
        self._rules.is_clock_right = True
        self._log("info", "the clock of this machine counts as right now", None)
        for state in (*self._peers.states(), *self._reports.values()):
            self._rules.hear(state, now, wall)
        self.advance(now, wall)

    def on_heartbeat(self, device: str, now: float, age_seconds: float = 0.0) -> None:
        """Handle the heartbeat of another device; `age_seconds` is how long ago it was sent."""
        self._peers.on_heartbeat(device, now, age_seconds)

    def handle_command(self, command: Command, now: float, wall: float) -> Receipt:
        """Carry out a command once, and return its receipt; a repeated id gets the first receipt again."""
        self.advance(now, wall)
        is_repeated = self._requests.receipt(command.id) is not None
        if receipt := self._requests.answer(command, now, wall):
            if not is_repeated:
                self.inputs.add((command, receipt, wall))
            return receipt
        rejection = None
        reason = Reason("command", command.who)
        cause = Cause(command.id, reason, Origin(command.id, wall, "command", self.name, command.who))
        try:
            self._hardware.handle_command(command.command, command.args, cause, now)
        except Rejected as error:
            rejection = error.with_traceback(None)  # the traceback would keep this frame
            self._log("warning", f"rejects {command.command}: {error}", command.id)
        else:
            self._rules.on_command(command.command, command.args, now)
        receipt = self._requests.close(command, now, wall, rejection)
        self.inputs.add((command, receipt, wall))
        self._record_change(now, wall)
        self._run_own_rules(now, wall)
        return receipt

    def on_reading(self, reading: Reading, now: float, wall: float) -> None:
        """Handle a reading of the hardware, with all presses of its button since the last one."""
        self._hardware.on_reading(reading, now)
        for index, press in enumerate(reading.presses):
            press_wall = wall + index / 1000  # each press is a change of its own
            self.inputs.add(PressInput(at=press_wall, touch=press.what, id=press.id))
            self._hardware.press(press, now)
            self._record_change(now, press_wall)
            self._hardware.end_press(press, now)
            self._record_change(now, press_wall)
        self._hardware.compare(now)
        for type_, fields in self._hardware.inputs:
            self.inputs.add(type_(at=wall, **fields))
        self._hardware.inputs.clear()
        self._record_change(now, wall)
        self._run_own_rules(now, wall)

    def advance(self, now: float, wall: float) -> None:
        """Advance time: let the rules act in the order of their moments, then the hardware."""
        self._correct_times(now, wall)  # the rules compare origins with the own one
        self._peers.advance(now, self._measured)
        if self._uses_clock:
            self._hardware.update_clock(wall - now if self._rules.is_clock_right else None, now)
        self._follow_timetable(now, wall)
        for action in self._rules.run(now, wall):
            self._carry_out(action, now, wall)
            self._hardware.advance(now)
            self._record_change(now, wall)
        self._hardware.advance(now)
        if self._sources:
            self._hardware.update_sources(self._source_states(now), now)
        self._hardware.check_deadlines(now)
        self._record_change(now, wall)
        self._run_own_rules(now, wall)

    def _run_own_rules(self, now: float, wall: float) -> None:
        """Act on the own changes that a rule waits for."""
        if not self._rules.has_news:
            return
        for action in self._rules.run(now, wall):
            self._carry_out(action, now, wall)
            self._hardware.advance(now)
            self._record_change(now, wall)

    def _hear_itself(self, now: float, wall: float) -> None:
        """Pass the own state to the rules that wait for its changes."""
        if not self._hears_itself:
            return
        own = self._own_moment(now)
        own_state = State(
            device=self.name, boot=0, seq=0, at=wall, since=self.since, past=self._history.past, **asdict(own)
        )
        self._rules.hear(own_state, now, wall)

    def prepare_stop(self) -> None:
        """Put all that the kind knows into the memory, also if it was not worth a write."""
        self._hardware.prepare_stop()

    def set_storage_error(self, error: str | None, now: float, wall: float) -> bool:
        """Note why the memory is not written, or None if it is; return whether a decision was taken back.

        A command whose decision is taken back is rejected, also in its receipt. A rule waits.
        """
        if error is None:
            self._written_history = self._history
            self._unwritten_actions.clear()
            self._hardware.set_storage_error(None)
            return False
        lines = len(self.log_lines)
        cause = self._hardware.set_storage_error(error)
        if cause is None:
            return False
        self._history, self._recorded = self._written_history, None
        del self.log_lines[:lines]
        reason = self._hardware.storage_error or ""
        self._requests.reject(cause, wall, reason)
        self.inputs.reject(cause, reason)
        for action in self._unwritten_actions:
            self._rules.postpone(action, reason)
        self._unwritten_actions.clear()
        self._record_change(now, wall)
        return True

    def receipt(self, id_: str) -> Receipt | None:
        """Return the receipt of a command that was answered, or None."""
        return self._requests.receipt(id_)

    def next_setting(self, now: float) -> Setting | None:
        """Return the setting to send to the hardware now, and count it as sent; None if there is none."""
        return self._hardware.next_setting(now)

    def next_deadline(self) -> float | None:
        """Return when time makes a difference next, in steady seconds; None if never."""
        deadlines = [self._hardware.next_deadline(), self._rules.next_deadline()]
        if self._rules.is_clock_right:
            deadlines.append(self._timetable.next_deadline())
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    @property
    def cause(self) -> str | None:
        """The id of the press or command that the latest decision follows from."""
        return self._hardware.cause.id

    @property
    def heats(self) -> bool:
        """Whether it can start a fire: then its hardware is set without delay."""
        return self._hardware.heats

    @property
    def is_idle(self) -> bool:
        """Whether nothing changes by time alone: the hardware is off, as desired, and no rule uses time."""
        return not self._sources and self._rules.is_idle() and self._hardware.is_idle()

    def is_unchanged(self, reading: Reading, now: float, wall: float) -> bool:
        """Return whether a reading is not new, no deadline has passed, and the wall clock was not set."""
        deadline = self.next_deadline()
        if (deadline is not None and now >= deadline) or self._rules.is_clock_moved(now, wall):
            return False
        if self._rules.is_clock_right and self._timetable.is_moved(wall):
            return False
        is_set_back = self._history.corrected(wall, wall - now) is not self._history
        return not is_set_back and self._hardware.is_unchanged(reading)

    def state(self, now: float) -> dict[str, Any]:
        """Return the fields to publish."""
        fields = self._hardware.state(self._history.change_times.get("reachable"), now)
        if "since" in fields:  # a kind has no wall clock
            fields["since"] = self._history.change_times.get("phase", self._history.changed_at)
        if not self._rules.is_clock_right:
            fields["fault"] = "; ".join(filter(None, (fields["fault"], CLOCK_FAULT)))
        return fields

    def latest(self, device: str, now: float) -> State | Moment | None:
        """Return the latest state of a device, this one included; None if the device is silent."""
        return self._own_moment(now) if device == self.name else self._peers.state(device, now)

    def _own_moment(self, now: float) -> Moment:
        reason, origin = self.published_reason
        cause, times = self._hardware.cause.id, self._history.change_times
        return Moment(state=self.state(now), turned=times, cause=cause, reason=reason, origin=origin)

    @property
    def published_reason(self) -> tuple[Reason | None, Origin | None]:
        """The reason and the origin of the state to publish.

        The origin of a chain that begins at this device is known since the last change of the state.
        """
        cause = self._hardware.cause
        if cause.origin is not None:
            return cause.reason, cause.origin
        return self._history.reason, self._history.origin

    @property
    def since(self) -> float:
        """When (Unix seconds) any field that is not a measurement last changed."""
        return self._history.since(self._memory.created_at)

    def _follow_timetable(self, now: float, wall: float) -> None:
        """Report to the kind which entry of its timetable is in force, if the wall clock is right."""
        if self._rules.is_clock_right and (entry := self._timetable.in_force(now, wall)):
            self._hardware.update_timetable(entry.number, entry.began_at, now)

    def _carry_out(self, action: Action, now: float, wall: float) -> None:
        """Carry out the command of a rule; if it is refused only for now, the rule waits."""
        cause = Cause(action.cause, action.reason, action.origin)
        try:
            self._hardware.handle_command(action.do, action.with_, cause.begun(self.name, wall), now)
        except RejectedForNow as error:
            self._rules.postpone(action, str(error))
        except Rejected as error:
            self._rules.log_refusal("info", action.key, action.rule, reason_of(error), action.cause)
        else:
            self._rules.fired(action)
            if self._hardware.is_unwritten:
                self._unwritten_actions.append(action)
            if action.is_circular and is_later_chain(action.origin, self.published_reason[1]):
                self._adopt_chain(action.origin)

    def _adopt_chain(self, origin: Origin | None) -> None:
        """Adopt a later chain that led to the present state: the devices that follow this one hear of it."""
        self._history = replace(self._history, origin=origin)
        self._hardware.cause = replace(self._hardware.cause, origin=origin)

    def _own_rules(self) -> tuple[Rule, ...]:
        """Return a rule for each daily time of the kind."""
        return tuple(
            Rule(at=TimeOfDay(time.at), days=time.days, do=time.command)  # type: ignore[arg-type]
            for time in self._hardware.daily_times()
        )

    def _source_states(self, now: float) -> dict[str, StateFields | None]:
        """Return the states of the devices that the kind needs; None for a silent one.

        A device that may still publish its first state is left out. For a kind that uses reports, the latest
        one about each process is added.
        """
        found = {
            device: self.state(now) if device == self.name else self._peers.get(device, now)
            for device in self._sources
        }
        known = {
            device: fields
            for device, fields in found.items()
            if fields is not None or self._peers.is_settled(device, now)
        }
        if self._hears_reports:
            known |= {state.device: state.state for state in self._reports.values()}
        return known

    def _record_change(self, now: float, wall: float) -> None:
        """Record which fields, but for measurements, have changed since the last call."""
        follows_from = (*self._hardware.fields_follow_from, self._rules.is_clock_right)
        self._correct_times(now, wall)
        if follows_from == self._recorded:
            return
        self._recorded = follows_from
        self._rules.change_own(self._own_rules(), now, wall)
        cause, last = self._hardware.cause.begun(self.name, wall), self._history.fields
        fields = {name: value for name, value in self.state(now).items() if name not in self._measurements}
        before, self._history = (
            self._history,
            self._history.after(
                fields,
                cause.id,
                wall,
                unknown_phases=self._unknown_phases,
                clock_offset=wall - now,
                reason=cause.reason,
                origin=cause.origin,
            ),
        )
        if self._history.fields is not before.fields:
            self._hardware.cause = cause
            self._hear_itself(now, wall)
        if "phase" in last and last["phase"] != fields["phase"]:
            self._log("info", f"is {fields['phase']}", cause.id)

    def _correct_times(self, now: float, wall: float) -> None:
        """Put the times of the changes right, and that of the origin, if the wall clock was set back."""
        before, self._history = self._history, self._history.corrected(wall, wall - now)
        cause, origin = self._hardware.cause, self._history.origin
        if self._history is not before and cause.origin and origin and cause.origin.id == origin.id:
            self._hardware.cause = Cause(cause.id, cause.reason, origin)

    def _log(self, level: Level, text: str, cause: str | None, refusal: Refusal | None = None) -> None:
        self.log_lines.append(LogLine(level, text, cause, refusal))
