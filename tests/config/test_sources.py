"""The devices in the options of a kind: they exist, and can be used in this way."""

from pathlib import Path

import pytest

from daemons.config.house import House
from tests.config.test_house import load, mistakes

HOUSE = """\
[house]
timezone = "Europe/Berlin"
{house}

[devices.climate]
kind = "sensor"
driver = "simulated"

[devices.motion]
kind = "sensor"
driver = "simulated"
detects = "motion"

[devices.window]
kind = "sensor"
driver = "simulated"
detects = "opening"

[devices.heater]
kind = "heater"
driver = "simulated"
source = "climate"
{options}
"""


@pytest.mark.parametrize(
    ("options", "key", "text"),
    [
        ('windows = ["window", "motion"]', "windows", "motion detects motion; a window needs a sensor with"),
        ('windows = ["climate"]', "windows", "climate detects nothing"),
        ('windows = ["windw"]', "windows", "there is no device \"windw\"; did you mean 'window'?"),
        ('target = "motion"', "target", '"motion" is a sensor, which has no field value'),
        ('mode = "motion"\ntargets = { home = 20 }', "mode", "which has no field value"),
        ('schedule = [{ at = "6:00", celsius = 20 }]', "schedule.0.at", "at takes a time of day"),
        (
            'schedule = [{ at = "06:00", celsius = 20 }, { at = "07:00", celsius = 99 }]',
            "schedule.1.celsius",
            "celsius takes a number from 5 to 30",
        ),
        ('schedule = [{ at = "06:00", celsius = nan }]', "schedule.0.celsius", "nan is not allowed"),
        ('schedule = [{ at = "06:00", day = "mon", celsius = 20 }]', "schedule.0.day", "did you mean 'days'"),
        ("schedule = []", "schedule", "[] is not allowed"),
        ('schedule = [{ at = "sunset", celsius = 20 }]', None, "needs latitude and longitude in [house]"),
        ('mode = "motion"\ntargets = { home = 50 }', "targets", "each value a number from 5 to 30"),
    ],
)
def test_a_heater_that_uses_another_device_wrongly_is_refused(
    tmp_path: Path, options: str, key: str | None, text: str
) -> None:
    """The problem names the option, and what is wrong."""
    found = mistakes(tmp_path, HOUSE.format(house="", options=options))
    assert text in found[0].text
    assert found[0].key == key


def house_of(folder: Path, options: str) -> House:
    """Return a house with a position and these options of its heater."""
    return load(folder, HOUSE.format(house="latitude = 52.5\nlongitude = 13.4", options=options))


def test_a_heater_with_a_schedule_depends_on_the_clock_and_on_the_sun(tmp_path: Path) -> None:
    """Its slice has the position only if a time of the sun needs it."""
    plain = house_of(tmp_path, "")
    assert not plain.devices["heater"].uses_clock
    timed = house_of(tmp_path, 'schedule = [{ at = "06:00", celsius = 20 }]')
    assert timed.devices["heater"].uses_clock
    assert "latitude" not in timed.slices()["heater"].house
    sunny = house_of(tmp_path, 'schedule = [{ at = "sunset", celsius = 20 }]')
    assert "latitude" in sunny.slices()["heater"].house


def test_a_heater_subscribes_to_its_windows(tmp_path: Path) -> None:
    """A window may also be its thermometer."""
    house = house_of(tmp_path, 'windows = ["window"]')
    assert house.devices["heater"].subscriptions == {"climate", "window"}
    assert house.roster.peers["heater"].subscriptions == ("window", "climate")
