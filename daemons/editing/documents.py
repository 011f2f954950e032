"""The answers of `program`, as the page sends them; docs/page.md describes them to people."""

from typing import Any, Literal

from msgspec import Struct

from daemons.bus.message import Scalar
from daemons.bus.status import UnixSeconds
from daemons.config.plan import ProcessChange


class FoundProblem(Struct, frozen=True, kw_only=True):
    """A problem of the edited configuration, and its place."""

    file: str
    """The file, relative to the folder of the configuration."""
    line: int
    column: int | None
    text_line: int | None
    """The line within the edited text, from 1; null if the problem is elsewhere."""
    table: str
    key: str | None
    text: str
    is_refused: bool
    """Whether it is valid, and the page may not change it."""


class CheckDocument(Struct, frozen=True, kw_only=True):
    """Whether an edited text is valid, and every problem."""

    ok: bool
    problems: tuple[FoundProblem, ...]
    took_seconds: float


class FormField(Struct, frozen=True, kw_only=True):
    """One value of a device that a form shows."""

    key: str
    """Its key; for an entry of a list with the number of the entry, such as `when.0.at`."""
    takes: Literal["text", "number", "switch", "choice", "time", "duration"]
    value: Scalar
    """The value; its default if the device does not set it."""
    is_set: bool
    allowed: str
    """In words, which values are allowed."""
    choices: tuple[Scalar, ...] | None
    group: Literal["device", "kind", "rule"]
    rule: int | None
    """For a value of a rule: its number, from 1."""


class LastEdit(Struct, frozen=True, kw_only=True):
    """The last edit, which can be undone."""

    device: str
    at: UnixSeconds
    by: str
    is_interrupted: bool
    """Whether it ended before the house ran it: the file has it, and the house may not."""


class EditableDocument(Struct, frozen=True, kw_only=True):
    """The table of a device as text, and what can be changed in it."""

    device: str
    file: str
    first_line: int
    last_line: int
    text: str
    version: str
    locked: tuple[str, ...]
    """The keys that the page cannot change."""
    form: tuple[FormField, ...]
    undo: LastEdit | None


class TextDocument(Struct, frozen=True, kw_only=True):
    """The text of a device with the changes of a form."""

    text: str


class PlanDocument(Struct, frozen=True, kw_only=True):
    """What the edit would do to the house."""

    changes: tuple[ProcessChange, ...]
    restarts_mirror: bool
    """Whether the mirror that serves the page is restarted, too."""
    forgotten: dict[str, tuple[str, ...]] = {}
    """What each device would forget, one sentence each: a device of another kind starts anew."""


class StoriesDocument(Struct, frozen=True, kw_only=True):
    """The stories of the house, played with the edit, as `house test --json` prints them."""

    ok: bool
    stories: tuple[dict[str, Any], ...]


class JobDocument(Struct, frozen=True, kw_only=True):
    """A job: an action that goes on after its request."""

    id: str
    what: Literal["restart", "stop", "start", "apply", "undo"]
    name: str
    """The device or the service."""
    by: str
    begun_at: UnixSeconds
    ended_at: UnixSeconds | None = None
    state: Literal["running", "done", "failed", "interrupted"] = "running"
    step: Literal["stories", "writing", "reloading", "rolling_back"] | None = None
    reason: str | None = None
    """Why it failed."""
    changes: tuple[ProcessChange, ...] = ()
    is_rolled_back: bool | None = None
    """For an edit that failed: whether file and house are as before. If not, the reason says how they
    differ."""


class JobsDocument(Struct, frozen=True, kw_only=True):
    """The latest jobs, the newest first."""

    jobs: tuple[JobDocument, ...]
