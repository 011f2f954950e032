"""A lamp: on and off, brightness, white and colour."""

import msgspec
import pytest

from daemons.kinds import Reading, Setting
from daemons.kinds.lamp import Brighter, Lamp, LampMemory, Off, On, Options, Toggle
from daemons.values import Colour, convert
from tests.support.crash_simulator import CrashSimulator

LAMP = Lamp(Options(brightness_percent=60))


def test_it_goes_on_with_its_usual_brightness() -> None:
    """Without an argument, a lamp has its usual brightness."""
    assert LAMP.desired_setting(LAMP.handle_command(LampMemory(), On(), 0)) == Setting(
        on=True, brightness_percent=60
    )


def test_it_goes_on_with_the_brightness_of_the_command() -> None:
    """A lamp that is on is dimmed without a new start."""
    memory = LAMP.handle_command(LampMemory(), On(brightness_percent=5), 0)
    assert LAMP.desired_setting(memory).brightness_percent == 5
    dimmed = LAMP.handle_command(memory, On(brightness_percent=1), 0)
    assert (dimmed.brightness_percent, dimmed.starts) == (1, 1)


def test_it_goes_off_and_remembers_its_brightness() -> None:
    """The setting of a dark lamp has no brightness; its state has the last one."""
    memory = LAMP.handle_command(LAMP.handle_command(LampMemory(), On(brightness_percent=5), 0), Off(), 0)
    assert LAMP.desired_setting(memory) == Setting(on=False)
    assert LAMP.state(memory, Reading(on=False), 0).brightness_percent == 5


def test_toggling_twice_leaves_it_dark() -> None:
    """The first toggle switches the lamp on, the second switches it off."""
    once = LAMP.handle_command(LampMemory(), Toggle(), 0)
    assert (once.on, once.brightness_percent) == (True, 60)
    assert LAMP.handle_command(once, Toggle(), 0).on is False


def test_a_manual_switch_keeps_the_brightness() -> None:
    """A lamp that is switched manually remembers its brightness, and counts one start."""
    memory = LAMP.adopt(LampMemory(brightness_percent=30), Reading(on=True), 0)
    assert memory == LampMemory(on=True, brightness_percent=30, starts=1)
    assert LAMP.adopt(memory, Reading(on=True), 0) == memory
    assert LAMP.adopt(memory, Reading(on=False), 0).on is False


def test_it_goes_on_with_its_usual_colour_or_that_of_the_command() -> None:
    """With neither, the colour of the lamp stays unchanged."""
    warm = Lamp(Options(colour_temperature_kelvin=2700))
    assert LAMP.desired_setting(LAMP.handle_command(LampMemory(), On(), 0)).colour_temperature_kelvin is None
    assert warm.desired_setting(warm.handle_command(LampMemory(), On(), 0)).colour_temperature_kelvin == 2700
    tinted = warm.handle_command(LampMemory(), On(colour_temperature_kelvin=6500), 0)
    assert warm.desired_setting(tinted).colour_temperature_kelvin == 6500
    assert (
        LAMP.desired_setting(
            LAMP.handle_command(tinted, On(brightness_percent=5), 1)
        ).colour_temperature_kelvin
        == 6500
    )


@pytest.mark.parametrize("kelvin", [999, 10_001, 2700.5])
def test_an_impossible_colour_temperature_is_refused(kelvin: float) -> None:
    """The value is refused as an option and as an argument."""
    for type_ in (Options, On):
        with pytest.raises(msgspec.ValidationError):
            convert({"colour_temperature_kelvin": kelvin}, type_)


def test_a_remote_control_that_dims_and_tints_is_adopted() -> None:
    """A change by the bulb's own remote control is published, and not undone."""
    simulator = CrashSimulator("lamp", colour_temperature_kelvin=2700)
    simulator.command("on")
    turned = Reading(on=True, brightness_percent=40, colour_temperature_kelvin=4000)
    simulator.appliance.on_reading(turned, simulator.now + 1, simulator.now + 1)
    assert (simulator.field("brightness_percent"), simulator.field("colour_temperature_kelvin")) == (40, 4000)
    assert simulator.appliance.next_setting(simulator.now + 1) is None
    assert (simulator.appliance.memory.cause, simulator.field("starts")) == ("hardware", 1)


def test_a_colour_that_was_never_set_is_the_reported_one() -> None:
    """A value is None only if it is unknown."""
    memory = LAMP.handle_command(LampMemory(), On(), 0)
    assert LAMP.state(memory, Reading(on=True), 0).colour_temperature_kelvin is None
    reading = Reading(on=True, colour_temperature_kelvin=3000)
    assert LAMP.state(memory, reading, 0).colour_temperature_kelvin == 3000


def test_its_state_has_all_fields() -> None:
    """The state has on, brightness, starts and power."""
    shown = LAMP.state(
        LampMemory(on=True, brightness_percent=30, starts=2), Reading(on=True, power_watts=2.1), 0
    )
    assert (shown.status, shown.phase, shown.brightness_percent) == (True, "on", 30)
    assert (shown.starts, shown.power_watts) == (2, 2.1)


def test_a_colour_and_a_white_end_each_other() -> None:
    """The setting and the state never have both; a command that names neither keeps what there is."""
    red = LAMP.handle_command(LampMemory(), On(colour=Colour("#ff0000")), 0)
    assert LAMP.desired_setting(red) == Setting(on=True, brightness_percent=60, colour="#ff0000")
    assert LAMP.desired_setting(LAMP.handle_command(red, On(brightness_percent=5), 1)).colour == "#ff0000"
    white = LAMP.handle_command(red, On(colour_temperature_kelvin=2700), 1)
    assert LAMP.desired_setting(white) == Setting(
        on=True, brightness_percent=60, colour_temperature_kelvin=2700
    )
    again = LAMP.handle_command(white, On(colour=Colour("#0000ff")), 2)
    shown = LAMP.state(again, Reading(on=True, colour_temperature_kelvin=2700), 2)
    assert (shown.colour, shown.colour_temperature_kelvin) == ("#0000ff", None)


@pytest.mark.parametrize(
    "values",
    [{"colour": "beige"}, {"colour": "#000000"}, {"colour": "red", "colour_temperature_kelvin": 2700}],
)
def test_a_bad_colour_is_refused(values: dict[str, str | int]) -> None:
    """The value is refused as an option and as an argument, and so is a colour together with a white."""
    for type_ in (Options, On):
        with pytest.raises(msgspec.ValidationError):
            convert(values, type_)


def test_its_usual_colour_counts_when_on_names_none() -> None:
    """A white of the command goes before it; a dimmed lamp keeps the colour that it has."""
    lamp = Lamp(convert({"colour": "orange"}, Options))
    on = lamp.handle_command(LampMemory(), On(), 0)
    assert lamp.desired_setting(on).colour == "#ff8000"
    white = lamp.handle_command(on, On(colour_temperature_kelvin=2700), 1)
    assert (white.colour, white.colour_temperature_kelvin) == (None, 2700)
    assert lamp.handle_command(white, convert({}, Brighter), 2).colour is None
    assert lamp.handle_command(LampMemory(), convert({}, Brighter), 2).colour == "#ff8000"


def test_a_remote_control_that_changes_the_colour_is_adopted() -> None:
    """It is published and not undone; a colour that the hardware only rounds stays as it was set."""
    simulator = CrashSimulator("lamp")
    simulator.command("on", colour="#ff8800")

    def hear(**light: str | int) -> tuple[object, object]:
        turned = Reading(on=True, brightness_percent=40, **light)  # type: ignore[arg-type]
        simulator.appliance.on_reading(turned, simulator.now + 1, simulator.now + 1)
        assert simulator.appliance.next_setting(simulator.now + 1) is None
        return simulator.field("colour"), simulator.field("colour_temperature_kelvin")

    assert hear(colour="#00ff00") == ("#00ff00", None)
    assert hear(colour="#04ff00") == ("#00ff00", None)
    assert hear(colour_temperature_kelvin=4000) == (None, 4000)
