"""The place of a weather forecast: that of the driver, that of the house, or none."""

from pathlib import Path

import pytest

from daemons.config.house import House, load_house
from daemons.errors import ConfigurationError

HOUSE = "[house]\nlatitude = 52.5\nlongitude = 13.4\n"
WEATHER = '[devices.sky]\nkind = "weather"\ndriver = "open_meteo"\n'


def load(text: str, folder: Path) -> House:
    """Load a configuration."""
    file = folder / "house.toml"
    file.write_text(text)
    return load_house(file)


def place(house: House) -> tuple[float, float]:
    """Return the place of the device, as its process gets it."""
    options = house.slices()["sky"].table["open_meteo"]
    return options["latitude"], options["longitude"]


def test_a_forecast_is_that_of_the_house(tmp_path: Path) -> None:
    """The process of the device gets the place with its own options, and nothing else of [house]."""
    house = load(HOUSE + WEATHER + 'open_meteo.every = "20m"\n', tmp_path)
    assert place(house) == (52.5, 13.4)
    assert house.slices()["sky"].table["open_meteo"]["every"] == "20m"
    assert "latitude" not in house.slices()["sky"].house


def test_a_driver_may_have_a_place_of_its_own(tmp_path: Path) -> None:
    """It goes before that of the house, also if it is a default of the driver."""
    own = "open_meteo = { latitude = -33.9, longitude = 18.4 }\n"
    assert place(load(HOUSE + WEATHER + own, tmp_path)) == (-33.9, 18.4)
    default = "[defaults.drivers.open_meteo]\nlatitude = 1.5\nlongitude = 2.5\n"
    assert place(load(HOUSE + WEATHER + default, tmp_path)) == (1.5, 2.5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            WEATHER,
            "house.toml:1: [devices.sky] open_meteo needs a place: write latitude and longitude in [house]",
        ),
        (WEATHER + "open_meteo.latitude = 3.0\n", "latitude and longitude are needed together"),
        (WEATHER + "open_meteo.latitude = 93.0\nopen_meteo.longitude = 0.0\n", "latitude"),
        (WEATHER + 'open_meteo = "Berlin"\n', "open_meteo"),
        (HOUSE + WEATHER.replace("open_meteo", "met_no"), "contact"),
    ],
)
def test_a_missing_place_is_named(text: str, said: str, tmp_path: Path) -> None:
    """The problem says what to write where."""
    with pytest.raises(ConfigurationError) as caught:
        load(text, tmp_path)
    assert said in str(caught.value)
