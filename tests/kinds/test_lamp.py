"""The lamp, by its name."""

import msgspec
import pytest

from daemons.kinds import Reading, Setting
from daemons.kinds.lamp import Lamp, Memory, Off, On, Options, Toggle
from daemons.values import convert
from tests.support.crash_simulator import CrashSimulator

LAMP = Lamp(Options(brightness_percent=60))


def test_it_goes_on_as_bright_as_usual() -> None:
    """Without a word about it, a lamp has its usual brightness."""
    assert LAMP.desired_setting(LAMP.handle_command(Memory(), On(), 0)) == Setting(
        on=True, brightness_percent=60
    )


def test_it_goes_on_as_bright_as_told() -> None:
    """A command may say how bright, and a lamp that is on is dimmed by it without a new start."""
    memory = LAMP.handle_command(Memory(), On(brightness_percent=5), 0)
    assert LAMP.desired_setting(memory).brightness_percent == 5
    dimmed = LAMP.handle_command(memory, On(brightness_percent=1), 0)
    assert (dimmed.brightness_percent, dimmed.starts) == (1, 1)


def test_it_goes_off_and_remembers_how_bright_it_was() -> None:
    """A dark lamp asks for no brightness, and still shows its last."""
    memory = LAMP.handle_command(LAMP.handle_command(Memory(), On(brightness_percent=5), 0), Off(), 0)
    assert LAMP.desired_setting(memory) == Setting(on=False)
    assert LAMP.state(memory, Reading(on=False), 0).brightness_percent == 5


def test_toggling_twice_leaves_it_dark() -> None:
    """Toggle turns it on, and again off."""
    once = LAMP.handle_command(Memory(), Toggle(), 0)
    assert (once.on, once.brightness_percent) == (True, 60)
    assert LAMP.handle_command(once, Toggle(), 0).on is False


def test_a_hand_turns_it_on_as_bright_as_it_last_was() -> None:
    """A lamp that is switched by hand keeps its brightness, and is counted as started once."""
    memory = LAMP.adopt(Memory(brightness_percent=30), Reading(on=True), 0)
    assert memory == Memory(on=True, brightness_percent=30, starts=1)
    assert LAMP.adopt(memory, Reading(on=True), 0) == memory
    assert LAMP.adopt(memory, Reading(on=False), 0).on is False


def test_it_goes_on_as_warm_as_usual_or_as_told() -> None:
    """Where nothing is said of it, its white stays as the lamp has it."""
    warm = Lamp(Options(colour_temperature_kelvin=2700))
    assert LAMP.desired_setting(LAMP.handle_command(Memory(), On(), 0)).colour_temperature_kelvin is None
    assert warm.desired_setting(warm.handle_command(Memory(), On(), 0)).colour_temperature_kelvin == 2700
    told = warm.handle_command(Memory(), On(colour_temperature_kelvin=6500), 0)
    assert warm.desired_setting(told).colour_temperature_kelvin == 6500
    assert (
        LAMP.desired_setting(LAMP.handle_command(told, On(brightness_percent=5), 1)).colour_temperature_kelvin
        == 6500
    )


@pytest.mark.parametrize("kelvin", [999, 10_001, 2700.5])
def test_a_white_that_no_lamp_has_is_refused(kelvin: float) -> None:
    """As an option and as an argument."""
    for type_ in (Options, On):
        with pytest.raises(msgspec.ValidationError):
            convert({"colour_temperature_kelvin": kelvin}, type_)


def test_a_remote_that_dims_and_tints_it_is_followed() -> None:
    """The bulb has a remote of its own; what that does is shown, and not undone."""
    simulator = CrashSimulator("lamp", colour_temperature_kelvin=2700)
    simulator.command("on")
    turned = Reading(on=True, brightness_percent=40, colour_temperature_kelvin=4000)
    simulator.appliance.on_reading(turned, simulator.now + 1, simulator.now + 1)
    assert (simulator.field("brightness_percent"), simulator.field("colour_temperature_kelvin")) == (40, 4000)
    assert simulator.appliance.next_setting(simulator.now + 1) is None
    assert (simulator.appliance.memory.cause, simulator.field("starts")) == ("hardware", 1)


def test_a_white_that_was_never_set_is_shown_as_the_bulb_tells_it() -> None:
    """Nothing stands there only where nobody knows."""
    memory = LAMP.handle_command(Memory(), On(), 0)
    assert LAMP.state(memory, Reading(on=True), 0).colour_temperature_kelvin is None
    told = Reading(on=True, colour_temperature_kelvin=3000)
    assert LAMP.state(memory, told, 0).colour_temperature_kelvin == 3000


def test_it_shows_what_it_is() -> None:
    """The state tells on, brightness, starts and power."""
    shown = LAMP.state(Memory(on=True, brightness_percent=30, starts=2), Reading(on=True, power_watts=2.1), 0)
    assert (shown.status, shown.phase, shown.brightness_percent) == (True, "on", 30)
    assert (shown.starts, shown.power_watts) == (2, 2.1)
