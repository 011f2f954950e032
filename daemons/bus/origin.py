"""How a state came about: its direct reason, and the origin of the whole chain of changes. Pure.

A person switches on a light, and a rule of the toaster follows. The reason of the toaster's state is the
rule. The origin of both states is the hand at the light.
"""

from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

By = Literal["press", "hand", "command", "rule", "clock", "sensor", "limit", "restart", "program"]
"""What changes a state:

- `press`: the hardware's own button;
- `hand`: a person switched the hardware itself;
- `command`: a command, from the page, the terminal, a program or a bridge;
- `rule`: a rule of the device that heard another device;
- `clock`: a rule of the device with a time of day;
- `sensor`: a measurement or a detection;
- `limit`: a time limit of the device, such as `max_on`, or hardware that did not follow in time;
- `restart`: the start of the process, as `restore` says;
- `program`: a program of your own that reports a device, or the steward that reports a process.
"""
BYS: tuple[By, ...] = get_args(By)
Unix = Annotated[float, Meta(ge=0, lt=1e11)]
Id = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[!-~]+\Z")]
Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}\Z")]
Who = Annotated[str, Meta(min_length=1, max_length=64)]


class Reason(Struct, frozen=True, omit_defaults=True):
    """The direct reason of a state."""

    by: By
    who: Who | None = None
    """For a rule: the device that it heard. For a command: its sender, such as "page" or "key:phone". For a
    limit or a restart: the option, or "hardware"."""
    rule: Annotated[int, Meta(ge=1)] | None = None
    """For a rule: its number among the rules of the device, from 1."""
    at: Unix | None = None
    """For a rule: the moment on which it acted, in Unix seconds."""

    def __str__(self) -> str:
        return f"{self.by}:{self.who}" if self.who else self.by


class Origin(Struct, frozen=True, omit_defaults=True):
    """The beginning of a chain of changes. All changes that follow from it have the same origin."""

    id: Id
    at: Unix
    """When it began, in Unix seconds."""
    by: By
    """Never `rule`. A rule that waited for its `delay` or `for` begins a chain of its own, with this word."""
    device: Name | None = None
    """The device where it began; None for a time of day."""
    who: Who | None = None
    """As in Reason."""


class Cause(Struct, frozen=True):
    """The cause of a decision: its id, its reason, and the origin of the chain."""

    id: str | None = None
    """The id of the press or command, or a word such as "hardware". It is published as `cause`."""
    reason: Reason | None = None
    origin: Origin | None = None
    """None: the chain begins with this decision, when it changes the state."""

    def begun(self, device: str, at: float) -> "Cause":
        """Return the cause with an origin; without one, the chain begins at this device and time."""
        if self.origin is not None or self.reason is None:
            return self
        id_ = self.id if self.id and self.reason.by == "press" else new_origin_id(device, at)
        origin = Origin(id_, at, self.reason.by, device, self.reason.who)
        return Cause(self.id, self.reason, origin)


UNKNOWN = Cause()
"""The cause of a first state, before anything was decided."""


def new_origin_id(device: str, at: float) -> str:
    """Return the id of an origin that has no id of its own: the same one whenever it is made."""
    return f"{device}.{int(at * 1000):x}"


def is_later_chain(heard: Origin | None, own: Origin | None) -> bool:
    """Return whether a chain began later than the chain of the own latest change; ids decide a tie.

    Devices that follow each other act only on a later chain, so no chain returns to them. The order is the
    same in all devices: of two chains, never both are later than the other.
    """
    if heard is None or own is None:
        return True
    return heard.id != own.id and (heard.at, heard.id) > (own.at, own.id)
