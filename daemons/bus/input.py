"""The message with the latest outside inputs of a device: commands, presses, hands, hardware. No I/O.

Its topic is `$input/NAME`. No device's name begins with `$`. So a subscription of `NAME/` brings no inputs,
and costs nothing more because of them. docs/wire.md describes the message.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import asdict

from daemons.bus.message import (
    MAX_ARGUMENTS,
    MAX_PUBLISHED_BYTES,
    Count,
    DeviceName,
    Field,
    Identifier,
    Scalar,
    Text,
    Unix,
    check_name,
    decode_payload,
)
from daemons.bus.origin import Who
from daemons.errors import MessageError

PREFIX = b"$input/"
MAX_INPUTS = 100
"""How many inputs a message contains at most."""


class Input(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="what"):
    """Something that came to a device from outside."""

    at: Unix
    """When it came to the device."""


class CommandInput(Input, frozen=True, kw_only=True, tag="command"):
    """A command, also one that was rejected or expired; a repeated one is no new input."""

    id: Identifier
    command: Identifier
    outcome: Literal["applied", "rejected", "expired", "unanswered"]
    """As in its receipt. A device itself never leaves a command unanswered."""
    reason: Text | None = None
    who: Who | None = None
    args: Annotated[dict[Field, Scalar], Meta(max_length=MAX_ARGUMENTS)] = {}
    left_out: Annotated[dict[Field, Count], Meta(max_length=MAX_ARGUMENTS)] | None = None
    """The length of each argument that may be personal or secret, and is not in `args`."""


class PressInput(Input, frozen=True, kw_only=True, tag="press"):
    """A press of the hardware's own button."""

    touch: Identifier
    id: Identifier
    """The cause of what follows from it."""


class HandInput(Input, frozen=True, kw_only=True, tag="hand"):
    """The hardware was switched or set by hand. A value that it does not report is None."""

    on: bool
    brightness_percent: int | None = None
    colour_temperature_kelvin: int | None = None
    colour: Annotated[str, Meta(max_length=7)] | None = None
    direction: Identifier | None = None
    position_percent: int | None = None
    target_celsius: float | None = None


class DetectionInput(Input, frozen=True, kw_only=True, tag="detection"):
    """A detector detects something, or no more."""

    on: bool


class HardwareInput(Input, frozen=True, kw_only=True, tag="hardware"):
    """The hardware was lost, or can be reached again."""

    reachable: bool
    fault: Text | None = None


AnyInput = CommandInput | PressInput | HandInput | DetectionInput | HardwareInput


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

    inputs: Annotated[tuple[AnyInput, ...], Meta(max_length=MAX_INPUTS)]


class EncodedInputs(InputsHead, frozen=True, kw_only=True):
    """The same message with its inputs as JSON, so that each is encoded only once."""

    inputs: tuple[msgspec.Raw, ...]


def input_topic(device: str) -> bytes:
    """Return the topic of a device's inputs."""
    return PREFIX + device.encode()


def details(input_: Input) -> dict[str, Any]:
    """Return the fields of an input, but for its time and those that are None."""
    return {name: value for name, value in asdict(input_).items() if value is not None and name != "at"}


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
        if isinstance(input_, CommandInput):
            _check_names(input_.args)
            _check_names(input_.left_out or {})
    return found


def _check_names(arguments: Mapping[str, object]) -> None:
    for name in arguments:
        check_name(name, "the name of an argument")
