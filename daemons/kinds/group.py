"""A group: shows several devices as one, and passes commands on to all of them.

Its members are those of `members`; or those of the group's own room; or those of a kind, in that room if the
group has one. Each member carries a command out by itself, as it does for a scene.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, structs

from daemons.bus.message import Scalar
from daemons.errors import Rejected
from daemons.kinds import Control, EntityClass, PrimaryCommand, Reading
from daemons.kinds import _group_value as group_value
from daemons.kinds._group_value import CoverPhase, Set, is_lost
from daemons.kinds._members import (
    EVERY_MEMBER,
    Fields,
    Member,
    MembersKind,
    MembersMemory,
    Order,
    encode_orders,
    missing_text,
)
from daemons.kinds.base import colour as colours
from daemons.values import Colour

Phase = Literal["off", "some", "on", "unknown"]
Percent = Annotated[int, Meta(ge=1, le=100)]
Kelvin = Annotated[int, Meta(ge=1000, le=10_000)]


class Options(Struct, frozen=True, kw_only=True):
    """The options of a group."""

    members: tuple[str, ...] = ()
    """Its devices. Without this option, those of its `room`, or those of the kind `of`, or both."""
    of: str | tuple[str, ...] | None = None
    """The kind, or the kinds, of its members."""
    resolved: dict[str, Member] = {}
    """Its members. The check of the configuration finds them."""


class GroupMemory(MembersMemory, frozen=True, omit_defaults=True):
    """The memory of a group."""


class State(Struct, frozen=True, kw_only=True):
    """The published state of a group."""

    status: bool
    """Whether any member is known to be on."""
    phase: Phase
    """"some" is some and not all; "unknown" is none that is known to be on, and some that are not known."""
    any_on: bool | None
    """Whether any member is on; None if that is not known."""
    all_on: bool | None
    """Whether all members are on; None if that is not known."""
    on_count: int
    """How many are on."""
    unknown_count: int
    """How many are silent, cannot be reached, or do not know their state."""
    unreachable_count: int
    """How many are silent or cannot be reached."""
    member_count: int
    on_members: str | None
    """The names of those that are on."""
    brightness_percent: int | None
    """The mean brightness of those that are on; None if none has one."""
    colour: Colour | None
    """The colour that all those that are on show; None if they show different ones, or white light."""
    position_percent: int | None
    """The mean position of its covers; None if none is known, or if they have no `set`."""
    target_celsius: float | None
    """The temperature that all its heaters keep; None if they keep different ones."""
    value: float | str | None
    """The value, time or count that all its members have in common; None if they have different ones."""
    cover: CoverPhase | None
    """"closed" is all of them, "open" at least one; None unless all its members are covers."""
    switches: bool
    """Whether it can be switched on: its members have that command in common."""
    asked: Literal["on", "off", "open", "close", "stop", "set"] | None
    """What its members carry out: for the rules that the group adds to them."""
    orders: str | None = None
    """For these rules: the arguments."""
    confirmed_count: int | None = None
    """How many members have followed the latest command; None before the first one."""
    missing: str | None = None
    """The other ones, each with the reason; None if there are none."""
    fault: str | None = None


class On(Struct, frozen=True):
    """Switch all members on; a brightness and a colour go to those that can have them."""

    brightness_percent: Percent | None = None
    colour_temperature_kelvin: Kelvin | None = None
    colour: Colour | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a colour together with a white."""
        colours.refuse_both(self.colour, self.colour_temperature_kelvin)


class Off(Struct, frozen=True):
    """Switch all members off, or stop them."""


class Toggle(Struct, frozen=True):
    """Switch all members off if any is on, and all on if none is."""


class Open(Struct, frozen=True):
    """Open all members."""


class Close(Struct, frozen=True):
    """Close all members."""


class Stop(Struct, frozen=True):
    """Stop all members."""


Command = On | Off | Toggle | Open | Close | Stop | Set


class Group(MembersKind[Options, GroupMemory]):
    """A group: shows several devices as one, and passes commands on to all of them."""

    options_type = Options
    memory_type = GroupMemory
    state_type = State
    commands = (On, Off, Toggle, Open, Close, Stop, Set)
    primary_commands = (
        PrimaryCommand("stop", "Stop", when={"cover": ("opening", "closing")}),
        PrimaryCommand("open", "Open", when={"cover": ("closed",)}),
        PrimaryCommand("close", "Close", when={"cover": ("open", "unknown")}),
        PrimaryCommand("off", "Turn off", when={"switches": (True, None), "status": (True,)}),
        PrimaryCommand("on", "Turn on", when={"switches": (True, None)}),
    )
    resting_phases = ("off", "some", "on", "unknown")
    unknown_phases = ("unknown",)
    is_group = True
    entity_class = "switch"

    @classmethod
    def possible_states(cls, options: Options) -> tuple[dict[str, Scalar], ...]:
        """Return its phases."""
        known: dict[str, Scalar] = {
            "member_count": len(options.resolved),
            "switches": "on" in cls.usable_commands(options),
        }
        return (
            {"phase": "off", "status": False, "any_on": False, "all_on": False, **known},
            {"phase": "some", "status": True, "any_on": True, **known},
            {"phase": "on", "status": True, "any_on": True, "all_on": True, **known},
            {"phase": "unknown", "status": False, "any_on": None, **known},
        )

    @classmethod
    def usable_commands(cls, options: Options) -> tuple[str, ...]:
        """Return the commands that all its members can carry out, and `toggle` if it has on and off."""
        orders = [set(member.orders) for member in options.resolved.values()]
        common = set.intersection(*orders) if orders else set()
        common -= set() if group_value.arguments(options.resolved) else {"set"}
        return tuple(
            word
            for word in (command.__name__.lower() for command in cls.commands)
            if word in common or (word == "toggle" and {"on", "off"} <= common)
        )

    @classmethod
    def main_entity(cls, options: Options) -> EntityClass | None:
        """Return a light or a cover if all members are, else a switch; None if it cannot be switched."""
        usable, entities = cls.usable_commands(options), {one.entity for one in options.resolved.values()}
        if entities == {"cover"} and {"open", "close"} <= {*usable}:
            return "cover"
        if "on" not in usable:
            return None
        return "light" if entities == {"light"} else "switch"

    @classmethod
    def control(cls, options: Options) -> Control | None:
        """Return the input for the value of its members."""
        return group_value.control(options.resolved)

    @classmethod
    def controls(cls, options: Options) -> tuple[Control, ...]:
        """Return the input for the value, the brightness or the position of its members."""
        if found := cls.control(options):
            return (found,)
        return group_value.controls(options.resolved)

    @classmethod
    def refused_arguments(cls, options: Options, command: str, given: Mapping[str, Any]) -> str | None:
        """Return why a command with these arguments is refused, or None."""
        if command == "set":
            return group_value.refusal(options.resolved, given)
        takes = {
            key
            for one in options.resolved.values()
            if (order := one.orders.get(command))
            for key in order.takes
        }
        return next((f"none of its members takes {key}" for key in given if key not in takes), None)

    @classmethod
    def settle_seconds(cls, options: Options) -> float:
        """Return how long its slowest member may take."""
        return max((member.seconds for member in options.resolved.values()), default=0.0)

    def handle_command(self, memory: GroupMemory, command: Command, now: float) -> GroupMemory:
        """Ask the members; raise Rejected if one of them has no such command."""
        word = type(command).__name__.lower()
        if isinstance(command, Toggle):
            command, word = (Off(), "off") if self._is_any_on(memory) else (On(), "on")
        if lacking := [name for name, member in self.members.items() if word not in member.orders]:
            names = ", ".join(lacking[:5])
            raise Rejected(f"{names} cannot {word}", "members_cannot", names=names, command=word)
        orders = {name: member.orders[word] for name, member in self.members.items()}
        given = {
            key: str(value) if isinstance(value, str) else value  # a plain text, as the journal keeps it
            for key, value in structs.asdict(command).items()
            if value is not None
        }
        if refusal := self.refused_arguments(self.options, word, given):
            raise Rejected(refusal)
        text = None
        if given:
            orders = {
                name: Order(one.do, given, one.takes) if given.keys() <= set(one.takes) else one
                for name, one in orders.items()
            }
            text = encode_orders({EVERY_MEMBER: [word, given]})
        return self.ask(memory, word, orders, text, now)

    def state(self, memory: GroupMemory, reading: Reading, now: float) -> State:
        """Return what is on, and which members have followed the latest command."""
        seen = {name: self.known(memory, name) for name in self.members}
        is_on = {name: self._is_on(fields) for name, fields in seen.items()}
        on = [name for name, value in is_on.items() if value]
        values = is_on.values()
        any_on = True if on else None if None in values else False
        all_on = False if False in values or not values else None if None in values else True
        phase: Phase = "on" if all_on else "some" if on else "unknown" if any_on is None else "off"
        bright = [
            value for name in on if isinstance(value := (seen[name] or {}).get("brightness_percent"), int)
        ]
        missing = self.missing(memory, is_changed_missing=False)
        away = [name for name, fields in seen.items() if name in memory.silent or is_lost(fields)]
        return State(
            status=bool(on),
            phase=phase,
            any_on=any_on,
            all_on=all_on,
            on_count=len(on),
            unknown_count=sum(value is None for value in values),
            unreachable_count=len(away),
            member_count=len(self.members),
            on_members=", ".join(on)[:1000] or None,
            brightness_percent=round(sum(bright) / len(bright)) if bright else None,
            colour=group_value.common_colour([seen[name] or {} for name in on]),  # type: ignore[arg-type]
            position_percent=group_value.mean_position(self.members, seen),
            target_celsius=group_value.common(self.members, seen, "celsius"),
            value=group_value.common(self.members, seen, "value", "time", "count"),
            cover=group_value.cover_phase(self.members, seen),
            switches="on" in self.usable_commands(self.options),
            asked=memory.asked,  # type: ignore[arg-type]
            orders=memory.text,
            confirmed_count=len(memory.ask.orders) - len(missing) if memory.ask else None,
            missing=missing_text(missing),
            fault=reading.fault,
        )

    def _is_any_on(self, memory: GroupMemory) -> bool:
        """Return whether any member is on. If none is known, what was heard of them last decides."""
        known = [self._is_on(self.known(memory, name)) for name in self.members]
        if all(is_on is None for is_on in known):
            return any(memory.seen[name].get("status") for name in self.members if name in memory.seen)
        return any(known)

    def _is_on(self, fields: Fields | None) -> bool | None:
        """Return whether a member is on, or None if that is not known."""
        if fields is None or is_lost(fields) or fields.get("phase") in ("unknown", "stale"):
            return None
        status = fields.get("status")
        return status if isinstance(status, bool) else None
