"""One appliance's decisions, around its kind: what it remembers, and what follows from each event.

Pure: it is told what happened and when, and answers what to remember, what to ask of the
hardware, what to show and when to look again. `device` does those things, in this order:
write the memory down, act, tell.
"""

from typing import Any, NamedTuple

import msgspec
from msgspec.structs import asdict, replace

from daemons.bus.message import MOST_PAST, Command, Moment, Receipt, State, too_far, turn
from daemons.config.device import Device
from daemons.config.rule import Shown, When
from daemons.config.sun import Almanac
from daemons.errors import Rejected
from daemons.kinds import Link, Machine, Press, Reading, Setting
from daemons.processes.device.memory import Kept, Memory
from daemons.processes.device.rules import Mark, Now, Verdict, hear, held_up, measure, strike
from daemons.values import Problem, plain, read

CONFIRM_SECONDS = 5.0
"""How long the hardware may take to be what it was asked to be."""
AT_ONCE_SECONDS = 0.5
"""Within this after being asked, it was the asking that did it."""
SILENT_SECONDS = 10.0
"""How long nothing may be heard of another device before what it showed is not taken for what is."""
LONGEST_REASON = 1000
"""How many characters of a reason go into a receipt."""
MOST_RECEIPTS = 200
"""How many receipts are remembered at once."""


class Note(NamedTuple):
    """A line for the log."""

    level: str
    text: str
    cause: str | None


class Asked(NamedTuple):
    """What was last asked of the hardware."""

    setting: Setting
    at: float
    heals: bool
    """Whether its confirmation shows that the hardware follows again."""


class Appliance:
    """Decides for one device; after each call, `memory`, `to_ask` and `state` say what to do."""

    def __init__(self, device: Device, machine: Machine[Any, Any], memory: Memory, almanac: Almanac) -> None:
        self.name = device.name
        self.memory = memory
        self.notes: list[Note] = []
        self._device = device
        self._machine = machine
        self._inner = msgspec.json.decode(memory.machine, type=machine.memory_type)
        self._almanac = almanac
        self._rules = {key(rule): rule for rule in device.rules}
        self._reading = Reading(reachable=None)
        self._is_reachable = memory.shown.get("reachable", True) is not False
        self._losses = 0
        """How often the hardware had been lost when it was last there."""
        self._unreachable: float | None = None
        """When, in this life, the hardware was found not to answer."""
        self._fault: str | None = None
        self._sources = machine.sources(machine.options)
        self._goes_by_time = bool(self._sources) or any(rule.at or rule.limit for rule in device.rules)
        """Whether the time of day, or the silence of another device, makes a difference to it."""
        self._heard: dict[str, tuple[State, float]] = {}
        """Of each device that was heard, its latest state and when it gave its last sign of life."""
        self._waiting: set[str] = set()
        """The rules that would act, if all of their conditions were known."""
        self._began = 0.0
        self._asked: Asked | None = None
        self._calls_off = False
        self._commands = {command.__name__.lower(): command for command in machine.commands}
        self._measured = machine.measurements()

    # What happened

    def start(self, reading: Reading, now: float, wall: float) -> None:
        """Begin, or go on after a crash: let the time that has passed pass, then see what is."""
        # A rule that is new, or says something new, looks only at what comes.
        self._began = now
        marks = {name: self.memory.marks.get(name) or Mark(since=now) for name in self._rules}
        if marks != self.memory.marks:
            self._remember(marks=marks)
        self.tick(now, wall)
        if self._device.restore != "last":
            wanted = Reading(on=self._device.restore == "on")
            if self._wants.on != wanted.on:
                self._become(self._machine.observe(self._inner, wanted, now), "restore", now)
            self._remember(confirmed=False)  # what is otherwise at the hardware was no hand to follow
        self.read(reading, now, wall)

    def hear(self, heard: State, now: float, wall: float) -> None:
        """Hear what another device turned to."""
        self._heard[heard.device] = heard, now
        for moment in heard.past:
            self._hear(heard.device, moment, now, wall)
            self.tick(now, wall, is_past=True)
        self._hear(heard.device, heard, now, wall)
        self.tick(now, wall)

    def beat(self, device: str, now: float) -> None:
        """Hear another device's sign of life."""
        if device in self._heard:
            self._heard[device] = self._heard[device][0], now

    def _hear(self, device: str, heard: State | Moment, now: float, wall: float) -> None:
        for name, rule in self._rules.items():
            if rule.device == device and rule.turns:
                mark = self.memory.marks.get(name, Mark())
                self._mark(name, hear(rule, mark, heard, self._at(mark, now, wall)), heard.cause)

    def _watch(self, now: float, wall: float) -> None:
        """Look at what is measured and at the time of day, for the rules that go by them."""
        for name, rule in self._rules.items():
            mark = self.memory.marks.get(name, Mark())
            if rule.at is not None:
                self._mark(name, strike(rule, mark, self._at(mark, now, wall)), None)
            elif rule.limit and rule.device and self._has_spoken(rule.device, now):
                cause = self._heard[rule.device][0].cause if rule.device in self._heard else None
                shown = self.fresh(rule.device, now)
                self._mark(name, measure(rule, mark, shown, cause, self._at(mark, now, wall)), cause)

    def _at(self, mark: Mark, now: float, wall: float) -> Now:
        # By the clock on the wall as it is now, which may have been set since.
        born = self.memory.born if mark.since is None else wall - (now - mark.since)
        grace = self._device.grace_seconds
        return Now(now=now, wall=wall, born=born, grace=grace, almanac=self._almanac)

    def _mark(self, name: str, verdict: Verdict, cause: str | None) -> None:
        """Remember what a rule makes of it, and tell why it does not act."""
        mark, why_not = verdict
        rule = self._rules[name]
        if why_not:
            self._note("info", f"no {rule.do} for {rule.source}: {why_not}", cause)
        if mark != self.memory.marks.get(name):
            self._remember(marks={**self.memory.marks, name: mark})

    def obey(self, command: Command, now: float, wall: float) -> Receipt:
        """Carry out a command, once; the receipt is the answer, the first time and every other."""
        self.tick(now, wall)
        if command.id in self.memory.receipts:
            return self.memory.receipts[command.id].receipt
        if command.deadline <= wall:
            return self._receipt(
                command, "expired", wall, f"its deadline passed {wall - command.deadline:.1f} s ago"
            )
        if why := too_far(command, wall):
            return self._receipt(command, "rejected", wall, why)
        kept = {id_: kept for id_, kept in self.memory.receipts.items() if kept.deadline > wall}
        if len(kept) >= MOST_RECEIPTS:  # what changed nothing may be forgotten, before anybody is refused
            kept = {id_: kept for id_, kept in kept.items() if kept.receipt.outcome == "applied"}
        if len(kept) >= MOST_RECEIPTS:
            return self._receipt(command, "rejected", wall, "too many commands within their deadlines")
        try:
            self._do(command.command, command.args, command.id, now)
        except Rejected as error:
            receipt = self._receipt(command, "rejected", wall, str(error))
            self._note("warning", f"rejects {command.command}: {error}", command.id)
        else:
            receipt = self._receipt(command, "applied", wall)
        self._remember(receipts={**kept, command.id: Kept(command.deadline, receipt)})
        self._settle(now, wall)
        return receipt

    def read(self, reading: Reading, now: float, wall: float) -> None:
        """Take what the hardware says of itself."""
        if reading.fault and reading.fault != self._reading.fault:
            self._note("error", reading.fault, self.memory.cause)
        self._take_link(reading, now)
        self._reading = replace(reading, presses=())
        for index, press in enumerate(reading.presses):
            self._press(press, now, wall + index / 1000)  # two presses are two moments
        cause = self.memory.cause if self._machine.drives else "hardware"
        self._become(self._machine.measure(self._inner, self._reading, now), cause, now)
        if reading.on is None or not self._is_reachable or not self._machine.drives:
            pass  # what is not known is neither done nor undone
        elif self._wants.is_met_by(reading):
            if not self.memory.confirmed and self._asked:
                # Only what was asked in this life counts: the last one may have died before it asked.
                # And what came late may have been a hand: asked once more, its own timer is armed.
                late = now - self._asked.at > AT_ONCE_SECONDS
                self._remember(confirmed=not (late and reading.on and self._machine.heats))
                self._fault = None if self._asked.heals else self._fault
                self._asked = None
        elif self.memory.confirmed:
            followed = self._machine.observe(self._inner, reading, now)
            if followed != self._inner:
                how = (
                    "changed" if reading.on == self._wants.on else f"switched {'on' if reading.on else 'off'}"
                )
                self._note("info", f"was {how} at the hardware", reading.cause)
            self._become(followed, reading.cause or "hardware", now)
            # What heats has to be asked again, to arm its own timer; anything else is as it is.
            self._remember(confirmed=not (self._machine.heats and self._wants.on))
        self._settle(now, wall)

    def tick(self, now: float, wall: float, *, is_past: bool = False) -> None:
        """Let time pass; while the past of a device is heard, what had to be so for long may yet be over."""
        if not is_past:
            self._watch(now, wall)
        for name, rule in self._rules.items():
            mark = self.memory.marks.get(name)
            if mark and mark.due is not None and now >= mark.due and not (is_past and rule.for_seconds):
                self._fire(name, rule, mark, now)
        if not self._waits_for_heat:
            self._become(self._machine.elapse(self._inner, now), self.memory.cause, now)
        if self._sources:
            self._become(self._machine.sense(self._inner, self._sensed(now), now), self.memory.cause, now)
        if self.memory.hot_until is not None and now >= self.memory.hot_until:
            self._note("warning", "has been on as long as max_on allows, and goes off", self.memory.cause)
            self._become(self._machine.observe(self._inner, Reading(on=False), now), "max_on", now)
        if self._asked and not self.memory.confirmed and now >= self._asked.at + CONFIRM_SECONDS:
            self._give_up(now)
        self._settle(now, wall)

    # What follows

    def to_ask(self, now: float) -> Setting | None:
        """Say what the hardware must be asked now; nothing when it is, or soon will be, as wanted."""
        wants = self._wants
        if not self._machine.drives:
            return None
        # What did not come in time may still come: off it may be, but it is told to be.
        done = self.memory.confirmed or (self._asked is not None and self._asked.setting == wants)
        if done and not self._calls_off:
            return None
        self._asked = Asked(wants, now, heals=not self._calls_off)
        self._calls_off = False
        if self.memory.hot_until is not None and wants.on:
            return replace(wants, off_after_seconds=self.memory.hot_until - now)
        return wants

    @property
    def rests(self) -> bool:
        """Whether nothing changes by time alone: it is off, as wanted, and no rule goes by time."""
        return (
            self._machine.drives
            and not self._goes_by_time
            and not self._waiting
            and self.memory.confirmed
            and self._reading.reachable is True
            and not self._reading.on
            and not self._wants.on
            and self.due() is None
        )

    def knows(self, reading: Reading) -> bool:
        """Tell whether a reading says nothing new."""
        return reading == replace(self._reading, at=reading.at)

    def due(self) -> float | None:
        """Say when time makes a difference next."""
        moments = [self.memory.hot_until, None if self._waits_for_heat else self._machine.due(self._inner)]
        awake = (
            self._rules.keys() - self._waiting
        )  # what waits for somebody's word is looked at with each look
        moments += [mark.due for name, mark in self.memory.marks.items() if name in awake]
        if self._asked and not self.memory.confirmed:
            moments.append(self._asked.at + CONFIRM_SECONDS)
        return min((moment for moment in moments if moment is not None), default=None)

    def shows(self, now: float) -> dict[str, Any]:
        """Give the fields to publish."""
        faults = dict.fromkeys(fault for fault in (self._fault, self._reading.fault) if fault)
        reading = replace(self._reading, fault="; ".join(faults) or None)
        shown: dict[str, Any] = msgspec.to_builtins(self._machine.shows(self._inner, reading, now))
        link = Link(
            confirmed=(self.memory.confirmed or not self._machine.drives) and self._reading.reachable is True,
            reachable=self._is_reachable,
            unreachable_since=None if self._is_reachable else self.memory.turned.get("reachable"),
        )
        return shown | asdict(link)

    def fresh(self, device: str, now: float) -> Shown | None:
        """Give what a device shows; nothing for another that is silent, for that may not be so any more."""
        if device == self.name:
            return self.shows(now)
        state, heard = self._heard.get(device, (None, 0.0))
        return state.state if state and now - heard < SILENT_SECONDS else None

    @property
    def since(self) -> float:
        """When (Unix seconds) any field that is not a measurement last changed."""
        return max(self.memory.turned.values(), default=self.memory.born)

    # How

    @property
    def _wants(self) -> Setting:
        return self._machine.wants(self._inner)

    @property
    def _waits_for_heat(self) -> bool:
        """Whether it is not known yet that what shall be hot is: nothing gets ready by waiting alone."""
        return (
            self._machine.heats and self._wants.on and not self.memory.confirmed and self._asked is not None
        )

    def _do(self, word: str, args: dict[str, Any], cause: str | None, now: float) -> None:
        if word not in self._commands:
            raise Rejected(f"it has no command {word!r}; allowed: {', '.join(self._commands)}")
        problems: list[Problem] = []
        command = read(args, self._commands[word], (), problems)
        if command is None:
            raise Rejected(
                "; ".join(": ".join([*map(str, problem.path), problem.text]) for problem in problems)
            )
        told = self._machine.obey(self._inner, command, now)
        lost = self._unreachable is not None and now - self._unreachable >= CONFIRM_SECONDS
        if lost and (wants := self._machine.wants(told)).on and wants != self._wants:
            raise Rejected(f"its hardware cannot be reached: {self._reading.fault}")
        self._become(told, cause, now)

    def _take_link(self, reading: Reading, now: float) -> None:
        """See whether the hardware answers; when it does again, what it did meanwhile is not known."""
        was_away = reading.reachable is True and reading.losses != self._losses
        if reading.reachable is True:
            self._losses = reading.losses
        if reading.reachable is None or (reading.reachable == self._is_reachable and not was_away):
            if reading.reachable is False and self._unreachable is None:
                self._unreachable = now  # so it was in the last life already
            return
        self._is_reachable = reading.reachable
        self._unreachable = None if reading.reachable else now
        if reading.reachable:
            self._note("info", "its hardware can be reached again", None)
            if self._machine.heats and self._wants.on:  # its own timer may be gone: it is armed anew
                self._asked = None
                self._remember(confirmed=self.memory.confirmed and reading.on is False)

    def _press(self, press: Press, now: float, wall: float) -> None:
        """Take a hand at the hardware's button: a moment of its own, also when it is over at once."""
        self._note("info", f"{press.what} press at the hardware", press.id)
        self._become(self._machine.press(self._inner, press.what, now), press.id, now)
        self._settle(now, wall)
        self._become(self._machine.elapse(self._inner, now), press.id, now)
        self._settle(now, wall)

    def _sensed(self, now: float) -> dict[str, Shown | None]:
        """Give what its sources show; one that was not heard yet has a while to speak up."""
        found: dict[str, Shown | None] = {}
        for device in self._sources:
            shown = self.fresh(device, now)
            if shown is not None:
                found[device] = shown
            elif self._has_spoken(device, now):
                found[device] = None
        return found

    def _has_spoken(self, device: str, now: float) -> bool:
        """Tell whether a device was heard in this life, or has had its while."""
        return device in self._heard or now - self._began >= SILENT_SECONDS

    def _fire(self, name: str, rule: When, mark: Mark, now: float) -> None:
        """Act on a rule whose moment and delay have come; kept waiting past the grace, it does not."""
        cause = mark.cause
        fired = mark.fired
        late = now - (mark.due or now)
        holds, why_not = held_up(rule, lambda device: self.fresh(device, now))
        if late > self._device.grace_seconds:
            text = f"it is {late:.0f} s late" + (f", {why_not}" if why_not else "")
            self._note("warning", f"no {rule.do} for {rule.source}: {text}", cause)
        elif holds is None:
            self._waiting.add(name)
            return
        elif not holds:
            self._note("info", f"no {rule.do} for {rule.source}: {why_not}", cause)
        else:
            try:
                self._do(rule.do, rule.with_, cause, now)
                fired = now
            except Rejected as error:
                self._note("info", f"no {rule.do} for {rule.source}: {error}", cause)
        self._waiting.discard(name)
        self._remember(marks={**self.memory.marks, name: replace(mark, due=None, cause=None, fired=fired)})

    def _become(self, inner: Any, cause: str | None, now: float) -> None:
        """Take a new memory of the kind's, and see to it that nothing hot outlives its time."""
        if inner == self._inner:
            return
        was, self._inner = self._wants, inner
        wants = self._wants
        if wants != was:
            self._asked = None
            self._remember(confirmed=False)
        hot_until = self.memory.hot_until
        if not wants.on:
            hot_until = None
        elif self._machine.heats and hot_until is None:
            hot_until = now + self._machine.options.max_on_seconds
        self._remember(machine=msgspec.Raw(msgspec.json.encode(inner)), cause=cause, hot_until=hot_until)

    def _give_up(self, now: float) -> None:
        """See that the hardware does not follow: what is off counts as off, what is on is asked again."""
        wanted, self._asked = self._wants, None
        if self._reading.on == wanted.on and self._is_reachable:  # on it is, but not quite as asked
            self._note("warning", "cannot be quite as it was asked to be", self.memory.cause)
            self._become(self._machine.observe(self._inner, self._reading, now), self.memory.cause, now)
            self._remember(confirmed=True)
            return
        if self.memory.cause is None and not self._is_reachable:
            return  # nobody has ever wanted anything of it: that it is lost says it all
        fault = f"did not switch {'on' if wanted.on else 'off'} within {CONFIRM_SECONDS:g} s"
        if fault != self._fault:
            self._note("error", fault, self.memory.cause)
        self._fault = fault
        if wanted.on and not self._reading.on:
            self._become(self._machine.observe(self._inner, Reading(on=False), now), self.memory.cause, now)
            self._calls_off = True

    def _settle(self, now: float, wall: float) -> None:
        """Note which of the shown fields have changed, and when."""
        fields = {name: value for name, value in self.shows(now).items() if name not in self._measured}
        if fields == self.memory.shown:
            return
        shown = self.memory.shown
        if "phase" in shown and shown["phase"] != fields["phase"]:
            self._note("info", f"is {fields['phase']}", self.memory.cause)
        memory = self.memory
        past = (*memory.past, Moment(state=shown, turned=memory.turned, cause=memory.shown_cause))
        self._remember(
            shown=fields,
            shown_cause=memory.cause,
            turned=turn(shown, fields, memory.turned, wall),
            past=past[-MOST_PAST:] if shown else (),
        )

    def _remember(self, **changes: Any) -> None:
        self.memory = replace(self.memory, **changes)

    def _receipt(self, command: Command, outcome: Any, wall: float, reason: str | None = None) -> Receipt:
        return Receipt(
            id=command.id,
            device=self.name,
            outcome=outcome,
            at=wall,
            reason=reason and reason[:LONGEST_REASON],
        )

    def _note(self, level: str, text: str, cause: str | None) -> None:
        self.notes.append(Note(level, text, cause))


def key(rule: When) -> str:
    """Name a rule by all that it says, so that what it remembers survives a change of the others."""
    return msgspec.json.encode(rule, order="sorted", enc_hook=plain).decode()
