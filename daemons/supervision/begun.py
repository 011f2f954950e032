"""What the rules of a running device have begun, as its journal has it; nothing is changed."""

from msgspec import Struct

from daemons.runtime.clock import Anchor
from daemons.storage.journal import peek


class BegunRule(Struct):
    """The part of a rule's state that says when it acted, and whether it waits for its time."""

    fired: float | None = None
    due: float | None = None


class RuleMemory(Struct):
    """The rules' part of a device's memory (`processes/device/memory.py`)."""

    marks: dict[str, BegunRule] = {}
    anchor: Anchor | None = None
    at: float = 0.0
    """When it was written, in the device's steady seconds."""


def begun(name: str) -> set[str]:
    """Return the keys of the rules of a device that wait for their `for` or `delay`."""
    memory = peek(name, RuleMemory)
    return {key for key, rule in memory.marks.items() if rule.due is not None} if memory else set()
