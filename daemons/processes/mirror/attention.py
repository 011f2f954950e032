"""The attention of a mirror: its notices now, and which of them a person has acknowledged."""

from collections.abc import Mapping

from msgspec import Struct

from daemons.bus.attention import gather, next_at, see
from daemons.bus.facts import Facts
from daemons.bus.look import Condition, conditions
from daemons.bus.notice import LEVELS, Notice
from daemons.bus.presence import PresenceTable

LINGER_SECONDS = 300.0
"""A fault that returns sooner is still the same one: a process that fails again and again, for example."""
LATER_SECONDS = 0.001
"""An alarm that began so much later than the acknowledged one is another one."""
START_SECONDS = 10.0
"""How long after a start the states of all devices may take."""
LASTING = (*LEVELS["alarm"], "battery")
"""The notices whose end depends on that they were there before; they are remembered."""


class AttentionMemory(Struct, frozen=True, omit_defaults=True):
    """What a mirror remembers of its notices across a crash."""

    acknowledged: dict[str, float | None] = {}
    """By key of a notice that a person has acknowledged, since when it is so (Unix seconds)."""
    lasting: tuple[str, ...] = ()
    """The keys of the alarms and the low batteries."""


class Attention:
    """Finds the notices among the processes of a presence table. Pure: the caller passes the time.

    Each process is looked at again only when something about it has changed.
    """

    def __init__(
        self,
        table: PresenceTable,
        facts: Mapping[str, Facts],
        started_at: float,
        memory: AttentionMemory | None = None,
    ) -> None:
        """Look at the processes of `facts`; `started_at` is the time of the start (Unix seconds)."""
        self.memory = memory or AttentionMemory()
        self.notices: tuple[Notice, ...] = ()
        """The latest notices, the most urgent first."""
        self._table = table
        self._facts = facts
        self._started_at = started_at
        self._looked: dict[str, object] = {}
        """By process, what its conditions follow from."""
        self._held: dict[str, tuple[Condition, ...]] = {}
        """By process that deserves attention, now or after a while, its conditions."""
        self._ended_at: dict[str, float] = {}
        """By key of an acknowledged notice, since when it is over."""
        self._unheard = set(facts)

    def look(self, name: str, now: float) -> bool:
        """Look at a process, if something about it has changed; return whether its conditions have."""
        if (facts := self._facts.get(name)) is None:
            return False
        entry = self._table.entries[name]
        is_lasting = tuple(key for key in self.memory.lasting if f":{name}:" in key)
        seen_from = (self._table.presence(name, now), entry.state, entry.report, is_lasting)
        if seen_from == self._looked.get(name):
            return False
        self._looked[name] = seen_from
        if seen_from[0] not in ("offline", "restarting") or entry.state:
            self._unheard.discard(name)
        seen = see(self._table, name, now, self._started_at)
        found = tuple(conditions(name, facts, seen, self.memory.lasting))
        if found == self._held.get(name, ()):
            return False
        if found:
            self._held[name] = found
        else:
            del self._held[name]
        return True

    def look_at_all(self, now: float) -> None:
        """Look at every process: a silent one sends no message."""
        for name in self._facts:
            self.look(name, now)

    def waiting(self, wall: float) -> int:
        """Return how many processes were not heard yet, shortly after the start."""
        return len(self._unheard) if wall - self._started_at < START_SECONDS else 0

    def next_at(self, wall: float) -> float | None:
        """Return when (Unix seconds) the next notice comes by time alone; None if none does."""
        return next_at(self._all(), wall)

    def update(self, wall: float) -> list[Notice]:
        """Make the notices anew; return those that have come, and are not acknowledged."""
        found = gather(self._all(), wall) if self._held else ()
        if not found and not self.notices and not self.memory.acknowledged and not self.memory.lasting:
            return []
        acknowledged = self._still_acknowledged({one.key: one for one in found}, wall)
        before = {one.key: one.since for one in self.notices}
        self.notices = tuple(one.seen() if one.key in acknowledged else one for one in found)
        lasting = tuple(sorted(one.key for one in found if one.code in LASTING))
        self.memory = AttentionMemory(acknowledged, lasting)
        return [
            one
            for one in self.notices
            if not one.acknowledged and (one.key not in before or self._is_later(one, before[one.key]))
        ]

    def acknowledge(self, device: str | None, code: str | None, wall: float) -> int:
        """Acknowledge the notices of a device, with a code, or all; return how many there are."""
        chosen = [one for one in self.notices if device in (None, one.device) and code in (None, one.code)]
        since = {one.key: one.since for one in chosen}
        self.memory = AttentionMemory(self.memory.acknowledged | since, self.memory.lasting)
        self.update(wall)
        return len(chosen)

    def _all(self) -> list[Condition]:
        return [one for name in sorted(self._held) for one in self._held[name]]

    def _still_acknowledged(self, found: Mapping[str, Notice], wall: float) -> dict[str, float | None]:
        """Return the acknowledged notices that are not over; a fault may be over for a while."""
        kept = {}
        for key, since in self.memory.acknowledged.items():
            if (one := found.get(key)) is not None:
                self._ended_at.pop(key, None)
                if not self._is_later(one, since):
                    kept[key] = since
                continue
            ended_at = self._ended_at.setdefault(key, wall)
            is_alarm = key.partition(":")[0] in LEVELS["alarm"]
            starting = START_SECONDS if self._is_starting(key, wall) else 0.0
            if wall - ended_at < (starting if is_alarm else LINGER_SECONDS):
                kept[key] = since
            else:
                del self._ended_at[key]
        return kept

    def _is_starting(self, key: str, wall: float) -> bool:
        """Return whether the device of a key was not heard yet after a start."""
        return key.split(":")[1] in self._unheard and wall - self._started_at < START_SECONDS

    @staticmethod
    def _is_later(notice: Notice, since: float | None) -> bool:
        """Return whether a notice is not the one that began at `since`; a fault that returns is the same."""
        if notice.level not in ("alarm", "news") or notice.since is None or since is None:
            return False
        return notice.since > since + LATER_SECONDS
