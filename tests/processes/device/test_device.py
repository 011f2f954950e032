"""What a device goes on with: its last memory, or a fresh one."""

import logging
import time

import msgspec
import pytest

from daemons.config import loader
from daemons.processes.device.device import recall, rehearse
from daemons.processes.device.memory import Memory
from daemons.processes.process import Life
from daemons.runtime.clock import Anchor, machine
from daemons.runtime.log import Log
from tests.support import factories

LOG = Log(logging.getLogger("test_device"))
LAMP = factories.machine("lamp")
LAST = Memory(
    kind="lamp",
    machine=msgspec.Raw(b'{"on": true}'),
    anchor=Anchor(machine(), 123.0),
    at=5.0,
    born=factories.BORN,
    life=Life(7, 1, 0),
    cause="a1",
)


def test_a_device_goes_on_with_what_it_remembers() -> None:
    """Its kind's memory, its cause and its clock go on; only its life is a new one."""
    memory, clock = recall(LAST, LAMP, "lamp", LOG)
    assert (memory.machine, memory.cause, memory.born) == (LAST.machine, "a1", factories.BORN)
    assert memory.life.boot > 7
    assert clock.anchor == memory.anchor == LAST.anchor


def test_a_new_device_begins_to_remember_now() -> None:
    """Without a memory it begins off, and what happened before is not its business."""
    memory, _clock = recall(None, LAMP, "lamp", LOG)
    assert msgspec.json.decode(memory.machine, type=LAMP.memory_type) == LAMP.memory_type()
    assert memory.born == pytest.approx(time.time(), abs=5)
    assert (memory.marks, memory.receipts, memory.cause) == ({}, {}, None)


def test_another_kind_under_the_same_name_begins_anew() -> None:
    """A toaster that was made a lamp remembers nothing of toasting, and its boot still grows."""
    future = msgspec.structs.replace(LAST, life=Life(10**15, 1, 0))
    memory, _clock = recall(future, factories.machine("toaster"), "toaster", LOG)
    assert memory.kind == "toaster"
    assert memory.life.boot == 10**15 + 1


def test_a_memory_that_this_version_does_not_understand_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """A kind whose memory has changed starts in its safe state, with a line that says so."""
    old = msgspec.structs.replace(LAST, machine=msgspec.Raw(b'{"on": "yes"}'))
    memory, _clock = recall(old, LAMP, "lamp", LOG)
    assert msgspec.json.decode(memory.machine, type=LAMP.memory_type) == LAMP.memory_type()
    assert "remembers nothing that this version of lamp understands" in caplog.text


@pytest.mark.parametrize("word", loader.words("kinds"))
def test_every_kind_can_be_rehearsed_before_the_fork(word: str) -> None:
    """The nursery goes on without one that cannot, and nobody would notice but by its memory."""
    rehearse(word)
