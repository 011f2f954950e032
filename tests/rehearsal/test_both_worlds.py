"""The same script in the real house and in its rehearsal: the same changes, with the same causes."""

import json
import random
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
"""A phase of a device, its status, and its cause. An id is its number in the order of appearance."""


class Player(Protocol):
    """Plays a script in one of the worlds."""

    def send(self, device: str, command: str) -> str:
        """Send a command, and return the outcome."""

    def kill(self, device: str) -> None:
        """Kill the process of a device, and wait for its successor."""

    def switch_by_hand(self, device: str, *, on: bool) -> None:
        """Switch hardware at the appliance."""

    def measure(self, device: str, **values: float) -> None:
        """Change what the hardware of a device measures."""

    def stop(self, device: str) -> None:
        """Stop a device."""

    def start(self, device: str) -> None:
        """Start a device that was stopped."""

    def wait(self, seconds: float) -> None:
        """Wait until all devices of the house have gone on for so long."""

    def wait_for(self, device: str, **fields: object) -> None:
        """Wait until a device has shown some values: when the last action began, or since then."""


class Real:
    """The real house: its processes, its sockets, its disk. It notes when each action takes effect."""

    def __init__(self, house: TemporaryHouse, listener: Listener) -> None:
        self._house, self._listener = house, listener
        self._began = time.time()
        self.times: list[float] = []
        """The moment of each action, in seconds since the beginning; the last one is the end."""
        self._known: dict[str, State] = {}
        """The latest states when the last action began."""
        self._seen = 0
        """How many states had arrived then."""

    def _begin(self) -> None:
        """Begin an action: a device may show what it leads to before the action returns."""
        self._known, self._seen = dict(self._listener.states), len(self._listener.all_states)

    def _note(self, at: float | None = None) -> None:
        self.times.append((time.time() if at is None else at) - self._began)

    def send(self, device: str, command: str) -> str:
        self._begin()
        receipt = self._house.send(device, command)
        self._note(receipt["at"])
        return str(receipt["outcome"])

    def kill(self, device: str) -> None:
        self._begin()
        self._note()
        self._listener.kill(device)

    def switch_by_hand(self, device: str, *, on: bool) -> None:
        """Switch the hardware once it has its setting, which would undo what the hand does before."""
        self._listener.wait_for(lambda listener: listener.states[device].state.get("confirmed", True))
        self._begin()
        at = time.time()
        changes = self._listener.states[device].state["status"] is not on
        line = {"at": at, "what": "on" if on else "off", "on": on}
        with (self._house.run / "hardware" / device / "switchings.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        if changes:
            at = self._wait_for_state(device, status=on).at
        self._note(at)

    def press(self, device: str, touch: str) -> None:
        """Press the hardware's own button; the moment is not noted."""
        with (self._house.run / "hardware" / device / "presses.jsonl").open("a") as file:
            file.write(json.dumps({"at": time.time(), "what": touch}) + "\n")

    def measure(self, device: str, **values: float) -> None:
        self._begin()
        path = self._house.run / "hardware" / device / "measured.json"
        path.with_suffix(".new").write_text(json.dumps(values))
        path.with_suffix(".new").rename(path)
        self._note(self._wait_for_state(device, **values).at)

    def stop(self, device: str) -> None:
        self._begin()
        self._house.house("stop", device)
        self._note()

    def start(self, device: str) -> None:
        self._begin()
        boot = self._listener.states[device].boot
        self._house.house("start", device)
        self._listener.wait_for(lambda listener: listener.states[device].boot > boot)
        self._note(self._listener.states[device].at)

    def wait(self, seconds: float) -> None:
        self._listener.heartbeats.clear()
        end = time.time() + seconds
        self._listener.wait_for(lambda listener: any(beat.at > end for beat in listener.heartbeats.values()))
        self._note()

    def wait_for(self, device: str, **fields: object) -> None:
        self._wait_for_state(device, **fields)

    def _wait_for_state(self, device: str, **fields: object) -> State:
        """Wait for a state with these fields, and return the first one. A slow test misses no short phase."""
        found: list[State] = []

        def is_there(listener: Listener) -> bool:
            states = [*self._known.values(), *listener.all_states[self._seen :]]
            found[:] = [one for one in states if one.device == device and fields.items() <= one.state.items()]
            return bool(found)

        self._listener.wait_for(is_there)
        return found[0]


class Rehearsed:
    """The rehearsal of the same house: each action is at the time at which it was in the real one."""

    def __init__(self, world: World, times: list[float]) -> None:
        self._world, self._times, self._began = world, iter(times), world.now

    def _run(self) -> None:
        """Go on until the moment of the next action."""
        self._world.run(max(self._world.now, self._began + next(self._times)))

    def send(self, device: str, command: str) -> str:
        self._run()
        receipt = self._world.send(device, command)
        assert receipt is not None
        return receipt.outcome

    def kill(self, device: str) -> None:
        self._run()
        self._world.kill(device)

    def switch_by_hand(self, device: str, *, on: bool) -> None:
        self._run()
        self._world.switch_by_hand(device, on=on)

    def measure(self, device: str, **values: float) -> None:
        self._run()
        self._world.measure(device, values)

    def stop(self, device: str) -> None:
        self._run()
        self._world.stop(device)

    def start(self, device: str) -> None:
        self._run()
        self._world.start_device(device)

    def wait(self, seconds: float) -> None:
        self._run()

    def wait_for(self, device: str, **fields: object) -> None:
        for _ in range(3000):
            self._world.run(self._world.now)
            found = self._world.state(device) or {}
            if fields.items() <= found.items():
                return
            self._world.run(self._world.now + 0.05)
        raise AssertionError(f"{device} does not become {fields}")


def breakfast(player: Player) -> None:
    """Press, with kills at work and a second press; a hand switches the lamp."""
    assert player.send("bathroom_light", "press") == "applied"
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
    numbers: dict[object, object] = {None: None, "hardware": "hardware", "max_on": "max_on"}
    found: dict[str, list[Phase]] = {}
    for state in states:
        cause = numbers.setdefault(state.cause, len(numbers))
        phase = (state.state["phase"], state.state["status"], cause)
        known = found.setdefault(state.device, [])
        if not known or known[-1] != phase:
            known.append(phase)
    return found


LIVELY = """
[house]
timezone = "Europe/Berlin"

[devices.button]
kind = "button"
driver = "simulated"

[devices.motion]
kind = "sensor"
driver = "simulated"
detects = "motion"

[devices.door]
kind = "sensor"
driver = "simulated"
detects = "opening"

[devices.climate]
kind = "sensor"
driver = "simulated"

[devices.lamp]
kind = "lamp"
driver = "simulated"
[[devices.lamp.when]]
device = "motion"
turns = { phase = "motion" }
do = "on"
[[devices.lamp.when]]
device = "motion"
turns = { phase = "clear" }
for = "1s"
do = "off"
[[devices.lamp.when]]
device = "button"
turns = { phase = "long" }
do = "off"

[devices.desk_lamp]
kind = "lamp"
driver = "simulated"
[[devices.desk_lamp.when]]
device = "button"
turns = { phase = "single" }
do = "toggle"
[[devices.desk_lamp.when]]
device = "lamp"
turns = { status = true }
delay = "1s"
only_if = [{ device = "door", is = { phase = "closed" } }]
do = "on"
with = { brightness_percent = 20 }

[devices.fan]
kind = "plug"
driver = "simulated"
max_on = "8s"
[[devices.fan.when]]
device = "climate"
above = { humidity_percent = 60 }
hysteresis = 5
do = "on"
[[devices.fan.when]]
device = "climate"
below = { humidity_percent = 50 }
do = "off"

[devices.heater]
kind = "heater"
driver = "simulated"
source = "climate"
target_celsius = 20
[[devices.heater.when]]
device = "door"
turns = { phase = "open" }
for = "1s"
do = "off"
[[devices.heater.when]]
device = "door"
turns = { phase = "closed" }
do = "on"

[devices.blind]
kind = "cover"
driver = "simulated"
open_time = "2s"
close_time = "2s"
[[devices.blind.when]]
device = "button"
turns = { phase = "double" }
do = "open"

[devices.coffee_maker]
kind = "coffee_maker"
driver = "simulated"
heat = "1s"
brew = "1s"
keep_warm = "5s"
[[devices.coffee_maker.when]]
device = "button"
turns = { phase = "single" }
cooldown = "5s"
do = "start"
"""
COMMANDS = [
    ("button", "single"),
    ("button", "single"),
    ("button", "double"),
    ("button", "long"),
    ("lamp", "toggle"),
    ("desk_lamp", "on"),
    ("fan", "toggle"),
    ("heater", "on"),
    ("heater", "off"),
    ("blind", "close"),
    ("blind", "stop"),
    ("coffee_maker", "start"),
    ("coffee_maker", "stop"),
]
ACTIONS = 30
QUIET_SECONDS = 1.0
"""The rules and phases of the house take whole seconds, so the two worlds cannot differ by their latency."""


def lively(player: Player, seed: int) -> list[object]:
    """Do random things, kills and stops among them; return the outcomes of the commands."""
    chance = random.Random(seed)  # noqa: S311  it must be repeatable
    machines = ["lamp", "desk_lamp", "fan", "heater", "blind", "coffee_maker", "button", "motion", "door"]
    outcomes: list[object] = []
    for _ in range(ACTIONS):
        what = chance.choice(["send", "send", "send", "detect", "detect", "measure", "kill", "hand", "stop"])
        if what == "send":
            outcomes.append(player.send(*chance.choice(COMMANDS)))
        elif what == "detect":
            device = chance.choice(["motion", "door"])
            player.switch_by_hand(device, on=chance.random() < 0.5)
        elif what == "measure":
            humidity, celsius = chance.choice([40, 48, 57, 70]), chance.choice([15, 18, 21, 25])
            player.measure("climate", humidity_percent=humidity, temperature_celsius=celsius)
        elif what == "kill":
            player.kill(chance.choice(machines))
        elif what == "hand":
            player.switch_by_hand(chance.choice(["lamp", "desk_lamp", "fan"]), on=chance.random() < 0.5)
        else:
            device = chance.choice(machines)
            player.stop(device)
            player.wait(QUIET_SECONDS)
            player.start(device)
        player.wait(chance.choice([0.4, 1.5, 2.5]))
    return outcomes


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
def test_random_scripts_are_the_same_in_both_worlds(make_house: HouseFactory, seed: int) -> None:
    """The same outcomes of commands, the same phases, the same causes."""
    check_both_worlds(make_house(LIVELY), lambda player: lively(player, seed))


@pytest.mark.parametrize(
    ("toml", "script"), [(BREAKFAST, breakfast), (MOTION, motion)], ids=["breakfast", "motion"]
)
def test_both_worlds_are_the_same(
    make_house: HouseFactory, toml: str, script: Callable[[Player], object]
) -> None:
    """State by state, cause by cause."""
    check_both_worlds(make_house(toml), script)


def check_both_worlds(house: TemporaryHouse, script: Callable[[Player], object]) -> None:
    """Play a script in the real house and in its rehearsal, and compare what comes of it."""
    house.house("up")
    rehearsed = load_house(Path(house.config))
    names = [name for name, device in rehearsed.devices.items() if device.kind.role == "device"]
    with house.listen(*names) as listener:
        listener.wait_for(lambda listener: listener.states.keys() == listener.heartbeats.keys() == {*names})
        player = Real(house, listener)
        outcomes = script(player)
        player.wait(QUIET_SECONDS)
        real = phases(listener.all_states)
    world = World(rehearsed, START)
    states: list[State] = []
    world.on_state = lambda name, _before, state: states.append(state) if name in names else None
    world.begin()
    world.run(START + 1)
    replayed = Rehearsed(world, player.times)
    assert script(replayed) == outcomes
    replayed.wait(QUIET_SECONDS)
    assert phases(states) == real
