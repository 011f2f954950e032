"""A smart mirror: gathers every state of the house and says when breakfast is ready."""

from collections.abc import Collection
from math import ceil
from typing import Annotated, Any, Literal, get_args

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from daemons.kinds import Kind
from daemons.message import Heartbeat, Published, Report, State
from daemons.value import Seconds

Presence = Literal["live", "stale", "offline", "restarting", "failed", "stopped"]
PRESENCES: tuple[Presence, ...] = get_args(Presence)
AbsolutePath = Annotated[str, Meta(pattern=r"^/.")]
HostName = Annotated[str, Meta(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\Z")]


WORDS = {"failed": "has failed"}
"""How a presence is said in a sentence, where it is not "is" and its word."""
AT_REST = ("off", "on", "standby")
"""The phases of a plug in which nothing gets ready."""
FINISHED = "finished"
"""And the one in which what it switches is."""
LIVES = {"live": "running"}
"""The steward's words for a presence, where they differ."""


class Options(Struct, frozen=True, kw_only=True):
    """What can be set."""

    meal: str = "Breakfast"
    """What it is that a press makes."""
    stale_seconds: Seconds = field(name="stale_after", default=Seconds(3))
    """How long nothing may be heard of a device before its values are shown as stale."""
    offline_seconds: Seconds = field(name="offline_after", default=Seconds(10))
    """And before it is shown as offline."""
    port: Annotated[int, Meta(ge=0, le=65535)] = 8060
    """Where its page is served; 0 takes a free one."""
    address: Annotated[str, Meta(min_length=1, max_length=253)] = "127.0.0.1"
    """Which address of this machine its page is served on; beyond loopback a token is asked for."""
    hosts: tuple[HostName, ...] = ()
    """The names by which browsers may call it, beside those that are safe anyway."""
    certificate: AbsolutePath | None = None
    """With these two files (PEM) the page is served by HTTPS only."""
    private_key: AbsolutePath | None = None

    def __post_init__(self) -> None:
        """Refuse a device that would be offline before it is stale, and half a key pair."""
        if (self.certificate is None) != (self.private_key is None):
            raise ValueError("certificate and private_key go together")
        if not 0 < self.stale_seconds < self.offline_seconds:
            raise ValueError("stale_after must be shorter than offline_after, and longer than 0s")


class Shown(Struct, frozen=True, kw_only=True):
    """What it shows of itself."""

    status: bool
    """Whether something that a press started is under way or ready."""
    phase: Literal["quiet", "preparing", "ready"]
    ready: bool
    """Whether all that a press started is ready."""
    message: str
    """The sentence that tells how the house stands."""
    url: str | None = None
    """Where its page is served; nothing while it is not."""
    fault: str | None = None
    """Why its page is not served."""


class Entry(Struct, frozen=True):
    """What is known of one device."""

    state: State | None = None
    beat: Heartbeat | None = None
    report: Report | None = None
    """What the steward said of its process last."""
    heard: float = 0.0
    """When it was last heard, in the mirror's own seconds."""
    stated: float = 0.0
    """When its state was."""


class Mirror(Kind):
    """A smart mirror: gathers every state of the house and says when breakfast is ready."""

    role = "mirror"
    options_type = Options
    state_type = Shown

    @classmethod
    def measurements(cls) -> frozenset[str]:
        """Count the sentence among what changes all the time."""
        return super().measurements() | {"message"}


class Table:
    """The latest of every device; pure, it is told what was heard and when."""

    def __init__(
        self,
        options: Options,
        titles: dict[str, str],
        products: dict[str, str] | None = None,
        mirrors: Collection[str] = (),
    ) -> None:
        """`titles` gives the friendly name of each process, `products` what a device makes, by its name.

        `mirrors` are the house's other ones: what they show is what is shown here, and nothing gets
        ready in them.
        """
        self.entries = dict.fromkeys(titles, Entry())
        self._options = options
        self._titles = titles
        self._mirrors = frozenset(mirrors)
        self._cooking: dict[str, State] = {}
        """What gets ready, or is: kept, for each state that is heard asks for it, in a house of any size."""
        made = list((products or {}).values())
        self._products = {name: what for name, what in (products or {}).items() if made.count(what) == 1}

    def hear(self, heard: Published, now: float) -> State | None:
        """Take a message; give the state that it replaces, if it is one."""
        entry = self.entries.get(heard.device)
        if entry is None:
            return None  # the steward's word on ourselves
        if isinstance(heard, Report):
            self.entries[heard.device] = replace(entry, report=heard)
            return None
        if isinstance(heard, Heartbeat):
            self.entries[heard.device] = replace(entry, beat=heard, heard=now)
            return None
        self.entries[heard.device] = replace(entry, state=heard, heard=now, stated=now)
        if cooks(heard) and heard.device not in self._mirrors:
            self._cooking[heard.device] = heard
        else:
            self._cooking.pop(heard.device, None)
        return entry.state

    def presence(self, name: str, now: float) -> Presence:
        """Say whether what is known of a device is still what it is."""
        entry = self.entries[name]
        age = now - entry.heard
        # The steward knows better, and the exchange of what is elsewhere, as long as it is there itself.
        if entry.report and entry.report.life != "running":
            teller = self.entries.get(entry.report.by, Entry())
            if now - teller.heard < self._options.offline_seconds:
                return entry.report.life
        if entry.state is None or age >= self._options.offline_seconds:
            return "offline"
        return "stale" if age >= self._options.stale_seconds else "live"

    def cooking(self) -> list[State]:
        """Give what gets ready, or is: the appliances that something set going, by name."""
        return [self._cooking[name] for name in sorted(self._cooking)]

    def meal(self) -> list[State]:
        """Give what the latest press set going: the appliances that share its cause."""
        cooking = self.cooking()
        if not cooking:
            return []
        latest = max(cooking, key=lambda s: (s.turned.get("starts", 0.0), s.since)).cause
        return [state for state in cooking if state.cause == latest]

    def shows(self, now: float) -> Shown:
        """Say how the house stands, in a word and in a sentence."""
        meal = self.meal()
        if not meal:
            return Shown(status=False, phase="quiet", ready=False, message="All is quiet.")
        if all(state.state["ready"] for state in meal):
            message = f"{self._options.meal} is ready."
            if all(state.state.get("phase") == FINISHED for state in meal):  # laundry is no breakfast
                message = " · ".join(self._part(state, now) for state in meal)
            return Shown(status=True, phase="ready", ready=True, message=message)
        parts = [self._part(state, now) for state in self.cooking()]
        message = " · ".join(parts)
        message = message[:1].upper() + message[1:]
        return Shown(status=True, phase="preparing", ready=False, message=message)

    def snapshot(self, name: str, now: float) -> dict[str, Any]:
        """Give what is known of one device, as JSON."""
        entry = self.entries[name]
        state, beat, report = entry.state, entry.beat, entry.report
        presence = self.presence(name, now)
        if presence in ("stale", "offline"):
            since = max(state.at if state else 0.0, beat.at if beat else 0.0) or None
        else:
            since = report.since if report and report.life == LIVES.get(presence, presence) else None
        return {
            "presence": presence,
            "presence_since": since,
            "state": state.state if state else None,
            "cause": state.cause if state else None,
            "since": state.since if state else None,
            "at": state.at if state else None,
            "age_seconds": round(now - self.entries[name].heard, 3) if state else None,
            "boot": state.boot if state else None,
            "seq": state.seq if state else None,
            "pid": (beat.pid or None) if beat else None,
            "restarts": beat.restarts if beat else None,
            "started_at": beat.boot / 1000 if beat else None,
            "reason": report.reason if report else None,
            "last_lines": list(report.lines) if report else [],
            "retry_at": report.retry_at if report else None,
        }

    def _part(self, state: State, now: float) -> str:
        title = self._titles[state.device]
        what = self._products.get(state.device, title)
        if (presence := self.presence(state.device, now)) != "live":
            return f"{title} {WORDS.get(presence, f'is {presence}')}"
        if state.state["ready"]:
            return f"{what} {'has finished' if state.state.get('phase') == FINISHED else 'is ready'}"
        if state.state.get("fault"):
            return f"{title}: {state.state['fault']}"
        left = state.state.get("remaining_seconds")
        if not isinstance(left, int | float):
            return f"{title} is {state.state.get('phase')}"
        seconds = max(0, ceil(left - (now - self.entries[state.device].stated)))
        return f"{what} in {seconds // 60}:{seconds % 60:02}"


def cooks(state: State) -> bool:
    """Tell whether something set an appliance going, so that it gets ready, or is."""
    shown = state.state
    if not state.cause or "ready" not in shown or shown.get("phase") in AT_REST:
        return False
    return shown.get("phase") != "idle" or bool(shown.get("fault"))


def describe(title: str, before: State | None, state: State) -> str | None:
    """Tell a change in a readable line; nothing when only measurements changed."""
    old = before.state if before else {}
    if before is not None and before.turned == state.turned:
        return None
    new = {key: value for key, value in state.state.items() if key in state.turned or before is None}
    changed = {key: value for key, value in new.items() if key not in old or old[key] != value}
    if not changed:
        return None
    words = [] if "phase" not in changed else [f"is {changed['phase']}"]
    words += [f"fault: {changed['fault']}"] if changed.get("fault") else []
    words = words or [f"{key}={value}" for key, value in changed.items() if value is not None]
    return f"{title} " + ", ".join(words) if words else None
