"""The status of a process: everything that is known of it, in the one form that all outputs share."""

from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

Presence = Literal["live", "stale", "offline", "restarting", "failed", "stopped"]
PRESENCES: tuple[Presence, ...] = get_args(Presence)
UnixSeconds = Annotated[float, Meta(ge=0, description="Unix seconds")]
Natural = Annotated[int, Meta(ge=0)]
Fields = dict[str, bool | int | float | str | None]
"""The fields of a state."""


class ProcessStatus(Struct, frozen=True, kw_only=True):
    """Everything that is known of one process; a field that is not known is null.

    The snapshot of the mirror, its page and `house status` have these fields, in this order.
    """

    presence: Presence
    presence_since: UnixSeconds | None
    """Since when the presence is as it is."""
    state: Fields | None
    """The latest state, whatever its age."""
    cause: str | None
    """The id of the command or press that led to the state."""
    since: UnixSeconds | None
    """When the state last changed."""
    at: UnixSeconds | None
    """When the state was published."""
    age_seconds: float | None
    """How long ago the latest state or heartbeat arrived."""
    boot: Natural | None
    """The boot of the process that published the state."""
    seq: Natural | None
    """The number of the state."""
    pid: Natural | None
    restarts: Natural | None
    started_at: UnixSeconds | None
    reason: str | None
    """Why the process is not running, or why it ended last."""
    last_lines: tuple[str, ...]
    """The last lines of its log, if it failed."""
    retry_at: UnixSeconds | None
    """When a process that failed is started again."""
