"""What the page asks `program` to do, and the bodies of its requests. The mirror loads this file."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from daemons.bus.message import DeviceName, Identifier

Text = Annotated[str, Meta(max_length=60_000)]
Version = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
"""The SHA-256 of the file in which the device stands, as `read` has returned it."""
FormKey = Annotated[str, Meta(min_length=1, max_length=100)]
FormValue = bool | int | float | Annotated[str, Meta(max_length=2000)] | None
ProcessAction = Literal["restart", "stop", "start"]
EditAction = Literal["read", "form", "check", "plan", "stories", "replay", "apply", "undo"]
JOB_ACTIONS = ("restart", "stop", "start", "apply", "undo")
"""The actions that go on after their answer, as a job."""


class EditBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The edited text of a device, and the version of the file that it comes from."""

    version: Version
    text: Text


class FormBody(EditBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same, with changes of a form: null removes a key."""

    changes: Annotated[dict[FormKey, FormValue], Meta(max_length=100)]


class ReplayBody(EditBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same, with the beginning of the replay: how long ago, or a date and time."""

    since: Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[0-9a-zA-Z :.+-]*\Z")] = "1d"


class ApplyBody(EditBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same, to be applied to the house."""

    untested: bool = False
    """Whether to apply it also if a story does not hold."""


class ProgramRequest(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One request to `program`."""

    action: ProcessAction | EditAction
    name: DeviceName = ""
    """The device or the service; empty for `undo`."""
    by: str = "page"
    """The account: "page", or "page:" and the name of a person."""
    mirror: str = ""
    """The mirror that asks."""
    version: str = ""
    text: str = ""
    changes: dict[str, FormValue] = {}
    since: str = ""
    untested: bool = False


class JobHead(Struct, frozen=True):
    """What the mirror reads of a job."""

    id: Identifier
    what: ProcessAction | Literal["apply", "undo"]
    name: str
    state: Literal["running", "done", "failed", "interrupted"]
