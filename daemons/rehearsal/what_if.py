"""What would have been different with an edited configuration: two replays of one record, compared. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from daemons.bus.message import Scalar
from daemons.config.device import Device
from daemons.config.explanation import rule_places
from daemons.config.house import House
from daemons.kinds import Machine
from daemons.rehearsal.comparison import (
    RECORDED_SECONDS,
    SAME_SECONDS,
    Course,
    Episode,
    Turn,
    course,
    differences,
    shown_fields,
)
from daemons.rehearsal.record import Record
from daemons.rehearsal.replay import Answer, LeftOut, Replayed, replay
from daemons.rehearsal.world import DeclinedRule

DECLINED_SECONDS = 2.0
"""A rule that declines does so within this time of the change that it does not make."""
WATT_HOURS_PER_KWH = 1000.0


class Difference(Struct, frozen=True):
    """Something that is not the same in two courses of a device."""

    before: tuple[Turn, ...]
    after: tuple[Turn, ...]
    why: str | None = None
    """The reason in words, if it is known."""

    @property
    def at(self) -> float:
        """When it begins, in Unix seconds."""
        return min(turn.at for turn in (*self.before, *self.after))


class DeviceDifferences(Struct, frozen=True):
    """All that is not the same for one device."""

    device: str
    seconds_on: tuple[float, float]
    """For how long its status was true, before and after."""
    differences: tuple[Difference, ...]


class MeterDifference(Struct, frozen=True):
    """What a meter counts, before and after; None: the configuration has no such meter, or no price."""

    device: str
    kwh: tuple[float | None, float | None]
    cost: tuple[float | None, float | None]
    currency: str | None


class OtherAnswer(Struct, frozen=True):
    """A command that gets another receipt."""

    before: Answer
    after: Answer


class WhatIf(Struct, frozen=True, kw_only=True):
    """What is different with an edited configuration, and what is not."""

    since: float
    until: float
    changed: tuple[DeviceDifferences, ...]
    """What the edit changes: the edited configuration against the installed one."""
    same: tuple[str, ...]
    """The devices that do the same."""
    meters: tuple[MeterDifference, ...]
    answers: tuple[OtherAnswer, ...]
    left_out: tuple[LeftOut, ...]
    """The inputs that the edited configuration has no device for."""
    new: tuple[str, ...]
    """The devices that are new in the edited configuration."""
    removed: tuple[str, ...]
    unlike_record: tuple[DeviceDifferences, ...]
    """Where the installed configuration did otherwise than its rehearsal: what the rehearsal cannot know."""


def what_if(installed: House, edited: House, record: Record) -> WhatIf:
    """Play a record against the installed and the edited configuration, and compare what comes of it."""
    first, second = replay(installed, record), replay(edited, record)
    old, new = machines(installed), machines(edited)
    fields = shown_fields(edited) | shown_fields(installed)
    before, after = courses(first, fields, record), courses(second, fields, record)
    # The record of a change has no measurements.
    lasting = {
        name: [field for field in fields[name] if field not in installed.devices[name].kind.measurements()]
        for name in old
    }
    recorded = courses_of(
        [(one.device, one.at, one.state, one.reason, one.cause) for one in record.changes], lasting, record
    )
    rehearsed = courses(first, lasting, record)
    why = Reasons(installed, edited, second.declined)
    changed = [
        found
        for name in (*old, *(name for name in new if name not in old))
        if (found := compare(name, before.get(name), after.get(name), SAME_SECONDS, record, why.why))
    ]
    names = {one.device for one in changed}
    unlike = [
        found
        for name in old
        if (found := compare(name, recorded.get(name), rehearsed.get(name), RECORDED_SECONDS, record, None))
    ]
    return WhatIf(
        since=record.since,
        until=record.until,
        changed=tuple(changed),
        same=tuple(name for name in old if name in new and name not in names),
        meters=tuple(meters(installed, edited, first, second)),
        answers=tuple(other_answers(first.answers, second.answers)),
        left_out=tuple(second.left_out),
        new=tuple(name for name in new if name not in old),
        removed=tuple(name for name in old if name not in new),
        unlike_record=tuple(unlike),
    )


def machines(house: House) -> list[str]:
    """Return the devices that take part in a rehearsal, but for mirrors."""
    return [name for name, device in house.devices.items() if issubclass(device.kind, Machine)]


def courses(found: Replayed, fields: Mapping[str, Sequence[str]], record: Record) -> dict[str, Course]:
    """Return the course of each device in a replay."""
    states = [(one.device, one.at, one.state, one.reason, one.cause) for one in found.states]
    return courses_of(states, fields, record)


def courses_of(
    states: Sequence[tuple[str, float, Any, Any, Any]], fields: Mapping[str, Sequence[str]], record: Record
) -> dict[str, Course]:
    """Return the course of each device, from the states of all of them in the order of time."""
    by_device: dict[str, list[tuple[float, Any, Any, Any]]] = {}
    for name, at, state, reason, cause in states:
        by_device.setdefault(name, []).append((at, state, reason, cause))
    for name, held in record.held.items():
        by_device.setdefault(name, []).insert(0, (record.begin, held.state, None, None))
    return {
        name: course(found, fields[name], record.since, record.until)
        for name, found in by_device.items()
        if name in fields
    }


NOTHING = Course(None, ())


def compare(
    name: str,
    before: Course | None,
    after: Course | None,
    seconds: float,
    record: Record,
    why: Callable[[str, Episode], str | None] | None,
) -> DeviceDifferences | None:
    """Return what is not the same for a device; None if all is."""
    before, after = before or NOTHING, after or NOTHING
    found = differences(before, after, seconds)
    if not found:
        return None
    return DeviceDifferences(
        name,
        tuple(one.seconds_on(record.since, record.until) for one in (before, after)),  # type: ignore[arg-type]
        tuple(Difference(one.before, one.after, why(name, one) if why else None) for one in found),
    )


class Reasons:
    """Finds out why a device does otherwise with the edited configuration."""

    def __init__(self, installed: House, edited: House, declined: Sequence[DeclinedRule]) -> None:
        self._installed, self._edited = installed, edited
        self._declined: dict[str, list[DeclinedRule]] = {}
        for one in declined:
            self._declined.setdefault(one.device, []).append(one)
        self._place = rule_places(edited)

    def why(self, name: str, episode: Episode) -> str | None:
        """Return why the turns of an episode are not in both courses; None if it is not known."""
        device = self._edited.devices.get(name)
        if device is None:
            return "the file has no such device"
        if episode.before and (text := self._declined_text(name, episode.before[0])):
            return text
        if episode.after and (text := self._reason_text(device, episode.after[0])):
            return text
        return self._missing_rule(device, episode.before[0]) if episode.before else None

    def _declined_text(self, name: str, turn: Turn) -> str | None:
        """Return why a rule did not make a change."""
        near = [one for one in self._declined.get(name, ()) if abs(one.wall - turn.at) <= DECLINED_SECONDS]
        same = [one for one in near if one.cause is not None and one.cause == turn.cause]
        found = next(iter(same or near), None)
        return found.reason if found else None

    def _reason_text(self, device: Device, turn: Turn) -> str | None:
        """Return what makes a change that is new."""
        reason = turn.reason
        if reason is None:
            return None
        if reason.by == "limit":
            return f"{reason.who} ends it"
        if reason.by not in ("rule", "clock") or reason.rule is None:
            return None
        rule, old = device.rules[reason.rule - 1], self._installed.devices.get(device.name)
        place = self._place(device, reason.rule - 1)
        if old is None or rule not in old.rules:
            return f"rule {reason.rule} ({place}) is new or was edited"
        return f"rule {reason.rule} ({place}) acts on {reason.who}" if reason.who else None

    def _missing_rule(self, device: Device, turn: Turn) -> str | None:
        """Return what no longer makes a change."""
        reason, old = turn.reason, self._installed.devices.get(device.name)
        if reason is None or reason.rule is None or old is None:
            return None
        if reason.rule <= len(old.rules) and old.rules[reason.rule - 1] not in device.rules:
            whose = f" for {reason.who}" if reason.who else ""
            return f"its rule {reason.rule}{whose} was edited or removed"
        return f"{reason.who} does otherwise" if reason.who and reason.by == "rule" else None


def meters(installed: House, edited: House, first: Replayed, second: Replayed) -> list[MeterDifference]:
    """Return what each meter counts in both replays."""
    names = [
        name
        for name in dict.fromkeys([*installed.devices, *edited.devices])
        if any(
            name in house.devices and house.table(name)["kind"] == "meter" for house in (installed, edited)
        )
    ]
    return [
        MeterDifference(
            name,
            (counted(first, name, "energy_watt_hours"), counted(second, name, "energy_watt_hours")),
            (counted(first, name, "total_cost"), counted(second, name, "total_cost")),
            currency(first, name) or currency(second, name),
        )
        for name in names
    ]


def counted(found: Replayed, name: str, field: str) -> float | None:
    """Return by how much a count went up in the range; energy in kWh."""
    begin, end = found.at_since.get(name, {}).get(field), found.at_until.get(name, {}).get(field)
    if not isinstance(begin, int | float) or not isinstance(end, int | float):
        return None
    divisor = WATT_HOURS_PER_KWH if field == "energy_watt_hours" else 1.0
    return round((end - begin) / divisor, 4)


def currency(found: Replayed, name: str) -> str | None:
    """Return the currency of a meter."""
    value: Scalar = found.at_until.get(name, {}).get("currency")
    return None if value is None else str(value)


def other_answers(first: Sequence[Answer], second: Sequence[Answer]) -> list[OtherAnswer]:
    """Return the commands whose receipts differ."""
    before = {(one.device, one.id): one for one in first}
    pairs = [(before[one.device, one.id], one) for one in second if (one.device, one.id) in before]
    return [OtherAnswer(old, new) for old, new in pairs if old.outcome != new.outcome]
