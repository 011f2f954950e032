"""Plays what a house has recorded from outside against a configuration, in virtual time.

Commands, presses, hands, sensor values, lost hardware, process deaths and clock steps come from the record.
What rules did does not: the rules of the configuration decide anew.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from daemons.bus.message import Moment, Receipt, Scalar, State
from daemons.bus.origin import Reason
from daemons.config.house import House
from daemons.kinds import Machine, Setting
from daemons.rehearsal.comparison import shown_fields
from daemons.rehearsal.opening import is_same_kind, open_world
from daemons.rehearsal.record import FROM_PEOPLE, REPLAYED_FIELDS, OutsideInput, Record
from daemons.rehearsal.world import DeclinedRule, World

SETTING_FIELDS = ("on", "brightness_percent", "colour_temperature_kelvin", "colour", "direction")
"""Those values of a hand that rehearsed hardware has."""
SOONER_SECONDS = 0.02
"""So long before its first change a process has started."""
LEAST_SECONDS = 0.001
"""How long a process that was killed is away at least."""
DEATHS = ("restarting", "failed")


class ReplayedState(Struct, frozen=True):
    """A state that a device published in a replay."""

    at: float
    """When, by the clock of the house (Unix seconds)."""
    device: str
    state: dict[str, Scalar]
    cause: str | None
    reason: Reason | None


class LeftOut(Struct, frozen=True):
    """An input that the configuration has no device for."""

    at: float
    device: str
    what: str
    why: str


class Answer(Struct, frozen=True):
    """The receipt of a recorded command in a replay."""

    at: float
    device: str
    command: str
    id: str
    outcome: str
    reason: str | None


class Replayed(Struct, frozen=True, kw_only=True):
    """What came of the recorded inputs."""

    states: Sequence[ReplayedState]
    declined: Sequence[DeclinedRule]
    left_out: Sequence[LeftOut]
    answers: Sequence[Answer]
    at_since: Mapping[str, dict[str, Scalar]]
    """By device, all fields at the beginning of the range that is compared."""
    at_until: Mapping[str, dict[str, Scalar]]


def replay(house: House, record: Record) -> Replayed:
    """Play the inputs of a record against a configuration."""
    world = open_world(house, record)
    notes = StateNotes(house, record.begin)
    world.on_state = notes.on_state
    player = InputPlayer(world, house, record)
    player.schedule()
    world.run(record.since)
    at_since = fields_of(world)
    world.run(player.steady_until)
    return Replayed(
        states=notes.states,
        declined=world.declined,
        left_out=player.left_out,
        answers=player.answers,
        at_since=at_since,
        at_until=fields_of(world),
    )


class StateNotes:
    """Notes each state in which something that is compared has changed, or its reason."""

    def __init__(self, house: House, begin: float) -> None:
        self.states: list[ReplayedState] = []
        self._fields = shown_fields(house)
        self._begin = begin
        self._latest: dict[str, float] = {}
        """By device, the time of its latest change."""
        self._noted: dict[str, tuple[Any, ...]] = {}

    def on_state(self, name: str, before: State | None, state: State) -> None:
        """Note a state, and those before it that were not published by themselves, such as a press."""
        for moment in state.past:
            at = max(moment.turned.values(), default=0.0)
            if at > self._latest.get(name, self._begin):
                self._note(at, name, moment)
        is_change = before is None or before.since != state.since
        self._note(state.since if is_change else state.at, name, state)

    def _note(self, at: float, name: str, state: State | Moment) -> None:
        self._latest[name] = max(at, self._latest.get(name, at))
        shown = tuple(state.state.get(field) for field in self._fields[name])
        known = (shown, state.cause, state.reason)
        if self._noted.get(name) != known:
            self._noted[name] = known
            self.states.append(ReplayedState(at, name, state.state, state.cause, state.reason))


def fields_of(world: World) -> dict[str, dict[str, Scalar]]:
    """Return the fields of each device that runs."""
    return {name: state for name in world.devices if (state := world.state(name)) is not None}


class InputPlayer:
    """Carries out the recorded inputs in a world, each at its time."""

    def __init__(self, world: World, house: House, record: Record) -> None:
        self.left_out: list[LeftOut] = []
        self.answers: list[Answer] = []
        self.steady_until = record.until
        """The end of the record, in the steady seconds of the world."""
        self._world, self._house, self._record = world, house, record

    def schedule(self) -> None:
        """Schedule all inputs. The clock of the record may be set, and the steady seconds go on."""
        world, offset = self._world, 0.0
        ends = ends_of(self._record)
        for name, until in ends.lost_at_begin.items():
            if name in world.devices:
                world.lose_hardware(name, max(0.0, until - self._record.begin))
        for index, one in enumerate(self._record.inputs):
            at = one.at - offset
            if one.what == "clock":
                offset += one.details["seconds"]
                world.at(at, lambda one=one: world.step_clock(one.details["seconds"]))  # type: ignore[misc]
            elif one.device is not None and self._is_possible(one):
                seconds = ends.at[index] - one.at if index in ends.at else None
                world.at(at, lambda one=one, seconds=seconds: self._happen(one, seconds))  # type: ignore[misc]
        self.steady_until = self._record.until - offset

    def _is_possible(self, one: OutsideInput) -> bool:
        """Return whether the configuration has the device of an input; note one that is left out."""
        name = one.device or ""
        if name in self._world.devices and is_same_kind(self._house, name, self._record):
            return True
        device = self._house.devices.get(name)
        if device is None:
            self._leave_out(one, "the file has no such device")
        elif issubclass(device.kind, Machine) and one.what in FROM_PEOPLE:
            kind, was = self._house.table(name)["kind"], self._record.kinds.get(name)
            self._leave_out(one, f"it is a {kind} in the file, and was a {was}")
        else:
            return name in self._world.devices and one.what not in FROM_PEOPLE
        return False

    def _leave_out(self, one: OutsideInput, why: str) -> None:
        if one.what in (*FROM_PEOPLE, "values"):
            self.left_out.append(LeftOut(one.at, one.device or "", one.what, why))

    def _happen(self, one: OutsideInput, seconds: float | None) -> None:
        """Carry out one input. What lasts, such as lost hardware, lasts for `seconds`."""
        world, name, details = self._world, one.device or "", one.details
        if one.what in FROM_PEOPLE and not world.devices[name].is_alive:
            world.start_device(name)  # it has answered, so it ran: its start was reported later
        match one.what:
            case "command":
                self._send(one)
            case "press":
                world.press(name, details["touch"], details["id"])
            case "hand":
                fields = {field: details[field] for field in SETTING_FIELDS if field in details}
                world.set_by_hand(name, msgspec.convert(fields, Setting))
            case "values":
                self._measure(name, details)
            case "hardware" if not details["reachable"] and seconds is not None:
                world.lose_hardware(name, seconds)
            case "process" if details["life"] in DEATHS and seconds is not None:
                world.kill(name, max(seconds, LEAST_SECONDS))
            case "process" if details["life"] == "stopped":
                world.stop(name)
            case "process" if details["life"] == "running":
                world.start_device(name)

    def _send(self, one: OutsideInput) -> None:
        details = one.details
        unknown = {argument: "x" * length for argument, length in details.get("left_out", {}).items()}
        receipt: Receipt | None = self._world.send(
            one.device or "",
            details["command"],
            details.get("args", {}) | unknown,
            id_=details["id"],
            who=details.get("who"),
        )
        outcome, reason = (receipt.outcome, receipt.reason) if receipt else ("unanswered", None)
        self.answers.append(
            Answer(one.at, one.device or "", details["command"], details["id"], outcome, reason)
        )

    def _measure(self, name: str, details: dict[str, Any]) -> None:
        """Set what a sensor measures, and whether it detects."""
        values = {field: details[field] for field in REPLAYED_FIELDS & details.keys()}
        if values:
            self._world.measure(name, values)
        if "on" in details:
            self._world.switch_by_hand(name, on=details["on"])


class Ends(Struct):
    """When what lasts has its end, in the time of the record."""

    at: dict[int, float]
    """By the index of the input."""
    lost_at_begin: dict[str, float]
    """The devices whose hardware is lost when the record begins."""


def ends_of(record: Record) -> Ends:
    """Return when lost hardware comes back, and when a process that died runs again."""
    found = Ends({}, {})
    open_: dict[tuple[str, str], int] = {}
    changes: dict[str, list[float]] = {}
    for change in record.changes:
        changes.setdefault(change.device, []).append(change.at)
    lost = {name for name, held in record.held.items() if held.state.get("reachable") is False}
    for index, one in enumerate(record.inputs):
        if one.device is None or one.what not in ("hardware", "process"):
            continue
        key, details = (one.device, one.what), one.details
        is_end = details["reachable"] if one.what == "hardware" else details["life"] == "running"
        if one.what == "hardware" and one.device in lost:
            lost.discard(one.device)
            if is_end:
                found.lost_at_begin[one.device] = one.at
        if is_end or details.get("life") == "stopped":
            if key in open_:
                found.at[open_.pop(key)] = one.at
        elif key not in open_:
            open_[key] = index
    for index in open_.values():
        found.at[index] = record.until
    for index, end in found.at.items():  # a process that changes something runs: its start is reported later
        one = record.inputs[index]
        if one.what == "process":
            times = changes.get(one.device or "", [])
            later = times[bisect_right(times, one.at) :][:1]
            found.at[index] = min([end, *(at - SOONER_SECONDS for at in later)])
    found.lost_at_begin |= dict.fromkeys(lost, record.until)
    return found
