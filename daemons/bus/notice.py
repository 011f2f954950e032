"""A notice: one thing in the house that deserves a person's attention, and its text in English. Pure."""

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from daemons.bus.status import Fields, UnixSeconds

Level = Literal["alarm", "fault", "care", "news"]
"""How urgent a notice is: a danger, something that does not work, something to do, something that is done."""
Code = Literal[
    "smoke", "gas", "carbon_monoxide", "water", "danger",
    "failed", "crash_looping", "silent", "host", "unreachable", "unknown", "stopped", "hot", "tamper",
    "disk", "clock", "many", "fault",
    "battery", "open",
    "ready", "finished",
]  # fmt: skip
"""The word for what a notice is about. A page translates by it."""
LEVELS: dict[Level, tuple[Code, ...]] = {
    "alarm": ("smoke", "gas", "carbon_monoxide", "water", "danger"),
    "fault": (
        "failed", "crash_looping", "hot", "disk", "clock", "host", "silent", "unreachable", "unknown",
        "stopped", "tamper", "many", "fault",
    ),
    "care": ("battery", "open"),
    "news": ("ready", "finished"),
}  # fmt: skip
"""The codes of each level. Both are in the order of their urgency."""
RANKS = {code: rank for rank, code in enumerate(code for codes in LEVELS.values() for code in codes)}
LEVEL_OF = {code: level for level, codes in LEVELS.items() for code in codes}

TEXTS: dict[Code, str] = {
    "smoke": "Smoke{where}: {name}",
    "gas": "Gas{where}: {name}",
    "carbon_monoxide": "Carbon monoxide{where}: {name}",
    "water": "Water{where}: {name}",
    "danger": "Danger{where}: {name}",
    "failed": "{name} has failed",
    "crash_looping": "{name} fails again and again",
    "hot": "{name} has been on for too long",
    "disk": "The disk cannot be written",
    "clock": "The clock of this machine is not known to be right",
    "host": "{count} devices are silent",
    "silent": "{name} is silent",
    "unreachable": "{name} cannot be reached",
    "unknown": "{name} reports nothing",
    "stopped": "{name} was stopped by hand",
    "tamper": "{name} was tampered with",
    "many": "{count} devices",
    "fault": "{name}",
    "battery": "The battery of {name} is at {percent} %",
    "open": "{name} is open",
    "ready": "{what} is ready",
    "finished": "{name} has finished",
}
WITHOUT: dict[str, str] = {
    "steward": "processes that hang or fail are not noticed now",
    "recorder": "the history is not recorded now",
    "exchange": "other hosts and your own programs are not connected now",
    "bridge": "the MQTT broker gets no news of the house now",
}
"""What the house lacks without each of its services."""


class Notice(Struct, frozen=True, kw_only=True):
    """One thing that deserves a person's attention."""

    code: Code
    level: Level
    device: str | None
    """The device or the service that it is about; null if it is about several, or about the machine."""
    since: UnixSeconds | None
    """Since when it is so; null if that is not known."""
    values: Fields
    """The values for its text, such as the `name` of the device."""
    text: str
    """The same in English. It has no duration, so it changes seldom."""
    acknowledged: bool = False
    """Whether a person has seen it."""

    @property
    def key(self) -> str:
        """What identifies it among all notices of one moment."""
        return f"{self.code}:{self.device or ''}:{self.values.get('key') or ''}"

    @property
    def rank(self) -> tuple[int, float, str]:
        """Where it stands among all notices: the most urgent first, then the oldest."""
        return RANKS[self.code], self.since if self.since is not None else 0.0, self.key

    def seen(self) -> "Notice":
        """Return the same notice, acknowledged."""
        return replace(self, acknowledged=True)


def make_notice(code: Code, device: str | None, since: float | None, values: Fields) -> Notice:
    """Return a notice with its level and its text."""
    return Notice(
        code=code,
        level=LEVEL_OF[code],
        device=device,
        since=since,
        values=values,
        text=describe(code, device, values),
    )


def describe(code: Code, device: str | None, values: Fields) -> str:
    """Return the text of a notice in English, without a full stop."""
    name, room, product = values.get("name"), values.get("room"), values.get("product")
    text = TEXTS[code].format(
        **{
            **values,
            "where": f" in {room}" if room else "",
            "name": f"The {str(name).lower()}" if values.get("service") else name,
            "what": str(product).capitalize() if product else name,
        }
    )
    if code in LEVELS["alarm"] and values.get("last"):
        text += ", which has been lost since"
    elif values.get("was_on"):
        text += ", and was on"
    reason = values.get("reason") or values.get("text")
    if (
        code in ("fault", "many", "failed", "crash_looping", "disk", "host", "unreachable", "silent")
        and reason
    ):
        text += f": {str(reason).rstrip('.')}"
    elif code == "stopped" and not values.get("service"):
        text += ", and detects nothing"
    elif values.get("service") and (consequence := WITHOUT.get(device or "")):
        text += f": {consequence}"
    return text
