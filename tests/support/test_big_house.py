"""The configurations of big houses."""

from pathlib import Path

import pytest

from daemons.config.house import load_house
from tests.support.big_house import NAMES, big_house


@pytest.mark.parametrize("devices", [5, 42, 200])
def test_a_house_has_so_many_devices(devices: int) -> None:
    """Each configuration is valid, and has exactly so many devices."""
    assert len(load_house(Path("house.toml"), big_house(devices)).devices) == devices


@pytest.mark.parametrize("names", NAMES)
def test_every_device_gets_a_name_of_the_row(names: str) -> None:
    """Also the mirror."""
    house = load_house(Path("house.toml"), big_house(42, names))
    assert {device.title for device in house.devices.values()} == set(NAMES[names])
