"""The houses of a broker, by their alive messages and their availability. Pure.

Everything comes from other machines: topics and payloads have bounds, and texts have no control characters.
"""

import re
from collections.abc import Iterable
from typing import Any, Literal, get_args

import msgspec
from msgspec import Struct, structs

from daemons.bus.status import Presence
from daemons.errors import MessageError
from daemons.processes.bridge.alive import Alive, decode_alive
from daemons.processes.bridge.topics import OFFLINE, ONLINE

HOUSE = re.compile(r"[A-Za-z0-9_]{1,100}")
"""The name of a house: the level of its topics after the prefix."""
MAX_HOUSES = 20_000
"""More houses are left out, and counted."""
SILENT_INTERVALS = 3
"""A house that has sent no alive message for so many of its intervals is silent."""
HouseState = Literal["offline", "silent", "fault", "live"]
STATES: tuple[HouseState, ...] = get_args(HouseState)
"""The states of a house, the most urgent first."""
ORDERS = ("state", "house", "name", "version", "configuration", "devices", "faults", "heard")


class House(Struct, kw_only=True):
    """What is known of one house."""

    alive: Alive | None = None
    heard_at: float = 0.0
    """When the alive message was sent, in the steady seconds of this machine."""
    is_offline: bool = False
    """Whether its availability is `offline`."""
    has_availability: bool = False

    def state(self, now: float) -> HouseState:
        """Return the state of the house at a time (steady seconds)."""
        if self.is_offline:
            return "offline"
        if self.alive is None or now - self.heard_at > SILENT_INTERVALS * self.alive.every_seconds:
            return "silent"
        return "fault" if self.alive.fault_count else "live"


class HouseRow(Struct, frozen=True, kw_only=True):
    """One house as it is shown; `house fleet --json` prints these keys."""

    house: str
    """The last level of its prefix."""
    name: str | None
    state: HouseState
    version: str | None
    configuration: str | None
    devices: dict[Presence, int]
    """By presence, how many devices have it."""
    faults: dict[str, str]
    fault_count: int
    restarts: int | None
    heard_seconds: float | None
    """How long ago its latest alive message was sent; null if there was none."""

    @property
    def device_count(self) -> int:
        """How many devices the house has."""
        return sum(self.devices.values())


class Fleet:
    """All houses below one prefix."""

    def __init__(self, base: str) -> None:
        """Read the topics that begin with `base`."""
        self._base = base
        self.houses: dict[str, House] = {}
        self.ignored = 0
        """How many messages were no valid ones."""
        self.left_out = 0
        """How many messages came from houses beyond the limit."""

    def on_message(self, topic: str, payload: bytes, now: float, wall: float, *, is_retained: bool) -> None:
        """Read a message that arrives at `now` (steady seconds) and `wall` (Unix seconds)."""
        name, what = self._read(topic)
        if not HOUSE.fullmatch(name):
            self.ignored += 1
            return
        if what not in ("alive", "availability"):
            return
        if name not in self.houses and len(self.houses) >= MAX_HOUSES:
            self.left_out += 1
            return
        house = self.houses.setdefault(name, House())
        try:
            if what == "alive":
                self._read_alive(house, payload, now, wall, is_retained=is_retained)
            else:
                self._read_availability(house, payload)
        except MessageError:
            self.ignored += 1
        if house.alive is None and not house.has_availability:
            del self.houses[name]

    def _read(self, topic: str) -> tuple[str, str]:
        """Return the house of a topic and its last level; an empty house for a topic of another form."""
        levels = topic.removeprefix(self._base).split("/")
        is_known = topic.startswith(self._base) and len(levels) == 3 and levels[1] == "bridge"  # noqa: PLR2004
        return (levels[0], levels[2]) if is_known else ("", "")

    @staticmethod
    def _read_alive(house: House, payload: bytes, now: float, wall: float, *, is_retained: bool) -> None:
        if not payload:  # a house that has got another prefix deletes its message
            house.alive = None
            return
        house.alive = decode_alive(payload)
        house.heard_at = now - max(0.0, wall - house.alive.at) if is_retained else now

    @staticmethod
    def _read_availability(house: House, payload: bytes) -> None:
        if payload not in (b"", ONLINE.encode(), OFFLINE.encode()):
            raise MessageError("no availability")
        house.has_availability, house.is_offline = bool(payload), payload == OFFLINE.encode()

    def rows(self, now: float) -> list[HouseRow]:
        """Return all houses as they are at a time (steady seconds), in the order of their names.

        Another thread may receive messages meanwhile: only the copy of the dictionary must be one step.
        """
        return [_row(name, house, now) for name, house in sorted(self.houses.copy().items())]


def _row(name: str, house: House, now: float) -> HouseRow:
    house = structs.replace(house)
    alive = house.alive
    return HouseRow(
        house=name,
        name=alive.name if alive else None,
        state=house.state(now),
        version=alive.version if alive else None,
        configuration=alive.configuration if alive else None,
        devices=alive.devices if alive else {},
        faults=alive.faults if alive else {},
        fault_count=alive.fault_count if alive else 0,
        restarts=alive.restarts if alive else None,
        heard_seconds=round(max(0.0, now - house.heard_at), 1) if alive else None,
    )


def select(rows: Iterable[HouseRow], filter_: str, order: str) -> list[HouseRow]:
    """Return the houses in whose texts each word of a filter stands, in one of ORDERS."""
    words = filter_.casefold().split()
    found = [row for row in rows if all(word in texts(row) for word in words)] if words else list(rows)
    return sorted(found, key=lambda row: _key(row, order))


def texts(row: HouseRow) -> str:
    """Return what a filter searches, in lower case."""
    parts = [row.house, row.name or "", row.state, row.version or "", row.configuration or ""]
    return " ".join([*parts, *row.devices, *row.faults, *row.faults.values()]).casefold()


def _key(row: HouseRow, order: str) -> tuple[Any, ...]:
    """Return the place of a house in an order; the house itself decides between equals."""
    first: Any = {
        "state": STATES.index(row.state),
        "house": 0,
        "name": (row.name or "").casefold(),
        "version": [int(part) for part in re.findall(r"[0-9]{1,9}", row.version or "")],
        "configuration": row.configuration or "",
        "devices": -row.device_count,
        "faults": -row.fault_count,
        "heard": float("-inf") if row.heard_seconds is None else -row.heard_seconds,
    }[order]
    return first, row.house


def count_states(rows: Iterable[HouseRow]) -> dict[HouseState, int]:
    """Return how many houses have each state, the most urgent first."""
    found = dict.fromkeys(STATES, 0)
    for row in rows:
        found[row.state] += 1
    return {state: number for state, number in found.items() if number}


def document(fleet: Fleet, prefix: str, rows: list[HouseRow], at: float) -> dict[str, Any]:
    """Return what `house fleet --json` prints."""
    return {
        "at": at,
        "prefix": prefix,
        "houses": msgspec.to_builtins(rows),
        "ignored_messages": fleet.ignored,
        "left_out_messages": fleet.left_out,
    }
