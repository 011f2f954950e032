"""A presence simulation: it repeats what was recorded, once, and nothing without a record."""

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.drivers.recorded import Options as Record
from daemons.drivers.recorded import Recorded, read_states
from daemons.errors import HistoryError
from daemons.kinds import Reading, Result
from daemons.kinds._members import Member, Order
from daemons.kinds.presence import NO_RECORD, Off, On, Options, Presence, PresenceMemory, State
from daemons.storage.history import PATH, states_at
from daemons.storage.history_row import Change
from daemons.storage.history_writer import HistoryWriter
from daemons.values import Seconds
from tests.support.factories import wait_until
from tests.support.house import HouseFactory

LAMP = Member(
    {"on": Order("on")},
    results=(
        Result("off", {"status": False}),
        Result("on", {"status": True}, {"brightness_percent": "brightness_percent"}),
    ),
    arguments={"on": ("brightness_percent", "colour_temperature_kelvin")},
)
ON: dict[str, Any] = {"status": True, "brightness_percent": 40}
OFF: dict[str, Any] = {"status": False, "brightness_percent": 40}
NAMES = ("a", "b")


def made() -> Presence:
    """Return a simulation of two lamps."""
    return Presence(Options(resolved=dict.fromkeys(NAMES, LAMP)))


def look(kind: Presence, memory: PresenceMemory, now: float = 1.0, **states: Any) -> PresenceMemory:
    """Return the memory after a look at the record."""
    return kind.advance(kind.update_measurements(memory, Reading(recorded=states), now), now + 1)


def shown(kind: Presence, memory: PresenceMemory, **states: Any) -> State:
    """Return the published state."""
    return kind.state(memory, Reading(recorded=states), 9)


def test_it_repeats_only_changes_and_only_while_it_is_on() -> None:
    """The first look changes nothing. The same record again changes nothing."""
    kind = made()
    assert look(kind, PresenceMemory(), a=ON, b=OFF).asked is None
    memory = look(kind, kind.handle_command(PresenceMemory(), On(), 0), a=ON, b=OFF)
    assert (memory.asked, memory.repeats) == (None, 0)
    memory = look(kind, memory, a=OFF, b=OFF)
    assert (shown(kind, memory).asked, shown(kind, memory).orders) == ("repeat", '{"a":["off"]}')
    assert look(kind, memory, a=OFF, b=OFF) == memory
    memory = look(kind, memory, a=OFF, b=ON)
    assert (memory.asked, memory.text, memory.repeats) == ("repeat", '{"b":["on",40]}', 2)
    memory = kind.handle_command(memory, Off(), 5)
    assert (memory.asked, look(kind, memory, a=ON, b=ON).asked) == (None, None)


def test_the_same_change_turns_asked_again() -> None:
    """`asked` is None for a moment in between."""
    kind = made()
    memory = look(kind, kind.handle_command(PresenceMemory(), On(), 0), a=ON)
    memory = look(kind, memory, 2.0, a=OFF)
    between = kind.update_measurements(memory, Reading(recorded={"a": ON}), 4.0)
    assert between.asked is None
    assert kind.advance(between, 4.5).asked == "repeat"


def test_without_a_record_it_waits_and_says_so() -> None:
    """A part of the record that is missing changes nothing either."""
    kind = made()
    memory = look(kind, kind.handle_command(PresenceMemory(), On(), 0))
    assert (shown(kind, memory).phase, shown(kind, memory).fault) == ("waiting", NO_RECORD)
    memory = look(kind, look(kind, memory, a=ON), b=ON)
    assert (memory.repeats, shown(kind, memory, b=ON).phase) == (0, "repeating")
    assert kind.update_measurements(memory, Reading(fault="it is damaged"), 5) == memory


@given(st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, st.sampled_from([ON, OFF])))))
def test_each_change_of_the_record_is_repeated_once(record: list[dict[str, Any]]) -> None:
    """Against a plain list of changes; each memory survives a kill, and each look is repeated after it."""
    kind, now = made(), 100.0
    memory = kind.handle_command(PresenceMemory(), On(), now)
    last: dict[str, Any] = {}
    repeats = 0
    for states in record:
        now += 5
        changed = {name for name, state in states.items() if name in last and last[name] != state}
        last |= states
        for _ in range(2):
            memory = look(kind, memory, now, **states)
            memory = msgspec.json.decode(msgspec.json.encode(memory), type=PresenceMemory)
        repeats += bool(changed)
        assert memory.repeats == repeats
        if changed:
            assert memory.text is not None
            assert msgspec.json.decode(memory.text).keys() == changed


# The history


@pytest.fixture
def lamp_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the history of a lamp: off a day ago, on since an hour ago."""
    monkeypatch.chdir(tmp_path)
    writer, now = HistoryWriter(), time.time()
    writer.write([Change("lamp", now - 86400, OFF, None), Change("lamp", now - 3600, ON, "a")])
    writer.close()


@pytest.mark.usefixtures("lamp_history")
def test_the_record_of_a_time_is_the_state_that_held_then() -> None:
    """A device that was not recorded then is left out."""
    now = time.time()
    assert states_at(PATH, ["lamp", "other"], now) == {"lamp": ON}
    assert states_at(PATH, ["lamp"], now - 7200) == {"lamp": OFF}
    assert states_at(PATH, ["lamp"], now - 2 * 86400) == {}


@pytest.mark.usefixtures("lamp_history")
def test_the_driver_reads_in_a_thread() -> None:
    """Its first reading knows nothing yet."""
    driver = Recorded("away", Record(members=("lamp",), after_seconds=Seconds(7200)))
    driver.open(((1.0, 0.0),), 0)
    wait_until(lambda: driver.read(0).recorded == {"lamp": OFF}, "the first look")
    driver.close()


def test_a_history_that_is_missing_is_a_fault(tmp_path: Path) -> None:
    """The reading has no states then."""
    reading = read_states(tmp_path / "none.db", Record(members=("lamp",)), time.time())
    assert (reading.recorded, reading.fault) == (
        None, "there is no history yet; the recorder begins it when the house is up",
    )  # fmt: skip
    with pytest.raises(HistoryError):
        states_at(tmp_path / "none.db", ["lamp"], 0)


HOUSE = """\
[house]
watchdog = "60s"
[devices.lamp]
kind = "lamp"
driver = "simulated"
[devices.away]
kind = "presence"
members = ["lamp"]
after = "1h"
"""


@pytest.mark.long
def test_a_real_house_repeats_its_history_once_also_after_kills(make_house: HouseFactory) -> None:
    """The lamp went on 59 min 50 s ago in the history, so that it goes on ten seconds from now."""
    house = make_house(HOUSE)
    house.house("up")
    house.house("down")
    writer = HistoryWriter(house.run / PATH)
    writer.write([Change("lamp", time.time() - 7000, OFF, None), Change("lamp", time.time() - 3590, ON, "a")])
    writer.close()
    house.house("up")
    assert house.send("away", "on")["outcome"] == "applied"
    with house.listen("away", "lamp") as listener:
        listener.wait_for(lambda listener: listener.has_state("away", phase="repeating", repeats=0))
        listener.kill("away")
        listener.wait_for(lambda listener: listener.has_state("away", repeats=1, asked="repeat"))
        listener.kill("away")
        listener.wait_for(lambda listener: listener.has_state("lamp", status=True, brightness_percent=40))
        listener.wait_for(lambda listener: listener.has_state("away", repeats=1, missing=None))
    assert [line.on for line in house.switchings("lamp") if line.what in ("on", "off")] == [True]
