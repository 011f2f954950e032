"""The watch of a messenger: what in the house deserves attention, and which of it was told already. Pure.

It hears the devices itself, so it works without a mirror and without a rule. All times are in the steady
seconds of the device.
"""

from collections.abc import Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from daemons.bus.attention import MANY
from daemons.bus.facts import Facts
from daemons.bus.look import Condition, Scalar, Seen, conditions
from daemons.bus.notice import LEVEL_OF, RANKS, Code, Level
from daemons.bus.status import Presence

PATIENCE_SECONDS: dict[Code, float] = {"silent": 60.0, "unreachable": 60.0, "unknown": 60.0, "fault": 30.0}
"""How long a fault must last before a person is told: many pass by themselves."""
LINGER_SECONDS = 300.0
"""A fault that returns sooner is the same one. An alarm that returns is another one."""
LINGERING: tuple[Level, ...] = ("fault", "care")
TOGETHER_SECONDS = 5.0
"""Faults of one sort that come within this time are one message."""
FULL_SECONDS = 60.0
"""How long a notice waits that has found the queue full."""
REPORTED: tuple[Presence, ...] = ("failed", "stopped")

SEVERAL: dict[Code, str] = {
    "failed": "{count} processes have failed",
    "silent": "{count} devices are silent",
    "unreachable": "{count} devices cannot be reached",
    "unknown": "{count} sensors report nothing",
    "battery": "{count} batteries are low",
    "open": "{count} doors or windows are open",
}
"""The text for several notices with one code."""

States = Mapping[str, Mapping[str, Scalar] | None]


class Noted(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One notice, as a messenger remembers it."""

    since: float
    """Since when it lasts."""
    after_seconds: float = 0.0
    """How long it must last before it is told."""
    code: Code
    device: str
    name: str
    """The name of the device."""
    text: str
    told: bool = False
    """Whether a message about it was queued."""
    ended_at: float | None = None
    """Since when it is over; None while it lasts."""

    @property
    def tell_at(self) -> float | None:
        """Return when a message about it is queued; None if that was done, or if it is over."""
        return None if self.told or self.ended_at is not None else self.since + self.after_seconds


class Telling(Struct, frozen=True):
    """One message about notices, which is to be queued."""

    keys: tuple[str, ...]
    text: str
    is_alarm: bool


class Watch:
    """Finds the notices of the chosen levels among the states of devices."""

    def __init__(self, facts: Mapping[str, Facts], levels: tuple[Level, ...]) -> None:
        self._facts = facts
        self._levels = levels
        self._looked: dict[str, object] = {}
        """By device, what its conditions follow from. The objects of the states are compared first."""
        self._found: dict[str, dict[str, Condition]] = {}
        """By device, its conditions by their keys."""

    def update(self, noted: Mapping[str, Noted], states: States, now: float) -> dict[str, Noted]:
        """Return the notices, as the states show them. What is not known of a device stays as it is."""
        active = [key for key, one in noted.items() if one.ended_at is None]
        known = [name for name in self._facts if self._look(name, states, active)]
        found = {key: one for name in known for key, one in self._found.get(name, {}).items()}
        new: dict[str, Noted] = {}
        for key, old in noted.items():
            if old.ended_at is not None and now - old.ended_at >= LINGER_SECONDS:
                continue
            if key in found or old.device not in known:
                new[key] = self._again(old, found[key]) if key in found else old
            elif old.told and LEVEL_OF[old.code] in LINGERING:
                new[key] = replace(old, ended_at=now if old.ended_at is None else old.ended_at)
        for key, condition in found.items():
            if key not in new:
                new[key] = self._new(condition, now)
        return new

    def _look(self, name: str, states: States, active: list[str]) -> bool:
        """Look at a device, if anything about it has changed; return whether anything is known of it."""
        facts, report = self._facts[name], states.get(f"process/{name}")
        life = report.get("life") if report else None
        if name not in states and life not in REPORTED:
            if facts.has_hardware:
                return False
            self._looked.pop(name, None)
            self._found.pop(name, None)  # only reports tell anything of it
            return True
        own = tuple(key for key in active if f":{name}:" in key)
        seen_from = (states.get(name), report, own)
        if seen_from == self._looked.get(name):
            return True
        self._looked[name] = seen_from
        fields = states.get(name)
        presence: Presence = "live" if fields is not None else "offline"
        if life in REPORTED:
            presence = "failed" if life == "failed" else "stopped"
        seen = Seen(presence=presence, state=fields, reason=str(report["reason"]) if report else None)
        self._found[name] = {
            one.notice.key: one
            for one in conditions(name, facts, seen, own)
            if one.notice.level in self._levels
        }
        return True

    @staticmethod
    def _new(condition: Condition, now: float) -> Noted:
        notice = condition.notice
        return Noted(
            since=now,
            after_seconds=max(condition.after_seconds, PATIENCE_SECONDS.get(notice.code, 0.0)),
            code=notice.code,
            device=str(notice.device),
            name=str(notice.values["name"]),
            text=notice.text,
        )

    @staticmethod
    def _again(old: Noted, condition: Condition) -> Noted:
        """Return a notice that lasts, or that has returned."""
        if old.ended_at is not None:
            old = replace(old, ended_at=None)
        return old if old.told else replace(old, text=condition.notice.text)


def next_telling(noted: Mapping[str, Noted]) -> float | None:
    """Return when the next message is queued; None if there is none."""
    return min((at for one in noted.values() if (at := one.tell_at) is not None), default=None)


def tellings(noted: Mapping[str, Noted], now: float) -> Iterator[Telling]:
    """Yield the messages that are due, the most urgent first."""
    by_code: dict[Code, list[str]] = {}
    for key in sorted(noted, key=lambda key: (RANKS[noted[key].code], noted[key].since)):
        at = noted[key].tell_at
        if at is not None and at <= now + TOGETHER_SECONDS:
            by_code.setdefault(noted[key].code, []).append(key)
    for code, keys in by_code.items():
        due = [key for key in keys if (noted[key].tell_at or 0.0) <= now]
        is_alarm = LEVEL_OF[code] == "alarm"
        if not due:
            continue
        if is_alarm or len(keys) < MANY:
            for key in due:
                yield Telling((key,), f"{noted[key].text}.", is_alarm)
            continue
        names = ", ".join(noted[key].name for key in keys)
        several = SEVERAL.get(code, "{text}; the same of {count} devices")
        text = several.format(count=len(keys), text=noted[keys[0]].text)
        yield Telling(tuple(keys), f"{text}: {names}.", is_alarm=False)
