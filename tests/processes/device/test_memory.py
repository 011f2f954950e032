"""The memory of an appliance on disk: a later version must read what an earlier one wrote."""

import logging

import msgspec
import pytest

from daemons.bus.message import Moment, Receipt, encode_moment
from daemons.bus.origin import Origin, Reason
from daemons.bus.requests.ledger import LedgerEntry
from daemons.processes.device.memory import DeviceMemory, resume_memory
from daemons.processes.device.rule_decision import RuleState, Waiting
from daemons.processes.device.rules import Order
from daemons.processes.process_run import ProcessRun
from daemons.runtime.clock import Anchor
from daemons.runtime.log import Log
from tests.support import factories

LOG = Log(logging.getLogger("test_memory"))
LAMP = factories.machine("lamp")
RUN = ProcessRun(8, 1, 1)
ANCHOR = Anchor("a start of the machine", 123.0)
NOW, WALL = 6.0, factories.START_TIME + 6.0
LAST = DeviceMemory(
    kind="lamp",
    machine=msgspec.Raw(b'{"on": true}'),
    anchor=ANCHOR,
    written_at=5.0,
    created_at=factories.START_TIME,
    life=ProcessRun(7, 1, 0),
    cause="a1",
)
ON_DISK = {
    "kind": "lamp",
    "machine": {"on": True},
    "anchor": {"machine": "a start of the machine", "offset_seconds": 0.0},
    "at": 5.0,
    "born": 1.0,
    "life": {"boot": 7, "supervisor": 1, "restarts": 0},
    "new": True,
    "cause": "c1",
    "reason": {"by": "rule", "who": "switch", "rule": 1, "at": 1.0},
    "origin": {"id": "p1", "at": 1.0, "by": "press", "device": "switch"},
    "shown": {"status": True},
    "shown_cause": "c1",
    "shown_reason": {"by": "hand"},
    "shown_origin": {"id": "h1", "at": 1.0, "by": "hand", "who": "x"},
    "turned": {"status": 2.0},
    "past": [{"state": {"status": False}, "turned": {}, "cause": None, "reason": None, "origin": None}],
    "known": {"status": True},
    "changed": 2.5,
    "offsets": [[2.0, 0.5]],
    "confirmed": True,
    "unsent": 8.75,
    "hot_until": 9.0,
    "off_at": 9.5,
    "presses_until": 12,
    "marks": {
        "{}": {
            "turned": 1.0,
            "fired": 2.0,
            "due": 3.0,
            "cause": "p1",
            "origin": {"id": "p1", "at": 1.0, "by": "clock"},
            "moment": 1.0,
            "follows": {"status": True},
            "waiting": [{"due": 4.0, "cause": "p2"}],
            "since": 1.0,
            "beyond": False,
            "handled_at": 1.5,
            "interrupted": True,
            "moments": [1.0],
            "missed": 0.5,
            "command": ["off", {}],
        },
    },
    "silent_since": {"garden": 7.0},
    "last_order": {"moment": 8.5, "do": "on"},
    "inputs": 9,
    "receipts": {
        "c1": {"deadline": 8.0, "receipt": {"id": "c1", "device": "lamp", "outcome": "applied", "at": 4.0}},
    },
}


def test_the_names_on_disk_are_stable() -> None:
    """Each field of the memory has the name of the first version on disk."""
    memory = DeviceMemory(
        kind="lamp",
        machine=msgspec.Raw(b'{"on": true}'),
        anchor=Anchor("a start of the machine", 0.0),
        written_at=5.0,
        created_at=1.0,
        life=ProcessRun(7, 1, 0),
        is_new=True,
        cause="c1",
        reason=Reason("rule", "switch", 1, 1.0),
        origin=Origin("p1", 1.0, "press", "switch"),
        last_state={"status": True},
        last_state_cause="c1",
        last_state_reason=Reason("hand"),
        last_state_origin=Origin("h1", 1.0, "hand", who="x"),
        change_times={"status": 2.0},
        encoded_past=(encode_moment(Moment(state={"status": False})),),
        known_fields={"status": True},
        changed_at=2.5,
        clock_offsets=((2.0, 0.5),),
        confirmed=True,
        unsent_since=8.75,
        off_deadline=9.0,
        auto_off_at=9.5,
        presses_until=12,
        rule_states={
            "{}": RuleState(
                handled_until=1.0,
                fired_at=2.0,
                due_at=3.0,
                cause="p1",
                origin=Origin("p1", 1.0, "clock"),
                moment=1.0,
                follows={"status": True},
                waiting=(Waiting(4.0, "p2"),),
                added_at=1.0,
                is_beyond=False,
                handled_at=1.5,
                is_interrupted=True,
                moments=(1.0,),
                missed_at=0.5,
                command=("off", {}),
            ),
        },
        last_order=Order(8.5, "on"),
        silent_since={"garden": 7.0},
        input_number=9,
        receipts={
            "c1": LedgerEntry(8.0, Receipt(id="c1", device="lamp", outcome="applied", at=4.0)),
        },
    )
    written = msgspec.json.encode(memory)
    assert msgspec.json.decode(written) == ON_DISK
    assert msgspec.json.encode(msgspec.json.decode(written, type=DeviceMemory)) == written


def test_a_memory_without_later_fields_is_read() -> None:
    """A field that an older version did not write has its default."""
    first = {key: ON_DISK[key] for key in ("kind", "machine", "anchor", "at", "born", "life")}
    memory = msgspec.json.decode(msgspec.json.encode(first), type=DeviceMemory)
    assert (memory.last_state, memory.change_times, memory.past) == ({}, {}, ())
    assert (memory.rule_states, memory.receipts) == ({}, {})
    assert (memory.cause, memory.confirmed, memory.off_deadline) == (None, False, None)


def test_a_device_resumes_its_memory() -> None:
    """The memory of the machine, the cause and the clock continue. Only the boot is new."""
    memory = resume_memory(LAST, RUN, LAMP, "lamp", ANCHOR, NOW, WALL, LOG)
    assert (memory.machine, memory.cause, memory.created_at) == (LAST.machine, "a1", factories.START_TIME)
    assert memory.life == RUN
    assert memory.anchor == ANCHOR


def test_a_new_device_starts_with_an_empty_memory() -> None:
    """A new device is off, and ignores all earlier events."""
    memory = resume_memory(None, RUN, LAMP, "lamp", ANCHOR, NOW, WALL, LOG)
    assert msgspec.json.decode(memory.machine, type=LAMP.memory_type) == LAMP.memory_type()
    assert memory.created_at == WALL
    assert (memory.rule_states, memory.receipts, memory.cause) == ({}, {}, None)


def test_another_kind_under_the_same_name_starts_anew(caplog: pytest.LogCaptureFixture) -> None:
    """A lamp that becomes a toaster starts with the empty memory of a toaster, and the log says so."""
    memory = resume_memory(LAST, RUN, factories.machine("toaster"), "toaster", ANCHOR, NOW, WALL, LOG)
    assert "it was a lamp and is a toaster: what it remembered is not used any more" in caplog.text
    assert memory.kind == "toaster"
    assert memory.cause is None
    assert memory.life == RUN


def test_a_memory_that_cannot_be_read_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The device starts off if the memory of its kind has another format, and the log reports it."""
    old = msgspec.structs.replace(LAST, machine=msgspec.Raw(b'{"on": "yes"}'))
    memory = resume_memory(old, RUN, LAMP, "lamp", ANCHOR, NOW, WALL, LOG)
    assert msgspec.json.decode(memory.machine, type=LAMP.memory_type) == LAMP.memory_type()
    assert "cannot read its memory of an earlier version of lamp, and starts anew" in caplog.text
