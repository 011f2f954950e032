"""Houses for the tests of the clients: one with an exchange, near and over the network, and one without."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.exchange_client import make_key
from tests.support.house import BREAKFAST, TemporaryHouse
from tests.support.reaper import kill_all


class Access(NamedTuple):
    """A running house, and the way to it: its run directory or a key file."""

    house: TemporaryHouse
    where: Path


@pytest.fixture(scope="session")
def direct_house(
    tmp_path_factory: pytest.TempPathFactory, register_cleanup: Callable[[Path], None]
) -> Iterator[TemporaryHouse]:
    """Yield a running house without an exchange, for all tests of the clients."""
    house = TemporaryHouse(tmp_path_factory.mktemp("direct"), BREAKFAST, forks_supervisord=True)
    register_cleanup(house.run)
    house.house("up")
    assert "exchange" not in house.pids()
    yield house
    house.house("down", check=False)
    assert not kill_all(str(house.run)), "processes were left after `house down`"


@pytest.fixture(scope="session")
def key(exchange_house: TemporaryHouse) -> Path:
    """Return the file of a key with all rights."""
    return make_key(exchange_house, "client", hear="*", say="*", command="*")


@pytest.fixture(params=["near", "far"])
def exchange_access(request: pytest.FixtureRequest, exchange_house: TemporaryHouse, key: Path) -> Access:
    """Return a house with an exchange, by its run directory and by a key."""
    return Access(exchange_house, exchange_house.run if request.param == "near" else key)


@pytest.fixture(params=["direct", "near", "far"])
def access(request: pytest.FixtureRequest) -> Access:
    """Return a house without an exchange, and one with an exchange by its run directory and by a key."""
    if request.param == "direct":
        direct_house: TemporaryHouse = request.getfixturevalue("direct_house")
        return Access(direct_house, direct_house.run)
    exchange_house: TemporaryHouse = request.getfixturevalue("exchange_house")
    where = exchange_house.run if request.param == "near" else request.getfixturevalue("key")
    return Access(exchange_house, where)
