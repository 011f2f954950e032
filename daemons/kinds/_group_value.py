"""The value that the members of a group have in common, such as a position or a temperature. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

from daemons.bus.message import Scalar
from daemons.kinds import ROOM_CELSIUS, Control
from daemons.kinds._members import Fields, Member
from daemons.kinds.base import colour as colours
from daemons.kinds.base.brightness import BRIGHTNESS, COLOUR
from daemons.values import ClockTime, Colour, format_toml

CoverPhase = Literal["closed", "open", "opening", "closing", "unknown"]
Members = Mapping[str, Member]
Seen = Mapping[str, Fields | None]
"""By member, the fields that are known of it."""


class Set(Struct, frozen=True):
    """Set all members: covers, heaters, numbers and modes, moments, or counters. It takes one argument."""

    position_percent: Annotated[int, Meta(ge=0, le=100)] | None = None
    celsius: Annotated[float, Meta(ge=ROOM_CELSIUS[0], le=ROOM_CELSIUS[1])] | None = None
    value: float | str | None = None
    time: ClockTime | None = None
    count: int | None = None


SHARED = (
    BRIGHTNESS,
    COLOUR,
    Control(
        command="set",
        argument="position_percent",
        field="position_percent",
        label="Position",
        takes="number",
        lowest=0.0,
        highest=100.0,
        unit="%",
    ),
)
"""The inputs of a group whose members all accept the value."""


def arguments(members: Members) -> set[str]:
    """Return the arguments that the `set` of each member takes."""
    takes = [set(one.orders["set"].takes) if "set" in one.orders else set() for one in members.values()]
    return set.intersection(*takes) & {*Set.__struct_fields__} if takes else set()


def refusal(members: Members, given: Mapping[str, Any]) -> str | None:
    """Return why `set` with these arguments is refused, or None: all members must accept the value."""
    words = arguments(members)
    if len(given) != 1 or not given.keys() <= words:
        return f"set takes one value that all its members have: {' or '.join(sorted(words))}"
    ((argument, value),) = given.items()
    for name, member in members.items():
        if (own := member.control) is None or own.argument != argument:
            continue
        if own.takes == "number" and isinstance(value, str):
            return f"{name} takes a number, not {format_toml(value)}"
        if reason := own.refusal(value):
            return f"{name}: {reason}"
    return None


def control(members: Members) -> Control | None:
    """Return the input for a value that all members accept; None if they have no such value."""
    controls = [member.control for member in members.values() if member.control]
    if not controls or len(controls) < len(members):
        return None
    first = controls[0]
    if any(
        (one.command, one.argument, one.takes) != (first.command, first.argument, first.takes)
        for one in controls
    ):
        return None
    return replace(
        first,
        field="value",
        choices=tuple(word for word in first.choices if all(word in one.choices for one in controls)),
        lowest=max((one.lowest for one in controls if one.lowest is not None), default=None),
        highest=min((one.highest for one in controls if one.highest is not None), default=None),
        step=max(one.step for one in controls),
    )


def controls(members: Members) -> tuple[Control, ...]:
    """Return the inputs for what all members can be set to: a brightness or a position."""
    return tuple(
        one
        for one in SHARED
        if members
        and all(
            one.command in member.orders and one.argument in member.orders[one.command].takes
            for member in members.values()
        )
    )


def common(members: Members, seen: Seen, *names: str) -> Any:
    """Return the value of one of these arguments of `set`, if all members are known to have the same."""
    values = set(_values(members, seen, names))
    return values.pop() if len(values) == 1 else None


def mean_position(members: Members, seen: Seen) -> int | None:
    """Return the mean position of the members that know theirs; None without any."""
    known = [
        value for value in _values(members, seen, ("position_percent",)) if isinstance(value, int | float)
    ]
    return round(sum(known) / len(known)) if known else None


def common_colour(lights: Iterable[Fields]) -> str | None:
    """Return the colour of the first light if all others have nearly the same; None without one."""
    found = [fields.get("colour") for fields in lights]
    known = [str(Colour.parse(one)) for one in found if isinstance(one, str)]
    is_common = bool(known) and len(known) == len(found)
    return known[0] if is_common and all(colours.is_near(known[0], one) for one in known) else None


def cover_phase(members: Members, seen: Seen) -> CoverPhase | None:
    """Return whether covers move, or any of them is open; None if a member is no cover."""
    if {member.entity for member in members.values()} != {"cover"}:
        return None
    phases = {
        "unknown" if fields is None or is_lost(fields) else fields.get("phase") for fields in seen.values()
    }
    for phase in ("opening", "closing"):
        if phase in phases:
            return phase
    if phases - {"closed", "unknown"}:
        return "open"
    return "unknown" if "unknown" in phases else "closed"


def is_lost(fields: Fields | None) -> bool:
    """Return whether a member cannot reach its hardware."""
    return fields is not None and fields.get("reachable") is False


def _values(members: Members, seen: Seen, names: tuple[str, ...]) -> Iterator[Scalar]:
    """Yield the value of each member that has one of these arguments; None if it is not known."""
    for name, member in members.items():
        fields = seen[name]
        for result in member.results:
            for argument, field in result.arguments.items():
                if result.command == "set" and argument in names:
                    yield None if fields is None or is_lost(fields) else fields.get(field)
