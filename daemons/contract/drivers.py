"""The contract of every driver: these tests run for each driver of House, and of another author."""

import inspect
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from msgspec import Struct

from daemons.config import loader
from daemons.contract import subject
from daemons.drivers import Driver, Remote
from daemons.kinds import Ability, Setting
from daemons.storage import paths

DRIVERS = subject.words("drivers")
INSTALLED = subject.loadable(DRIVERS)
BUILT_IN = [word for word in INSTALLED if word in loader.built_in()["drivers"]]
SIMULATED = [word for word in INSTALLED if not loader.driver(word).real and loader.driver(word).abilities]
NOW = 1_000_000.0


@pytest.mark.parametrize("word", INSTALLED)
def test_a_driver_is_documented_and_its_options_frozen(word: str) -> None:
    """A driver's first line is a sentence, and its options are a typed value that cannot be changed."""
    driver = loader.driver(word)
    assert loader.available("drivers")[word].endswith(".")
    assert (driver.__doc__ or "").partition("\n")[0].endswith(".")
    assert issubclass(driver.options_type, Struct)
    assert driver.options_type.__struct_config__.frozen
    assert driver.options_type.__doc__
    assert driver.real in (True, False)


@pytest.mark.parametrize("word", INSTALLED)
def test_a_driver_implements_every_method(word: str) -> None:
    """No method of a driver is abstract; the speed of a real driver is 1."""
    driver = loader.driver(word)
    assert not driver.__abstractmethods__
    assert not driver.real or driver.speed == 1.0


@pytest.mark.parametrize("word", INSTALLED)
def test_a_driver_declares_its_abilities(word: str) -> None:
    """Each driver of hardware has at least one ability, and every ability is one that a kind can need."""
    abilities = loader.driver(word).abilities
    assert isinstance(abilities, frozenset)
    assert bool(abilities) is (word not in ("virtual", "recorded"))
    assert abilities <= set(get_args(Ability))


@pytest.mark.parametrize("word", INSTALLED)
def test_a_remote_driver_is_a_coroutine(word: str) -> None:
    """A Remote runs its connection as a coroutine in the thread of the worker, and is a real driver."""
    driver = loader.driver(word)
    if issubclass(driver, Remote):
        assert inspect.iscoroutinefunction(driver.run)
        assert driver.real


@pytest.mark.parametrize("word", BUILT_IN)
def test_a_driver_is_loaded_alone(word: str) -> None:
    """A device loads no library of another driver; simulated ones load no network library."""
    code = f"import sys; from daemons.config import loader; loader.driver({word!r}); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()
    own = {name.split(".")[2] for name in loaded if name.startswith("daemons.drivers.")}
    assert own & loader.built_in()["drivers"] == {word}
    assert loader.driver(word).real or "asyncio" not in loaded


@pytest.mark.parametrize("word", SIMULATED)
def test_a_simulated_driver_applies_and_reports_settings(
    word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Simulated hardware is off at first and follows each setting. The driver has a deadline or a socket."""
    monkeypatch.chdir(tmp_path)
    paths.enter(tmp_path)
    kind = loader.driver(word)
    driver: Driver[Struct] = kind("lamp", kind.options_type())
    driver.open(((1.0, 7.0),), NOW)
    reading = driver.read(NOW)
    assert (reading.on, reading.reachable, reading.fault, reading.presses) == (False, True, None, ())
    for on in (True, True, False):
        driver.set(Setting(on=on), "a1", NOW)
        assert driver.read(NOW).on == on
    due = driver.due(NOW)
    assert due is not None or driver.socket is not None
    assert due is None or due > NOW
    driver.close()
