"""The same script in the real house and in its rehearsal: the same changes, with the same causes."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from daemons.bus.message import State
from daemons.config.house import load_house
from daemons.rehearsal.world import World
from tests.rehearsal.conftest import MOTION, START
from tests.support.house import BREAKFAST, HouseFactory, Listener, TemporaryHouse

Phase = tuple[object, object, object]
"""A phase of a device, its status, and the number of its cause in the order of their first appearance."""


class Player(Protocol):
    """Plays a script in one of the worlds."""

    def send(self, device: str, command: str) -> None:
        """Send a command."""

    def kill(self, device: str) -> None:
        """Kill the process of a device, and wait for its successor."""

    def switch_by_hand(self, device: str, *, on: bool) -> None:
        """Switch hardware at the appliance."""

    def wait_for(self, device: str, **fields: object) -> None:
        """Wait until a device shows some values."""


class Real:
    """The real house: its processes, its sockets, its disk."""

    def __init__(self, house: TemporaryHouse, listener: Listener) -> None:
        self._house, self._listener = house, listener

    def send(self, device: str, command: str) -> None:
        assert self._house.send(device, command)["outcome"] == "applied"

    def kill(self, device: str) -> None:
        self._listener.kill(device)

    def switch_by_hand(self, device: str, *, on: bool) -> None:
        line = {"at": time.time(), "what": "on" if on else "off", "on": on}
        with (self._house.run / "hardware" / device / "switchings.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    def wait_for(self, device: str, **fields: object) -> None:
        self._listener.wait_for(lambda listener: listener.has_state(device, **fields))


class Rehearsed:
    """The rehearsal of the same house."""

    def __init__(self, world: World) -> None:
        self._world = world

    def send(self, device: str, command: str) -> None:
        receipt = self._world.send(device, command)
        assert receipt is not None
        assert receipt.outcome == "applied"
        self._world.run(self._world.now + 0.1)

    def kill(self, device: str) -> None:
        self._world.kill(device)
        self._world.run(self._world.now + 0.1)

    def switch_by_hand(self, device: str, *, on: bool) -> None:
        self._world.switch_by_hand(device, on=on)
        self._world.run(self._world.now + 0.1)

    def wait_for(self, device: str, **fields: object) -> None:
        for _ in range(3000):
            found = self._world.state(device) or {}
            if fields.items() <= found.items():
                return
            self._world.run(self._world.now + 0.05)
        raise AssertionError(f"{device} does not become {fields}")


def breakfast(player: Player) -> None:
    """Press, with kills at work and a second press; a hand switches the lamp."""
    player.send("bathroom_light", "press")
    player.wait_for("toaster", phase="toasting")
    player.kill("toaster")
    player.wait_for("coffee_maker", phase="brewing")
    player.kill("coffee_maker")
    player.kill("bathroom_light")
    player.wait_for("coffee_maker", ready=True)
    player.send("bathroom_light", "press")
    player.wait_for("kitchen_lamp", status=False)
    player.switch_by_hand("kitchen_lamp", on=True)
    player.wait_for("kitchen_lamp", status=True)
    player.send("coffee_maker", "stop")
    player.wait_for("coffee_maker", phase="idle")
    player.wait_for("toaster", phase="idle")


def motion(player: Player) -> None:
    """Motion, its end, and motion again within the time that the lamp waits."""
    player.switch_by_hand("hall_motion", on=True)
    player.wait_for("hall_lamp", status=True)
    player.switch_by_hand("hall_motion", on=False)
    player.wait_for("hall_motion", phase="clear")
    player.kill("hall_lamp")
    player.switch_by_hand("hall_motion", on=True)
    player.wait_for("hall_motion", phase="motion")
    player.switch_by_hand("hall_motion", on=False)
    player.wait_for("hall_lamp", status=False)


def phases(states: list[State]) -> dict[str, list[Phase]]:
    """Return the phases of each device, each with its status and its cause."""
    numbers: dict[object, int] = {None: 0, "hardware": 1}
    found: dict[str, list[Phase]] = {}
    for state in states:
        cause = numbers.setdefault(state.cause, len(numbers))
        phase = (state.state["phase"], state.state["status"], cause)
        known = found.setdefault(state.device, [])
        if not known or known[-1] != phase:
            known.append(phase)
    return found


@pytest.mark.parametrize(
    ("toml", "script"), [(BREAKFAST, breakfast), (MOTION, motion)], ids=["breakfast", "motion"]
)
def test_both_worlds_are_the_same(
    make_house: HouseFactory, toml: str, script: Callable[[Player], None]
) -> None:
    """State by state, cause by cause."""
    house = make_house(toml)
    house.house("up")
    rehearsed = load_house(Path(house.config))
    names = [name for name, device in rehearsed.devices.items() if device.kind.role == "device"]
    with house.listen(*names) as listener:
        listener.wait_for(lambda listener: listener.states.keys() == listener.heartbeats.keys() == {*names})
        script(Real(house, listener))
        real = phases(listener.all_states)
    world = World(rehearsed, START)
    states: list[State] = []
    world.on_state = lambda name, _before, state: states.append(state) if name in names else None
    world.begin()
    world.run(START + 1)
    script(Rehearsed(world))
    assert phases(states) == real
