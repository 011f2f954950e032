"""A kind and a driver of another author, as texts: a kettle that notes which process has loaded its code."""

import re
from pathlib import Path

from tests.support.house import PROJECT

KETTLE = next(
    re.finditer(
        r"^```python\n(.*?)^```$", (PROJECT / "docs" / "extending.md").read_text(), re.MULTILINE | re.DOTALL
    )
)[1]
"""The kettle of docs/extending.md."""
WATCHED = r"""
import os
from pathlib import Path

with Path(os.environ["LOADED_BY"]).open("a") as file:
    file.write(Path("/proc/self/cmdline").read_bytes().replace(b"\0", b" ").decode() + "\n")
"""
"""Code that notes the command line of the process that runs it."""
HOUSE = """
[house]
watchdog = "60s"
[exchange]
[bridge]
broker = "127.0.0.1"
port = 9
[devices.mirror]
kind = "mirror"
port = 0
[devices.tea]
kind = "kettle"
driver = "simulated"
simulated.speed = 60
[devices.lamp]
kind = "lamp"
driver = "simulated"
[[devices.lamp.when]]
device = "tea"
turns = { phase = "ready" }
do = "on"
"""


def write_kettle(folder: Path, *, is_watched: bool = False) -> Path:
    """Write the kettle beside a configuration, and return its file."""
    file = folder / "kinds" / "kettle.py"
    file.parent.mkdir(exist_ok=True)
    file.write_text(KETTLE + (WATCHED if is_watched else ""))
    return file


def write_package(folder: Path) -> None:
    """Write an installed package with the kettle as an entry point; PYTHONPATH makes it known."""
    package, about = folder / "house_kettle", folder / "house_kettle-1.2.dist-info"
    package.mkdir(parents=True)
    about.mkdir()
    (package / "__init__.py").write_text("")
    (package / "boiling.py").write_text(KETTLE.replace("class Kettle(", "class WaterBoiler("))
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: house-kettle\nVersion: 1.2\n")
    (about / "entry_points.txt").write_text("[house.kinds]\nkettle = house_kettle.boiling:WaterBoiler\n")
