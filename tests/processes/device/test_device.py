"""The restored memory of a device."""

import logging
import time

import msgspec
import pytest

from daemons.processes.device.device import resume_memory
from daemons.processes.device.memory import DeviceMemory
from daemons.processes.process import ProcessRun
from daemons.runtime.clock import Anchor, boot_id
from daemons.runtime.log import Log
from tests.support import factories

LOG = Log(logging.getLogger("test_device"))
LAMP = factories.machine("lamp")
RUN = ProcessRun(8, 1, 1)
LAST = DeviceMemory(
    kind="lamp",
    machine=msgspec.Raw(b'{"on": true}'),
    anchor=Anchor(boot_id(), 123.0),
    written_at=5.0,
    created_at=factories.START_TIME,
    life=ProcessRun(7, 1, 0),
    cause="a1",
)


def test_a_device_resumes_its_memory() -> None:
    """The memory of the machine, the cause and the clock continue. Only the boot is new."""
    memory, clock = resume_memory(LAST, RUN, LAMP, "lamp", LOG)
    assert (memory.machine, memory.cause, memory.created_at) == (LAST.machine, "a1", factories.START_TIME)
    assert memory.life == RUN
    assert clock.anchor == memory.anchor == LAST.anchor


def test_a_new_device_starts_with_an_empty_memory() -> None:
    """A new device is off, and ignores all earlier events."""
    memory, _clock = resume_memory(None, RUN, LAMP, "lamp", LOG)
    assert msgspec.json.decode(memory.machine, type=LAMP.memory_type) == LAMP.memory_type()
    assert memory.created_at == pytest.approx(time.time(), abs=5)
    assert (memory.rule_states, memory.receipts, memory.cause) == ({}, {}, None)


def test_another_kind_under_the_same_name_starts_anew() -> None:
    """A lamp that becomes a toaster starts with the empty memory of a toaster."""
    memory, _clock = resume_memory(LAST, RUN, factories.machine("toaster"), "toaster", LOG)
    assert memory.kind == "toaster"
    assert memory.cause is None
    assert memory.life == RUN


def test_a_memory_that_cannot_be_read_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The device starts off if the memory of its kind has another format, and the log reports it."""
    old = msgspec.structs.replace(LAST, machine=msgspec.Raw(b'{"on": "yes"}'))
    memory, _clock = resume_memory(old, RUN, LAMP, "lamp", LOG)
    assert msgspec.json.decode(memory.machine, type=LAMP.memory_type) == LAMP.memory_type()
    assert "cannot read its memory of an earlier version of lamp, and starts anew" in caplog.text
