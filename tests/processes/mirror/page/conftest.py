"""Fixtures of the page's tests: a house that many tests look at."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.house import Household, eventually
from tests.support.page_client import ask, url_of
from tests.support.reaper import kill_all, processes_of


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, guard: Callable[[Path], None]) -> Iterator[Household]:
    """Have a breakfast house up that no test breaks for good: one for each process of the test run."""
    house = Household(tmp_path_factory.mktemp("shared"))
    guard(house.run)
    try:
        house.house("up")
        yield house
        house.house("down")
        assert not processes_of(str(house.run))
    finally:
        kill_all(str(house.run))


@pytest.fixture(scope="session")
def url(shared: Household) -> str:
    """Give the address of its page, once its mirror has heard a state and a sign of life of everybody."""
    found = url_of(shared)

    def knows_all() -> bool:
        house = ask(found, "/api/house").json
        everybody = [*house["devices"].values(), *house["services"].values()]
        return all(one["presence"] == "live" and one["pid"] for one in everybody)

    eventually(knows_all)
    return found
