"""A scene: sets several devices with one command, shows which of them have followed, and undoes it.

Each member carries its part out by itself. So a scene is never half done because its process was killed, and
a member that was away for less than its grace carries it out when it is back.
"""

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from daemons.bus.message import Scalar
from daemons.errors import Rejected
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

Phase = Literal["idle", "applying", "applied", "incomplete", "changed", "undoing"]
Command = str | dict[str, dict[str, Scalar]]
"""A command, such as "close", or a command with its arguments."""


class Options(Struct, frozen=True, kw_only=True):
    """The options of a scene."""

    sets: dict[str, Command] = {}
    """By device or group, the command that it gets: `"off"`, or `{ on = { brightness_percent = 30 } }`."""
    resolved: dict[str, Member] = {}
    """Its members. The check of the configuration finds them."""


class SceneMemory(MembersMemory, frozen=True, omit_defaults=True):
    """The memory of a scene."""


class State(Struct, frozen=True, kw_only=True):
    """The published state of a scene."""

    status: bool
    """Whether all its members are as it sets them."""
    phase: Phase
    """"incomplete" is after the time in which all members should have followed. "changed" is after all have
    followed, and something else has changed one of them."""
    asked: Literal["on", "undo"] | None
    """What its members carry out: for the rules that the scene adds to them."""
    orders: str | None = None
    """For these rules: the commands of an undo."""
    member_count: int
    """How many devices it sets."""
    confirmed_count: int
    """How many of them are as it sets them, or as they were before, after an undo."""
    missing: str | None = None
    """The other ones, each with the reason; None if there are none."""
    fault: str | None = None


class On(Struct, frozen=True):
    """Set all members."""


class Undo(Struct, frozen=True):
    """Restore the state that the members had before."""


class Scene(MembersKind[Options, SceneMemory]):
    """A scene: sets several devices with one command, shows which of them have followed, and undoes it."""

    options_type = Options
    memory_type = SceneMemory
    state_type = State
    commands = (On, Undo)
    primary_commands = (
        PrimaryCommand("on", "Apply", when={"phase": ("idle",)}),
        PrimaryCommand("undo", "Undo", when={"phase": ("applying", "applied", "changed")}),
        PrimaryCommand("on", "Apply again"),
    )
    resting_phases = ("idle", "applied", "incomplete", "changed")
    results = (Result("on", {"status": True}), Result("undo", {"phase": "idle"}))
    entity_class = "scene"

    @classmethod
    def possible_states(cls, options: Options) -> tuple[dict[str, Scalar], ...]:
        """Return its phases."""
        count: dict[str, Scalar] = {"member_count": len(options.resolved)}
        return (
            {"phase": "idle", "status": False, **count},
            {"phase": "applying", "status": False, "asked": "on", **count},
            {"phase": "applying", "status": False, "asked": None, **count},
            {"phase": "applied", "status": True, **count},
            {"phase": "incomplete", "status": False, **count},
            {"phase": "changed", "status": False, **count},
            {"phase": "undoing", "status": False, **count},
        )

    @classmethod
    def member_rules(cls, name: str, options: Any) -> dict[str, list[dict[str, Any]]]:
        """Return by member the rule that sets it, and the rule that undoes it."""
        found = super().member_rules(name, options)
        for member, about in cls.resolved(options).items():
            undo = {"made_by": name, "device": name, "turns": {"asked": "undo"}, "do": about.orders["on"].do}
            found[member].append(undo | {"command_from": "orders"})
        return found

    def handle_command(self, memory: SceneMemory, command: On | Undo, now: float) -> SceneMemory:
        """Ask the members to carry their part out, or to go back."""
        if isinstance(command, Undo):
            orders = {name: order for name, order in memory.before.items() if name in self.members}
            if not orders:
                raise Rejected("there is nothing to undo", "nothing_to_undo")
            text = {
                name: positional(order, self.members[name].arguments.get(order.do, ()))
                for name, order in orders.items()
            }
            return self.ask(memory, "undo", orders, encode_orders(text), now)
        memory = self._remember(memory)
        return self.ask(
            memory, "on", {name: one.orders["on"] for name, one in self.members.items()}, None, now
        )

    def update_sources(
        self, memory: SceneMemory, states: Mapping[str, Mapping[str, Scalar] | None], now: float
    ) -> SceneMemory:
        """Store the states of the members; an undo ends when all of them have followed."""
        return self._end_undo(super().update_sources(memory, states, now))

    def advance(self, memory: SceneMemory, now: float) -> SceneMemory:
        """Ask again after the pause, note when the members are late, and end an undo."""
        return self._end_undo(super().advance(memory, now))

    def state(self, memory: SceneMemory, reading: Reading, now: float) -> State:
        """Return which members have followed."""
        missing = self.missing(memory, is_changed_missing=not self._is_undo(memory))
        phase = self._phase(memory, missing)
        unknown = dict.fromkeys(memory.unknown, "has no known state from before")
        return State(
            status=phase == "applied",
            phase=phase,
            asked=memory.asked,  # type: ignore[arg-type]
            orders=memory.text,
            member_count=len(self.members),
            confirmed_count=len(memory.ask.orders) - len(missing) if memory.ask else 0,
            missing=missing_text(missing | (unknown if self._is_undo(memory) else {})),
            fault=reading.fault,
        )

    def _phase(self, memory: SceneMemory, missing: Mapping[str, str]) -> Phase:
        if memory.ask is None:
            return "idle"
        if self._is_undo(memory):
            return "incomplete" if memory.ask.until is None else "undoing"
        if not missing:
            return "applied"
        if all(name in memory.ask.confirmed for name in missing):
            return "changed"
        return "incomplete" if memory.ask.until is None else "applying"

    def _remember(self, memory: SceneMemory) -> SceneMemory:
        """Return the memory with the commands that lead back. If it is applied already, they stay."""
        is_on = memory.ask is not None and not self._is_undo(memory)
        before: dict[str, Order] = {}
        for name, about in self.members.items():
            stays = is_on and name in memory.before and self.is_done(memory, name)
            back = memory.before[name] if stays else order_back_to(self.known(memory, name), about.results)
            if back is not None:
                before[name] = back
        return replace(memory, before=before, unknown=tuple(sorted(self.members.keys() - before.keys())))

    def _is_undo(self, memory: SceneMemory) -> bool:
        return "undo" in (memory.asked, memory.next)

    def _end_undo(self, memory: SceneMemory) -> SceneMemory:
        """End an undo that all members have followed."""
        if not self._is_undo(memory) or memory.ask is None:
            return memory
        if memory.ask.settles_at is not None or memory.next is not None:
            return memory  # the members may not have answered yet
        if (memory.ask.orders.keys() & self.members.keys()) - set(memory.ask.confirmed):
            return memory
        return SceneMemory(seen=memory.seen, silent=memory.silent)
