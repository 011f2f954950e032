"""The message with the latest outside inputs of a device: commands, presses, hands, hardware. No I/O.

Its topic is `$input/NAME`. No device's name begins with `$`. So a subscription of `NAME/` brings no inputs,
and costs nothing more because of them. docs/wire.md describes the message.
"""

from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from daemons.bus.message import (
    MAX_ARGUMENTS,
    MAX_PUBLISHED_BYTES,
    Count,
    DeviceName,
    Field,
    Scalar,
    Unix,
    check_name,
    decode_payload,
)
from daemons.errors import MessageError

PREFIX = b"$input/"
MAX_INPUTS = 100
"""How many inputs a message contains at most."""
MAX_DETAILS = 20

What = Literal["command", "press", "hand", "values", "hardware"]
Details = dict[Field, Scalar | Annotated[dict[Field, Scalar], Meta(max_length=MAX_ARGUMENTS)]]


class Input(Struct, frozen=True, kw_only=True):
    """One input. docs/wire.md lists, for each word of `what`, the fields of `details`."""

    at: Unix
    what: What
    details: Annotated[Details, Meta(max_length=MAX_DETAILS)]


class InputsHead(Struct, frozen=True, kw_only=True):
    """A message with inputs, without the inputs. `Inputs` explains the fields."""

    device: DeviceName
    boot: Count
    at: Unix
    number: Count
    earlier: Count


class Inputs(InputsHead, frozen=True, kw_only=True):
    """The latest inputs of a device: new ones, and some that an earlier message had already.

    A device counts its inputs, also over its restarts. `number` is the number of the latest one, so the
    others have the numbers before it. `earlier` is the number of the latest one before this `boot`, as far as
    the device remembers it. At a start, a message without inputs publishes both.
    """

    inputs: Annotated[tuple[Input, ...], Meta(max_length=MAX_INPUTS)]


class EncodedInputs(InputsHead, frozen=True, kw_only=True):
    """The same message with its inputs as JSON, so that each is encoded only once."""

    inputs: tuple[msgspec.Raw, ...]


def input_topic(device: str) -> bytes:
    """Return the topic of a device's inputs."""
    return PREFIX + device.encode()


@cache
def _decoder() -> "msgspec.json.Decoder[Inputs]":
    """Return the decoder. Only the recorder needs one."""
    return msgspec.json.Decoder(Inputs)


def decode_inputs(frames: Sequence[bytes]) -> Inputs:
    """Decode the two frames of a message with inputs; MessageError when they break a rule."""
    if len(frames) != 2:  # noqa: PLR2004
        raise MessageError(f"{len(frames)} frames; a message has 2")
    found: Inputs = decode_payload(_decoder(), frames[1], MAX_PUBLISHED_BYTES)
    if frames[0] != input_topic(found.device):
        raise MessageError(f"its topic and its device ({found.device}) differ")
    if found.number < len(found.inputs):
        raise MessageError(f"its latest input has the number {found.number}, and it has {len(found.inputs)}")
    for input_ in found.inputs:
        _check_names(input_.details)
    return found


def _check_names(details: dict[str, Any]) -> None:
    for name, value in details.items():
        check_name(name, "the name of a detail")
        if isinstance(value, dict):
            _check_names(value)
