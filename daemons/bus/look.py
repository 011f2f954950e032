"""A look at one process: what about it deserves a person's attention, now or after a while. Pure."""

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple, TypeGuard

from msgspec import Struct

from daemons.bus.facts import Facts
from daemons.bus.faults import CLOCK_FAULT, MEMORY_FAULT
from daemons.bus.notice import Code, Notice, make_notice
from daemons.bus.status import Presence

Scalar = bool | int | float | str | None
BATTERY_MARGIN_PERCENT = 5
"""A low battery counts as low until it is so much above the limit: a cold battery recovers in the sun."""
SILENT_SECONDS = 10.0
"""How long a process that was never heard may take, and how long one may be restarting."""
LOST_SECONDS, LOST_DETECTOR_SECONDS = 30.0, 10.0
"""How long hardware may be unreachable, and a detector of danger."""
UNKNOWN_SECONDS = 60.0
"""How long a sensor may report nothing: at a start it takes a moment."""
NEWS_SECONDS = 3600.0
"""How long it is news that a timer has finished: it stays so until it is started again."""
HOT_MARGIN_SECONDS = 30.0
"""How much longer than `max_on` an appliance may be on: its hardware may take a while."""
HOT_WATTS = 20.0
"""An appliance that heats and takes more than this is on, whatever its process has decided."""


class Seen(Struct, frozen=True, kw_only=True):
    """What is known of one process. All times have the same clock as the `now` of `notices`."""

    presence: Presence
    presence_since: float | None = None
    """Since when; for a process that was never heard, since when it should have been."""
    state: Mapping[str, Scalar] | None = None
    turned: Mapping[str, float] = {}
    """When each field of the state took its value, if that is known."""
    since: float | None = None
    """When the state last changed."""
    reason: str | None = None
    retry_at: float | None = None

    def when(self, field: str) -> float | None:
        """Return since when a field has its value."""
        return self.turned.get(field, self.since)


class Condition(NamedTuple):
    """Something that becomes a notice once it has lasted for some seconds."""

    notice: Notice
    after_seconds: float = 0.0
    news_seconds: float | None = None
    """How long the notice is news; None: for as long as the condition lasts."""

    def begins_at(self, now: float) -> float:
        """Return when it becomes a notice; if its beginning is not known, it begins `now`."""
        since = self.notice.since
        return (now if since is None else since) + self.after_seconds

    def ends_at(self, now: float) -> float | None:
        """Return when it is a notice no longer, although it lasts; None if it stays one."""
        return None if self.news_seconds is None else self.begins_at(now) + self.news_seconds

    def is_notice(self, now: float) -> bool:
        """Return whether it is a notice now."""
        ends_at = self.ends_at(now)
        has_begun = not self.after_seconds or self.begins_at(now) <= now
        return has_begun and (ends_at is None or now < ends_at)


class Look(NamedTuple):
    """What is known and configured of one process, looked at once."""

    name: str
    facts: Facts
    seen: Seen
    active: Collection[str]

    def danger(self) -> Iterator[Condition]:
        """Yield the alarm of a detector. It is over only when the detector says so: a fire may destroy it."""
        if (code := self.facts.detects) is None or not self.facts.is_detector:
            return
        is_on = self.fields.get("status") is True
        if is_on or (not self.is_known and self._is_active(code)):
            last: dict[str, Scalar] = {} if self.is_known else {"last": True}
            yield self._condition(code, self.seen.when("status") if is_on else None, **last)

    def presence(self) -> Iterator[Condition]:
        """Yield why a process is not there, or why its hardware is not."""
        since, reason = self.seen.presence_since, self.seen.reason
        match self.seen.presence:
            case "failed":
                code: Code = "failed" if self.seen.retry_at is None else "crash_looping"
                yield self._condition(code, since, reason=reason, **self._was_on)
            case "offline":
                is_new = self.seen.state is None and reason is None
                wait = SILENT_SECONDS if is_new else 0.0
                yield self._condition(
                    "silent", since, wait, presence="offline", reason=reason, **self._was_on
                )
            case "restarting":
                more: dict[str, Scalar] = {"presence": "restarting", "reason": reason, **self._was_on}
                yield self._condition("silent", since, SILENT_SECONDS, **more)
            case "stopped" if self.facts.is_detector or self.facts.is_service:
                yield self._condition("stopped", since)
            case "live" if self.fields.get("reachable") is False:
                wait = LOST_DETECTOR_SECONDS if self.facts.is_detector else LOST_SECONDS
                since, reason = self.seen.when("reachable"), self._text("fault")
                yield self._condition("unreachable", since, wait, reason=reason, **self._was_on)

    def state(self) -> Iterator[Condition]:
        """Yield what the state of a live process shows."""
        fields, facts = self.fields, self.facts
        if self.seen.presence != "live" or fields.get("reachable") is False:
            return
        if fault := self._text("fault"):
            yield self._fault(fault)
        yield from self._heat()
        if not self.is_known:
            if facts.is_sensor:
                yield self._condition("unknown", self.seen.when("phase"), UNKNOWN_SECONDS)
            return
        limit = facts.battery_percent + BATTERY_MARGIN_PERCENT * self._is_active("battery")
        battery = fields.get("battery_percent")
        if is_number(battery) and facts.battery_percent and battery < limit:
            yield self._condition("battery", None, percent=round(battery))
        is_on, since = fields.get("status") is True, self.seen.when("status")
        if facts.detects == "tamper" and is_on:
            yield self._condition("tamper", since)
        if facts.open_seconds is not None and is_on:
            yield self._condition("open", since, facts.open_seconds)
        if fields.get("ready") is True:
            has_finished = fields.get("phase") in facts.finished_phases
            if has_finished or facts.makes:
                code: Code = "finished" if has_finished else "ready"
                yield self._condition(code, self.seen.when("ready"), product=facts.makes)
        elif fields.get("phase") in facts.finished_phases:
            found = self._condition("finished", self.seen.when("phase"))
            yield found._replace(news_seconds=NEWS_SECONDS)

    @property
    def fields(self) -> Mapping[str, Scalar]:
        """The fields of the latest state."""
        return self.seen.state or {}

    @property
    def is_known(self) -> bool:
        """Whether the state is that of the real thing now."""
        is_lost = self.seen.presence != "live" or self.fields.get("reachable") is False
        return not is_lost and self.fields.get("phase") not in self.facts.unknown_phases

    def _heat(self) -> Iterator[Condition]:
        """Yield that an appliance is on that must not be."""
        if (longest := self.facts.max_on_seconds) is None:
            return
        watts, is_on, since = (
            self.fields.get("power_watts"),
            self.fields.get("status"),
            self.seen.when("status"),
        )
        if is_on is True:
            yield self._condition("hot", since, longest + HOT_MARGIN_SECONDS, max_on_seconds=longest)
        elif is_number(watts) and watts > HOT_WATTS:
            yield self._condition("hot", since, HOT_MARGIN_SECONDS, max_on_seconds=longest)

    def _fault(self, text: str) -> Condition:
        since = self.seen.when("fault")
        if text.startswith(MEMORY_FAULT):
            return self._condition("disk", since, text=text)
        return self._condition("clock" if CLOCK_FAULT in text else "fault", since, text=text)

    @property
    def _was_on(self) -> dict[str, Scalar]:
        """The value for an appliance that heats, and was on when it was lost."""
        is_on = self.facts.max_on_seconds is not None and self.fields.get("status") is True
        return {"was_on": True} if is_on else {}

    def _is_active(self, code: Code) -> bool:
        return f"{code}:{self.name}:" in self.active

    def _text(self, field: str) -> str | None:
        return str(value) if (value := self.fields.get(field)) else None

    def _condition(
        self, code: Code, since: float | None, after_seconds: float = 0.0, /, **values: Scalar
    ) -> Condition:
        about: dict[str, Scalar] = {"name": self.facts.name, "room": self.facts.room}
        if self.facts.is_service:
            about["service"] = True
        about |= {key: value for key, value in values.items() if value is not None}
        return Condition(make_notice(code, self.name, since, about), after_seconds)


def conditions(name: str, facts: Facts, seen: Seen, active: Collection[str] = ()) -> Iterator[Condition]:
    """Yield what deserves attention of one process, now or after a while."""
    look = Look(name, facts, seen, active)
    yield from look.danger()
    yield from look.presence()
    yield from look.state()


def is_number(value: object) -> TypeGuard[int | float]:
    """Return whether a field of a state is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)
