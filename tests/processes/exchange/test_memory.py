"""The memory of the exchange: the journals of earlier versions can be read."""

from typing import Any

import msgspec

from daemons.bus.message import Moment, encode_moment
from daemons.processes.exchange.clock_sync.steps import ClockHistory, ClockPeriod
from daemons.processes.exchange.clock_sync.translate import TranslationMemory
from daemons.processes.exchange.memory import ExchangeMemory
from daemons.processes.exchange.program_state import ProgramMemory

JOURNAL: dict[str, Any] = {
    "life": {"boot": 1000, "supervisor": 1, "restarts": 2},
    "guests": {
        "garden_lamp": {
            "born": 5.0,
            "shown": {"status": True},
            "turned": {"status": 7.0},
            "cause": "c1",
            "past": [
                {"state": {"status": False}, "turned": {}, "cause": None, "reason": None, "origin": None}
            ],
            "known": {},
            "changed": None,
        }
    },
    "echoes": {"oven": {"host": "kitchen", "times": [[1.0, 2.0]], "boot": [3, 4]}},
    "clock": {
        "machine": "a start",
        "now": {"begin": 1.0, "end": 1.0, "ahead": 0.5},
        "before": [{"begin": 1.0, "end": 2.0, "ahead": -3.0}],
    },
    "shown": {"status": True, "fault": None},
    "turned": {"fault": 9.0},
    "blocked": {"laptop": 11.0},
}


def test_every_field_of_a_journal_is_read_and_written_under_its_name() -> None:
    """A restart with another version of the code loses nothing."""
    memory = msgspec.json.decode(msgspec.json.encode(JOURNAL), type=ExchangeMemory)
    assert memory.programs["garden_lamp"] == ProgramMemory(
        first_reported_at=5.0,
        state={"status": True},
        turned={"status": 7.0},
        cause="c1",
        encoded_past=(encode_moment(Moment(state={"status": False})),),
    )
    assert memory.translations["oven"] == TranslationMemory("kitchen", ((1.0, 2.0),), (3, 4))
    assert memory.clock == ClockHistory(
        machine_boot="a start",
        current=ClockPeriod(1.0, 1.0, 0.5),
        earlier=(ClockPeriod(1.0, 2.0, -3.0),),
    )
    assert (memory.state, memory.turned) == ({"status": True, "fault": None}, {"fault": 9.0})
    assert memory.blocked == {"laptop": 11.0}
    assert msgspec.json.decode(msgspec.json.encode(memory)) == JOURNAL
