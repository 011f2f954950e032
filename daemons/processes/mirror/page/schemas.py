"""The documents of the page's HTTP API, as types; docs/page.md describes them to people.

`documents` encodes them, and `openapi` generates the description for programs from them.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, defstruct, field
from msgspec.structs import fields

from daemons.bus.notice import Notice
from daemons.bus.origin import Origin, Reason
from daemons.bus.status import Fields, Natural, ProcessStatus, UnixSeconds
from daemons.config.explained import ListedRule
from daemons.kinds import Control, PrimaryCommand
from daemons.processes.mirror.sentence import Part
from daemons.storage.history_query import Why

Point = tuple[float, float | None, float | None, float | None]
"""The time (Unix seconds), the lowest, the mean and the highest value; null if they are not known."""


class DeviceInfo(Struct, frozen=True, kw_only=True):
    """The configured properties of a device."""

    name: str
    room: str
    kind: str
    host: str | None
    """The host on which the device runs, in a house of several hosts."""
    elsewhere: bool
    """Whether the device has no process on the mirror's host."""
    hears: tuple[str, ...]
    """The devices that it subscribes to."""
    commands: dict[str, dict[str, str]]
    """By command: its arguments, and in words which values each of them allows."""
    primary_commands: tuple[PrimaryCommand, ...]
    """The commands of its main button; the first that applies to the state is sent."""
    secondary_commands: tuple[PrimaryCommand, ...]
    """The same for its second, smaller button."""
    control: Control | None
    """The input for its value; null if it has none."""
    controls: tuple[Control, ...]
    """All inputs for its values, the most important first."""
    buttons: tuple[PrimaryCommand, ...]
    """The commands that each have a button of their own, in place of the main button."""
    values: tuple[str, ...]
    """The fields of its state that the page writes large, the most important first."""
    resting_phases: tuple[str, ...]
    """The phases in which no work is under way."""
    hide: bool
    """Whether the first view of the page leaves it out."""
    favourite: bool
    """Whether the first view of the page shows it before the rooms."""


# msgspec cannot inherit from two structs, and the keys of DeviceInfo come first in the document.
DeviceDocument = defstruct(
    "DeviceDocument",
    [(each.name, each.type) for type_ in (DeviceInfo, ProcessStatus) for each in fields(type_)],
    namespace={"__doc__": "A device: its configured properties, and its status."},
    module=__name__,
    frozen=True,
    kw_only=True,
)


class HouseInfo(Struct, frozen=True, kw_only=True):
    """The configured properties of the house."""

    name: str
    timezone: str
    locale: str
    host: str | None


class HouseDocument(Struct, frozen=True, kw_only=True, tag_field="type", tag="house"):
    """The whole house, as the mirror knows it."""

    cursor: str
    """A later connection that sends it as `after` gets the changes since."""
    at: UnixSeconds
    house: HouseInfo
    mirror: str
    """The name of the mirror among the devices."""
    message: str
    """The mirror's sentence."""
    sentence: tuple[Part, ...]
    """The same in parts, each with a code and values for a translation."""
    attention: tuple[Notice, ...]
    """What deserves a person's attention, the most urgent first."""
    devices: dict[str, DeviceDocument]  # type: ignore[valid-type]  # mypy cannot follow a defstruct
    services: dict[str, ProcessStatus]


class ReceiptDocument(Struct, frozen=True, kw_only=True):
    """The receipt of a command."""

    id: str
    device: str
    outcome: Literal["applied", "rejected", "expired", "unanswered"]
    at: UnixSeconds | UnsetType = UNSET
    """When the device answered; absent if it did not."""
    reason: str | UnsetType = UNSET
    code: str | UnsetType = UNSET
    """A word for the reason; absent for a reason without one."""
    values: Fields | UnsetType = UNSET
    """The numbers and words in the reason."""
    took_seconds: float


class Stretch(Struct, frozen=True, kw_only=True):
    """A time during which the state of a device stayed the same, but for its measurements."""

    from_: UnixSeconds = field(name="from")
    to: UnixSeconds | None
    state: Fields
    cause: str | None
    reason: Reason | None
    """What led to the state directly; null if it is not known."""
    origin: Origin | None
    """The beginning of the chain of changes; null if it is not known."""


class ProcessEvent(Struct, frozen=True, kw_only=True):
    """A start or an end of a device's process."""

    at: UnixSeconds
    life: str
    pid: Natural | None
    reason: str | None


class UnknownTime(Struct, frozen=True, kw_only=True):
    """A time of which nothing is known of a device."""

    from_: UnixSeconds = field(name="from")
    to: UnixSeconds
    why: Why


class DayEnergy(Struct, frozen=True, kw_only=True):
    """The energy that a device used on one day."""

    from_: UnixSeconds = field(name="from")
    to: UnixSeconds
    kwh: float
    known_seconds: Natural
    """For how long of the day the device was measured."""


class DeviceHistory(Struct, frozen=True, kw_only=True):
    """The history of one device."""

    stretches: tuple[Stretch, ...]
    measurements: dict[str, tuple[Point, ...]]
    processes: tuple[ProcessEvent, ...]
    unknown: tuple[UnknownTime, ...]
    energy: tuple[DayEnergy, ...]


class FirstChange(Struct, frozen=True, kw_only=True):
    """The first change that a press or command caused."""

    device: str
    at: UnixSeconds
    phase: str | None


class HistoryDocument(Struct, frozen=True, kw_only=True):
    """The history of a span of time; `house history` prints the same."""

    since: UnixSeconds
    until: UnixSeconds
    resolution_seconds: float
    devices: dict[str, DeviceHistory]
    causes: dict[str, FirstChange]


class RulesDocument(Struct, frozen=True, kw_only=True):
    """The rules of a device."""

    device: str
    rules: tuple[ListedRule, ...]
    hidden: int
    """How many rules are left out, because they name devices that the person may not see."""


class AccountDocument(Struct, frozen=True, kw_only=True):
    """The account of a request, and what it may do."""

    name: str | None
    """The name of the person; null for the owner."""
    sees_everything: bool
    manage: bool
    """Whether it may restart, stop and start the processes that it sees."""
    edit: bool
    """Whether it may edit the tables of devices."""
    edit_code: Literal["off", "no_token", "no_right"] | None
    edit_reason: str | None
    """Why it may not edit, with the remedy; null if it may."""


class LogDocument(Struct, frozen=True, kw_only=True):
    """Lines of the log of a process."""

    name: str
    lines: tuple[str, ...]
    cursor: str
    """A later request that sends it as `after` gets the lines since."""
    skipped: int
    """How many lines were left out before these, because there were too many."""


class ErrorDocument(Struct, frozen=True, kw_only=True):
    """Why a request was refused: the HTTP status in a word, and the reason in a sentence."""

    error: str
    reason: str


class HealthDocument(Struct, frozen=True, kw_only=True):
    """The page and the mirror behind it work."""

    ok: Annotated[bool, Meta(extra_json_schema={"const": True})]
