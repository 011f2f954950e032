"""Random days of a rehearsed house are recorded, and replayed from any moment on: the same again."""

import random
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from daemons.bus.message import State
from daemons.config.house import House, load_house
from daemons.rehearsal.device import RESTART_SECONDS
from daemons.rehearsal.record import Held, Inferred, Record, RecordedChange
from daemons.rehearsal.what_if import what_if
from daemons.rehearsal.world import World
from tests.rehearsal.conftest import START
from tests.rehearsal.test_both_worlds import COMMANDS, LIVELY

HOUSE = load_house(Path("house.toml"), LIVELY)
ACTIONS = 40
LEAD_SECONDS = 60.0


class RecordedWorld(World):
    """A rehearsed house with a recorder."""

    def __init__(self, house: House) -> None:
        super().__init__(house, START)
        self.inputs: list[Inferred] = []
        self.recorded: list[RecordedChange] = []
        self._since: dict[str, float] = {}
        self.on_state = self._record
        self.begin()

    def note(self, device: str, what: str, **details: Any) -> None:
        """Record an input."""
        self.inputs.append(Inferred(self.wall, device, what, details))

    def note_running(self, device: str) -> None:
        """Record that a process runs, if it was not killed again."""
        if self.devices[device].is_alive:
            self.note(device, "process", life="running")

    def _record(self, name: str, _before: State | None, state: State) -> None:
        hidden = self._measurements[name]
        for moment in state.past:
            at = max(moment.turned.values(), default=0.0)
            if at > self._since.get(name, 0.0):
                self._since[name] = at
                self.recorded.append(RecordedChange(at, name, moment.state, moment.cause, moment.reason))
        if state.since > self._since.get(name, 0.0) or name not in self._since:
            self._since[name] = state.since
            fields = {key: value for key, value in state.state.items() if key not in hidden}
            self.recorded.append(
                RecordedChange(state.since, name, fields, state.cause, state.reason, state.origin)
            )

    def held(self) -> dict[str, Held]:
        """Return the states as they are recorded now."""
        found = {}
        for name in self.devices:
            changes = [one for one in self.recorded if one.device == name]
            since = changes[-1].at
            for one in reversed(changes):
                if one.state["status"] != changes[-1].state["status"]:
                    break
                since = one.at
            latest = self.devices[name].latest
            assert latest is not None
            found[name] = Held({**latest.state, **changes[-1].state}, since)
        return found


def act(world: RecordedWorld, chance: random.Random) -> None:
    """Do a random thing, and record it."""
    what = chance.choice(["send", "send", "send", "detect", "detect", "measure", "kill", "hand", "lose"])
    if what == "send":
        device, word = chance.choice(COMMANDS)
        id_ = world.new_id()
        world.send(device, word, id_=id_, who="terminal")
        world.note(device, "command", command=word, args={}, id=id_, who="terminal")
    elif what == "detect":
        device, on = chance.choice(["motion", "door"]), chance.random() < 0.5
        world.switch_by_hand(device, on=on)
        world.note(device, "values", on=on)
    elif what == "measure":
        values = {
            "humidity_percent": chance.choice([40.0, 48.0, 57.0, 70.0]),
            "temperature_celsius": chance.choice([15.0, 18.0, 21.0, 25.0]),
        }
        world.measure("climate", values)
        world.note("climate", "values", **values)
    elif what == "hand":
        device, on = chance.choice(["lamp", "desk_lamp", "fan"]), chance.random() < 0.5
        world.note(device, "hand", on=on)
        world.switch_by_hand(device, on=on)
    elif what == "kill":
        device = chance.choice(["lamp", "fan", "button", "motion", "coffee_maker"])
        world.note(device, "process", life="restarting")
        world.kill(device)
        world.at(world.now + RESTART_SECONDS + 0.01, lambda: world.note_running(device))
    elif what == "lose":
        device, seconds = chance.choice(["lamp", "fan"]), chance.choice([2.0, 8.0])
        world.note(device, "hardware", reachable=False)
        world.lose_hardware(device, seconds)
        world.at(world.now + seconds, lambda: world.note(device, "hardware", reachable=True))


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 100_000), first=st.integers(0, ACTIONS - 1))
def test_a_replay_from_any_moment_on_is_the_same(seed: int, first: int) -> None:
    """It begins a minute before its range with the recorded states, and comes to the same."""
    chance = random.Random(seed)  # noqa: S311  it must be repeatable
    world = RecordedWorld(HOUSE)
    world.run(START + 5)
    begin, held = world.wall, world.held()
    for number in range(ACTIONS):
        if number == first:
            world.run(world.now + 0.5)
            begin, held = world.wall, world.held()
        act(world, chance)
        world.run(world.now + chance.choice([0.37, 1.53, 7.11, 30.3]))
    world.run(world.now + 60)
    record = Record(
        since=begin + LEAD_SECONDS,
        until=world.wall,
        begin=begin,
        held=held,
        inputs=sorted((one for one in world.inputs if one.at >= begin), key=lambda one: one.at),
        changes=[one for one in world.recorded if one.at >= begin],
        configuration=None,
        kinds={name: str(HOUSE.table(name)["kind"]) for name in HOUSE.devices},
    )
    found = what_if(HOUSE, HOUSE, replace(record, since=min(record.since, record.until)))
    assert (found.changed, found.unlike_record) == ((), ())
