"""A device that is somebody's own program: its words, made into states of the house. Pure.

Such a program says no more than what its device shows, and perhaps why. When that changed, what was
before, and how old it is, are told from here, by this house's clock.
"""

from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from daemons.bus.message import LIMIT, MOST_PAST, Identifier, Moment, Scalar, turn
from daemons.errors import MessageError
from daemons.kinds import Kind
from daemons.values import choose, describe, show

LARGEST = 1 << 53
"""Whole numbers beyond this are not the same everywhere (RFC 8259, section 6)."""


class Words(Struct, frozen=True):
    """What a program says: one JSON object. What else is in it counts for nothing."""

    state: dict[Identifier, Scalar]
    cause: Identifier | None = None


class Memory(Struct, frozen=True, kw_only=True):
    """What is remembered of such a device over a crash."""

    born: float
    """When (Unix seconds) it was first heard."""
    shown: dict[str, Scalar] = {}
    turned: dict[str, float] = {}
    cause: str | None = None
    past: tuple[Moment, ...] = ()

    @property
    def since(self) -> float:
        """When any field that is not a measurement last changed."""
        return max(self.turned.values(), default=self.born)


_words = msgspec.json.Decoder(Words)


class Guest:
    """Takes the words of one program."""

    def __init__(self, kind: type[Kind]) -> None:
        self._fields = kind.fields()
        self._measured = kind.measurements()

    def read(self, payload: bytes) -> Words:
        """Read what it says; MessageError names the field that such a device cannot have so."""
        try:
            words = _words.decode(payload[:LIMIT])
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise MessageError(f"what it says is no state: {error}") from error
        for name, value in words.state.items():
            if name not in self._fields:
                raise MessageError(f"{name}: unknown field; {choose(name, self._fields)}")
            if isinstance(value, int) and abs(value) > LARGEST:
                raise MessageError(f"{name}: {show(value)} is beyond what a number can be here, 2^53")
            try:
                msgspec.convert(value, self._fields[name])
            except msgspec.ValidationError as error:
                takes = describe(self._fields[name])
                raise MessageError(f"{name}: {show(value)} is not what it can be: {takes}") from error
        if "status" not in words.state:
            raise MessageError("its state has no status, which every device shows: true while it works")
        return words

    def hear(self, memory: Memory | None, words: Words, at: float) -> Memory:
        """Take what it said at a moment (Unix seconds); what is only measured changes no memory."""
        memory = memory or Memory(born=at)
        shown: dict[str, Any] = {
            name: value for name, value in words.state.items() if name not in self._measured
        }
        if shown == memory.shown:
            return memory
        past = (*memory.past, Moment(state=memory.shown, turned=memory.turned, cause=memory.cause))
        return replace(
            memory,
            shown=shown,
            turned=turn(memory.shown, shown, memory.turned, at),
            cause=words.cause,
            past=past[-MOST_PAST:] if memory.shown else (),
        )
