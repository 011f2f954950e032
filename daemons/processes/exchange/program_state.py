"""The states that a program reports of its device, made into states of the house. Pure.

A program reports only what its device shows now, and perhaps the cause. The tracker works out when each
field changed and what it was before, by the clock of this house.
"""

from typing import Any

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from daemons.bus.message import MAX_PUBLISHED_BYTES, Fields, Identifier, Moment, Scalar, decode_moments
from daemons.bus.state_history import StateHistory
from daemons.errors import MessageError
from daemons.kinds import Kind, add_implausible, is_plausible, range_text
from daemons.values import check_published, describe_type, format_toml, suggest

MAX_INTEGER = 1 << 53
"""Greater whole numbers are not the same in every JSON reader (RFC 8259, section 6)."""


class ReportedState(Struct, frozen=True):
    """The JSON object that a program reports. Other keys in it are ignored."""

    state: Fields
    cause: Identifier | None = None


class ProgramMemory(Struct, frozen=True, kw_only=True):
    """What is known of the device of one program; remembered across a crash."""

    first_reported_at: float = field(name="born")
    """When the first state was reported, in Unix seconds."""
    state: dict[str, Scalar] = field(default_factory=dict, name="shown")
    """The latest fields, without measurements."""
    turned: dict[str, float] = {}
    cause: str | None = None
    encoded_past: tuple[msgspec.Raw, ...] = field(default=(), name="past")
    """The states before, oldest first, each as JSON."""
    known: dict[str, Scalar] = {}
    """While the phase is an unknown one: the fields before."""
    changed: float | None = None
    """When the state changed, if a field then got no time of change."""

    @property
    def past(self) -> tuple[Moment, ...]:
        """The states before, oldest first."""
        return decode_moments(self.encoded_past)

    @property
    def since(self) -> float:
        """Return when the last change was, in Unix seconds; measurements do not count."""
        return self.history.since(self.first_reported_at)

    @property
    def history(self) -> StateHistory:
        """Return the state and the states before it."""
        return StateHistory(self.state, self.turned, self.cause, self.encoded_past, self.known, self.changed)


_decoder = msgspec.json.Decoder(ReportedState)


class StateTracker:
    """Checks the states that one program reports, and tracks their changes."""

    def __init__(self, kind: type[Kind]) -> None:
        self._fields = kind.fields()
        self._measured = kind.measurements()
        self._unknown_phases = kind.unknown_phases

    def decode(self, payload: bytes) -> ReportedState:
        """Parse a report; MessageError names the field that a device of this kind cannot have.

        An implausible measurement becomes unknown (None), with a fault.
        """
        if len(payload) > MAX_PUBLISHED_BYTES:
            raise MessageError(f"{len(payload)} bytes; at most {MAX_PUBLISHED_BYTES} are allowed")
        try:
            reported = _decoder.decode(payload)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise MessageError(f"not a state: {error}") from error
        for name, value in reported.state.items():
            if name not in self._fields:
                raise MessageError(f"{name}: unknown field; {suggest(name, self._fields)}")
            if isinstance(value, int) and abs(value) > MAX_INTEGER:
                raise MessageError(f"{name}: {format_toml(value)} is too large; the limit is 2^53")
            try:
                check_published(value, self._fields[name])
            except ValueError as error:
                allowed = describe_type(self._fields[name])
                raise MessageError(
                    f"{name}: {format_toml(value)} is not allowed; allowed: {allowed}"
                ) from error
        if "status" not in reported.state:
            raise MessageError("the state has no `status`; every device has one: true while it is working")
        refused = [name for name, value in reported.state.items() if not is_plausible(name, value)]
        return self._without(refused, reported) if refused else reported

    def _without(self, refused: list[str], reported: ReportedState) -> ReportedState:
        """Return a report without its refused values; MessageError for a field that cannot be unknown."""
        state = reported.state | dict.fromkeys(refused)
        for name in refused:
            try:
                check_published(None, self._fields[name])
            except ValueError as error:
                value = format_toml(reported.state[name])
                raise MessageError(f"{name}: {value} is not {range_text(name)}") from error
        fault = state.get("fault")
        state["fault"] = add_implausible(fault if isinstance(fault, str) else None, refused)
        return replace(reported, state=state)

    def update(self, memory: ProgramMemory | None, reported: ReportedState, at: float) -> ProgramMemory:
        """Return the memory after a report at `at` (Unix seconds); the same object unless a field changed.

        Measurements do not count as changes.
        """
        memory = memory or ProgramMemory(first_reported_at=at)
        state: dict[str, Any] = {
            name: value for name, value in reported.state.items() if name not in self._measured
        }
        if state == memory.state:
            return memory
        history = memory.history.after(state, reported.cause, at, unknown_phases=self._unknown_phases)
        return replace(
            memory,
            state=state,
            turned=history.change_times,
            cause=history.cause,
            encoded_past=history.encoded_past,
            known=history.known_fields,
            changed=history.changed_at,
        )
