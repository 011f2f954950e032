"""The published state of one device over time: its fields, when each changed, and the states before. Pure."""

from collections.abc import Collection
from math import inf
from typing import Self

from msgspec import Raw, Struct
from msgspec.structs import replace

from daemons.bus.message import (
    MAX_PAST,
    TICK_SECONDS,
    Moment,
    Scalar,
    decode_moments,
    encode_moment,
    update_change_times,
)
from daemons.bus.origin import Origin, Reason

CLOCK_STEP_SECONDS = 1.0
"""A wall clock that went back by less was not set; only its pace was corrected."""
OFFSET_PRECISION_SECONDS = 0.01
"""Two clocks are not read at the same instant, so a smaller change of their offset is none."""


class StateHistory(Struct, frozen=True):
    """The latest state of one device, without measurements, and up to eight states before it."""

    fields: dict[str, Scalar] = {}
    change_times: dict[str, float] = {}
    """For each field, when (Unix seconds) it took its value.

    A first value has no such time, nor has a value that is known again and did not change meanwhile.
    """
    cause: str | None = None
    encoded_past: tuple[Raw, ...] = ()
    """The states before, oldest first, each as JSON: the journal and the messages need nothing else."""
    known_fields: dict[str, Scalar] = {}
    """While the phase is an unknown one: the state before. Empty otherwise."""
    changed_at: float | None = None
    """When (Unix seconds) the state changed, if a field then got no time; None: see `change_times`."""
    clock_offsets: tuple[tuple[float, float], ...] = ()
    """The wall clock less the steady clock, each with the time of the first change under it, oldest first."""
    reason: Reason | None = None
    """The reason of the latest state."""
    origin: Origin | None = None
    """The beginning of the chain that led to the latest state."""

    @property
    def past(self) -> tuple[Moment, ...]:
        """The states before, oldest first."""
        return decode_moments(self.encoded_past)

    def after(
        self,
        fields: dict[str, Scalar],
        cause: str | None,
        at: float,
        *,
        unknown_phases: Collection[Scalar] = (),
        clock_offset: float | None = None,
        reason: Reason | None = None,
        origin: Origin | None = None,
    ) -> Self:
        """Return the history after a state at `at` (Unix seconds); the same object if nothing changed.

        `clock_offset` is the wall clock less the steady clock.
        """
        before = self.corrected(at, clock_offset)
        if fields == self.fields:
            return before
        at = max([at, *(when + TICK_SECONDS for when in before.times())])
        is_unknown = fields.get("phase") in unknown_phases
        known = self.known_fields if self.fields.get("phase") in unknown_phases else self.fields
        times = update_change_times(self.fields, fields, before.change_times, at)
        silent = {
            name
            for name in times
            if self.fields.get(name) != fields[name]
            and (
                (
                    is_unknown_field(name, self.fields, unknown_phases)
                    and _is_same(name, known, fields, is_unknown)
                )
                or (name != "phase" and is_unknown_field(name, fields, unknown_phases))
            )
        }
        moment = encode_moment(
            Moment(
                state=self.fields,
                turned=before.change_times,
                cause=self.cause,
                reason=self.reason,
                origin=before.origin,
            )
        )
        changed = replace(
            before,
            fields=fields,
            change_times={name: when for name, when in times.items() if name not in silent},
            cause=cause,
            reason=reason,
            origin=origin,
            encoded_past=(*before.encoded_past, moment)[-MAX_PAST:] if self.fields else (),
            known_fields=known if is_unknown else {},
            changed_at=at if silent else None,
        )
        offsets = before.clock_offsets
        if clock_offset is None:
            return changed
        if not offsets or abs(clock_offset - offsets[-1][1]) >= OFFSET_PRECISION_SECONDS:
            offsets = (*offsets, (at, clock_offset))
        if len(offsets) > 1:
            oldest = min(changed.all_times(), default=at)
            offsets = offsets[sum(first <= oldest for first, _ in offsets[1:]) :]
        return changed if offsets is before.clock_offsets else replace(changed, clock_offsets=offsets)

    def since(self, first_at: float) -> float:
        """Return when the state last changed (Unix seconds), or `first_at` if it never changed."""
        return max(self.times(), default=first_at)

    def times(self) -> list[float]:
        """Return the times of all changes that led to the present state."""
        return [*self.change_times.values(), *([] if self.changed_at is None else [self.changed_at])]

    def corrected(self, at: float, clock_offset: float | None) -> Self:
        """Return the history with its times put right, if the wall clock was set back since a change.

        The steady clock tells by how much, and the order of the times stays. It is the same object if
        nothing is to be put right.
        """
        ahead = max((offset for _, offset in self.clock_offsets), default=None)
        if clock_offset is None or ahead is None or ahead - clock_offset < CLOCK_STEP_SECONDS:
            return self
        found = self.all_times() | {first for first, _ in self.clock_offsets}
        corrected: dict[float, float] = {}

        def real(when: float) -> float:
            offset = next((offset for first, offset in reversed(self.clock_offsets) if first <= when), -inf)
            return when - max(0.0, offset - clock_offset)

        latest = at
        for when in sorted(found, reverse=True):
            latest = corrected[when] = max(0.0, min(real(when), latest))
            latest -= TICK_SECONDS

        def correct(times: dict[str, float]) -> dict[str, float]:
            return {name: corrected[when] for name, when in times.items()}

        def correct_origin(origin: Origin | None) -> Origin | None:
            return origin and replace(origin, at=max(0.0, min(real(origin.at), at)))

        return replace(
            self,
            change_times=correct(self.change_times),
            encoded_past=tuple(
                encode_moment(
                    replace(moment, turned=correct(moment.turned), origin=correct_origin(moment.origin))
                )
                for moment in self.past
            ),
            changed_at=None if self.changed_at is None else corrected[self.changed_at],
            origin=correct_origin(self.origin),
            clock_offsets=tuple(
                (corrected[first], min(offset, clock_offset)) for first, offset in self.clock_offsets
            ),
        )

    def all_times(self) -> set[float]:
        """Return the times of all changes that are known, also of the states before."""
        return {*self.times(), *(when for moment in self.past for when in moment.turned.values())}


def is_unknown_field(name: str, fields: dict[str, Scalar], unknown_phases: Collection[Scalar]) -> bool:
    """Return whether a field has no true value: its device is in an unknown phase."""
    if fields.get("phase") not in unknown_phases:
        return False
    return name in {"phase", "status"} or (fields.get(name) is None and name != "fault")


def _is_same(name: str, known: dict[str, Scalar], fields: dict[str, Scalar], is_unknown: bool) -> bool:
    """Return whether a field that was unknown has its value of before again, or its first one."""
    return not is_unknown and (name not in known or known[name] == fields[name])
