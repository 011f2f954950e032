"""Fixtures of the page's tests: a real house that many tests read."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.house import TemporaryHouse, eventually
from tests.support.page_client import http_request, page_url
from tests.support.reaper import kill_all, processes_of


@pytest.fixture(scope="session")
def shared(
    tmp_path_factory: pytest.TempPathFactory, register_cleanup: Callable[[Path], None]
) -> Iterator[TemporaryHouse]:
    """Start a breakfast house that many tests share: one for each process of the test run."""
    house = TemporaryHouse(tmp_path_factory.mktemp("shared"))
    register_cleanup(house.run)
    try:
        house.house("up")
        yield house
        house.house("down")
        assert not processes_of(str(house.run))
    finally:
        kill_all(str(house.run))


@pytest.fixture(scope="session")
def url(shared: TemporaryHouse) -> str:
    """Return the URL of its page, once the mirror has a state and a heartbeat of every process."""
    found = page_url(shared)

    def is_complete() -> bool:
        house = http_request(found, "/api/house").json
        statuses = [*house["devices"].values(), *house["services"].values()]
        return all(status["presence"] == "live" and status["pid"] for status in statuses)

    eventually(is_complete)
    return found
