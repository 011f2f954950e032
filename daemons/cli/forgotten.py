"""What the devices of a house would forget when they start with a configuration and this version of House."""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from daemons.config.device import Device
from daemons.config.house import House
from daemons.kinds import Machine
from daemons.processes.device.memory import DeviceMemory
from daemons.storage.journal import later_format, peek_fields


def forgotten(house: House) -> dict[str, list[str]]:
    """Return sentences about each device of this host that would forget something, by its name.

    The working directory is the run directory; its journals are only read.
    """
    found = {name: list(forgotten_by(house.devices[name])) for name in house.own}
    return {name: texts for name, texts in found.items() if texts}


def forgotten_by(device: Device) -> Iterator[str]:
    """Yield what a device would forget, one sentence each."""
    later = later_format(device.name)
    if later is not None:
        yield f"a later version of House wrote its memory (format {later}): set aside, and it starts anew"
        return
    fields = peek_fields(device.name)
    if fields is None or not issubclass(device.kind, Machine):
        return
    was, becomes = fields.get("kind"), device.kind.word
    if was != becomes:
        yield f"it was a {was} and becomes a {becomes}: it starts anew, and forgets what it was"
        return
    machine = fields.get("machine")
    yield from unknown("", fields, DeviceMemory)
    try:
        msgspec.convert(machine, device.kind.memory_type)
    except msgspec.MsgspecError as error:
        yield f"this version cannot read its memory, so it starts anew: {error}"
        return
    yield from unknown("machine.", machine if isinstance(machine, dict) else {}, device.kind.memory_type)


def unknown(prefix: str, fields: dict[str, Any], type_: type[Struct]) -> Iterator[str]:
    """Yield a sentence if a memory has fields that its type does not have."""
    known = {field.encode_name for field in msgspec.structs.fields(type_)}
    names = ", ".join(prefix + name for name in sorted(fields.keys() - known))
    if names:
        yield f"this version does not know {names} in its memory, and forgets it"
