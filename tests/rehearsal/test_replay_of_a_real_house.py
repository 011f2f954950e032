"""A script in a real house with its recorder, and the replay of what was recorded: the same changes."""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import chdir
from pathlib import Path

import pytest

from daemons.bus.origin import Reason
from daemons.cli.record import read_record
from daemons.config.house import House, load_house
from daemons.rehearsal.record import Record
from daemons.rehearsal.replay import replay
from daemons.rehearsal.what_if import what_if
from daemons.storage.history import PATH
from daemons.storage.recorded_range import open_range
from tests.rehearsal.test_both_worlds import LIVELY, QUIET_SECONDS, Real, breakfast, lively
from tests.support.house import BREAKFAST, HouseFactory, TemporaryHouse, eventually

FIELDS = ("phase", "status")
Deed = tuple[object, object, object, object]
"""A phase of a device, its status, its cause, and what led to it."""


PRESSED = """
[house]
timezone = "Europe/Berlin"

[devices.bell]
kind = "button"
driver = "simulated"

[devices.lamp]
kind = "lamp"
driver = "simulated"
[[devices.lamp.when]]
device = "bell"
turns = { phase = "single" }
do = "toggle"
[[devices.lamp.when]]
device = "bell"
turns = { phase = "long" }
delay = "1s"
do = "off"

[devices.mood]
kind = "mode"
values = ["day", "night"]
[[devices.mood.when]]
device = "lamp"
turns = { status = true }
do = "set"
with = { value = "night" }
"""


def presses(player: Real) -> None:
    """Press the hardware's own button, in several ways; a process is killed, and a mode is set."""
    for touch, is_on in (("single", True), ("single", False), ("double", False), ("single", True)):
        player.press("bell", touch)
        player.wait_for("lamp", status=is_on)
        player.wait(0.5)
    player.send("mood", "next")
    player.kill("bell")
    player.press("bell", "long")
    player.wait_for("lamp", status=False)


@pytest.mark.long
@pytest.mark.parametrize(
    ("toml", "script"),
    [
        (PRESSED, presses),
        (BREAKFAST, breakfast),
        (LIVELY, lambda player: lively(player, 1)),
        (LIVELY, lambda player: lively(player, 2)),
    ],
    ids=["presses", "breakfast", "lively-1", "lively-2"],
)
def test_a_replay_of_a_real_house_is_the_same(
    make_house: HouseFactory, toml: str, script: Callable[[Real], object]
) -> None:
    """Commands, hands, sensor values, kills and stops: the same phases, with the same causes, in order."""
    house = make_house(toml)
    record, loaded = record_of(house, script)
    played = [(one.device, one.state, one.cause, one.reason) for one in replay(loaded, record).states]
    recorded = [(one.device, one.state, one.cause, one.reason) for one in record.changes]
    assert deeds(played, record) == deeds(recorded, record)
    assert sum(len(one) for one in deeds(recorded, record).values()) > len(loaded.devices) * 2
    found = what_if(loaded, loaded, record)
    assert (found.changed, found.unlike_record) == ((), ())


def record_of(house: TemporaryHouse, script: Callable[[Real], object]) -> tuple[Record, House]:
    """Play a script in a real house, and return what it has recorded, and its configuration."""
    house.house("up")
    loaded = load_house(Path(house.config))
    names = [name for name, device in loaded.devices.items() if device.kind.role == "device"]
    with chdir(house.run):
        began = eventually(begins)
    with house.listen(*names) as listener:
        listener.wait_for(lambda listener: listener.states.keys() == listener.heartbeats.keys() == {*names})
        player = Real(house, listener)
        player.wait(QUIET_SECONDS)  # the recorder has the first states by then
        script(player)
        player.wait(QUIET_SECONDS * 3)
    until = time.time()
    with chdir(house.run):
        return read_record([loaded], began, until), loaded


def begins() -> float | None:
    """Return when the record of the inputs begins; None while it has not begun."""
    if not PATH.exists():
        return None
    with open_range(PATH) as recorded:
        return recorded.begins()


def deeds(
    changes: Iterable[tuple[str, Mapping[str, object], str | None, Reason | None]], record: Record
) -> dict[str, list[Deed]]:
    """Return by device each phase with its status, its cause, and what led to it, in their order.

    The state with which a device begins is left out: it may have been recorded before the range, or in it.
    """
    found: dict[str, list[Deed]] = {}
    for device, state, cause, reason in changes:
        if device == "mirror":
            continue
        deed = (state["phase"], state["status"], cause, str(reason))
        known = found.setdefault(device, [])
        held = record.held.get(device)
        is_first = reason is None or (held and deed[:2] == (held.state["phase"], held.state["status"]))
        if not (known[-1] == deed if known else is_first):
            known.append(deed)
    return {device: known for device, known in found.items() if known}
