"""The table [defaults]: which device has which key, and where a mistake in a default is reported."""

from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from daemons.config.house import House, load_house
from daemons.config.location import Location
from daemons.errors import ConfigurationError

HOUSE = """\
[defaults.kinds.lamp]
driver = "simulated"
room = "Hall"
brightness_percent = 40

[defaults.drivers.simulated]
speed = 15

[devices.first]
kind = "lamp"

[devices.second]
kind = "lamp"
room = "Attic"
brightness_percent = 80
simulated.speed = 2
simulated.lag = "1s"

[devices.switch]
kind = "light_switch"
driver = "simulated"
"""
DRIVER = "[defaults.drivers.simulated]\nspeed = 15\n"


def load(text: str) -> House:
    """Return the house of a text."""
    return load_house(Path("house.toml"), text)


def mistakes(text: str) -> list[Location]:
    """Return the mistakes of a text."""
    with pytest.raises(ConfigurationError) as raised:
        load(text)
    return list(raised.value.problems)


def mistake(text: str) -> str:
    """Return the one mistake of a text."""
    (found,) = mistakes(text)
    return str(found)


def test_a_device_has_the_defaults_of_its_kind_and_its_driver() -> None:
    """Its own table overrides them key by key; those of another kind do not count."""
    devices = load(HOUSE).devices
    first, second, switch = devices["first"], devices["second"], devices["switch"]
    assert (first.room, first.options.brightness_percent, first.driver_options.speed) == ("Hall", 40, 15)
    assert (second.room, second.options.brightness_percent) == ("Attic", 80)
    assert (second.driver_options.speed, second.driver_options.lag_seconds) == (2, 1)
    assert (switch.room, switch.driver_options.speed) == ("House", 15)


def test_a_slice_has_the_defaults_of_its_device() -> None:
    """A device that restarts reads them there; a changed default changes exactly the devices that use it."""
    before, after = (load(text).slices() for text in (HOUSE, HOUSE.replace("= 40", "= 50")))
    assert before["first"].table["brightness_percent"] == 40
    assert {name for name in before if before[name] != after[name]} == {"first"}


def test_the_options_of_another_driver_do_not_count() -> None:
    """A lamp with another driver has none of the options of the driver that is the default."""
    text = HOUSE.replace(
        'room = "Attic"', 'driver = "shelly"\nshelly = { address = "192.168.1.7", component = "light" }'
    )
    text = text.replace("simulated.speed = 2\n", "").replace('simulated.lag = "1s"\n', "")
    device = load(text + "\n[defaults.drivers.shelly]\nchannel = 1\n").devices["second"]
    assert (device.driver_options.address, device.driver_options.channel) == ("192.168.1.7", 1)


def test_a_device_of_your_own_program_has_no_default_that_it_cannot_take() -> None:
    """It takes no grace and no restore, so that it can stand beside devices that have these defaults."""
    text = HOUSE.replace('room = "Hall"', 'room = "Hall"\ngrace = "5m"\nrestore = "off"')
    text += '\n[devices.own]\nkind = "lamp"\ndriver = "foreign"\n'
    devices = load(text).devices
    assert (devices["first"].grace_seconds, devices["first"].restore) == (300, "off")
    assert (devices["own"].grace_seconds, devices["own"].room) == (60, "Hall")


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("room = ", "rooom = ", "3: [defaults.kinds.lamp] rooom: unknown key; did you mean 'room'?"),
        ("= 40", "= 140", "4: [defaults.kinds.lamp] brightness_percent: 140 is not allowed"),
        ("= 40", '= "bright"', '4: [defaults.kinds.lamp] brightness_percent: "bright" is not allowed'),
        ("room =", 'grace = "0s"\nroom =', "3: [defaults.kinds.lamp] grace: grace must be longer than 0s"),
        ("room =", 'host = "attic"\nroom =', '3: [defaults.kinds.lamp] host: there is no host "attic"'),
        ("room =", 'name = "Lamp"\nroom =', "3: [defaults.kinds.lamp] name: has no default"),
        ("room =", "when = []\nroom =", "3: [defaults.kinds.lamp] when: has no default"),
        ("room =", 'kind = "lamp"\nroom =', "3: [defaults.kinds.lamp] kind: has no default"),
        (
            "room =", "simulated.speed = 2\nroom =",
            "3: [defaults.kinds.lamp] simulated: the options of a driver belong into [defaults.drivers.simul",
        ),
        ("speed = 15", "sped = 15", "7: [defaults.drivers.simulated] sped: unknown key; did you mean 'speed"),
        ("speed = 15", "speed = -1", "7: [defaults.drivers.simulated] speed: -1 is not allowed"),
        ("drivers.simulated]", "drivers.x]", '6: [defaults.drivers.x] "x": '),
        ("drivers.simulated]", "driver.simulated]", "6: [defaults.driver] unknown table; did you mean "),
        (DRIVER, "[defaults]\ndrivers = 1\n", "7: [defaults.drivers] expected"),
        (DRIVER, "[defaults.drivers]\nx = 1\n", '7: [defaults.drivers.x] "x": '),
        (DRIVER, "[defaults.drivers]\ngpio = 1\n", "7: [defaults.drivers.gpio] expected a table, found 1"),
    ],
)  # fmt: skip
def test_a_wrong_default_is_reported_once_at_its_own_line(old: str, new: str, found: str) -> None:
    """Two lamps have the default. The one mistake has the line of the default."""
    assert old in HOUSE
    assert mistake(HOUSE.replace(old, new, 1)).startswith(f"house.toml:{found}")


def test_a_default_for_an_unknown_kind_comes_first() -> None:
    """The devices lack what it would have given them, and that is reported after it."""
    first, *others = map(
        str, mistakes(HOUSE.replace("kinds.lamp]", "kinds.lampe]").replace("simulated.", "# "))
    )
    assert first.startswith("house.toml:1: [defaults.kinds.lampe] \"lampe\": did you mean 'lamp'?")
    assert all("the key 'driver' is missing" in other for other in others)


def test_a_wrong_driver_is_no_second_mistake_of_its_devices() -> None:
    """The devices do not lack a driver: they have the wrong one, and it is reported once."""
    text = HOUSE.replace('"simulated"\nroom', '"simlated"\nroom').replace("simulated.lag", "simlated.lag")
    text = text.replace("simulated.speed = 2\n", "").replace('simlated.lag = "1s"\n', "")
    assert mistake(text).startswith('house.toml:2: [defaults.kinds.lamp] driver: "simlated": did you mean')


def test_a_default_is_checked_although_no_device_has_it() -> None:
    """A default for a kind of which there is no device, and one that every device overrides."""
    text = HOUSE + "\n[defaults.kinds.toaster]\nbrowning = 30\n"
    assert mistake(text).startswith("house.toml:24: [defaults.kinds.toaster] browning: 30 is not allowed")


def test_a_rule_over_several_keys_is_reported_where_its_keys_stand() -> None:
    """In the defaults if these break it alone, else at the device that breaks it."""
    plug = (
        '[defaults.kinds.plug]\ndriver = "simulated"\n{}\n'
        '[devices.kettle]\nkind = "plug"\n{}\n[devices.iron]\nkind = "plug"\n'
    )
    good = "running_above_watts = 9\nfinished_below_watts = 3"
    load(plug.format(good, ""))
    wrong = plug.format(good.replace("3", "30"), "")
    text = "finished_below_watts must be below running_above_watts"
    assert mistake(wrong) == f"house.toml:1: [defaults.kinds.plug] {text}"
    assert mistake(plug.format(good, "finished_below_watts = 30")) == f"house.toml:5: [devices.kettle] {text}"
    lonely = plug.format("running_above_watts = 9", "finished_below_watts = 3")
    assert mistake(lonely).startswith("house.toml:3: [defaults.kinds.plug] running_above_watts: ")


def test_a_rule_over_options_of_a_driver_is_reported_at_the_default() -> None:
    """The required options of the device are no reason for it."""
    text = '[defaults.drivers.kasa]\npoll = "1ms"\n'
    text += "".join(
        f'[devices.p{n}]\nkind = "plug"\ndriver = "kasa"\nkasa.address = "192.168.1.{n}"\n' for n in (1, 2)
    )
    pytest.importorskip("kasa")
    assert mistake(text) == "house.toml:2: [defaults.drivers.kasa] poll: poll must be 100ms or longer"
    own = text.replace('poll = "1ms"', "").replace('"192.168.1.1"', '"192.168.1.1"\nkasa.poll = "1ms"')
    assert mistake(own).endswith("[devices.p1] kasa: poll must be 100ms or longer")


def test_a_key_that_only_the_device_has_is_reported_there() -> None:
    """The default for the same kind is no reason to report it elsewhere."""
    text = HOUSE.replace("simulated.speed = 2", "simulated.speed = 0")
    assert mistake(text).startswith("house.toml:16: [devices.second] simulated.speed: 0 is not allowed")
    text = HOUSE.replace("simulated.speed = 2", 'grace = "0s"')
    assert mistake(text).startswith("house.toml:12: [devices.second] grace must be longer than 0s")


def test_a_default_that_a_source_names_is_checked() -> None:
    """A heater's source that does not exist is reported at the default."""
    text = HOUSE + '\n[defaults.kinds.heater]\nsource = "climat"\n'
    text += "".join(f'[devices.h{n}]\nkind = "heater"\ndriver = "simulated"\n' for n in range(3))
    assert mistake(text).startswith(
        'house.toml:24: [defaults.kinds.heater] source: there is no device "climat"'
    )


words = st.sampled_from(
    ["lamp", "kinds", "drivers", "simulated", "foreign", "driver", "grace", "speed", "kind", "x", "when"]
)
toml_values = st.recursive(
    st.booleans() | st.integers(-5, 200) | st.sampled_from(["lamp", "simulated", "foreign", "1m", "0s", ""]),
    lambda leaves: st.lists(leaves, max_size=2) | st.dictionaries(words, leaves, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(toml_values, st.dictionaries(st.sampled_from(["driver", "grace", "simulated", "kind"]), toml_values))
def test_no_defaults_raise_anything_else(defaults: Any, table: dict[str, Any]) -> None:
    """Any defaults become a house, or mistakes with a line."""
    text = tomlkit.dumps({"defaults": defaults, "devices": {"lamp": {"kind": "lamp", **table}}})
    found: list[Location] = []
    try:
        load(text)
    except ConfigurationError as error:
        found = list(error.problems)
    assert all(one.line >= 1 and one.text for one in found)


values = {
    "room": st.sampled_from(["Hall", "Attic"]),
    "grace": st.sampled_from(["5m", "1h"]),
    "restore": st.sampled_from(["last", "off"]),
    "driver": st.just("simulated"),
}
lamp_tables = st.fixed_dictionaries({}, optional={**values, "brightness_percent": st.integers(1, 100)})
driver_tables = st.fixed_dictionaries({}, optional={"speed": st.integers(1, 9), "lag": st.just("1s")})


@pytest.mark.long
@settings(max_examples=50, deadline=None)
@given(lamp_tables, driver_tables, st.lists(st.tuples(lamp_tables, driver_tables), min_size=1, max_size=4))
def test_defaults_are_the_same_as_writing_them_into_each_device(
    common: dict[str, Any], options: dict[str, Any], lamps: list[tuple[dict[str, Any], dict[str, Any]]]
) -> None:
    """The plain model: each device, written out in full, is the same device."""
    common = {"driver": "simulated", **common}
    own = {f"lamp_{n}": {"kind": "lamp", **table, "simulated": of} for n, (table, of) in enumerate(lamps)}
    written = {
        name: {**common, **table, "simulated": options | table["simulated"]} for name, table in own.items()
    }
    defaults = {"kinds": {"lamp": common}, "drivers": {"simulated": options}}
    house = load(tomlkit.dumps({"defaults": defaults, "devices": own}))
    assert house.devices == load(tomlkit.dumps({"devices": written})).devices
