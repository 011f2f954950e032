"""The contract that every driver keeps, whichever files stand in daemons/drivers/."""

import inspect
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from msgspec import Struct

from daemons.config import loader
from daemons.drivers import Driver, Remote
from daemons.kinds import Ability, Setting
from tests.support import factories

DRIVERS = list(loader.available("drivers"))
ON_PAPER = [word for word in DRIVERS if not loader.driver(word).real]
NOW = factories.START_TIME


@pytest.mark.parametrize("word", DRIVERS)
def test_a_driver_is_documented_and_its_options_frozen(word: str) -> None:
    """A driver's first line is a sentence, and its options are a typed value that cannot be changed."""
    driver = loader.driver(word)
    assert loader.available("drivers")[word].endswith(".")
    assert (driver.__doc__ or "").partition("\n")[0].endswith(".")
    assert issubclass(driver.options_type, Struct)
    assert driver.options_type.__struct_config__.frozen
    assert driver.options_type.__doc__
    assert driver.real in (True, False)


@pytest.mark.parametrize("word", DRIVERS)
def test_a_driver_is_whole(word: str) -> None:
    """A driver leaves nothing of the contract open, and a real one has the usual speed."""
    driver = loader.driver(word)
    assert not driver.__abstractmethods__
    assert not driver.real or driver.speed == 1.0


@pytest.mark.parametrize("word", DRIVERS)
def test_a_driver_says_what_it_can(word: str) -> None:
    """In words that a kind can need, and one at least."""
    abilities = loader.driver(word).abilities
    assert isinstance(abilities, frozenset)
    assert abilities
    assert abilities <= set(get_args(Ability))


@pytest.mark.parametrize("word", DRIVERS)
def test_a_driver_that_waits_does_so_in_its_own_thread(word: str) -> None:
    """A Remote says how it attends to its hardware, without holding up anybody, and is real."""
    driver = loader.driver(word)
    if issubclass(driver, Remote):
        assert inspect.iscoroutinefunction(driver.attend)
        assert driver.real


@pytest.mark.parametrize("word", DRIVERS)
def test_a_driver_is_loaded_alone(word: str) -> None:
    """Who uses one does not pay for the libraries of another; on paper, nobody needs a network's."""
    code = f"import sys; from daemons.config import loader; loader.driver({word!r}); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()
    names = {name for name in loaded if name.startswith("daemons.drivers.") and ".transports" not in name}
    assert names == {f"daemons.drivers.{word}"}
    assert loader.driver(word).real or "asyncio" not in loaded


@pytest.mark.parametrize("word", ON_PAPER)
def test_a_driver_does_as_it_is_told_and_tells_what_is(
    word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hardware on paper is off at first, follows a setting, and says when to look again."""
    factories.enter_run_directory(tmp_path, monkeypatch)
    kind = loader.driver(word)
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
