"""Fixtures: houses that are their own, and that leave nothing behind; and tests that are coroutines."""

import asyncio
import gc
import inspect
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_timeout
from hypothesis import is_hypothesis_test, settings

from tests.support import collection, factories
from tests.support.exchange_client import exchange_toml
from tests.support.house import BREAKFAST, PROJECT, HouseFactory, TemporaryHouse
from tests.support.network import Network, skip_without_network
from tests.support.patience import Deadline, patience
from tests.support.ports import free_port
from tests.support.reaper import MARK, kill_all, processes_of

POLL_SECONDS = 0.05
"""Neither a lock nor the end of a process that is no child sends an event."""
VERB_SECONDS = 3.0
"""How long a verb that has done its work may take to end."""
MADE_HOUSES = pytest.StashKey[list[TemporaryHouse]]()
"""The houses that a test has made with `make_house`."""
pytest.register_assert_rewrite("daemons.contract.kinds", "daemons.contract.drivers")
# The processes that the tests start run the project too, not a copy of it that is installed.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(PROJECT), os.environ.get("PYTHONPATH"))))
# A run that was started in the background ignores Ctrl-C, and so do its children.
# The tests need Ctrl-C, because the `house` commands handle it.
signal.signal(signal.SIGINT, signal.default_int_handler)
# The time of one example on a busy machine depends on the load, not on the code. The examples are the same in
# each run, so that a failure belongs to a change of the code; `--search` looks for new and for more ones.
settings.register_profile("house", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("house")
MOST_EXAMPLES = 25
"""A test plays at most so many examples without `--search`, whatever its own settings say."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that names an owner's hardware."""
    text = "try this device: its driver, and its address or its options as an inline TOML table"
    parser.addoption("--device", action="append", default=[], metavar="DRIVER=OPTIONS", help=text)
    text = "run only the tests with Hypothesis, with this many times as many examples, which are random"
    parser.addoption("--search", type=int, metavar="TIMES", help=text)


def pytest_configure(config: pytest.Config) -> None:
    """Check the hardware that an owner has named, before any test runs."""
    for text in config.getoption("--device"):
        from tests.support.own_hardware import parse_device  # noqa: PLC0415  it loads the driver's library

        parse_device(text)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Pass over the tests of an owner's own hardware where none was named."""
    own_hardware = Path(__file__).parent / "drivers" / "test_hardware.py"
    return True if collection_path == own_hardware and not config.getoption("--device") else None


def pytest_collection(session: pytest.Session) -> None:
    """Import the test files without the garbage collector: nothing of them ends before the run."""
    gc.disable()
    collection.import_files(session.config, PROJECT)


def pytest_collection_finish() -> None:
    """Leave what was imported and collected out of every later round of the garbage collector."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With `--search`, keep the tests with Hypothesis, and give them more examples, which are random."""
    times = config.getoption("--search")
    found = [item for item in items if is_hypothesis_test(getattr(item, "obj", None))]
    if times is not None:
        config.hook.pytest_deselected(items=set(items) - set(found))
        items[:] = found
    machines = {item.cls for item in found if hasattr(item.cls, "settings")}  # type: ignore[attr-defined]
    for machine in machines:
        machine.settings = with_examples(machine.settings, times)
    for test in {item.function for item in found if item.cls not in machines}:  # type: ignore[attr-defined]
        own = getattr(test, "_hypothesis_internal_use_settings", settings())
        test._hypothesis_internal_use_settings = with_examples(own, times)


def with_examples(own: settings, times: int | None) -> settings:
    """Return the settings of a test with so many times as many examples, which are random; or with few."""
    if times is None:
        return settings(own, max_examples=min(MOST_EXAMPLES, own.max_examples))
    return settings(own, max_examples=times * own.max_examples, derandomize=False, print_blob=True)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine function to its end."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in wanted}))
    return True


@pytest.hookimpl(tryfirst=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: pytest_timeout.Settings) -> object:
    """Start the timer of a test with a bound for this machine, as busy as it is now."""
    own = settings._replace(timeout=patience(settings.timeout))
    return pytest_timeout.pytest_timeout_set_timer(item, own)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the ends of the logs of its houses to the report of a test that fails."""
    report = yield
    if report.failed:
        shared = [it for it in getattr(item, "funcargs", {}).values() if isinstance(it, TemporaryHouse)]
        for house in dict.fromkeys([*item.stash.get(MADE_HOUSES, []), *shared]):
            report.sections.append((f"logs in {house.run}", house.last_log_lines()))
    return report


@pytest.fixture(scope="session", autouse=True)
def register_cleanup() -> Iterator[Callable[[Path | str], None]]:
    """Start a process that outlives a killed test run, and ends the processes that the run leaves behind.
    The fixture registers run directories, and names of network namespaces.
    """
    mark = os.urandom(8).hex()
    os.environ[MARK] = mark
    with subprocess.Popen(
        [sys.executable, Path(__file__).parent / "support" / "reaper.py", mark],
        stdin=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdin is not None

        def register(run: Path | str) -> None:
            print(run, file=process.stdin, flush=True)

        yield register


@pytest.fixture
def network(register_cleanup: Callable[[Path | str], None]) -> Iterator[Network]:
    """Yield a network without a host."""
    skip_without_network()
    with Network(register_cleanup) as made:
        yield made


@pytest.fixture
def forks_supervisord() -> bool:
    """Return whether the supervisord of a house is a fork; tests of supervisord override this fixture."""
    return True


def take_down(house: TemporaryHouse) -> str:
    """End a house, and return what the command said; a verb that the page has started may end first."""
    deadline = Deadline()
    while True:
        done = house.house("down", check=False)
        if "another command changes the house" not in done.stderr or deadline.left() < 0:
            break
        time.sleep(POLL_SECONDS)
    ends = Deadline(VERB_SECONDS)
    while processes_of(str(house.run)) and ends.left() > 0:
        time.sleep(POLL_SECONDS)
    return f"{done.returncode} {done.stdout}{done.stderr}"


@pytest.fixture
def make_house(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    register_cleanup: Callable[[Path | str], None],
    forks_supervisord: bool,
) -> Iterator[HouseFactory]:
    """Yield a function that makes houses; at the end no process of any of them may be left."""
    made: list[TemporaryHouse] = []
    request.node.stash[MADE_HOUSES] = made

    def make(toml: str = BREAKFAST, folder: str = "house", **how: Any) -> TemporaryHouse:
        how.setdefault("forks_supervisord", forks_supervisord)
        house = TemporaryHouse(tmp_path / folder, toml, **how)
        register_cleanup(house.run)
        made.append(house)
        return house

    yield make
    left = {}
    for house in made:
        said = ""
        if house.run.exists():
            said = take_down(house)
        if pids := processes_of(str(house.run)):
            left[str(house.run)] = pids, said
            kill_all(str(house.run))
    assert not left, f"a house was taken down, and these processes lived on: {left}"


@pytest.fixture(scope="session")
def exchange_house(
    tmp_path_factory: pytest.TempPathFactory, register_cleanup: Callable[[Path], None]
) -> Iterator[TemporaryHouse]:
    """Start a house with a local and a remote gateway, which all tests of the run share."""
    house = TemporaryHouse(
        tmp_path_factory.mktemp("exchange"), exchange_toml(free_port(3)), forks_supervisord=True
    )
    register_cleanup(house.run)
    house.house("up")
    yield house
    house.house("down", check=False)
    assert not kill_all(str(house.run)), "processes of this house lived on after `house down`"


@pytest.fixture
def breakfast(make_house: HouseFactory) -> TemporaryHouse:
    """Start the breakfast house, and return it."""
    house = make_house()
    house.house("up")
    return house


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a fresh run directory."""
    factories.enter_run_directory(tmp_path, monkeypatch)
    return tmp_path
