"""A smart mirror: gathers every state of the house and shows when breakfast is ready."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from daemons.kinds import Kind, PrimaryCommand
from daemons.values import Seconds, TimeOfDay

AbsolutePath = Annotated[str, Meta(pattern=r"^/.")]
Window = tuple[TimeOfDay, TimeOfDay]
"""From one time of day to another; it may go past midnight."""
HostName = Annotated[str, Meta(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\Z")]


class Options(Struct, frozen=True, kw_only=True):
    """The options of a mirror."""

    meal: str = "Breakfast"
    """The name of what a press makes, as in "Breakfast is ready"."""
    stale_seconds: Seconds = field(name="stale_after", default=Seconds(3))
    """How long a device may be silent; after that it is shown as stale."""
    offline_seconds: Seconds = field(name="offline_after", default=Seconds(10))
    """How long a device may be silent; after that it is shown as offline."""
    port: Annotated[int, Meta(ge=0, le=65535)] = 8060
    """The port of its page. With 0 it takes a free port, and keeps it over restarts."""
    address: Annotated[str, Meta(min_length=1, max_length=253)] = "127.0.0.1"
    """The address of this machine for its page. Beyond loopback, the page needs a token: `house token`."""
    hosts: tuple[HostName, ...] = ()
    """More names, in lower case, by which browsers may call the page. `localhost`, IP addresses and the
    machine's own name always work."""
    certificate: AbsolutePath | None = None
    """A file in PEM form, an absolute path. With it and `private_key`, the page is served by HTTPS only."""
    private_key: AbsolutePath | None = None
    """A file in PEM form, an absolute path."""
    edit: bool = False
    """Whether the page may edit the tables of devices. It also needs a token with the right to edit."""

    night: Window | None = None
    """When a page on a wall is dim and warm, as in ["sunset", "sunrise"]."""
    screen_off: Window | None = None
    """When a page on a wall is black until it is touched, as in ["23:30", "05:30"]."""
    screen_needs: Annotated[str, Meta(min_length=1, max_length=40)] | None = None
    """A device, such as a presence; while its `status` is false, a page on a wall is black too."""

    def __post_init__(self) -> None:
        """Raise ValueError if `offline_after` is not longer than `stale_after`, or for half a key pair."""
        if (self.certificate is None) != (self.private_key is None):
            raise ValueError("certificate and private_key go together")
        for key in ("night", "screen_off"):
            window = getattr(self, key)
            if window and window[0] == window[1]:
                raise ValueError(f"{key} has the same time twice; leave it out for never")
        if not 0 < self.stale_seconds < self.offline_seconds:
            raise ValueError("stale_after must be shorter than offline_after, and longer than 0s")


class MirrorState(Struct, frozen=True, kw_only=True):
    """The published state of a mirror."""

    status: bool
    """Whether an appliance that a press started works or is ready."""
    phase: Literal["quiet", "preparing", "ready"]
    ready: bool
    """Whether every appliance that a press started is ready."""
    message: str
    """The sentence about the house."""
    url: str | None = None
    """The address of its page; None while the page is not served."""
    fault: str | None = None
    """The reason why its page is not served."""
    alarm: bool = False
    """Whether smoke, gas, carbon monoxide or water is detected anywhere, acknowledged or not."""
    attention: str | None = None
    """The most urgent notice that is not acknowledged; None if there is none."""
    attention_count: int = 0
    """How many notices are not acknowledged."""


class Acknowledge(Struct, frozen=True, kw_only=True):
    """Acknowledge all notices, or those of one device, or those with one code."""

    device: Annotated[str, Meta(max_length=40)] | None = None
    """The device or the service that the notices are about; by default all."""
    code: Annotated[str, Meta(max_length=40)] | None = None
    """What they are about, such as "smoke" or "battery"; by default everything."""


class Mirror(Kind):
    """A smart mirror: gathers every state of the house and shows when breakfast is ready."""

    role = "mirror"
    options_type = Options
    state_type = MirrorState
    commands = (Acknowledge,)
    primary_commands = (PrimaryCommand("acknowledge", "Seen"),)
    resting_phases = ("quiet",)

    @classmethod
    def sources(cls, options: Any) -> dict[str, str]:
        """Return the device that the screen needs."""
        return {options.screen_needs: "status"} if options.screen_needs else {}

    @classmethod
    def times_of_day(cls, options: Any) -> tuple[TimeOfDay, ...]:
        """Return the times of its windows."""
        return (*(options.night or ()), *(options.screen_off or ()))

    @classmethod
    def measurements(cls) -> frozenset[str]:
        """Return the fields that are measurements; the sentence is one, because it counts down."""
        return super().measurements() | {"message"}
