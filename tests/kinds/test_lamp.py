"""The lamp, by its name."""

import msgspec
import pytest

from daemons.kinds import Reading, Setting
from daemons.kinds.lamp import Lamp, Memory, Off, On, Options, Toggle
from daemons.values import convert
from tests.support.crash_simulator import Life

LAMP = Lamp(Options(brightness_percent=60))


def test_it_goes_on_as_bright_as_usual() -> None:
    """Without a word about it, a lamp has its usual brightness."""
    assert LAMP.wants(LAMP.obey(Memory(), On(), 0)) == Setting(on=True, brightness_percent=60)


def test_it_goes_on_as_bright_as_told() -> None:
    """A command may say how bright, and a lamp that is on is dimmed by it without a new start."""
    memory = LAMP.obey(Memory(), On(brightness_percent=5), 0)
    assert LAMP.wants(memory).brightness_percent == 5
    dimmed = LAMP.obey(memory, On(brightness_percent=1), 0)
    assert (dimmed.brightness_percent, dimmed.starts) == (1, 1)


def test_it_goes_off_and_remembers_how_bright_it_was() -> None:
    """A dark lamp asks for no brightness, and still shows its last."""
    memory = LAMP.obey(LAMP.obey(Memory(), On(brightness_percent=5), 0), Off(), 0)
    assert LAMP.wants(memory) == Setting(on=False)
    assert LAMP.shows(memory, Reading(on=False), 0).brightness_percent == 5


def test_toggling_twice_leaves_it_dark() -> None:
    """Toggle turns it on, and again off."""
    once = LAMP.obey(Memory(), Toggle(), 0)
    assert (once.on, once.brightness_percent) == (True, 60)
    assert LAMP.obey(once, Toggle(), 0).on is False


def test_a_hand_turns_it_on_as_bright_as_it_last_was() -> None:
    """A lamp that is switched by hand keeps its brightness, and is counted as started once."""
    memory = LAMP.observe(Memory(brightness_percent=30), Reading(on=True), 0)
    assert memory == Memory(on=True, brightness_percent=30, starts=1)
    assert LAMP.observe(memory, Reading(on=True), 0) == memory
    assert LAMP.observe(memory, Reading(on=False), 0).on is False


def test_it_goes_on_as_warm_as_usual_or_as_told() -> None:
    """Where nothing is said of it, its white stays as the lamp has it."""
    warm = Lamp(Options(colour_temperature_kelvin=2700))
    assert LAMP.wants(LAMP.obey(Memory(), On(), 0)).colour_temperature_kelvin is None
    assert warm.wants(warm.obey(Memory(), On(), 0)).colour_temperature_kelvin == 2700
    told = warm.obey(Memory(), On(colour_temperature_kelvin=6500), 0)
    assert warm.wants(told).colour_temperature_kelvin == 6500
    assert LAMP.wants(LAMP.obey(told, On(brightness_percent=5), 1)).colour_temperature_kelvin == 6500


@pytest.mark.parametrize("kelvin", [999, 10_001, 2700.5])
def test_a_white_that_no_lamp_has_is_refused(kelvin: float) -> None:
    """As an option and as an argument."""
    for type_ in (Options, On):
        with pytest.raises(msgspec.ValidationError):
            convert({"colour_temperature_kelvin": kelvin}, type_)


def test_a_remote_that_dims_and_tints_it_is_followed() -> None:
    """The bulb has a remote of its own; what that does is shown, and not undone."""
    life = Life("lamp", colour_temperature_kelvin=2700)
    life.command("on")
    turned = Reading(on=True, brightness_percent=40, colour_temperature_kelvin=4000)
    life.appliance.read(turned, life.now + 1, life.now + 1)
    assert (life.shows("brightness_percent"), life.shows("colour_temperature_kelvin")) == (40, 4000)
    assert life.appliance.to_ask(life.now + 1) is None
    assert (life.appliance.memory.cause, life.shows("starts")) == ("hardware", 1)


def test_a_white_that_was_never_set_is_shown_as_the_bulb_tells_it() -> None:
    """Nothing stands there only where nobody knows."""
    memory = LAMP.obey(Memory(), On(), 0)
    assert LAMP.shows(memory, Reading(on=True), 0).colour_temperature_kelvin is None
    told = Reading(on=True, colour_temperature_kelvin=3000)
    assert LAMP.shows(memory, told, 0).colour_temperature_kelvin == 3000


def test_it_shows_what_it_is() -> None:
    """The state tells on, brightness, starts and power."""
    shown = LAMP.shows(Memory(on=True, brightness_percent=30, starts=2), Reading(on=True, power_watts=2.1), 0)
    assert (shown.status, shown.phase, shown.brightness_percent) == (True, "on", 30)
    assert (shown.starts, shown.power_watts) == (2, 2.1)
