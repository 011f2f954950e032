"""The slice of a process: everything that the process depends on, and nothing else."""

from pathlib import Path

import msgspec
import pytest

from daemons.config.device import build
from daemons.config.house import House, load_house
from daemons.config.slice import Slice, read_slice, slice_path
from daemons.config.tables import zone
from daemons.errors import StorageError
from daemons.storage.paths import replace_file
from tests.support import factories

LIMIT = '[[devices.kitchen_lamp.when]]\ndevice = "toaster"\nabove.power_watts = 5\ndo = "on"\n'
SHIPPED = Path(__file__).parent.parent.parent / "config" / "house.toml"


def house(folder: Path, old: str = "", new: str = "") -> House:
    """Return the shipped house with a change."""
    text = SHIPPED.read_text()
    assert old in text
    file = folder / "house.toml"
    file.write_text(text.replace(old, new, 1))
    return load_house(file)


def changed(folder: Path, old: str, new: str) -> set[str]:
    """Return the processes whose slice another configuration changes."""
    before, after = house(folder).slices(), house(folder, old, new).slices()
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def test_a_slice_is_read_as_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device process builds from its slice the very device that was checked."""
    factories.enter_run_directory(tmp_path, monkeypatch)
    checked = load_house(SHIPPED)
    for name in checked.devices:
        slice_ = checked.slices()[name]
        replace_file(slice_path(name), slice_.encode())
        read = read_slice(name)
        assert read.encode() == slice_.encode()
        assert build(name, read.table, (), []) == checked.devices[name]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("# The breakfast house", "# My house", set()),
        ('name = "Breakfast house"', 'name = "Home"', {"mirror"}),
        ('timezone = "Europe/Berlin"', 'timezone = "Europe/Berlin"\nlocale = "de-DE"', {"mirror"}),
        ("[devices.mirror]", '[recorder]\nkeep = "7d"\n[devices.mirror]', {"recorder"}),
        ("[devices.mirror]", "[recorder]\nenabled = false\n[devices.mirror]", {"recorder", "mirror"}),
        ("browning = 3", "browning = 4", {"toaster"}),
        ("browning = 3", "browning = 3\norder = -1", {"mirror"}),
        ("browning = 3", "browning = 3\nhide = true", {"mirror"}),
        ("browning = 3", "browning = 3\nfavourite = true", {"mirror"}),
        ("brightness_percent = 60", "brightness_percent = 61", {"kitchen_lamp"}),
        ('name = "Smart mirror"', 'name = "Glass"', {"mirror"}),
        ('room = "Kitchen"', 'room = "Cellar"', {"coffee_maker", "mirror"}),
        (
            "[devices.mirror]",
            '[devices.hall]\nkind = "lamp"\ndriver = "simulated"\n[devices.mirror]',
            {"hall", "mirror", "recorder"},
        ),
        ("[devices.mirror]", "[bridge]\n[devices.mirror]", {"bridge", "mirror"}),
        ("[devices.mirror]", f"{LIMIT}[devices.mirror]", {"kitchen_lamp", "mirror", "recorder"}),
    ],
)
def test_a_change_affects_only_dependent_slices(
    tmp_path: Path, old: str, new: str, expected: set[str]
) -> None:
    """A comment changes no slice, an option that of its device, a name or room also that of the mirror."""
    assert changed(tmp_path, old, new) == expected


@pytest.mark.parametrize(
    ("old", "new", "is_concerned"),
    [
        ("browning = 3", "browning = 4", False),
        ("# between = ", "between = ", False),
        ('timezone = "Europe/Berlin"', 'timezone = "Europe/Rome"', False),
        ('name = "Breakfast house"', 'name = "Home"', True),
        ('name = "Smart mirror"', 'name = "Glass"', True),
        ('room = "Kitchen"', 'room = "Cellar"', True),
        ("[bridge]", '[bridge]\nprefix = "home"', True),
        (
            'kind = "lamp"\ndriver = "simulated"',
            'kind = "lamp"\ndriver = "shelly"\nshelly = { address = "x", component = "light" }',
            True,
        ),
    ],
)
def test_the_bridge_depends_on_descriptions_of_devices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, is_concerned: bool
) -> None:
    """Names, rooms and drivers of devices change its slice; rules and options of devices do not."""
    bridged = tmp_path / "bridged.toml"
    bridged.write_text(f"[bridge]\n{SHIPPED.read_text()}")
    monkeypatch.setattr("tests.config.test_slice.SHIPPED", bridged)
    assert ("bridge" in changed(tmp_path, old, new)) == is_concerned


def test_only_processes_that_show_the_house_have_all_peers() -> None:
    """The slice of a toaster contains no title of another device; that of the mirror contains all."""
    slices = load_house(SHIPPED).slices()
    assert slices["toaster"].peers == {}
    assert slices["mirror"].peers.keys() == load_house(SHIPPED).devices.keys()
    assert slices["mirror"].peers["coffee_maker"].title == "Coffee maker"


def test_the_recorder_knows_by_which_measurements_rules_go(tmp_path: Path) -> None:
    """Limits of rules, also in conditions, and what a kind measures by; a meter only counts the energy."""
    file = tmp_path / "house.toml"
    file.write_text(
        """\
[devices.room]
kind = "sensor"
driver = "simulated"
[devices.plug]
kind = "plug"
driver = "simulated"
[devices.heater]
kind = "heater"
driver = "simulated"
source = "room"
max_on = "1h"
[devices.meter]
kind = "meter"
source = "plug"
[[devices.plug.when]]
device = "room"
above = { humidity_percent = 70 }
only_if = [{ device = "plug", below = { power_watts = 5 } }]
do = "off"
"""
    )
    peers = load_house(file).slices()["recorder"].peers
    ruled = {name: peer.ruled for name, peer in peers.items() if peer.ruled}
    assert ruled == {"room": ("humidity_percent", "temperature_celsius"), "plug": ("power_watts",)}


def test_a_slice_is_written_the_same_every_time() -> None:
    """The order of keys in the file does not change a slice, so no process restarts."""
    tables = [{"kind": "lamp", "driver": "simulated"}, {"driver": "simulated", "kind": "lamp"}]
    one, other = (Slice(name="lamp", house={}, table=table).encode() for table in tables)
    assert one == other


@pytest.mark.parametrize(
    "content",
    [None, b"", b"{}", b"[]", b"\xff", b"[" * 100_000],
    ids=["missing", "empty", "object", "list", "no UTF-8", "nested"],
)
def test_an_unreadable_slice_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    """The error of a missing or invalid slice names the slice, and the verb that writes it."""
    factories.enter_run_directory(tmp_path, monkeypatch)
    if content is not None:
        replace_file(slice_path("lamp"), content)
    with pytest.raises(StorageError, match=r"devices/lamp.json cannot be read .*`house reload` writes it"):
        read_slice("lamp")


@pytest.mark.parametrize(
    "name", ["Mars/Base", "", "../etc/passwd", "/etc/passwd", "a\0b", "Europe", "x" * 300]
)
def test_an_unknown_timezone_is_an_error(name: str) -> None:
    """Any text is a timezone, or raises ValueError with the allowed form."""
    with pytest.raises(ValueError, match="allowed: names such as Europe/Berlin"):
        zone(name)


def test_a_slice_contains_only_json() -> None:
    """A slice is plain JSON."""
    for slice_ in load_house(SHIPPED).slices().values():
        assert msgspec.json.decode(slice_.encode())["name"] == slice_.name


def test_a_mirror_knows_the_devices_in_the_order_of_the_files(tmp_path: Path) -> None:
    """First `order` counts, then whether a device has a room. A mirror counts as a device with one."""
    text = SHIPPED.read_text().replace("# The breakfast", 'include = ["rooms.toml"]\n# The breakfast')
    (tmp_path / "house.toml").write_text(text.replace("browning = 3", "browning = 3\norder = -1"))
    lamp = '[devices.attic_lamp]\nkind = "lamp"\ndriver = "simulated"\n'
    (tmp_path / "rooms.toml").write_text(lamp + lamp.replace("attic", "aisle"))
    found = load_house(tmp_path / "house.toml")
    slice_ = msgspec.json.decode(found.slices()["mirror"].encode(), type=Slice)
    names = [
        "toaster",
        "attic_lamp",
        "aisle_lamp",
        "bathroom_light",
        "mirror",
        "coffee_maker",
        "kitchen_lamp",
    ]
    assert list(slice_.ordered_peers) == list(found.roster.peers) == names
