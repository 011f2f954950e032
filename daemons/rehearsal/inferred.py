"""Infers inputs that are not recorded from the changes that they made. Pure.

A process that is killed loses the inputs of its last half second. A change that a command, a press or a hand
made is recorded even so, with the id of the command or the press. The recorder of a host has no inputs of
other hosts, and a device that a program reports publishes none: each detection follows from its change.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from daemons.bus.origin import Reason
from daemons.config.device import Device
from daemons.rehearsal.opening import commands_to
from daemons.rehearsal.record import FROM_PEOPLE, Inferred, OutsideInput, RecordedChange

SAME_SECONDS = 1.0
"""A recorded hand and the change that it made lie no further apart."""


def infer(
    changes: Iterable[RecordedChange],
    inputs: Iterable[OutsideInput],
    devices: Mapping[str, Device],
    begin: float,
) -> list[Inferred]:
    """Return the commands, presses and hands since `begin` that made changes and are not among the inputs.

    Of all changes that follow from one input at its device, the first counts: they have the same origin.
    `devices` are those of the configuration that was in force.
    """
    ids: set[tuple[str | None, str]] = set()
    hands: dict[str | None, list[float]] = {}
    for one in inputs:
        if one.what in ("command", "press"):
            ids.add((one.device, one.details["id"]))
        elif one.what == "hand":
            hands.setdefault(one.device, []).append(one.at)
    seen: set[tuple[str, str, float]] = set()
    found = []
    for change in changes:
        device, reason, origin = devices.get(change.device), change.reason, change.origin
        if device is None or reason is None:
            continue
        if is_seen(device, reason.by):
            is_on = change.state.get("status") is True
            found.append(Inferred(change.at, change.device, "values", {"on": is_on}))
        if reason.by not in FROM_PEOPLE or origin is None or origin.at < begin:
            continue
        is_hand, begun = reason.by == "hand", (change.device, reason.by, origin.at)
        near = any(abs(at - origin.at) < SAME_SECONDS for at in hands.get(change.device, ()))
        is_known = near if is_hand else (change.device, change.cause or "") in ids
        if not is_known and begun not in seen:
            found += inputs_of(change, origin.at, device, reason)
        seen.add(begun)
    return found


def is_seen(device: Device, by: str) -> bool:
    """Return whether a change shows what a program reported, or what a detector detected."""
    return by == "program" or (by == "sensor" and not getattr(device.kind, "drives", True))


def inputs_of(change: RecordedChange, at: float, device: Device, reason: Reason) -> list[Inferred]:
    """Return the input at a time that made a change; none if it cannot be inferred."""

    def inferred(**details: Any) -> list[Inferred]:
        return [Inferred(at, change.device, reason.by, details)]

    phase, id_ = change.state.get("phase"), change.cause
    is_moment = phase in device.kind.momentary_phases
    if reason.by == "hand":
        return inferred(on=change.state.get("status") is True)
    if reason.by == "press":
        return inferred(touch=phase if is_moment else "single", id=id_)
    commands = [(str(phase), {})] if is_moment else commands_to(device, change.state)
    if not commands:
        return []
    word, args = commands[-1]
    return inferred(command=word, args=args, id=id_, who=reason.who)
