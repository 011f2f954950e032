"""The published state of one device over time: its fields, when each changed, and the states before. Pure."""

from typing import Self

from msgspec import Struct
from msgspec.structs import replace

from daemons.bus.message import MAX_PAST, Moment, Scalar, update_change_times


class StateHistory(Struct, frozen=True):
    """The latest state of one device, without measurements, and up to eight states before it."""

    fields: dict[str, Scalar] = {}
    change_times: dict[str, float] = {}
    """For each field, when (Unix seconds) it took its value; a first value has no such time."""
    cause: str | None = None
    past: tuple[Moment, ...] = ()
    """The states before, oldest first."""

    def after(self, fields: dict[str, Scalar], cause: str | None, at: float) -> Self:
        """Return the history after a state at `at` (Unix seconds); the same object if no field changed."""
        if fields == self.fields:
            return self
        before = Moment(state=self.fields, turned=self.change_times, cause=self.cause)
        return replace(
            self,
            fields=fields,
            change_times=update_change_times(self.fields, fields, self.change_times, at),
            cause=cause,
            past=(*self.past, before)[-MAX_PAST:] if self.fields else (),
        )

    def since(self, first_at: float) -> float:
        """Return when the state last changed (Unix seconds), or `first_at` if it never changed."""
        return max(self.change_times.values(), default=first_at)
