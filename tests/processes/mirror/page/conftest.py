"""Fixtures of the page's tests: a real house that many tests read."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.house import Household, eventually
from tests.support.page_client import http_request, page_url
from tests.support.reaper import kill_all, processes_of


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, guard: Callable[[Path], None]) -> Iterator[Household]:
    """Start a breakfast house that many tests share: one for each process of the test run."""
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
    """Return the URL of its page, once the mirror has a state and a heartbeat of every process."""
    found = page_url(shared)

    def is_complete() -> bool:
        house = http_request(found, "/api/house").json
        statuses = [*house["devices"].values(), *house["services"].values()]
        return all(status["presence"] == "live" and status["pid"] for status in statuses)

    eventually(is_complete)
    return found
