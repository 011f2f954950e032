"""docs/recipes.md: each recipe is a whole house that the loader accepts."""

import re
from pathlib import Path

import pytest

from daemons.config.house import House, load_house
from tests.support.house import PROJECT

PAGE = PROJECT / "docs" / "recipes.md"
BLOCK = re.compile(r"^### ([^\n]+)$|^```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def read_recipes(text: str) -> dict[str, list[str]]:
    """Return the TOML blocks under each `###` heading of the page; under "" those before the first."""
    recipes: dict[str, list[str]] = {}
    heading = ""
    for found in BLOCK.finditer(text):
        if found[1]:
            heading = found[1]
            recipes[heading] = []
        else:
            recipes.setdefault(heading, []).append(found[2])
    return recipes


RECIPES = read_recipes(PAGE.read_text())
EXAMPLES = RECIPES.pop("")
"""The blocks before the first recipe: a story."""
ACTS_ALONE = {"max_on", "schedule", "windows", "hot_celsius", "attention"}
"""The keys of devices that act without a rule."""
NAMED = re.compile(r"# (rooms/[a-z_]+\.toml)\n")
"""The first line of a block that is an included file."""


def load_recipe(blocks: list[str], folder: Path) -> House:
    """Load a recipe from a folder: its first block is the main file, and each other one says its name."""
    file = folder / "house.toml"
    file.write_text(blocks[0])
    for block in blocks[1:]:
        found = NAMED.match(block)
        assert found, block
        path = folder / found[1]
        path.parent.mkdir(exist_ok=True)
        path.write_text(block)
    return load_house(file)


def test_the_page_has_recipes() -> None:
    """The tests below have something to load."""
    assert len(RECIPES) >= 30
    assert {"Motion light", "Washing machine done", "Open window stops the heating"} <= RECIPES.keys()


@pytest.mark.parametrize("heading", RECIPES)
def test_a_recipe_is_a_house_that_acts(heading: str, tmp_path: Path) -> None:
    """Each heading is a checked house in which a device acts. It is simulated, or beside a script."""
    house = load_recipe(RECIPES[heading], tmp_path)
    assert "house" in house.raw
    devices = house.devices.values()
    assert any(device.rules or ACTS_ALONE & house.table(device.name).keys() for device in devices)
    drivers = {house.table(device.name).get("driver", "simulated") for device in devices}
    assert drivers <= ({"zmq"} if "pyzmq script" in heading else {"simulated"})


@pytest.mark.parametrize("heading", RECIPES)
def test_a_recipe_is_listed_at_the_top_of_the_page(heading: str) -> None:
    """The list of recipes links to each heading, by its own words."""
    anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
    top = re.sub(r"\s+", " ", PAGE.read_text().partition("\n## ")[0])
    assert f"[{heading}](#{anchor})" in top
