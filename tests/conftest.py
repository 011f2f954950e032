"""Fixtures: houses that are their own, and that leave nothing behind; and tests that are coroutines."""

import asyncio
import inspect
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.support import factories
from tests.support.exchange_client import exchange_toml
from tests.support.house import BREAKFAST, Household
from tests.support.network import Network, skip_without_network
from tests.support.ports import free_port
from tests.support.reaper import kill_all, processes_of

# A run that was started in the background ignores Ctrl-C, and so would everything that it starts;
# but how the house's commands take Ctrl-C is among what is tested.
signal.signal(signal.SIGINT, signal.default_int_handler)
# How long one example takes on a busy machine says nothing of the code.
settings.register_profile("house", deadline=None)
settings.load_profile("house")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let an owner name their own hardware."""
    text = "try this device: its driver, and its address or its options as an inline TOML table"
    parser.addoption("--device", action="append", default=[], metavar="DRIVER=OPTIONS", help=text)


def pytest_configure(config: pytest.Config) -> None:
    """Say what is wrong with what an owner has named, before anything is run."""
    for text in config.getoption("--device"):
        from tests.support.own_hardware import owned  # noqa: PLC0415  it loads the driver's library

        owned(text)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Pass over the tests of an owner's own hardware where none was named."""
    return True if collection_path.name == "test_hardware.py" and not config.getoption("--device") else None


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine function to its end."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in wanted}))
    return True


@pytest.fixture(scope="session")
def guard() -> Iterator[Callable[[Path | str], None]]:
    """Have what a killed test run leaves behind ended by a process that outlives it.

    It is told run directories, and names of network namespaces.
    """
    with subprocess.Popen(
        [sys.executable, Path(__file__).parent / "support" / "reaper.py"],
        stdin=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdin is not None

        def tell(run: Path | str) -> None:
            print(run, file=process.stdin, flush=True)

        yield tell


@pytest.fixture
def network(guard: Callable[[Path | str], None]) -> Iterator[Network]:
    """Have a network with no host in it yet."""
    skip_without_network()
    with Network(guard) as made:
        yield made


@pytest.fixture
def household(tmp_path: Path, guard: Callable[[Path | str], None]) -> Iterator[Callable[..., Household]]:
    """Make houses; at the end each is taken down, and that nothing of it lives on is part of the test."""
    made: list[Household] = []

    def make(toml: str = BREAKFAST, folder: str = "house", **how: Any) -> Household:
        house = Household(tmp_path / folder, toml, **how)
        guard(house.run)
        made.append(house)
        return house

    yield make
    left = {}
    for house in made:
        if house.run.exists():
            house.house("down", check=False)
        if pids := processes_of(str(house.run)):
            left[str(house.run)] = pids
            kill_all(str(house.run))
    assert not left, f"a house was taken down, and these processes lived on: {left}"


@pytest.fixture(scope="session")
def exchange_house(
    tmp_path_factory: pytest.TempPathFactory, guard: Callable[[Path], None]
) -> Iterator[Household]:
    """Start a house with a local and a remote gateway, which all tests of the run share."""
    house = Household(tmp_path_factory.mktemp("front"), exchange_toml(free_port(3)))
    guard(house.run)
    house.house("up")
    yield house
    house.house("down", check=False)
    assert not kill_all(str(house.run)), "processes of this house lived on after `house down`"


@pytest.fixture
def breakfast(household: Callable[..., Household]) -> Household:
    """Have the breakfast house up."""
    house = household()
    house.house("up")
    return house


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a fresh run directory."""
    factories.enter_run_directory(tmp_path, monkeypatch)
    return tmp_path
