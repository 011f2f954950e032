"""What a scene and a group have in common: they send commands to other devices, their members. Pure.

They publish what they ask for in the field `asked`. Each member has a rule of its own that hears it, so each
member carries it out by itself, once, and within its grace. The check of the configuration adds these rules
to the members. `asked` keeps its value, so that a member that was away learns of it from the current state.
If the same is asked again, `asked` is None for a moment, so that it turns once more.

A command whose arguments are not fixed in the configuration is in the field `orders`.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, ClassVar, TypeVar

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from daemons.bus.message import Scalar
from daemons.kinds import BRIGHTNESS_TOLERANCE_PERCENT, COLOUR_TOLERANCE, Control, Result, Virtual
from daemons.kinds.base import colour as colours
from daemons.values import Colour

PAUSE_SECONDS = 0.01
"""How long `asked` is None before the same is asked again: it must be published."""
SETTLE_SECONDS = 1.0
"""After this time, the states of members that are up are newer than what was asked."""
CONFIRM_SECONDS = 5.0
"""How long hardware may take to confirm, after the grace of its device."""
LONGEST_TEXT = 1000
"""Characters of a text in a state."""
EVERY_MEMBER = "*"
"""The key of an order for all members that take its arguments."""
Fields = Mapping[str, Scalar]


class Order(Struct, frozen=True, omit_defaults=True):
    """A command for one member."""

    do: str
    with_: dict[str, Scalar] = field(name="with", default={})
    takes: tuple[str, ...] = ()
    """The arguments that may be given when it is asked for."""


class Member(Struct, frozen=True, omit_defaults=True):
    """What a scene or a group needs to know about one member. The check of the configuration finds it."""

    orders: dict[str, Order]
    """By the command of the scene or the group, the command of the member."""
    results: tuple[Result, ...] = ()
    """The states to which the commands of the member lead."""
    arguments: dict[str, tuple[str, ...]] = {}
    """By command of the member that an undo may send, all its arguments in their order."""
    seconds: float = 65.0
    """How long it may take until the member shows the result."""
    entity: str | None = None
    """Its main entity in Home Assistant."""
    control: Control | None = None
    """The input for its value."""


class Ask(Struct, frozen=True, omit_defaults=True):
    """What is asked of the members now."""

    orders: dict[str, Order]
    confirmed: tuple[str, ...] = ()
    """The members that have shown the result since."""
    until: float | None = None
    """When it is late; None: it is."""
    settles_at: float | None = None
    """Until when the states of the members may be older than this; None: that is over."""


class MembersMemory(Struct, frozen=True, omit_defaults=True):
    """The memory of a scene or a group."""

    asked: str | None = None
    """What it published last."""
    next: str | None = None
    """What it publishes after a pause."""
    next_at: float | None = None
    ask: Ask | None = None
    """What is asked of the members; None: nothing that is still compared."""
    text: str | None = None
    """The field `orders`."""
    seen: dict[str, dict[str, Scalar]] = {}
    """By member, those of its fields that matter, as they were heard last."""
    silent: tuple[str, ...] = ()
    """The members that are silent now."""
    before: dict[str, Order] = {}
    """By member, the command that leads back to its state from before the scene."""
    unknown: tuple[str, ...] = ()
    """The members whose state from before is not known."""


M = TypeVar("M", bound=MembersMemory)
O = TypeVar("O", bound=Struct)  # noqa: E741  O for Options


def is_same(name: str, value: Scalar, wanted: Scalar) -> bool:
    """Return whether a field has the value that was asked for; bulbs round theirs."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    if isinstance(value, str) and isinstance(wanted, str) and name == "colour":
        return colours.is_near(Colour.parse(value), Colour.parse(wanted))
    if isinstance(value, int | float) and isinstance(wanted, int | float):
        if name.endswith("_kelvin"):
            return abs(value - wanted) <= COLOUR_TOLERANCE * abs(wanted)
        return abs(value - wanted) <= (BRIGHTNESS_TOLERANCE_PERCENT if name.endswith("_percent") else 0.05)
    return value == wanted


def result_of(order: Order, results: Iterable[Result]) -> dict[str, Scalar]:
    """Return the fields that a member shows after a command; empty if that is not declared."""
    for result in results:
        if result.command == order.do:
            given = {name: order.with_[key] for key, name in result.arguments.items() if key in order.with_}
            return result.state | {name: value for name, value in given.items() if value is not None}
    return {}


def order_back_to(seen: Fields | None, results: Iterable[Result]) -> Order | None:
    """Return the command that leads to a state; None if the state is unknown, or no command leads to it."""
    if seen is None:
        return None
    for result in results:
        if not result.restores or any(seen.get(name) != value for name, value in result.state.items()):
            continue
        found = {key: whole(seen.get(name)) for key, name in result.arguments.items()}
        given: dict[str, Scalar] = {key: value for key, value in found.items() if value is not None}
        if given or not result.arguments:
            return Order(result.command, given)
    return None


def whole(value: Scalar) -> Scalar:
    """Return a measurement that is a whole number as one: a command may take no other."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def fields_that_matter(member: Member) -> set[str]:
    """Return the fields of a member that a scene compares, or that a group counts."""
    named = {name for one in member.results for name in (*one.state, *one.arguments.values())}
    return named | {"status", "phase", "brightness_percent", "colour", "reachable", "confirmed"}


def positional(order: Order, arguments: tuple[str, ...]) -> list[Scalar]:
    """Return an order as a list: the command, and its arguments in their order, as short as it can be."""
    found = [order.do, *(order.with_.get(name) for name in arguments)]
    while found[-1] is None:
        found.pop()
    return found


def encode_orders(orders: Mapping[str, list[Any]]) -> str:
    """Return the text of the field `orders`: by member, the command and its arguments."""
    return msgspec.json.encode(orders).decode()


class MembersKind(Virtual[O, M]):
    """A kind that sends commands to its members, and compares their states with what it asked for."""

    derived_options = frozenset({"resolved"})
    off_commands: ClassVar[tuple[str, ...]] = ()
    is_group: ClassVar[bool] = False
    """Whether it stands for its members where it is itself a member."""
    needs_history: ClassVar[bool] = False
    """Whether it repeats what the recorder has recorded."""

    @classmethod
    def resolved(cls, options: Any) -> dict[str, Member]:
        """Return its members."""
        found: dict[str, Member] = options.resolved
        return found

    @classmethod
    def refused_arguments(
        cls,
        options: Any,  # noqa: ARG003  most commands have none
        command: str,  # noqa: ARG003
        given: Mapping[str, Any],  # noqa: ARG003
    ) -> str | None:
        """Return why its members cannot carry out a command with these arguments, or None."""
        return None

    @classmethod
    def sources(cls, options: Any) -> dict[str, str]:
        """Return its members."""
        return dict.fromkeys(cls.resolved(options), "status")

    @classmethod
    def member_rules(cls, name: str, options: Any) -> dict[str, list[dict[str, Any]]]:
        """Return by member the rules that it needs, as tables; `name` is that of the scene or the group."""
        rules: dict[str, list[dict[str, Any]]] = {}
        for member, about in cls.resolved(options).items():
            for asked, order in about.orders.items():
                rule: dict[str, Any] = {"made_by": name, "device": name, "turns": {"asked": asked}}
                rule |= {"do": order.do} | ({"with": order.with_} if order.with_ else {})
                rules.setdefault(member, []).append(
                    rule | ({"command_from": "orders"} if order.takes else {})
                )
        return rules

    @classmethod
    def refusal(cls, members: Mapping[str, Member]) -> str | None:
        """Return why these members are too many, or None: the commands for all of them are one text."""
        longest = {
            name: [max(about.arguments, default="stop", key=len)]
            + [100_000] * max(map(len, about.arguments.values()), default=0)
            for name, about in members.items()
        }
        if len(encode_orders(longest)) <= LONGEST_TEXT:
            return None
        return f"{len(members)} devices are too many for one {cls.__name__.lower()}; make two"

    def update_sources(self, memory: M, states: Mapping[str, Fields | None], now: float) -> M:
        """Store the states of the members, and note which have done what was asked."""
        seen, silent = dict(memory.seen), set(memory.silent)
        for name in states.keys() & self.members.keys():
            if (state := states[name]) is None:
                silent.add(name)
                continue
            silent.discard(name)
            seen[name] = {key: state[key] for key in self._needed[name] if key in state}
        if seen == memory.seen and silent == set(memory.silent):
            return memory
        return self._compare(replace(memory, seen=seen, silent=tuple(sorted(silent))))

    def advance(self, memory: M, now: float) -> M:
        """Ask again after the pause, and note when the members are late."""
        if memory.next_at is not None and now >= memory.next_at:
            memory = replace(memory, asked=memory.next, next=None, next_at=None)
        if (ask := memory.ask) is not None:
            until = None if ask.until is not None and now >= ask.until else ask.until
            settles_at = None if ask.settles_at is not None and now >= ask.settles_at else ask.settles_at
            if (until, settles_at) != (ask.until, ask.settles_at):
                memory = replace(memory, ask=replace(ask, until=until, settles_at=settles_at))
        return memory

    def next_deadline(self, memory: M) -> float | None:
        """Return when it asks again, or when the members are late."""
        times = [memory.next_at]
        if memory.ask is not None:
            times += [memory.ask.until, memory.ask.settles_at]
        return min((at for at in times if at is not None), default=None)

    def known(self, memory: M, name: str) -> Fields | None:
        """Return the fields of a member, or None if it is silent or was not heard yet."""
        return None if name in memory.silent else memory.seen.get(name)

    @cached_property
    def _needed(self) -> dict[str, list[str]]:
        """By member, the fields that matter."""
        return {name: sorted(fields_that_matter(member)) for name, member in self.members.items()}

    @property
    def members(self) -> dict[str, Member]:
        """Its members."""
        return self.resolved(self.options)

    def ask(self, memory: M, asked: str, orders: dict[str, Order], text: str | None, now: float) -> M:
        """Return the memory after a command for members; `text` is the field `orders`."""
        seconds = max((self.members[name].seconds for name in orders), default=0.0)
        is_repeated = asked == memory.asked
        return self._compare(
            replace(
                memory,
                asked=None if is_repeated else asked,
                next=asked if is_repeated else None,
                next_at=now + PAUSE_SECONDS if is_repeated else None,
                ask=Ask(orders, until=now + seconds, settles_at=now + SETTLE_SECONDS),
                text=text,
            )
        )

    def is_done(self, memory: M, name: str) -> bool:
        """Return whether a member shows what was asked of it, and its hardware has confirmed it."""
        seen, order = self.known(memory, name), memory.ask.orders.get(name) if memory.ask else None
        if seen is None or order is None or name not in self.members:
            return False
        if seen.get("reachable") is False or seen.get("confirmed") is False:
            return False
        wanted = result_of(order, self.members[name].results)
        return all(is_same(key, seen.get(key), value) for key, value in wanted.items())

    def missing(self, memory: M, *, is_changed_missing: bool) -> dict[str, str]:
        """Return the members that do not show what was asked of them, each with the reason.

        A member that was changed after it had done so counts only with `is_changed_missing`.
        """
        if (ask := memory.ask) is None:
            return {}
        found = {}
        for name in ask.orders.keys() & self.members.keys():  # others were removed from the configuration
            was_done = name in ask.confirmed
            if not self.is_done(memory, name) and (is_changed_missing or not was_done):
                found[name] = self._reason(memory, name, was_done=was_done, is_late=ask.until is None)
        return {name: found[name] for name in ask.orders if name in found}

    def _reason(self, memory: M, name: str, *, was_done: bool, is_late: bool) -> str:
        seen = self.known(memory, name)
        if seen is None:
            return "is silent" if name in memory.silent else "has not answered yet"
        if seen.get("reachable") is False:
            return "cannot be reached"
        if was_done and seen.get("confirmed") is not False:
            return "was changed since"
        return "has not followed" if is_late else "has not followed yet"

    def _compare(self, memory: M) -> M:
        """Note the members that have done what was asked."""
        if memory.ask is None:
            return memory
        done = [name for name in memory.ask.orders if self.is_done(memory, name)]
        confirmed = tuple(name for name in memory.ask.orders if name in done or name in memory.ask.confirmed)
        if confirmed == memory.ask.confirmed:
            return memory
        return replace(memory, ask=replace(memory.ask, confirmed=confirmed))


def missing_text(missing: Mapping[str, str]) -> str | None:
    """Return the missing members and the reasons, in one line; None if no member is missing."""
    text = "; ".join(f"{name} {reason}" for name, reason in missing.items())
    return (text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 3] + "...") or None
