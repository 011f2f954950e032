"""What one appliance remembers across a crash; the journal stores it. Field names on disk never change."""

import logging
from typing import Any

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from daemons.bus.message import Moment, Scalar, decode_moments
from daemons.bus.origin import Origin, Reason
from daemons.bus.requests.ledger import LedgerEntry
from daemons.kinds import Machine
from daemons.processes.device.rule_decision import RuleState
from daemons.processes.device.rules import Order
from daemons.processes.process_run import ProcessRun
from daemons.runtime.clock import Anchor


class DeviceMemory(Struct, frozen=True, kw_only=True):
    """What one appliance remembers across a crash."""

    kind: str
    machine: msgspec.Raw
    """The memory of the kind's state machine, as JSON."""
    anchor: Anchor
    written_at: float = field(name="at")
    """When this was written, in the device's steady seconds."""
    created_at: float = field(name="born")
    """When this memory was created (Unix seconds). The device ignores everything that happened before."""
    life: ProcessRun
    is_new: bool = field(name="new", default=False)
    """Whether the device has neither switched its hardware nor read it: it adopts the first known state."""
    cause: str | None = None
    reason: Reason | None = None
    origin: Origin | None = None
    """The beginning of the chain that led to the latest decision; None: it is that of the last state."""
    last_state: dict[str, Scalar] = field(name="shown", default_factory=dict)
    """The fields that were published last, without measurements."""
    last_state_cause: str | None = field(name="shown_cause", default=None)
    last_state_reason: Reason | None = field(name="shown_reason", default=None)
    last_state_origin: Origin | None = field(name="shown_origin", default=None)
    change_times: dict[str, float] = field(name="turned", default_factory=dict)
    """For each field of the last state, when (Unix seconds) it took its value."""
    encoded_past: tuple[msgspec.Raw, ...] = field(name="past", default=())
    """The latest states before the last one, oldest first, each as JSON."""
    known_fields: dict[str, Scalar] = field(name="known", default_factory=dict)
    """While the phase is an unknown one: the fields before, as they were published."""
    changed_at: float | None = field(name="changed", default=None)
    """When (Unix seconds) any field of the last state changed."""
    clock_offsets: tuple[tuple[float, float], ...] = field(name="offsets", default=())
    """The wall clock less the steady clock, each with the time of the first change under it."""
    confirmed: bool = False
    """Whether the hardware once matched the desired setting: if it differs now, it was switched manually."""
    unsent_since: float | None = field(name="unsent", default=None)
    """Since when a decision waits to be sent to the hardware, in the device's steady seconds."""
    off_deadline: float | None = field(name="hot_until", default=None)
    """When a heating appliance is switched off whatever happens, in the device's steady seconds."""
    auto_off_at: float | None = field(name="off_at", default=None)
    """When the device goes off by its `off_after`, in the device's steady seconds."""
    rule_states: dict[str, RuleState] = field(name="marks", default_factory=dict)
    """The state of each rule, by `rules.rule_key`."""
    last_order: Order | None = None
    """The latest command that a rule or a client gave."""
    presses_until: int | None = None
    """How much of the record of its button's presses was handled, for hardware that has one."""
    silent_since: dict[str, float] = {}
    """For each measured device that is silent, since when, in the device's steady seconds."""
    input_number: int = field(name="inputs", default=0)
    """The number of its latest outside input."""
    receipts: dict[str, LedgerEntry] = {}
    """The receipts of the latest commands, by command id."""

    @property
    def past(self) -> tuple[Moment, ...]:
        """The latest states before the last one, oldest first."""
        return decode_moments(self.encoded_past)


def resume_memory(
    last: DeviceMemory | None,
    run: ProcessRun,
    machine: Machine[Any, Any],
    kind: str,
    anchor: Anchor,
    now: float,
    wall: float,
    log: "logging.LoggerAdapter[Any]",
) -> DeviceMemory:
    """Return the memory to go on with: the last one, or an empty one if it cannot be used.

    `now` is the time in the steady seconds of `anchor`, `wall` in Unix seconds.
    """
    if last is not None and last.kind == kind:
        try:
            msgspec.json.decode(last.machine, type=machine.memory_type)
        except msgspec.MsgspecError as error:
            log.error("cannot read its memory of an earlier version of %s, and starts anew: %s", kind, error)
        else:
            return replace(last, life=run, anchor=anchor)
    elif last is not None:
        log.warning("it was a %s and is a %s: what it remembered is not used any more", last.kind, kind)
    return DeviceMemory(
        kind=kind,
        machine=msgspec.Raw(msgspec.json.encode(machine.memory_type())),
        anchor=anchor,
        written_at=now,
        created_at=wall,
        life=run,
        is_new=True,
    )
