"""A house in virtual time for the tests of kinds that command other devices."""

from pathlib import Path
from typing import Any

from daemons.config.house import load_house
from daemons.rehearsal.world import World

NOON = 1_750_075_200.0
"""A day in June at 12:00 (UTC)."""


def world_of(text: str, **options: Any) -> World:
    """Return a rehearsed house of a configuration, whose processes have run for a second."""
    world = World(load_house(Path("house.toml"), text), NOON, **options)
    world.begin()
    world.run(world.now + 1)
    return world
