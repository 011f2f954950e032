"""The command for one device in the field `orders` of a scene or a group. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct, structs

from daemons.bus.message import Scalar

EVERY_MEMBER = "*"
"""The key of a command for all members."""
_decoder = msgspec.json.Decoder(dict[str, list[Any]])


def find_order(
    text: Scalar, device: str, commands: Mapping[str, type[Struct]]
) -> tuple[str, dict[str, Any]] | None:
    """Return the command for a device and its arguments, or None if the text has none.

    The text is a JSON object: by device, a list of the command and its arguments, in the order in which the
    kind declares them (null for one that is left out). One object with names can stand in place of them.
    """
    try:
        orders = _decoder.decode(text) if isinstance(text, str) else {}
    except msgspec.MsgspecError:
        return None
    found = orders.get(device, orders.get(EVERY_MEMBER))
    if not found or not isinstance(found[0], str) or found[0] not in commands:
        return None
    word, *values = found
    if len(values) == 1 and isinstance(values[0], dict):
        return word, values[0]
    names = [field.encode_name for field in structs.fields(commands[word])]
    return word, {name: value for name, value in zip(names, values, strict=False) if value is not None}
