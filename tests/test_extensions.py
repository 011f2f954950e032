"""Kinds and drivers of other authors in a real house: their code runs in their own process only."""

import os
import re
from pathlib import Path

import pytest

from tests.support.house import HouseFactory
from tests.support.kettle import HOUSE, KETTLE, write_kettle, write_package
from tests.support.page_client import http_request, page_url


@pytest.mark.long
def test_only_its_own_process_loads_a_kind_of_your_own(make_house: HouseFactory, tmp_path: Path) -> None:
    """The others know it by its declarations. A changed file restarts its device."""
    loaded = tmp_path / "loaded"
    house = make_house(HOUSE, environment={"LOADED_BY": str(loaded)})
    file = write_kettle(house.config.parent, is_watched=True)
    house.house("up")
    assert {line.strip() for line in loaded.read_text().splitlines() if "house: " in line} == {"house: tea"}
    loaded.write_text("")
    before = house.pids()
    assert house.send("tea", "start")["outcome"] == "applied"
    with house.listen("tea", "lamp") as listener:
        listener.wait_for(lambda it: it.has_state("lamp", status=True), 30)
        shown = http_request(page_url(house), "/api/devices/tea").json
        assert (shown["commands"], shown["kind"]) == ({"start": {}, "stop": {}}, "kettle")
        assert shown["state"]["phase"] == "ready"
        assert "tea  live  ready" in house.house("status").stdout
        assert "boiling" in house.house("history", "tea").stdout
        assert loaded.read_text() == "", "another process has loaded the code"
        boot = listener.states["tea"].boot
        house.kill("tea")
        # On a busy machine the time of `ready` is over when it is back.
        listener.wait_for(lambda it: it.has_state("tea", starts=1) and it.states["tea"].boot != boot, 30)
        assert {line.strip() for line in loaded.read_text().splitlines()} == {"house: tea"}
    file.write_text(file.read_text().replace("default=Seconds(180)", "default=Seconds(90)"))
    plan = house.house("plan", check=False).stdout
    assert plan.startswith("restart tea\n    the code of kettle has changed (kinds/kettle.py)\n")
    house.house("reload")
    after = house.pids()
    assert {name for name in before if before[name] != after[name]} == {"tea"}


def test_a_broken_file_reaches_no_running_device(make_house: HouseFactory) -> None:
    """The installed copy has its text. So a restart in the midst of an edit runs what was checked."""
    house = make_house(
        HOUSE.replace("[exchange]\n", "").replace('[bridge]\nbroker = "127.0.0.1"\nport = 9\n', "")
    )
    file = write_kettle(house.config.parent)
    house.house("up")
    file.write_text("class Kettle(")
    refused = house.house("reload", check=False)
    assert refused.returncode == 2
    assert 'kind: "kettle": kinds/kettle.py is broken: SyntaxError' in refused.stderr
    house.house("restart", "tea")
    assert house.send("tea", "start")["outcome"] == "applied"


@pytest.mark.parametrize(
    ("code", "why"),
    [
        pytest.param(
            "import time\ntime.sleep(1000)", "has not come back within 20 s", marks=pytest.mark.long
        ),
        pytest.param(
            "while True: pass",
            r"(has not come back within 20 s|ended the process with the exit status -\d+)",
            marks=pytest.mark.long,
        ),
        ("import os\nos._exit(7)", "ended the process with the exit status 7"),
        ("import os\nos.abort()", "ended the process with the exit status -6"),
    ],
    ids=["sleeps", "loops", "exits", "crashes"],
)
def test_code_that_does_not_come_back_is_named(make_house: HouseFactory, code: str, why: str) -> None:
    """`house check` says which file it is, and ends."""
    house = make_house(HOUSE)
    write_kettle(house.config.parent).write_text(f'"""A kettle."""\n{code}\n')
    done = house.house("check", check=False)
    assert done.returncode == 1
    assert re.search(rf"kinds/kettle\.py: its code {why}; nothing was changed", done.stderr), done.stderr


def test_a_kind_of_a_package_is_found_by_its_entry_point(make_house: HouseFactory, tmp_path: Path) -> None:
    """`house kinds` says where it comes from. Its class may have any name."""
    write_package(tmp_path / "site")
    path = f"{tmp_path / 'site'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    house = make_house(HOUSE, environment={"PYTHONPATH": path})
    listed = house.house("kinds").stdout
    summary = "A kettle: boils water, switches itself off, and shows that the water is hot."
    assert f"kettle  {summary}\n    from: house-kettle 1.2\n" in listed
    assert "boil" in house.house("kinds", "kettle").stdout
    house.house("check")
    file = write_kettle(house.config.parent)
    file.write_text(KETTLE.replace("A kettle:", "My kettle:"))
    assert "kettle  My kettle: boils" in house.house("kinds").stdout  # a file of your own goes first


def test_a_driver_of_your_own_runs_a_device(make_house: HouseFactory) -> None:
    """It stands beside the configuration, as a kind does."""
    lamp = '[devices.lamp]\nkind = "plug"\ndriver = "echoing"\nechoing.start_on = true\n'
    house = make_house(lamp + '[devices.mirror]\nkind = "mirror"\nport = 0\n')
    folder = house.config.parent / "drivers"
    folder.mkdir()
    (folder / "echoing.py").write_text(ECHOING)
    house.house("up")
    assert house.send("lamp", "on")["outcome"] == "applied"
    with house.listen("lamp") as listener:
        listener.wait_for(lambda it: it.has_state("lamp", status=True, confirmed=True, power_watts=12.5), 30)
    wrong = house.config.read_text().replace("start_on = true", "start_on = 3")
    house.config.write_text(wrong)
    refused = house.house("check", check=False)
    assert "echoing.start_on: 3 is not allowed; start_on takes true or false" in refused.stderr


ECHOING = '''"""Hardware that does what it is told, and reports it."""

from msgspec import Struct

from daemons.drivers import Driver
from daemons.kinds import Reading, Setting


class Options(Struct, frozen=True, kw_only=True):
    """The options."""

    start_on: bool = False
    """Whether it is on at first."""


class Echoing(Driver[Options]):
    """Hardware that does what it is told, and reports it."""

    options_type = Options

    def open(self, power_profile, now):
        self._on = self.options.start_on

    def set(self, setting: Setting, cause, now):
        self._on = setting.on

    def read(self, now) -> Reading:
        return Reading(on=self._on, power_watts=12.5 if self._on else 0.0, at=now)

    def due(self, now):
        return now + 1
'''
