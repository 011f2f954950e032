"""A presence simulation: lamps do again what they did some time before, such as a week.

It looks up the recorded state of each member at that time, and asks a member for a change as soon as that
state changes. So nothing happens twice after a kill or a step of the clock. Without a record nothing happens.
"""

from typing import Any, Literal

from msgspec import Struct, field
from msgspec.structs import replace

from daemons.bus.message import Scalar
from daemons.kinds import PrimaryCommand, Reading, Result
from daemons.kinds._members import (
    Member,
    MembersKind,
    MembersMemory,
    Order,
    encode_orders,
    missing_text,
    order_back_to,
    positional,
)
from daemons.values import Seconds

NO_RECORD = "nothing to repeat: the history has no record from that long ago"


class Options(Struct, frozen=True, kw_only=True):
    """The options of a presence simulation."""

    members: tuple[str, ...] = ()
    """Its devices. Without this option, those of its `room`, or those of the kind `of`, or both."""
    of: str | tuple[str, ...] | None = None
    """The kind, or the kinds, of its members."""
    after_seconds: Seconds = field(name="after", default=Seconds(7 * 86400))
    """How long after it was recorded a state is repeated."""
    resolved: dict[str, Member] = {}
    """Its members. The check of the configuration finds them."""

    def __post_init__(self) -> None:
        """Raise ValueError for a time in which the recorder has not written yet."""
        if self.after_seconds < 3600:  # noqa: PLR2004
            raise ValueError("after must be 1h or longer; the usual value is 7d")


class PresenceMemory(MembersMemory, frozen=True, omit_defaults=True):
    """The memory of a presence simulation."""

    on: bool = False
    repeated: dict[str, Order] = field(default_factory=dict)
    """By member, the command for its recorded state at the last look."""
    repeats: int = 0


class State(Struct, frozen=True, kw_only=True):
    """The published state of a presence simulation."""

    status: bool
    """Whether it is on."""
    phase: Literal["off", "waiting", "repeating"]
    """"waiting" is on, and without a record of that time."""
    repeats: int
    """How often it has asked members for a change in its life."""
    asked: Literal["repeat"] | None
    """What its members carry out: for the rules that it adds to them."""
    orders: str | None = None
    """For these rules: the commands."""
    missing: str | None = None
    """The members that have not followed the latest change, each with the reason."""
    fault: str | None = None


class On(Struct, frozen=True):
    """Begin to repeat the changes."""


class Off(Struct, frozen=True):
    """Repeat no more; the lamps stay as they are."""


class Presence(MembersKind[Options, PresenceMemory]):
    """A presence simulation: lamps do again what they did some time before, such as a week."""

    default_driver = "recorded"
    needs_history = True
    derived_options = frozenset({"resolved", "recorded"})
    options_type = Options
    memory_type = PresenceMemory
    state_type = State
    commands = (On, Off)
    off_commands = ("off",)
    primary_commands = (
        PrimaryCommand("off", "Turn off", when={"status": (True,)}),
        PrimaryCommand("on", "Turn on"),
    )
    resting_phases = ("off", "waiting", "repeating")
    results = (Result("off", {"status": False}), Result("on", {"status": True}))
    entity_class = "switch"

    @classmethod
    def possible_states(cls, options: Options) -> tuple[dict[str, Scalar], ...]:  # noqa: ARG003  the same with all options
        """Return its phases."""
        return (
            {"phase": "off", "status": False},
            {"phase": "waiting", "status": True},
            {"phase": "repeating", "status": True},
        )

    @classmethod
    def member_rules(cls, name: str, options: Any) -> dict[str, list[dict[str, Any]]]:
        """Return by member the rule that repeats a state."""
        rule = {"made_by": name, "device": name, "turns": {"asked": "repeat"}, "command_from": "orders"}
        return {
            member: [rule | {"do": one.command}]
            for member, about in cls.resolved(options).items()
            for one in about.results[:1]
        }

    def handle_command(self, memory: PresenceMemory, command: On | Off, now: float) -> PresenceMemory:
        """Begin or end; on for one that is on changes nothing."""
        if isinstance(command, On) == memory.on:
            return memory
        ended = PresenceMemory(seen=memory.seen, silent=memory.silent, repeats=memory.repeats)
        return replace(ended, on=isinstance(command, On))

    def update_measurements(self, memory: PresenceMemory, reading: Reading, now: float) -> PresenceMemory:
        """Ask the members whose recorded state has changed since the last look."""
        if not memory.on or reading.recorded is None or memory.next is not None:
            return memory
        wanted: dict[str, Order] = {}
        for name, about in self.members.items():
            order = order_back_to(reading.recorded.get(name), about.results)
            if order is not None:
                wanted[name] = order
        before = memory.repeated
        changed = {name: order for name, order in wanted.items() if before.get(name, order) != order}
        if wanted.items() <= before.items():
            return memory
        memory = replace(memory, repeated={**before, **wanted})
        if not changed:
            return memory
        text = {
            name: positional(order, self.members[name].arguments.get(order.do, ()))
            for name, order in changed.items()
        }
        memory = replace(memory, repeats=memory.repeats + 1)
        return self.ask(memory, "repeat", changed, encode_orders(text), now)

    def state(self, memory: PresenceMemory, reading: Reading, now: float) -> State:
        """Return whether it repeats, and which members have not followed."""
        lacks = memory.on and reading.recorded == {}
        phase: Literal["off", "waiting", "repeating"] = "off"
        if memory.on:
            phase = "repeating" if reading.recorded else "waiting"
        return State(
            status=memory.on,
            phase=phase,
            repeats=memory.repeats,
            asked=memory.asked,  # type: ignore[arg-type]
            orders=memory.text,
            missing=missing_text(self.missing(memory, is_changed_missing=False)),
            fault="; ".join(filter(None, (reading.fault, NO_RECORD if lacks else None))) or None,
        )
