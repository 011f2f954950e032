"""A smart mirror: gathers every state of the house and says when breakfast is ready."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from daemons.kinds import Kind
from daemons.values import Seconds

AbsolutePath = Annotated[str, Meta(pattern=r"^/.")]
HostName = Annotated[str, Meta(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\Z")]


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


class MirrorState(Struct, frozen=True, kw_only=True):
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


class Mirror(Kind):
    """A smart mirror: gathers every state of the house and says when breakfast is ready."""

    role = "mirror"
    options_type = Options
    state_type = MirrorState

    @classmethod
    def measurements(cls) -> frozenset[str]:
        """Count the sentence among what changes all the time."""
        return super().measurements() | {"message"}
