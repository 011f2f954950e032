"""The hardware of one appliance: its desired setting against the state that it reports. Pure.

The kind's state machine decides the desired setting. This part compares it with each reading. It
confirms a setting, adopts a manual switch, reports hardware that does not follow, and switches a
heating appliance off at its deadline.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import asdict, replace

from daemons.bus.faults import MEMORY_FAULT
from daemons.bus.input import DetectionInput, HandInput, HardwareInput, Input
from daemons.bus.origin import Cause, Origin, Reason
from daemons.config.ability import lacking
from daemons.config.device import Device
from daemons.config.rule import StateFields
from daemons.errors import Rejected, RejectedForNow
from daemons.kinds import (
    ButtonPress,
    DailyTime,
    HardwareLink,
    HardwareMeter,
    Machine,
    Message,
    Reading,
    Setting,
    without_implausible,
)
from daemons.processes.device.hardware_facts import FactsHolder
from daemons.processes.device.log_line import Log
from daemons.processes.device.memory import DeviceMemory
from daemons.processes.device.reachability import Reachability
from daemons.values import Problem, parse_table

CONFIRM_SECONDS = 5.0
"""How long the hardware may take to reach the desired setting. A driver that still applies the setting may
take longer: as long as its own time limits allow."""
BY_HAND = Cause("hardware", Reason("hand"))
SENSED = Cause("hardware", Reason("sensor"))
RESTORED = Cause("restore", Reason("restart", "restore"))
AUTO_OFF = Cause("off_after", Reason("limit", "off_after"))
TOO_LONG = Cause("max_on", Reason("limit", "max_on"))
EARLY_SECONDS = 1.5
"""So much earlier than its deadline the hardware's own timer may end: it may count whole seconds."""
IMMEDIATE_SECONDS = 0.5
"""A setting that is reached later than this may have been reached by a manual switch."""

HAND_FIELDS = (
    "on", "brightness_percent", "colour_temperature_kelvin", "colour", "direction", "position_percent",
    "target_celsius",
)  # fmt: skip
"""What is recorded of the setting that a person has chosen at the hardware."""
MAX_FAULT = 200
"""A longer fault of lost hardware is cut in its record."""


class SentSetting(NamedTuple):
    """The setting that was last sent to the hardware, and is not confirmed yet."""

    setting: Setting
    sent_at: float
    decided_at: float
    clears_fault: bool
    """Whether its confirmation shows that the hardware follows again."""
    was_seen_off: bool = False
    """Whether the hardware was off after it: then a hand may switch it on, which sets no timer."""


class Decided(NamedTuple):
    """What a decision changes, and what is set back when the decision is taken back."""

    memory: Any
    encoded_memory: msgspec.Raw
    encoded_from: Any
    cause: Cause
    off_deadline: float | None
    auto_off_at: float | None
    unsent_since: float | None
    is_confirmed: bool
    sent: SentSetting | None


class Hardware:
    """The desired setting, the latest reading, and whether they match."""

    def __init__(self, device: Device, machine: Machine[Any, Any], memory: DeviceMemory, log: Log) -> None:
        self.cause = Cause(memory.cause, memory.reason, memory.origin)
        self.is_confirmed = memory.confirmed
        self.off_deadline = memory.off_deadline
        self.auto_off_at = memory.auto_off_at
        """When the device goes off by its `off_after`, in steady seconds; None: it does not."""
        self._off_after_seconds = device.off_after_seconds
        self.unsent_since = memory.unsent_since
        """Since when a decision waits for hardware that can be reached, in steady seconds; None if none."""
        self.encoded_memory = memory.machine
        """The memory of the kind's state machine, as JSON."""
        self.presses_until = memory.presses_until
        """How much of the record of presses was handled."""
        self.heats = machine.heats
        """Whether it can start a fire."""
        self._restore = device.restore
        self._grace_seconds = device.grace_seconds
        self._machine = machine
        self._memory = msgspec.json.decode(memory.machine, type=machine.memory_type)
        self._encoded_from = self._memory
        """The memory that `encoded_memory` has."""
        self._commands = {command.__name__.lower(): command for command in machine.commands}
        self._facts = FactsHolder()
        self._lacks = lacking(device.kind, device.driver, device.driver_options)
        self._log = log
        self.inputs: list[tuple[type[Input], dict[str, Any]]] = []
        """What came from outside with the latest reading, but for presses: each with its fields but `at`."""
        self._detects = None if machine.drives else machine.detects(machine.options)
        self._begins_chains = bool(machine.uses_clock and machine.needs and not machine.drives)
        """Whether it only reports, and does so by the clock."""
        self._reading = Reading(reachable=None)
        was_reachable = memory.last_state.get("reachable", True) is not False
        self._reachability = Reachability(was_reachable=was_reachable)
        self._fault: str | None = None
        self._sent: SentSetting | None = None
        self._sent_message: Message | None = None
        """The message that the driver is to deliver."""
        self._sends_off = False
        """Whether off must be sent once more, although the hardware reports that it is off."""
        self.is_new = memory.is_new and machine.drives
        self._has_reading = False
        """Whether this process has read a known state of the hardware."""
        self.storage_error: str | None = None
        """Why nothing but off is carried out; None while the memory can be written."""
        self._drops_decisions = False
        """Whether a decision to switch on was dropped for that reason; its deadline may be in the past."""
        self._before: Decided | None = None
        """What a decision that must not be forgotten has replaced, until the memory is written."""

    def resume(self, now: float) -> None:
        """Go on after a restart: what could not be seen meanwhile is unknown.

        A decision that the last process did not send to the hardware is sent now. But after its grace,
        nothing starts to heat.
        """
        if self.unsent_since is not None and self._desired.on:
            late_seconds = now - self.unsent_since
            if not self.heats or late_seconds <= self._grace_seconds:
                return  # it has not begun, so nothing went on meanwhile
            self._log("warning", f"does not switch on: it is {late_seconds:.0f} s late", self.cause.id)
            self.unsent_since, self.is_new = None, True
        self._set_memory(self._machine.resume(self._memory, now), self.cause, now, is_report=True)

    def restore(self, now: float) -> None:
        """Set what the configuration's `restore` demands of a device that starts."""
        is_unsent = self.unsent_since is not None and now - self.unsent_since <= self._grace_seconds
        if self._restore == "last" or is_unsent:
            return
        self.is_new = False
        wanted = Reading(on=self._restore == "on")
        if self._desired.on != wanted.on:
            self._set_memory(self._machine.adopt(self._memory, wanted, now), RESTORED, now)
        self.is_confirmed = False  # a difference is no manual switch: the desired setting is sent

    def handle_command(self, word: str, args: dict[str, Any], cause: Cause, now: float) -> None:
        """Carry out a command of the kind, or raise Rejected with the reason."""
        if word not in self._commands:
            reason = f"it has no command {word!r}; allowed: {', '.join(self._commands)}"
            raise Rejected(reason, "no_command", command=word)
        for name in (word, *args) if self._lacks else ():
            if name in self._lacks:
                raise Rejected(self._lacks[name])
        problems: list[Problem] = []
        command = parse_table(args, self._commands[word], (), problems)
        if command is None:
            texts = (": ".join([*map(str, problem.path), problem.text]) for problem in problems)
            raise Rejected("; ".join(texts))
        memory = self._machine.handle_command(self._memory, command, now)
        desired = self._machine.desired_setting(memory)
        if desired.on and desired != self._desired and self._reachability.is_lost(now):
            fault = self._reading.fault
            reason = f"its hardware cannot be reached: {fault}"
            raise RejectedForNow(reason, "unreachable", fault=fault or "")
        is_off = self._is_off_command(word, memory)
        if self.storage_error and memory != self._memory and not is_off:
            raise RejectedForNow(self.storage_error, "not_written")
        self.is_new = False
        is_again = desired.on and self._desired.on and self._off_after_seconds is not None
        self._set_memory(memory, cause, now, must_be_written=not is_off)
        if is_again:
            self._begin_auto_off(now)
            self._sent, self.is_confirmed = None, False  # the hardware's own timer begins anew too

    def on_reading(self, reading: Reading, now: float) -> None:
        """Store a reading, but not its presses and no implausible value. `compare` acts on it."""
        reading = without_implausible(reading)
        if self._detects:
            reading = reading.for_detection(self._detects)
        if reading.fault and reading.fault != self._reading.fault:
            self._log("error", reading.fault, self.cause.id)
        was_reachable = self._is_reachable
        news = self._reachability.update(reading, now)
        if self._is_reachable != was_reachable:
            lost = {} if self._is_reachable or not reading.fault else {"fault": reading.fault[:MAX_FAULT]}
            self.inputs.append((HardwareInput, {"reachable": self._is_reachable, **lost}))
        if self._detects and reading.on is not None and reading.on is not self._reading.on:
            self.inputs.append((DetectionInput, {"on": reading.on}))
        self._reading = replace(reading, presses=())
        if news and self._sent and self._desired.on:  # it may not have arrived
            self.unsent_since = self._sent.decided_at
        if news == "back":
            self._resend_after_loss()
        if self._is_reachable and (news == "back" or reading.on is False):
            self._begin_again(now)
        if reading.presses:
            self.presses_until = reading.presses_until

    def press(self, press: ButtonPress, now: float) -> None:
        """Handle a press of the hardware's own button; `end_press` must follow."""
        self._log("info", f"{press.what} press at the hardware", press.id)
        cause = Cause(press.id, Reason("press"))
        self._set_memory(self._machine.press(self._memory, press.what, now), cause, now)

    def end_press(self, press: ButtonPress, now: float) -> None:
        """Advance time after a press, so that a press without a duration ends before the next one."""
        cause = Cause(press.id, Reason("press"))
        self._set_memory(self._machine.advance(self._memory, now), cause, now)

    def compare(self, now: float) -> None:
        """Compare the latest reading with the desired setting: confirm it, or adopt a manual switch.

        The off deadline holds until the hardware is off: a decision to switch off may not have reached it.
        """
        self._compare(now)
        if self._reading.on is False and self._is_reachable and not self._desired.on:
            self.off_deadline = None

    def _compare(self, now: float) -> None:
        cause = self.cause if self._machine.drives or not self._machine.needs else SENSED
        reading = self._reading
        self._set_memory(self._machine.update_measurements(self._memory, reading, now), cause, now)
        if reading.on is None or not self._is_reachable or not self._machine.drives:
            return  # the state of the hardware is unknown
        is_first, self._has_reading = not self._has_reading, True
        is_unexpected = reading.on and not self._desired.on and (self.is_confirmed or self.is_new)
        if is_first and is_unexpected and self.heats:
            self._resume_heat(reading, now)
        elif self.is_new:
            self.is_new = False
            if not self._desired.is_met_by(reading):
                memory = self._machine.adopt(self._memory, reading, now)
                self._set_memory(memory, Cause(reading.cause, Reason("restart")), now, is_report=True)
            self.is_confirmed = True
        elif self._desired.is_met_by(reading):
            # Only a setting that this process sent is confirmed: the last one may have ended before it sent.
            if not self.is_confirmed and self._sent:
                self._confirm(self._sent, reading, now)
        elif self.is_confirmed:
            self._adopt(reading, now)
        elif self._sent and reading.on is False and not reading.is_pending:
            self._sent = self._sent._replace(was_seen_off=True)

    def advance(self, now: float) -> None:
        """Advance the time of the kind's state machine.

        What the clock changes in a calendar follows from no earlier change: a chain begins there.
        """
        if self._is_waiting:
            return
        memory, cause = self._machine.advance(self._memory, now), self.cause
        if self._begins_chains and memory != self._memory:
            cause = SENSED
        self._set_memory(memory, cause, now)

    def daily_times(self) -> tuple[DailyTime, ...]:
        """Return the times of day at which the kind sends itself a command."""
        return self._machine.daily_times(self._memory)

    def update_sources(self, states: Mapping[str, StateFields | None], now: float) -> None:
        """Pass the states of the devices that the kind subscribes to; None for a silent device."""
        memory, cause = self._machine.update_sources(self._memory, states, now), self.cause
        if memory != self._memory and (
            not self._machine.drives or self._machine.desired_setting(memory).on != self._desired.on
        ):
            cause = replace(SENSED, id=cause.id) if self._machine.drives else SENSED
        self._set_memory(memory, cause, now)

    def update_clock(self, offset: float | None, now: float) -> None:
        """Pass the wall clock less the steady clock; None until the wall clock is known to be right."""
        self._set_memory(self._machine.update_clock(self._memory, offset, now), self.cause, now)

    def update_timetable(self, index: int, began_at: float, now: float) -> None:
        """Pass the entry of the kind's timetable that is in force since `began_at` (Unix seconds)."""
        memory = self._machine.update_timetable(self._memory, index, began_at, now)
        id_ = f"{int(began_at):010x}"
        cause = Cause(id_, Reason("clock", at=began_at), Origin(id_, began_at, "clock"))
        self._set_memory(memory, cause, now)

    def check_deadlines(self, now: float) -> None:
        """Switch off at a deadline, and stop waiting for a setting that is not confirmed in time."""
        if self._desired.on and self.auto_off_at is not None and now >= self.auto_off_at:
            self._set_memory(self._machine.adopt(self._memory, Reading(on=False), now), AUTO_OFF, now)
        if self._desired.on and self.off_deadline is not None and now >= self.off_deadline:
            self._log("warning", "has been on as long as max_on allows, and goes off", self.cause.id)
            self._set_memory(self._machine.adopt(self._memory, Reading(on=False), now), TOO_LONG, now)
        confirm_deadline = self._confirm_deadline()
        if confirm_deadline is not None and now >= confirm_deadline:
            self._give_up(now)

    def next_setting(self, now: float) -> Setting | None:
        """Return the setting to send to the hardware now; None if it is confirmed or was sent already."""
        self._before = None  # the memory is written by now
        if not self._machine.drives:
            return self._next_message()
        if self.is_new:
            return None
        decided_at = now if self.unsent_since is None else self.unsent_since
        desired = self._desired
        if self._is_reachable or not desired.on:
            self.unsent_since = None
        is_sent = self._sent is not None and self._sent.setting == desired
        if (self.is_confirmed or is_sent) and not self._sends_off:
            return None
        self._sent = SentSetting(desired, now, decided_at, clears_fault=not self._sends_off)
        self._sends_off = False
        off_at = min(filter(None, (self.off_deadline, self.auto_off_at)), default=None)
        if off_at is not None and desired.on:
            return replace(desired, off_after_seconds=off_at - now)
        return desired

    def _next_message(self) -> Setting | None:
        """Return the setting with a new message, or the one that withdraws the last; None if it was sent."""
        desired = self._desired
        if desired.message == self._sent_message:
            return None
        self._sent_message = desired.message
        return desired

    def next_deadline(self) -> float | None:
        """Return when time makes a difference next, in steady seconds."""
        is_held = self._is_waiting or self._drops_decisions
        kind = None if is_held else self._machine.next_deadline(self._memory)
        off_deadlines = (self.off_deadline, self.auto_off_at) if self._desired.on else ()
        deadlines = (*off_deadlines, kind, self._confirm_deadline())
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def set_storage_error(self, error: str | None) -> str | None:
        """Note whether the memory can be written, and take back a decision that was not, unless it is off.

        After a crash, the next process would know nothing of it: neither the command that it carried out,
        nor when a heating appliance goes off. Returns the cause of the decision that was taken back.
        """
        self.storage_error = error and f"{MEMORY_FAULT}: {error}"
        self._drops_decisions = self._drops_decisions and error is not None
        if error is None or self._before is None:
            return None
        cause, before, self._before = self.cause, self._before, None
        self._memory, self.encoded_memory, self.cause = before.memory, before.encoded_memory, before.cause
        self._encoded_from = before.encoded_from
        self.off_deadline, self.unsent_since = before.off_deadline, before.unsent_since
        self.auto_off_at = before.auto_off_at
        self.is_confirmed, self._sent = before.is_confirmed, before.sent
        self._log("warning", f"takes back what it decided: {self.storage_error}", cause.id)
        return cause.id or ""

    def is_idle(self) -> bool:
        """Return whether the hardware is off, as desired, and nothing changes by time alone."""
        return (
            self._machine.drives
            and self.storage_error is None
            and self.is_confirmed
            and self._reading.reachable is True
            and not self._reading.on
            and not self._desired.on
            and self.next_deadline() is None
        )

    def is_unchanged(self, reading: Reading) -> bool:
        """Return whether a reading equals the latest one but for its time."""
        return without_implausible(reading) == replace(self._reading, at=reading.at)

    @property
    def fields_follow_from(self) -> tuple[Any, ...]:
        """What the published fields follow from; measurements also change by time alone."""
        return self._memory, self._reading, self._fault, self.storage_error, self._is_reachable

    def state(self, unreachable_since: float | None, now: float) -> dict[str, Any]:
        """Return the fields to publish; `unreachable_since` is in Unix seconds."""
        faults = [fault for fault in (self.storage_error, self._fault, self._reading.fault) if fault]
        fault = "; ".join(dict.fromkeys(faults)) or None
        reading = self._reading if fault == self._reading.fault else replace(self._reading, fault=fault)
        fields: dict[str, Any] = msgspec.to_builtins(self._machine.state(self._memory, reading, now))
        if not self._machine.needs:
            return fields
        link = HardwareLink(
            confirmed=self._is_confirmed_by_hardware,
            reachable=self._is_reachable,
            unreachable_since=None if self._is_reachable else unreachable_since,
        )
        energy = self._reading.energy_watt_hours
        meter = HardwareMeter(energy_watt_hours=None if energy is None else float(round(energy)))
        facts = self._facts.facts(self._reading, now, is_reachable=self._is_reachable)
        more = {**asdict(meter), **facts}
        return {**fields, **{k: v for k, v in more.items() if k not in fields}, **asdict(link)}

    @property
    def _is_confirmed_by_hardware(self) -> bool | None:
        """Whether the hardware has reported the state; None if it cannot, and the setting was sent."""
        is_confirmed = (self.is_confirmed or not self._machine.drives) and self._reading.reachable is True
        return None if is_confirmed and self._reading.is_assumed else is_confirmed

    @property
    def is_unwritten(self) -> bool:
        """Whether a decision is taken back if the memory cannot be written now."""
        return self._before is not None

    @property
    def _decided(self) -> Decided:
        return Decided(
            memory=self._memory,
            encoded_memory=self.encoded_memory,
            encoded_from=self._encoded_from,
            cause=self.cause,
            off_deadline=self.off_deadline,
            auto_off_at=self.auto_off_at,
            unsent_since=self.unsent_since,
            is_confirmed=self.is_confirmed,
            sent=self._sent,
        )

    @property
    def _is_reachable(self) -> bool:
        return self._reachability.is_reachable

    @property
    def _desired(self) -> Setting:
        return self._machine.desired_setting(self._memory)

    @property
    def _is_waiting(self) -> bool:
        """Whether hardware that shall be on may still be off: then the kind's phases must not advance.

        Hardware that can be reached and does not heat switches at once.
        """
        may_be_off = self.unsent_since is not None or (self.heats and self._sent is not None)
        return self._desired.on and not self.is_confirmed and may_be_off

    @property
    def _own_failure(self) -> Cause:
        """The cause of what follows when the hardware does not follow: a chain that begins here."""
        return Cause(self.cause.id, Reason("limit", "hardware"))

    def _confirm_deadline(self) -> float | None:
        """Return until when a setting must be confirmed; None while the driver still applies it.

        Hardware that shall be on and cannot be reached has as long as a rule may be late.
        """
        if self.is_confirmed or self._reading.is_pending:
            return None
        if self._machine.keeps_trying and not self._is_reachable:
            return None
        if self.unsent_since is not None and self._desired.on and not self._is_reachable:
            return self.unsent_since + max(CONFIRM_SECONDS, self._grace_seconds)
        return None if self._sent is None else self._sent.sent_at + CONFIRM_SECONDS

    def _is_off_command(self, word: str, memory: Any) -> bool:
        """Return whether a command that leads to `memory` only switches off, and begins nothing later."""
        if word in self._machine.off_commands:
            return True
        is_off = self._desired.on and not self._machine.desired_setting(memory).on
        return is_off and self._machine.next_deadline(memory) is None

    def _set_memory(
        self,
        memory: Any,
        cause: Cause,
        now: float,
        *,
        is_report: bool = False,
        must_be_written: bool = False,
    ) -> None:
        """Store a new memory of the kind's state machine, and set the off deadline that follows from it.

        While the memory cannot be written, a decision to switch on is dropped. With `is_report`, the memory
        follows the hardware, and nothing is decided. With `must_be_written`, the decision counts only once
        the memory is written, as each decision to switch on does.
        """
        if memory == self._memory:
            return
        before, desired = self._desired, self._machine.desired_setting(memory)
        switches_on = desired.on and desired != before and not is_report
        if switches_on and self.storage_error:
            self._drops_decisions = True
            return
        if switches_on or must_be_written:
            self._before = self._before or self._decided
        self._drops_decisions = False
        self._memory = memory
        self.is_new = self.is_new and (is_report or desired == before)
        if desired != before:
            self._sent = None
            self.is_confirmed = False
            self.unsent_since = None if is_report else now
        if desired.on is not before.on:
            self._begin_auto_off(now)
        if desired.on and self.heats and self.off_deadline is None:
            self.off_deadline = now + self._machine.options.max_on_seconds
        self.cause = cause
        if self._machine.is_worth_writing(self._encoded_from, memory):
            self._encode(memory)

    def prepare_stop(self) -> None:
        """Encode the latest memory, also if it was not worth a write."""
        memory = self._machine.before_stop(self._memory)
        if memory != self._encoded_from:
            self._encode(memory)

    def _encode(self, memory: Any) -> None:
        self._encoded_from = memory
        self.encoded_memory = msgspec.Raw(msgspec.json.encode(memory))

    def _begin_auto_off(self, now: float) -> None:
        """Begin `off_after` anew if the device is on."""
        seconds = self._off_after_seconds if self._desired.on else None
        self.auto_off_at = None if seconds is None else now + seconds

    def _resend_after_loss(self) -> None:
        """Send what heats once more: the hardware's own timer may be gone."""
        self._log("info", "its hardware can be reached again", None)
        if self.heats and self._desired.on:
            self._sent = None
            self.is_confirmed = self.is_confirmed and self._reading.on is False

    def _begin_again(self, now: float) -> None:
        """Begin now what waited for the hardware: it is unknown whether that was on meanwhile.

        The phases count from here. How long an appliance may be on counts from here only if it is off.
        """
        since = self.unsent_since
        if since is None or not self._desired.on or now - since <= IMMEDIATE_SECONDS:
            return
        self._set_memory(self._machine.begin_again(self._memory, self._reading, now), self.cause, now)
        self.unsent_since = since
        if self._desired.off_after_seconds is not None or not self._desired.is_met_by(self._reading):
            self._sent = None
        if self._reading.on is False:
            self._begin_auto_off(now)
        if self.off_deadline is not None and self._reading.on is False:
            self.off_deadline = now + self._machine.options.max_on_seconds

    def _confirm(self, sent: SentSetting, reading: Reading, now: float) -> None:
        """Confirm a sent setting. A late one that heats is sent once more: a manual switch sets no timer."""
        is_late = now - sent.sent_at > IMMEDIATE_SECONDS or sent.was_seen_off
        self.is_confirmed = not (is_late and reading.on and self.heats)
        if sent.clears_fault:
            self._fault = None
        self._sent = None

    def _adopt(self, reading: Reading, now: float) -> None:
        """Adopt the state of hardware that was switched manually."""
        memory = self._machine.adopt(self._memory, reading, now)
        if memory != self._memory:
            is_same = reading.on == self._desired.on
            how = "changed" if is_same else f"switched {'on' if reading.on else 'off'}"
            self._log("info", f"was {how} at the hardware", reading.cause)
            if reading.cause is None:
                self._note_hand(reading)
        is_due = self.auto_off_at is not None and now >= self.auto_off_at - EARLY_SECONDS
        cause = AUTO_OFF if is_due and not reading.on else cause_of(reading)  # its own timer has the same end
        self._set_memory(memory, cause, now, is_report=True)
        # A heating appliance that is on gets a setting, with its own timer. Any other is left as it is.
        self.is_confirmed = not (self.heats and self._desired.on)

    def _resume_heat(self, reading: Reading, now: float) -> None:
        """Handle heat that was on when this process started, and of whose beginning it knows nothing.

        Only the hardware's own timer can tell when it ends. Without one, it ends now: each restart would
        otherwise begin `max_on` anew.
        """
        self.is_new = False
        if reading.off_after_seconds is None:
            self._log("warning", "was on at the start, and it is not known since when: it goes off", None)
            self._set_memory(self._machine.adopt(self._memory, Reading(on=False), now), TOO_LONG, now)
            self.is_confirmed = False
            return
        self._set_memory(
            self._machine.adopt(self._memory, reading, now), cause_of(reading), now, is_report=True
        )
        self._note_hand(reading)
        longest = self._machine.options.max_on_seconds
        self.off_deadline = now + min(reading.off_after_seconds, longest)
        self.is_confirmed = reading.off_after_seconds <= longest

    def _note_hand(self, reading: Reading) -> None:
        self.inputs.append((HandInput, {name: getattr(reading, name) for name in HAND_FIELDS}))

    def _give_up(self, now: float) -> None:
        """Stop waiting for hardware that did not follow: adopt it if it is off, send again if it is on."""
        desired, waits_since = self._desired, self.unsent_since
        self._sent = self.unsent_since = None
        if self._reading.on == desired.on and self._is_reachable:
            self._log("warning", "the hardware accepted only a part of the setting", self.cause.id)
            self._set_memory(self._machine.adopt(self._memory, self._reading, now), self._own_failure, now)
            self.is_confirmed = True
            return
        if self.cause.id is None and not self._is_reachable:
            return  # no command was ever sent: that the hardware is unreachable says enough
        seconds = CONFIRM_SECONDS if waits_since is None else now - waits_since
        fault = f"did not switch {'on' if desired.on else 'off'} within {seconds:.0f} s"
        if fault != self._fault:
            self._log("error", fault, self.cause.id)
        self._fault = fault
        if desired.on and not self._reading.on:
            self._set_memory(
                self._machine.adopt(self._memory, Reading(on=False), now), self._own_failure, now
            )
            self._sends_off = True  # the setting may still arrive late


def cause_of(reading: Reading) -> Cause:
    """Return the cause of a switch that the hardware reports: a hand, unless the driver knows its cause."""
    return BY_HAND if reading.cause is None else replace(BY_HAND, id=reading.cause)
