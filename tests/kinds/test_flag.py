"""A flag: a value without hardware."""

import msgspec
import pytest

from daemons.config import device
from daemons.kinds import Reading
from daemons.kinds.flag import Flag, FlagMemory, Off, On, Options, State, Toggle
from daemons.values import Problem
from tests.support.crash_simulator import CrashSimulator


def value(flag: Flag, memory: FlagMemory) -> bool:
    """Return the published value."""
    return flag.state(memory, Reading(), 0).status


@pytest.mark.parametrize("initial", [True, False])
def test_a_new_flag_has_its_initial_value(initial: bool) -> None:
    """A value that was set stays, whatever the initial one is."""
    flag = Flag(Options(initial=initial))
    assert value(flag, FlagMemory()) is initial
    assert value(flag, flag.handle_command(FlagMemory(), On(), 0)) is True
    assert value(flag, flag.handle_command(FlagMemory(), Off(), 0)) is False
    assert value(flag, flag.handle_command(FlagMemory(), Toggle(), 0)) is not initial


def test_its_state_has_no_fields_of_hardware() -> None:
    """There is no hardware that could confirm a state or be out of reach."""
    assert set(Flag.fields()) == set(State.__struct_fields__)


@pytest.mark.parametrize(("key", "found"), [("driver", "simulated"), ("restore", "on")])
def test_it_takes_no_key_of_hardware(key: str, found: str) -> None:
    """The problem names the kind and the key."""
    problems: list[Problem] = []
    device.build("guests", {"kind": "flag", key: found}, ("devices", "guests"), problems)
    assert [(problem.path, problem.text) for problem in problems] == [
        (("devices", "guests", key), f"a flag has no hardware; it takes no {key}")
    ]


def test_it_keeps_its_value_over_a_kill() -> None:
    """The next process publishes the value that was set."""
    house = CrashSimulator("flag")
    house.command("on")
    house.restart()
    assert house.field("status") is True
    assert msgspec.json.decode(house.appliance.memory.machine) == {"on": True}
