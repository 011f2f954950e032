"""What the driver of a device cannot carry out is refused in its configuration, and by its process."""

from pathlib import Path

import pytest

from daemons.config.house import House, load_house
from daemons.errors import ConfigurationError
from daemons.processes.mirror.page.documents import describe_commands
from tests.support.crash_simulator import CrashSimulator

LAMP = '[devices.lamp]\nkind = "lamp"\ndriver = "gpio"\ngpio.relay = 3\n'
SWITCH = '[devices.switch]\nkind = "light_switch"\ndriver = "simulated"\n'
OTHER = '[devices.other]\nkind = "lamp"\ndriver = "simulated"\n'
ON = 'turns = { status = true }\ndo = "on"\n'
RULE = '[[devices.lamp.when]]\ndevice = "other"\n'
SHELLY = LAMP.replace("gpio.relay = 3\n", "").replace("gpio", "shelly")
WHITE = SHELLY + 'shelly = { address = "x", component = "light" }\n'
CANNOT_DIM = 'needs the ability "dim", which "gpio" does not have'


def load(tmp_path: Path, text: str) -> House:
    """Load a house."""
    path = tmp_path / "house.toml"
    path.write_text(text)
    return load_house(path)


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        (LAMP + "brightness_percent = 40\n", ":5", f"brightness_percent {CANNOT_DIM}"),
        (LAMP + "levels_percent = [20, 0]\n", ":5", f"levels_percent {CANNOT_DIM}"),
        (
            LAMP + "colour_temperature_kelvin = 2700\n",
            ":5",
            'colour_temperature_kelvin needs the ability "tint", which "gpio" does not have',
        ),
        (
            LAMP + 'colour = "red"\n',
            ":5",
            'colour needs the ability "colour", which "gpio" does not have',
        ),
        (
            WHITE + "colour_temperature_kelvin = 2700\n",
            ":5",
            'needs the ability "tint", which "shelly" does not have with these options',
        ),
        (
            SHELLY + 'shelly.address = "x"\nbrightness_percent = 40\n',
            ":5",
            'brightness_percent needs the ability "dim", which "shelly" does not have with these options',
        ),
        (
            SHELLY.replace("lamp", "plug") + 'shelly = { address = "x", component = "em" }\n',
            ":3",
            'the driver "shelly" cannot switch, which a plug needs; it can with other options',
        ),
        (
            '[devices.bell]\nkind = "button"\ndriver = "shelly"\nshelly.address = "x"\n',
            ":3",
            'the driver "shelly" cannot press, which a button needs; it can with other options',
        ),
        (
            LAMP + RULE + ON + "with = { brightness_percent = 30 }\n" + OTHER,
            ":9",
            f"brightness_percent {CANNOT_DIM}",
        ),
        (
            LAMP + RULE + 'turns = { status = true }\ndo = "brighter"\n' + OTHER,
            ":8",
            f"brighter {CANNOT_DIM}",
        ),
        (
            LAMP + RULE + 'follow = ["status", "brightness_percent"]\n' + OTHER,
            ":7",
            f"brightness_percent {CANNOT_DIM}",
        ),
        (
            '[devices.night]\nkind = "scene"\nsets = { lamp = { on = { brightness_percent = 5 } } }\n' + LAMP,
            ":3",
            f"brightness_percent {CANNOT_DIM}",
        ),
        (
            "[defaults.kinds.lamp]\nbrightness_percent = 40\n" + LAMP,
            ":2",
            f"brightness_percent {CANNOT_DIM}",
        ),
    ],
)  # fmt: skip
def test_what_the_driver_cannot_do_is_refused_where_it_stands(
    tmp_path: Path, text: str, place: str, reason: str
) -> None:
    """Options, rules, copies, scenes and defaults: the problem names the line and the reason."""
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, text)
    assert f"house.toml{place}:" in str(caught.value)
    assert reason in str(caught.value)


def test_a_group_gives_a_brightness_to_the_members_that_can_be_dimmed(tmp_path: Path) -> None:
    """The other member gets `on` alone."""
    group = '[devices.lamps]\nkind = "group"\nmembers = ["lamp", "other"]\n'
    house = load(tmp_path, LAMP + OTHER + group)
    members = house.devices["lamps"].options.resolved
    assert "brightness_percent" not in members["lamp"].orders["on"].takes
    assert "brightness_percent" in members["other"].orders["on"].takes
    assert [name for name, one in members.items() if any(result.arguments for result in one.results)] == [
        "other"
    ]


def test_a_client_is_not_shown_what_the_driver_cannot_do(tmp_path: Path) -> None:
    """The page offers no brightness for this lamp, and no command that needs one."""
    house = load(tmp_path, LAMP + OTHER + '[devices.mirror]\nkind = "mirror"\n')
    peers = house.slices()["mirror"].peers
    lamp, other = peers["lamp"], peers["other"]
    kind = house.devices["lamp"].kind
    assert describe_commands(kind, lamp) == {"on": {}, "off": {}, "toggle": {}}
    assert describe_commands(kind, other).keys() > {"on", "off", "toggle"}


@pytest.mark.parametrize(("word", "args"), [("on", {"brightness_percent": 30}), ("brighter", {})])
def test_a_device_rejects_what_its_driver_cannot_do(tmp_path: Path, word: str, args: dict[str, int]) -> None:
    """The receipt says why, and nothing is switched."""
    device = load(tmp_path, LAMP).devices["lamp"]
    lamp = CrashSimulator("lamp", device)
    receipt = lamp.command(word, "c1", **args)
    assert receipt.outcome == "rejected"
    assert receipt.reason is not None
    assert receipt.reason.endswith(CANNOT_DIM)
    assert lamp.relay.switchings == 0
