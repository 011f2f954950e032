"""The contract that every driver keeps, whichever files stand in daemons/drivers/."""

from pathlib import Path

import pytest
from msgspec import Struct

from daemons import load
from daemons.drivers import Driver
from daemons.hardware import Setting
from tests import fresh

DRIVERS = list(load.words("drivers"))
ON_PAPER = [word for word in DRIVERS if not load.driver(word).real]
NOW = fresh.BORN


@pytest.mark.parametrize("word", DRIVERS)
def test_a_driver_is_documented_and_its_options_frozen(word: str) -> None:
    """A driver's first line is a sentence, and its options are a typed value that cannot be changed."""
    driver = load.driver(word)
    assert load.words("drivers")[word].endswith(".")
    assert (driver.__doc__ or "").partition("\n")[0].endswith(".")
    assert issubclass(driver.options_type, Struct)
    assert driver.options_type.__struct_config__.frozen
    assert driver.options_type.__doc__
    assert driver.real in (True, False)


@pytest.mark.parametrize("word", DRIVERS)
def test_a_driver_is_whole(word: str) -> None:
    """A driver leaves nothing of the contract open, and a real one has the usual pace."""
    driver = load.driver(word)
    assert not driver.__abstractmethods__
    assert not driver.real or driver.pace == 1.0


@pytest.mark.parametrize("word", ON_PAPER)
def test_a_driver_does_as_it_is_told_and_tells_what_is(
    word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hardware on paper is off at first, follows a setting, and says when to look again."""
    fresh.enter(tmp_path, monkeypatch)
    kind = load.driver(word)
    driver: Driver[Struct] = kind("lamp", kind.options_type())
    driver.plug_in(((1.0, 7.0),), NOW)
    reading = driver.read(NOW)
    assert (reading.on, reading.reachable, reading.fault, reading.presses) == (False, True, None, ())
    for on in (True, True, False):
        driver.set(Setting(on=on), "a1", NOW)
        assert driver.read(NOW).on == on
    due = driver.due(NOW)
    assert due is not None or driver.socket is not None
    assert due is None or due > NOW
    driver.close()
