"""Houses to rehearse."""

from collections.abc import Callable
from pathlib import Path

import pytest

from daemons.config.house import House, load_house
from daemons.rehearsal.world import World

START = 1_800_000_000.0
BREAKFAST = Path(__file__).parent.parent.parent / "config" / "house.toml"
MOTION = """
[house]
timezone = "Europe/Berlin"

[devices.hall_motion]
kind = "sensor"
driver = "simulated"
detects = "motion"

[devices.hall_lamp]
kind = "lamp"
driver = "simulated"

[[devices.hall_lamp.when]]
device = "hall_motion"
turns = { phase = "motion" }
do = "on"

[[devices.hall_lamp.when]]
device = "hall_motion"
turns = { phase = "clear" }
for = "6s"
do = "off"
"""
MakeWorld = Callable[..., World]


@pytest.fixture
def house_of(tmp_path: Path) -> Callable[[str], House]:
    """Return a function that loads a house from its text."""

    def make(text: str) -> House:
        return load_house(tmp_path / "house.toml", text)

    return make


@pytest.fixture
def make_world(house_of: Callable[[str], House]) -> MakeWorld:
    """Return a function that rehearses a house from its text; its processes have started."""

    def make(text: str = BREAKFAST.read_text(), *, start: float = START, **how: object) -> World:
        world = World(house_of(text), start, **how)  # type: ignore[arg-type]
        world.begin()
        world.run(world.now + 1)
        return world

    return make
