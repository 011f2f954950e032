"""The modules that a simulated device process loads, and its memory."""

import subprocess
import sys
from pathlib import Path

import pytest

from daemons.config.house import load_house
from daemons.supervision import immortal
from tests.support.house import BREAKFAST, HouseFactory

HEAVY = (
    "asyncio",
    "click",
    "rich",
    "http",
    "h11",
    "wsproto",
    "tomli",
    "supervisor",
    "hashlib",
    "difflib",
    "xmlrpc",
    "email",
)

LIST_MODULES = """
import sys
from daemons.config import loader, slice
from daemons.runtime import loop
loop.Loop.run = lambda self: "the test, before its first turn"
from daemons.__main__ import start
start(sys.argv[1])
print(*sys.modules)
"""


@pytest.fixture
def forks_supervisord() -> bool:
    """Start each supervisord anew: it is what these tests are about."""
    return False


@pytest.mark.parametrize("name", ["toaster", "coffee_maker", "bathroom_light", "kitchen_lamp", "mirror"])
def test_a_device_process_loads_few_modules(make_house: HouseFactory, name: str) -> None:
    """A device process loads no asyncio, click, rich, HTTP or TOML, so that it needs little memory."""
    house = make_house(BREAKFAST)
    slices = load_house(house.config).slices()
    for folder in ("devices", "bus", "lock", "journal", "hardware"):
        (house.run / folder).mkdir(parents=True)
    (house.run / "devices" / f"{name}.json").write_bytes(slices[name].encode())
    done = subprocess.run(
        [sys.executable, "-P", "-c", LIST_MODULES, name],
        env=house.environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    loaded = set(done.stdout.splitlines()[-1].split())
    assert f"daemons.kinds.{slices[name].table['kind']}" in loaded
    assert not {module for module in loaded if module.partition(".")[0] in HEAVY}
    kinds = {module for module in loaded if module.startswith("daemons.kinds.")}
    kinds -= {module for module in kinds if module.startswith("daemons.kinds.base")}
    # The mirror needs every kind for its sentence; a device loads only its own kind.
    known = {peer.kind for peer in slices[name].peers.values()} | {slices[name].table["kind"]}
    assert kinds == {f"daemons.kinds.{kind}" for kind in known}


def test_a_device_process_has_little_memory_of_its_own(make_house: HouseFactory) -> None:
    """A device that has worked writes to at most 4 MB of its memory, or 7.5 MB without immortal objects."""
    house = make_house(BREAKFAST)
    house.house("up")
    for word in ("on", "off", "on"):
        assert house.send("kitchen_lamp", word)["outcome"] == "applied"
    rollup = Path(f"/proc/{house.process('kitchen_lamp')}/smaps_rollup").read_text()
    private = int(rollup.partition("\nPrivate_Dirty:")[2].split(maxsplit=1)[0]) * 1024
    assert private < (4e6 if immortal.refusal() is None else 7.5e6)
