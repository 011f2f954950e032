"""A scene: its members carry it out by themselves, once, and it shows which of them have followed."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from daemons.bus.message import Command, Receipt
from daemons.rehearsal.world import World
from tests.support.virtual_house import world_of

LAMPS = [f"lamp_{number}" for number in range(10)]
MANY = "".join(f'[devices.{name}]\nkind = "lamp"\ndriver = "simulated"\n' for name in LAMPS)
SETS = ", ".join(f"{name} = {{ on = {{ brightness_percent = 30 }} }}" for name in LAMPS)
MOVIE = f'{MANY}[devices.movie]\nkind = "scene"\nsets = {{ {SETS} }}\n'
EVENING = """\
[devices.desk_lamp]
kind = "lamp"
driver = "simulated"
[devices.hall_lamp]
kind = "lamp"
driver = "simulated"
[devices.blind]
kind = "cover"
driver = "simulated"
[devices.evening]
kind = "scene"
sets = { desk_lamp = { on = { brightness_percent = 30 } }, hall_lamp = "off", blind = "close" }
"""


def fields(world: World, name: str) -> dict[str, Any]:
    """Return the state of a device that runs."""
    state = world.state(name)
    assert state is not None
    return state


def wait(world: World, seconds: float) -> None:
    """Pass time."""
    world.run(world.now + seconds)


def send(world: World, name: str, word: str, **args: Any) -> Receipt:
    """Send a command that must be answered."""
    receipt = world.send(name, word, args)
    assert receipt is not None
    return receipt


def repeat(world: World, name: str, word: str, id_: str) -> Receipt:
    """Send a command under one id until it is answered, as the clients of the house do."""
    for _ in range(5):
        command = Command(id=id_, command=word, deadline=world.wall + 100)
        if receipt := world.devices[name].handle_command(command):
            return receipt
        wait(world, 0.5)
    raise AssertionError("there is no receipt")


def light(world: World, name: str) -> tuple[bool, int, int]:
    """Return whether a lamp is on, its brightness, and how often it went on."""
    state = fields(world, name)
    return state["status"], state["brightness_percent"], state["starts"]


def test_it_sets_its_members_and_shows_who_has_followed() -> None:
    """The receipt says that it is written down. The slow blind is missing until it is closed."""
    world = world_of(EVENING)
    send(world, "hall_lamp", "on", brightness_percent=80)
    send(world, "blind", "open")
    wait(world, 60)
    assert send(world, "evening", "on").outcome == "applied"
    wait(world, 2)
    state = fields(world, "evening")
    assert (state["phase"], state["status"], state["confirmed_count"], state["member_count"]) == (
        "applying", False, 2, 3,
    )  # fmt: skip
    assert state["missing"] == "blind has not followed yet"
    wait(world, 40)
    state = fields(world, "evening")
    assert (state["phase"], state["status"], state["confirmed_count"], state["missing"]) == (
        "applied", True, 3, None,
    )  # fmt: skip
    assert light(world, "desk_lamp")[:2] == (True, 30)
    assert light(world, "hall_lamp")[:2] == (False, 80)
    assert fields(world, "blind")["phase"] == "closed"


def test_undo_gives_back_what_was() -> None:
    """Each member has its own state from before; afterwards there is nothing to undo."""
    world = world_of(EVENING)
    send(world, "hall_lamp", "on", brightness_percent=80)
    send(world, "blind", "open")
    wait(world, 60)
    send(world, "blind", "set", position_percent=40)
    wait(world, 60)
    assert send(world, "evening", "undo").reason == "there is nothing to undo"
    send(world, "evening", "on")
    wait(world, 60)
    assert send(world, "evening", "undo").outcome == "applied"
    wait(world, 1)
    assert fields(world, "evening")["phase"] == "undoing"
    wait(world, 60)
    assert fields(world, "evening")["phase"] == "idle"
    assert light(world, "desk_lamp")[0] is False
    assert light(world, "hall_lamp")[:2] == (True, 80)
    assert fields(world, "blind")["position_percent"] == 40
    assert send(world, "evening", "undo").reason == "there is nothing to undo"


def test_undo_at_once_comes_after_the_scene() -> None:
    """The scene has not heard of its members yet, which follow both commands in their order."""
    world = world_of(EVENING, latency_seconds=(0.05, 0.2))
    send(world, "hall_lamp", "on", brightness_percent=80)
    wait(world, 5)
    send(world, "evening", "on")
    send(world, "evening", "undo")
    wait(world, 0.04)
    assert fields(world, "evening")["phase"] == "undoing"
    wait(world, 10)
    assert light(world, "hall_lamp")[:2] == (True, 80)
    assert light(world, "desk_lamp")[0] is False
    assert fields(world, "evening")["phase"] == "idle"


def test_a_second_time_it_is_carried_out_again_and_undo_keeps_the_state_before_the_first() -> None:
    """A member that was changed since is set again, and goes back to what it was changed to."""
    world = world_of(EVENING)
    send(world, "hall_lamp", "on", brightness_percent=80)
    wait(world, 5)
    send(world, "evening", "on")
    wait(world, 70)
    send(world, "desk_lamp", "on", brightness_percent=90)
    wait(world, 1)
    state = fields(world, "evening")
    assert (state["phase"], state["missing"]) == ("changed", "desk_lamp was changed since")
    send(world, "evening", "on")
    wait(world, 5)
    assert fields(world, "evening")["phase"] == "applied"
    assert light(world, "desk_lamp")[:2] == (True, 30)
    send(world, "evening", "undo")
    wait(world, 5)
    assert light(world, "desk_lamp")[:2] == (True, 90)
    assert light(world, "hall_lamp")[:2] == (True, 80)


def test_a_rule_can_apply_it_twice_in_a_row() -> None:
    """`asked` turns once more for the second time."""
    rules = "".join(f'[[devices.evening.when]]\nat = "12:0{minute}"\ndo = "on"\n' for minute in (1, 2))
    world = world_of(EVENING + rules)
    wait(world, 90)
    assert light(world, "desk_lamp") == (True, 30, 1)
    send(world, "desk_lamp", "off")
    wait(world, 60)
    assert light(world, "desk_lamp") == (True, 30, 2)


def test_a_member_that_is_away_carries_it_out_within_its_grace() -> None:
    """One that is dead for 20 s follows. One that is dead for longer than its grace does not."""
    world = world_of(MOVIE)
    world.kill("lamp_3", away_seconds=20)
    world.kill("lamp_5", away_seconds=70)
    wait(world, 1)
    send(world, "movie", "on")
    wait(world, 12)
    state = fields(world, "movie")
    assert (state["confirmed_count"], state["missing"]) == (8, "lamp_3 is silent; lamp_5 is silent")
    wait(world, 10)
    assert light(world, "lamp_3") == (True, 30, 1)
    assert fields(world, "movie")["missing"] == "lamp_5 is silent"
    wait(world, 60)
    assert light(world, "lamp_5")[0] is False
    state = fields(world, "movie")
    assert (state["phase"], state["confirmed_count"], state["missing"]) == (
        "incomplete", 9, "lamp_5 has not followed",
    )  # fmt: skip


def test_a_member_whose_hardware_cannot_be_reached_is_named() -> None:
    """It follows when its hardware is back within the grace."""
    world = world_of(MOVIE)
    world.lose_hardware("lamp_9", 30)
    wait(world, 5)
    send(world, "movie", "on")
    wait(world, 2)
    state = fields(world, "movie")
    assert (state["phase"], state["confirmed_count"], state["missing"]) == (
        "applying", 9, "lamp_9 cannot be reached",
    )  # fmt: skip
    wait(world, 30)
    assert fields(world, "movie")["phase"] == "applied"
    assert light(world, "lamp_9") == (True, 30, 1)


def test_a_scene_in_a_scene_is_applied_and_undone() -> None:
    """The outer one shows the inner one as a member."""
    world = world_of(EVENING + '[devices.night]\nkind = "scene"\nsets = { evening = "on" }\n')
    send(world, "hall_lamp", "on")
    wait(world, 5)
    send(world, "night", "on")
    wait(world, 60)
    assert fields(world, "night")["phase"] == "applied"
    assert light(world, "desk_lamp")[:2] == (True, 30)
    send(world, "night", "undo")
    wait(world, 60)
    assert light(world, "desk_lamp")[0] is False
    assert light(world, "hall_lamp")[0] is True


def test_a_scene_does_not_start_a_toaster_to_undo() -> None:
    """An undo begins no heat."""
    world = world_of(
        '[devices.toaster]\nkind = "toaster"\ndriver = "simulated"\n'
        '[devices.bye]\nkind = "scene"\nsets = { toaster = "stop" }\n'
    )
    send(world, "toaster", "start")
    wait(world, 5)
    send(world, "bye", "on")
    wait(world, 5)
    assert fields(world, "bye")["phase"] == "applied"
    assert send(world, "bye", "undo").reason == "there is nothing to undo"
    assert fields(world, "toaster")["status"] is False


# Kills


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("movie", "on"),
        pytest.param("movie", "undo", marks=pytest.mark.long),
        ("lamp_0", "on"),
        ("lamp_0", "undo"),
    ],
)
def test_a_scene_that_is_killed_between_any_two_steps_is_no_half_scene(word: str, name: str) -> None:
    """Its command is repeated until it has a receipt. Then each of ten lamps has acted, and acted once."""
    world = world_of(MOVIE)
    for step in range(40):
        before = world.devices[name].steps
        send(world, "movie", "on" if word == "undo" else "undo")  # nothing to undo at first
        wait(world, 70)
        starts = [light(world, lamp)[2] for lamp in LAMPS]
        world.devices[name].steps_left = step
        assert repeat(world, "movie", word, f"k{step}").outcome == "applied"
        wait(world, 5)
        was_killed = world.devices[name].steps_left is None
        assert {light(world, lamp)[:2] for lamp in LAMPS} == ({(True, 30)} if word == "on" else {(False, 30)})
        more = 1 if word == "on" else 0
        assert [light(world, lamp)[2] for lamp in LAMPS] == [count + more for count in starts]
        world.devices[name].steps_left = None
        assert world.devices[name].steps > before
        if not was_killed:
            break
    else:
        raise AssertionError("it was killed each time, so not every step was tried")
    assert step > 1


class Evening(RuleBasedStateMachine):
    """A scene of three lamps against a plain model: hands, commands, kills between two steps, time."""

    names = ("red", "green", "blue")
    target = (True, 30)

    def __init__(self) -> None:
        super().__init__()
        sets = ", ".join(f"{name} = {{ on = {{ brightness_percent = 30 }} }}" for name in self.names)
        lamps = "".join(f'[devices.{name}]\nkind = "lamp"\ndriver = "simulated"\n' for name in self.names)
        self.world = world_of(f'{lamps}[devices.scene]\nkind = "scene"\nsets = {{ {sets} }}\n')
        self.lights = dict.fromkeys(self.names, (False, 100))
        self.before: dict[str, tuple[bool, int]] = {}
        self.is_applied = False
        self.starts = dict.fromkeys(self.names, 0)
        self.ids = 0

    def become(self, name: str, on: bool, bright: int) -> None:
        """Set a lamp in the model."""
        self.starts[name] += on and not self.lights[name][0]
        self.lights[name] = (on, bright if on else self.lights[name][1])

    def command(self, name: str, word: str) -> Receipt:
        """Send a command until it is answered, and let the others hear of it."""
        self.ids += 1
        receipt = repeat(self.world, name, word, f"c{self.ids}")
        wait(self.world, 3)
        return receipt

    @rule(name=st.sampled_from(names), on=st.booleans())
    def switch(self, name: str, on: bool) -> None:
        """Command one lamp."""
        self.command(name, "on" if on else "off")
        self.become(name, on, 100)

    @rule(name=st.sampled_from(names), on=st.booleans())
    def by_hand(self, name: str, on: bool) -> None:
        """Switch one lamp at its own switch."""
        self.world.switch_by_hand(name, on=on)
        wait(self.world, 3)
        if on != self.lights[name][0]:
            self.become(name, on, self.lights[name][1])

    @rule()
    def apply(self) -> None:
        """Apply the scene."""
        for name in self.names:
            if not (self.is_applied and self.lights[name] == self.target):
                self.before[name] = self.lights[name]
        assert self.command("scene", "on").outcome == "applied"
        for name in self.names:
            self.become(name, *self.target)
        self.is_applied = True

    @rule()
    def undo(self) -> None:
        """Undo the scene; without one there is nothing to undo."""
        outcome = self.command("scene", "undo").outcome
        assert outcome == ("applied" if self.is_applied else "rejected")
        if self.is_applied:
            for name in self.names:
                self.become(name, *self.before[name])
        self.is_applied, self.before = False, {}

    @rule(name=st.sampled_from((*names, "scene")), step=st.integers(0, 12))
    def kill_later(self, name: str, step: int) -> None:
        """Kill a process between two of its next steps."""
        self.world.devices[name].steps_left = step

    @rule(name=st.sampled_from((*names, "scene")), seconds=st.sampled_from([0.03, 2.0, 20.0]))
    def kill(self, name: str, seconds: float) -> None:
        """Kill a process now, and wait until it is back."""
        self.world.kill(name, seconds)
        wait(self.world, seconds + 3)

    @rule(seconds=st.sampled_from([1.0, 70.0, 4000.0]))
    def pass_time(self, seconds: float) -> None:
        """Pass time."""
        wait(self.world, seconds)

    @precondition(lambda self: all(device.is_alive for device in self.world.devices.values()))
    @invariant()
    def agrees(self) -> None:
        """Each lamp is as in the model, and went on as often; the scene knows whether it is applied."""
        found = {name: light(self.world, name) for name in self.names}
        assert {name: (on, bright) for name, (on, bright, _) in found.items()} == self.lights
        assert {name: starts for name, (_, _, starts) in found.items()} == self.starts
        state = fields(self.world, "scene")
        is_as_set = self.is_applied and all(one == self.target for one in self.lights.values())
        assert state["status"] is is_as_set, state
        assert (state["phase"] == "idle") is not self.is_applied, state


TestEvening = Evening.TestCase
TestEvening.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
