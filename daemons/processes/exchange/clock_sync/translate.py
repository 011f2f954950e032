"""Translates the messages of a device of another host into the time of this host. Pure.

Rules act once on each change time. A state may be received again after a restart, when the two clocks
are further apart. The same change must then have the same time here. So the translator remembers the
translation of each change time for as long as the device still reports it.

Boot numbers are counted by the other clock too, and are translated in the same way: when a device
moves to this host, its next boot must be greater here as well.
"""

from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from daemons.bus.message import TICK_SECONDS, Heartbeat, Moment, Scalar, State
from daemons.bus.origin import Origin, Reason

R = TypeVar("R", Reason | None, Origin | None)

TIME_SUFFIXES = ("_at", "_since")
"""A field whose name ends with one of these holds a time."""

ToLocal = Callable[[float], float]
"""Returns a time of the other host as the time of this host, both in Unix seconds."""


class TranslationMemory(Struct, frozen=True):
    """The translations of one device; remembered across a crash."""

    host: str
    times: tuple[tuple[float, float], ...] = ()
    """Each change time of the other host, with its translation; in order."""
    boot: tuple[int, int] | None = None
    """The boot number of the other host, with its translation."""


class StateTranslator:
    """Translates the times of one device."""

    def __init__(self, memory: TranslationMemory) -> None:
        self.memory = memory
        self._last: State | None = None
        """The latest state as it was received."""
        self._is_after_cut = True
        """Whether no message was received since the link was opened: then any boot may be the present one."""

    def on_link_cut(self) -> None:
        """Note that messages may be missed from now on."""
        self._is_after_cut = True

    def has_new_times(self, received: State | Heartbeat) -> bool:
        """Return whether a message has a boot or a change time that has no translation yet."""
        boot = self.memory.boot
        if boot is None or received.boot != boot[0]:
            return True
        return isinstance(received, State) and not change_times(received) <= dict(self.memory.times).keys()

    def translate_heartbeat(self, received: Heartbeat, to_local: ToLocal, now: float) -> Heartbeat:
        """Return a heartbeat in the time of this host; `now` is that time in Unix seconds."""
        boot = self._translate_boot(received.boot, to_local, now)
        return replace(received, at=min(to_local(received.at), now), boot=boot)

    def translate_state(self, state: State, to_local: ToLocal, now: float) -> State:
        """Return a state in the time of this host, and remember its change times.

        No time is later than `now` (Unix seconds), but their order is kept: when a clock was set between
        two changes, on either host, the second change does not get a time before the first.
        """
        known = dict(self.memory.times)
        if self._last:
            known |= corrected_times(self._last, state, known)
        self._last = state
        translate_errors: dict[float, float] = {}
        last = 0.0
        for moment in sorted(change_times(state)):
            found = known.get(moment)
            last = max(min(to_local(moment), now), last + TICK_SECONDS) if found is None else found
            translate_errors[moment] = last
        boot = self._translate_boot(state.boot, to_local, now)
        self.memory = replace(self.memory, times=tuple(translate_errors.items()))

        def translate_time(moment: float) -> float:
            return translate_errors.get(moment, max(0.0, min(to_local(moment), now)))

        def translate_fields(fields: dict[str, Scalar]) -> dict[str, Scalar]:
            return {
                name: translate_time(value)
                if name.endswith(TIME_SUFFIXES)
                and isinstance(value, int | float)
                and not isinstance(value, bool)
                else value
                for name, value in fields.items()
            }

        def translate_turned(turned: dict[str, float]) -> dict[str, float]:
            return {name: translate_time(moment) for name, moment in turned.items()}

        def translate_at(found: R) -> R:
            """Return a reason or an origin; its moment may be one of a third host."""
            if found is None or found.at is None:
                return found
            return replace(found, at=translate_time(found.at))

        past = tuple(
            Moment(
                state=translate_fields(before.state),
                turned=translate_turned(before.turned),
                cause=before.cause,
                reason=translate_at(before.reason),
                origin=translate_at(before.origin),
            )
            for before in state.past
        )
        return replace(
            state,
            boot=boot,
            at=max(0.0, min(to_local(state.at), now)),  # no rule acts on `at`, so it is not remembered
            since=translate_time(state.since),
            state=translate_fields(state.state),
            turned=translate_turned(state.turned),
            reason=translate_at(state.reason),
            origin=translate_at(state.origin),
            past=past,
        )

    def _translate_boot(self, remote: int, to_local: ToLocal, now: float) -> int:
        """Return a boot number of the other host as one of this host: always the same one, and in order."""
        known = self.memory.boot
        if known is None:
            local = int(min(to_local(remote / 1000), now) * 1000)
        elif remote == known[0]:
            local = known[1]
        elif remote < known[0] and not self._is_after_cut:
            return known[1] - 1  # a late message of a process that has ended
        else:
            local = max(int(min(to_local(remote / 1000), now) * 1000), known[1] + 1)
        self._is_after_cut = False
        self.memory = replace(self.memory, boot=(remote, local))
        return local


def change_times(state: State) -> set[float]:
    """Return the times that rules act on."""
    steps: list[State | Moment] = [*state.past, state]
    begun = {
        found.at for step in steps for found in (step.reason, step.origin) if found and found.at is not None
    }
    return begun | {moment for step in steps for moment in step.turned.values()}


def corrected_times(last: State, state: State, known: dict[float, float]) -> dict[float, float]:
    """Return the translations of times that a device has corrected after its clock was set back.

    The changes are the same as in its last state, and keep their translations: a rule has acted on them. They
    are recognized by their order, their causes and their values.
    """
    before, after = moments(last), moments(state)
    for skip in range(len(before)):
        shared = before[skip:]
        pairs = list(zip(shared, after, strict=False))
        if len(pairs) == len(shared) and all(old[:2] == new[:2] for old, new in pairs):
            return {
                new[2][name]: known[when]
                for old, new in pairs
                for name, when in old[2].items()
                if when in known and new[2][name] not in known and new[2][name] < when
            }
    return {}


def moments(state: State) -> list[tuple[str | None, dict[str, Scalar], dict[str, float]]]:
    """Return the cause, the values with a change time, and these times, of each state from the oldest on."""
    steps: list[State | Moment] = [*state.past, state]
    return [(step.cause, {name: step.state.get(name) for name in step.turned}, step.turned) for step in steps]
