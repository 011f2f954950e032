"""Memory survives versions: a house of an earlier release goes on where it was.

`data/releases` has a backup of a house of each release, with a device of each kind. These files never change.
"""

import json
from binascii import crc32
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from daemons.bus.keys import CLIENTS, read_keys
from daemons.cli.forgotten import forgotten
from daemons.cli.main import main
from daemons.config.files import read_files
from daemons.config.house import House, make_house
from daemons.storage import record
from daemons.storage.archive import extract, read_manifest
from daemons.storage.history import PATH, states_at
from daemons.storage.journal import peek_fields
from tests.support.house import BREAKFAST, HouseFactory, TemporaryHouse, eventually

RELEASES = sorted((Path(__file__).parent / "data" / "releases").glob("*.tar.gz"))
LATER = "a later version of House wrote its memory (format 4)"
TIMER = '\n[devices.tea]\nkind = "timer"\n'
SLOW = BREAKFAST.replace("speed = 60", "speed = 5")
"""Coffee takes 48 seconds, so that it is being made over the change of versions."""


@pytest.fixture(params=RELEASES, ids=lambda path: path.name.removesuffix(".tar.gz"))
def house(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """Return the house of a release; its run directory becomes the working directory."""
    extract(request.param, tmp_path)
    monkeypatch.chdir(tmp_path / "run")
    return make_house(read_files(tmp_path / "config" / "house.toml"), None)


def test_nothing_of_a_release_is_forgotten(house: House) -> None:
    """Each device reads what it remembered, and the history, the keys and the rights are read."""
    assert forgotten(house) == {}
    expected: dict[str, dict[str, Any]] = {
        "lamp": {"on": True, "brightness_percent": 100},
        "coffee": {"starts": 1},
        "plug": {"phase": "on"},
        "switch": {"on": True, "presses": 1},
        "button": {"last": "single"},
        "blind": {"goal": 40},
        "thermostat": {"target_celsius": 19.0},
    }
    for name, fields in expected.items():
        memory = peek_fields(name)
        assert memory is not None
        assert memory["machine"].items() >= fields.items()
    states = states_at(PATH, ["lamp", "counter", "flag"], 4e9)
    assert states["lamp"]["status"] is True
    assert states["counter"]["count"] == 7
    assert states["flag"]["status"] is True
    faults: list[str] = []
    assert list(read_keys(lambda name, _: faults.append(name))) == ["laptop"]
    assert not faults
    assert (CLIENTS / "laptop.toml").exists()


def test_the_plan_says_first_what_would_be_forgotten(house: House) -> None:
    """A device with another kind, a field that this version does not know, and a file of a later version."""
    config = Path("..", "config", "house.toml").resolve()
    text = config.read_text()
    config.write_text(text.replace('[devices.lamp]\nkind = "lamp"', '[devices.lamp]\nkind = "plug"')
                      .replace('sets = { lamp = "on" }', 'sets = { dimmed = "on" }')
                      .replace('members = ["lamp", "dimmed"]', 'members = ["dimmed"]'))  # fmt: skip
    rewrite("plug", 3, {"aroma": 1})
    Path("journal/toaster.1.json").write_bytes(b'{"version":4,"memory":{}}')
    done = CliRunner().invoke(main, ["--config", str(config), "--run", str(Path.cwd()), "plan"])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[:3] == [
        "lamp would forget: it was a lamp and becomes a plug: it starts anew, and forgets what it was",
        f"toaster would forget: {LATER}: set aside, and it starts anew",
        "plug would forget: this version does not know aroma in its memory, and forgets it",
    ]


def rewrite(name: str, version: int, more: dict[str, Any], run: Path = Path()) -> None:
    """Replace the journal of a process by a single file of a format, with additional fields."""
    paths = list((run / "journal").glob(f"{name}.*.json"))
    records = []
    for path in paths:
        records.append(record.decode(path.read_bytes()))
        path.unlink()
    newest = max(records, key=lambda one: one.number)
    memory = json.dumps(json.loads(bytes(newest.memory)) | more).encode()
    check = record.checksum(version, newest.number, memory)
    assert version != 2 or check == crc32(memory)
    content = b'{"version":%d,"memory":%b,"number":%d,"check":%d}' % (version, memory, newest.number, check)
    (run / "journal" / f"{name}.0.json").write_bytes(content)


def start_all(house: TemporaryHouse) -> None:
    """Make coffee, switch a lamp on and start a timer."""
    house.house("up")
    house.house("send", "bathroom_light", "press")
    house.house("send", "tea", "start", "duration=1h")
    eventually(lambda: house.status()["devices"]["coffee_maker"]["state"]["status"])


@pytest.mark.long
@pytest.mark.parametrize("version", [record.OLD_VERSION, record.VERSION])
def test_a_new_version_goes_on_where_the_one_before_was(make_house: HouseFactory, version: int) -> None:
    """Coffee, toast, lamp and timer go on, and no hardware is switched a second time."""
    house: TemporaryHouse = make_house(SLOW + TIMER)
    start_all(house)
    house.house("down")
    before = {name: house.switchings(name) for name in ("coffee_maker", "toaster", "kitchen_lamp")}
    assert all(before.values())
    for name in {path.name.partition(".")[0] for path in (house.run / "journal").iterdir()}:
        rewrite(name, version, {"a_field_of_earlier": 1}, house.run)
    house.house("up")
    devices = house.status()["devices"]
    assert devices["bathroom_light"]["state"]["status"] is True
    assert devices["coffee_maker"]["state"]["phase"] in ("heating", "brewing", "making")
    assert devices["toaster"]["state"]["phase"] == "toasting"
    assert devices["tea"]["state"]["phase"] == "running"
    assert {name: house.switchings(name) for name in before} == before
    assert not (house.run / "later").exists()
    assert not list((house.run / "journal").glob("*.damaged"))


@pytest.mark.long
def test_after_a_downgrade_no_old_file_counts(make_house: HouseFactory) -> None:
    """One file of a later version sets the other three aside: what they say was true once."""
    house: TemporaryHouse = make_house(SLOW + TIMER)
    start_all(house)
    house.house("down")
    later = house.run / "journal" / "tea.0.json"
    later.write_bytes(b'{"version":4,"memory":{"kind":"timer"},"number":99}')
    house.house("up")
    assert house.status()["devices"]["tea"]["state"]["phase"] == "idle"
    (aside,) = (house.run / "later").glob("tea-*")
    assert str(aside) in house.log("tea")
    assert (aside / "tea.0.json").read_bytes().startswith(b'{"version":4')
    assert len(list(aside.iterdir())) > 1


@pytest.mark.long
@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_a_backup_of_a_release_is_restored_and_runs(make_house: HouseFactory, release: Path) -> None:
    """Its lamps are on, its counter has its count."""
    house: TemporaryHouse = make_house("")
    house.config.unlink()
    house.house("restore", str(release))
    house.house("up")
    devices = house.status()["devices"]
    assert devices["lamp"]["state"]["status"] is True
    assert devices["counter"]["state"]["count"] == 7
    assert devices["mode"]["state"]["phase"] == "away"
    assert read_manifest(release).house == release.name.removesuffix(".tar.gz")
