"""The configuration: a valid one becomes a house; a problem has file, line, key and remedy."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemons.config.check import check
from daemons.config.house import House, load_house
from daemons.config.location import Lines, Location
from daemons.errors import ConfigurationError
from daemons.values import Problem

SHIPPED = Path(__file__).parent.parent.parent / "config" / "house.toml"
GOOD = """\
[house]
name = "Home"

[devices.switch]
kind = "light_switch"
driver = "simulated"

[devices.toaster]
kind = "toaster"
driver = "simulated"
browning = 3

[[devices.toaster.when]]
device = "switch"
turns = { status = true }
do = "start"

[devices.mirror]
kind = "mirror"
"""
TOASTER, RULE = "devices.toaster", "devices.toaster.when"


def load(folder: Path, text: str) -> House:
    """Return a house loaded from a text."""
    file = folder / "house.toml"
    file.write_text(text, encoding="utf-8")
    return load_house(file)


def mistakes(folder: Path, text: str) -> list[Location]:
    """Return every problem of a configuration."""
    with pytest.raises(ConfigurationError) as raised:
        load(folder, text)
    return list(raised.value.problems)


def test_the_shipped_house_is_right() -> None:
    """The shipped configuration has no problem, and five devices."""
    house = load_house(SHIPPED)
    assert list(house.devices) == ["bathroom_light", "mirror", "coffee_maker", "toaster", "kitchen_lamp"]
    assert house.devices["toaster"].rules[0].device == "bathroom_light"


def test_a_right_configuration_becomes_typed_values(tmp_path: Path) -> None:
    """Words become classes, options become typed values, and missing names are made readable."""
    house = load(tmp_path, GOOD)
    toaster = house.devices["toaster"]
    assert (toaster.title, toaster.room, toaster.grace_seconds) == ("Toaster", "House", 60.0)
    assert (toaster.kind.__name__, toaster.options.browning) == ("Toaster", 3)
    assert house.settings.timezone == "UTC"


MISTAKES: list[tuple[str, str, int, str, str | None, list[str]]] = [
    # the replaced text, the new text, and then line, table, key and words of the one message
    ('name = "Home"', 'nam = "Home"', 2, "house", "nam", ["unknown key", "did you mean 'name'?", "timezone"]),
    (
        'name = "Home"',
        "name = 5",
        2,
        "house",
        "name",
        ['5 is not allowed; did you mean "5"? name takes text'],
    ),
    ('name = "Home"', 'name = ""', 2, "house", "name", ['"" is not allowed']),
    ('name = "Home"', 'timezone = "Mars/Base"', 2, "house", "timezone", ["'Mars/Base'", "Europe/Berlin"]),
    ('name = "Home"', 'timezone = "../etc"', 2, "house", "timezone", ["unknown timezone"]),
    ("[house]", "[hous]", 1, "hous", None, ["unknown table", "did you mean 'house'?"]),
    (
        "[devices.mirror]",
        "[devices.Mirror]",
        18,
        "devices.Mirror",
        None,
        ['"Mirror" is no valid device name'],
    ),
    (
        "[devices.mirror]",
        "[devices.house]",
        18,
        "devices.house",
        None,
        ['"house" is the name of a process of the house'],
    ),
    ('kind = "toaster"', 'kind = "toster"', 9, TOASTER, "kind", ['"toster"', "did you mean 'toaster'?"]),
    ('kind = "toaster"', "kind = 5", 9, TOASTER, "kind", ["5 is not allowed; kind takes text"]),
    ('kind = "toaster"\n', "\n", 8, TOASTER, None, ["the key 'kind' is missing; it takes text"]),
    (
        'driver = "simulated"\nb',
        'driver = "simulatd"\nb',
        10,
        TOASTER,
        "driver",
        ["did you mean 'simulated'?"],
    ),
    (
        'driver = "simulated"\nb',
        "\nb",
        8,
        TOASTER,
        None,
        ["the key 'driver' is missing; allowed:", "simulated"],
    ),
    (
        '"mirror"',
        '"mirror"\ndriver = "simulated"',
        20,
        "devices.mirror",
        "driver",
        ["a mirror drives no hardware"],
    ),
    (
        "browning",
        "browing",
        11,
        TOASTER,
        "browing",
        ["unknown key", "did you mean 'browning'?", "max_on", "room"],
    ),
    ("= 3", "= 9", 11, TOASTER, "browning", ["9 is not allowed; browning takes a whole number from 1 to 7"]),
    ("= 3", "= true", 11, TOASTER, "browning", ["true is not allowed"]),
    ("browning = 3", "max_on = 90", 11, TOASTER, "max_on", ["90 is not allowed", '"90s"']),
    ("browning = 3", 'max_on = "60s"', 8, TOASTER, None, ["browning 3 takes longer than max_on allows"]),
    ("browning = 3", 'grace = "1 minute"', 11, TOASTER, "grace", ['"1 minute" is not allowed']),
    ("browning = 3", 'room = ""', 11, TOASTER, "room", ['"" is not allowed']),
    ("browning = 3", 'restore = "on"', 11, TOASTER, "restore", ["never switches on a heating device"]),
    ("browning = 3", 'restore = "of"', 11, TOASTER, "restore", ['"last", "off", "on"']),
    ("browning = 3", "simulated.speed = 0", 11, TOASTER, "simulated.speed", ["a number from 1 to 10000"]),
    ("browning = 3", "simulated = { sped = 2 }", 11, TOASTER, "simulated.sped", ["did you mean 'speed'?"]),
    ("browning = 3", "simulated = 5", 11, TOASTER, "simulated", ["expected a table, found 5"]),
    ('"switch"', '"swich"', 14, RULE, "device", ['there is no device "swich"', "did you mean 'switch'?"]),
    ("status = true", "statu = true", 15, RULE, "turns.statu", ["unknown field", "did you mean 'status'?"]),
    (
        "status = true",
        "status = 1",
        15,
        RULE,
        "turns.status",
        ["1 is not a value of status; allowed: true or false"],
    ),
    ("{ status = true }", "{ }", 15, RULE, "turns", ["is not allowed"]),
    ('"start"', '"strat"', 16, RULE, "do", ['"strat"', "did you mean 'start'?", "start, stop"]),
    ('do = "start"\n', "\n", 13, RULE, None, ["the key 'do' is missing"]),
    ('"start"', '"start"\nwith = { brown = 2 }', 17, RULE, "with.brown", ["did you mean 'browning'?"]),
    ('"start"', '"start"\nwith.browning = 8', 17, RULE, "with.browning", ["8 is not allowed"]),
    ('"start"', '"start"\nbetween = ["25:00", "26:00"]', 17, RULE, "between", ["a time of day"]),
    ('"start"', '"start"\nbetween = "06:00"', 17, RULE, "between", ["a time of day"]),
    ('"start"', '"start"\ndays = ["mo"]', 17, RULE, "days", ["a list, each one of", '"mon"']),
    ('"start"', '"start"\ncooldown = 5', 17, RULE, "cooldown", ["a duration with its unit"]),
    ('"start"', '"start"\ndelay = "-5s"', 17, RULE, "delay", ["a duration with its unit"]),
    (
        '"start"',
        '"start"\nunless = true',
        17,
        RULE,
        "unless",
        ["unknown key", "between, days, months, dates, holidays, random_offset, hysteresis"],
    ),
]


@pytest.mark.parametrize(("old", "new", "line", "table", "key", "words"), MISTAKES)
def test_each_mistake_gives_one_message(
    tmp_path: Path, old: str, new: str, line: int, table: str, key: str | None, words: list[str]
) -> None:
    """A problem is reported once, with file, line, table, key, the bad value and the allowed values."""
    assert GOOD.count(old) == 1, "the mistake stands in more than one place"
    (found,) = mistakes(tmp_path, GOOD.replace(old, new))
    assert (found.file, found.line) == (str(tmp_path / "house.toml"), line)
    assert (found.table, found.key) == (table, key)
    for word in words:
        assert word in found.text


RULED = """\
[house]
name = "Home"
[devices.room]
kind = "sensor"
driver = "simulated"
[devices.lamp]
kind = "lamp"
driver = "simulated"
[[devices.lamp.when]]
at = "06:30"
do = "on"
only_if = [
    { device = "room", below = { temperature_celsius = 10 } },
]
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "text"),
    [
        ('"06:30"', '"sunset-30m"', 10, "at", "needs latitude and longitude in [house]"),
        ('"06:30"', '"sunst"', 10, "at", "one of the sun's (dawn"),
        ('"06:30"', '"sunset-30"', 10, "at", "takes a time of day"),
        ('at = "06:30"', 'device = "room"\nabove = { humid = 3 }', 11, "above.humid", "'humidity_percent'"),
        ('at = "06:30"', 'device = "room"\nabove = { phase = 3 }', 11, "above.phase", "is not a number"),
        ('at = "06:30"', 'device = "room"', 9, None, "one of turns, follow, above, below, at, every and all"),
        ('"room", below', '"rom", below', 12, "only_if.0.device", "did you mean 'room'?"),
        ("temperature_celsius", "celsius", 12, "only_if.0.below.celsius", "'temperature_celsius'"),
        ("below", "belo", 12, "only_if.0.belo", "did you mean 'below'?"),
        ("below = { temperature_celsius = 10 }", "is = { humidity_percent = 10 }", 12,
         "only_if.0.is.humidity_percent", "is a measurement"),
        ("below = { temperature_celsius = 10 }", "", 12, "only_if.0",
         "it takes one of is, above, below and presence"),
        ('name = "Home"', "latitude = 52.5", 1, None, "latitude and longitude are needed together"),
        ('name = "Home"', "latitude = 95\nlongitude = 0", 2, "latitude", "from -90 to 90"),
    ],
)  # fmt: skip
def test_each_mistake_in_a_rule_gives_one_message(
    tmp_path: Path, old: str, new: str, line: int, key: str | None, text: str
) -> None:
    """Limits, the sun and conditions are checked against the possible states of the other device."""
    assert load(tmp_path, RULED).devices["lamp"].subscriptions == {"room"}
    assert RULED.count(old) == 1
    (found,) = mistakes(tmp_path, RULED.replace(old, new))
    assert (found.line, found.key) == (line, key)
    assert text in found.text


def test_only_processes_that_use_the_sun_have_the_location(tmp_path: Path) -> None:
    """Moving the house restarts only devices with a sun rule."""
    text = RULED.replace('"06:30"', '"sunset"').replace('"Home"', '"Home"\nlatitude = 1\nlongitude = 2')
    slices = load(tmp_path, text).slices()
    assert slices["lamp"].house == {"latitude": 1, "longitude": 2}
    assert slices["room"].house == {}


def test_a_message_begins_with_its_place(tmp_path: Path) -> None:
    """An editor can open a message, because it begins with file and line, then table and key."""
    (found,) = mistakes(tmp_path, GOOD.replace("= 3", "= 9"))
    assert str(found) == (
        f"{tmp_path / 'house.toml'}:11: [devices.toaster] browning: "
        "9 is not allowed; browning takes a whole number from 1 to 7"
    )


def test_all_mistakes_are_reported_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    """All problems are reported together, in the order of the file."""
    text = GOOD.replace('"Home"', "1").replace("= 3", "= 9").replace('"start"', '"strat"')
    text = text.replace('"switch"', '"swich"').replace('"mirror"', '"miror"')
    assert [(found.line, found.key) for found in mistakes(tmp_path, text)] == [
        (2, "name"), (11, "browning"), (14, "device"), (16, "do"), (19, "kind"),
    ]  # fmt: skip


def test_the_same_mistakes_are_reported_in_the_same_order_every_time(tmp_path: Path) -> None:
    """Problems on one line have the same order in each run."""
    file = tmp_path / "house.toml"
    file.write_text('house = { one = 1, two = 2, six = 6, ten = 10 }\n[devices.m]\nkind = "mirror"\n')
    program = (
        "from pathlib import Path; from daemons.config.house import load_house; "
        f"load_house(Path({str(file)!r}))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": str(seed)},
            cwd=Path(__file__).parent.parent.parent,
            capture_output=True,
            text=True,
            check=False,
        ).stderr.partition("ConfigurationError: ")[2]
        for seed in range(4)
    }
    assert len(outputs) == 1
    assert "one" in outputs.pop()


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e400", "9" * 400])
def test_a_number_that_is_none_is_refused(tmp_path: Path, value: str) -> None:
    """NaN and infinity are valid TOML, but a slice cannot contain them."""
    (found,) = mistakes(tmp_path, GOOD.replace('"light_switch"', f'"light_switch"\nlight_watts = {value}'))
    assert (found.line, found.key) == (6, "light_watts")


@pytest.mark.parametrize(
    "value",
    ["9" * 5000, "0x" + "f" * 5000, "[" * 5000, "[" * 300 + "]" * 300],
    ids=["decimal", "hexadecimal", "endless nesting", "deep nesting"],
)
def test_values_beyond_all_measure_are_refused(tmp_path: Path, value: str) -> None:
    """A number with thousands of digits, or endless nesting, is a problem like any other."""
    assert mistakes(tmp_path, GOOD.replace("= 3", f"= {value}"))


@pytest.mark.parametrize("watchdog", ["0s", "500ms"])
def test_a_watchdog_shorter_than_a_heartbeat_is_refused(tmp_path: Path, watchdog: str) -> None:
    """A heartbeat is sent every second, so a shorter watchdog would kill every process."""
    (found,) = mistakes(tmp_path, GOOD.replace("[house]", f'[house]\nwatchdog = "{watchdog}"'))
    assert "1s or longer" in found.text


def test_a_rule_that_waits_for_a_measurement_is_refused(tmp_path: Path) -> None:
    """A measurement changes all the time, so a rule with `turns` on it would never act."""
    (found,) = mistakes(tmp_path, GOOD.replace("status = true", "power_watts = 9.0"))
    assert (found.line, found.key) == (15, "turns.power_watts")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[house]\nname = \n", 2, "the value after = is missing"),
        ("[house\n", 1, "TOML"),
        ('[house]\nname = "a"\nname = "b"\n', 3, "the key name stands already on line 2"),
        ("", 1, "there is no device"),
        ("[house]\n\nlamp = 5\n[devices.m]\nkind = 'mirror'\n", 3, "unknown key"),
        ("devices = 5\n", 1, "there is no device"),
        ("[devices]\nlamp = 5\n", 2, "expected a table, found 5"),
    ],
)
def test_a_file_that_is_not_a_house_is_an_error(tmp_path: Path, text: str, line: int, words: str) -> None:
    """The error of a file without valid TOML, or without a device, has the place and the reason."""
    found = mistakes(tmp_path, text)
    assert found[0].line == line
    assert words in "\n".join(map(str, found))


def test_a_file_that_is_not_utf_8_is_an_error(tmp_path: Path) -> None:
    """A file in another encoding is named."""
    (tmp_path / "house.toml").write_bytes(b"[house]\nname = 'caf\xe9'\n")
    with pytest.raises(ConfigurationError, match="is not UTF-8"):
        load_house(tmp_path / "house.toml")


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    """A missing file is named with the reason."""
    with pytest.raises(ConfigurationError, match=r"gone.toml:1: .*cannot be read: No such file"):
        load_house(tmp_path / "gone.toml")


# Circles


def rules(**hears: str) -> str:
    """Return a house of light switches, whose rules name each other."""
    text = ""
    for name, others in hears.items():
        text += f'[devices.{name}]\nkind = "light_switch"\ndriver = "simulated"\n'
        for other in others.split():
            text += f'[[devices.{name}.when]]\ndevice = "{other}"\nturns.status = true\ndo = "press"\n'
    return text


@pytest.mark.parametrize(
    ("sources", "cycle"),
    [
        ({"a": "a"}, "a listens to a"),
        ({"a": "b", "b": "a"}, "a listens to b listens to a"),
        ({"a": "b", "b": "c", "c": "a"}, "a listens to b listens to c listens to a"),
        ({"x": "a", "a": "b", "b": "a"}, "a listens to b listens to a"),
    ],
)
def test_devices_that_would_start_each_other_for_ever_are_refused(
    tmp_path: Path, sources: dict[str, str], cycle: str
) -> None:
    """A cycle is reported once, as a sentence, at the rule that closes it."""
    (found,) = mistakes(tmp_path, rules(**sources))
    assert found.text == f"devices that start each other never stop: {cycle}"
    assert found.key == "device"
    assert rules(**sources).splitlines()[found.line - 1].startswith("device = ")


def test_several_rules_without_a_cycle_are_valid(tmp_path: Path) -> None:
    """Rules without a circle are accepted."""
    assert load(tmp_path, rules(a="", b="a", c="a b", d="a b c")).devices.keys() == {"a", "b", "c", "d"}


# Lines


LAYOUT = """\
# a comment, with [devices.fake] in it
house.name = "Home"
house.timezone = '''
UTC'''
devices.b = { kind = "mirror", room = "x" }

[devices.a]
kind = "light_switch"
driver = "simulated"
when = [
    { device = "b", turns = { status = true }, do = "on" },
    # and
    { device = "b", turns = { status = true }, do = "off" },
]
simulated.speed = 2
simulated.lag = "1s"

[[devices.c.when]]
do = "x"

[[devices.c.when]]
do = "y"
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("house",), 2),
        (("house", "timezone"), 3),
        (("devices", "b", "room"), 5),
        (("devices", "a"), 7),
        (("devices", "a", "driver"), 9),
        (("devices", "a", "when", 1, "do"), 10),
        (("devices", "a", "simulated", "speed"), 15),
        (("devices", "a", "simulated", "lag"), 16),
        (("devices", "a", "missing"), 7),
        (("devices", "c", "when", 0), 18),
        (("devices", "c", "when", 1), 21),
        (("devices", "c", "when", 1, "do"), 22),
        (("nothing",), 1),
    ],
)
def test_the_line_of_a_value_is_found(path: tuple[str | int, ...], line: int) -> None:
    """For arrays, inline tables, dotted keys and texts, the line of the statement is reported."""
    assert Lines(LAYOUT).line(path) == line
    assert Lines(LAYOUT.replace("\n", "\r\n")).line(path) == line


def test_a_line_is_a_line_of_the_editor() -> None:
    """Characters that only Python reads as line breaks do not count."""
    text = 'house.name = "a\u2028b" # \u0085\n\n[devices.a]\nkind = "x"\n'
    assert Lines(text).line(("devices", "a", "kind")) == 4


def test_a_mistake_in_a_very_long_statement_is_reported(tmp_path: Path) -> None:
    """An array with more lines than Python's recursion limit is no problem."""
    days = "days = [\n" + '    "mon",\n' * 1100 + "]"
    (found,) = mistakes(tmp_path, GOOD.replace('"start"', f'"strat"\n{days}'))
    assert (found.line, found.key) == (16, "do")


# Arbitrary input

words = st.sampled_from(
    ["house", "devices", "name", "kind", "driver", "room", "when", "device", "turns", "do", "with", "status",
     "between", "days", "delay", "grace", "restore", "simulated", "speed", "browning", "max_on", "a", "b", ""]
)  # fmt: skip
texts = st.sampled_from(
    ["toaster", "lamp", "mirror", "simulated", "start", "on", "a", "b", "06:00", "5s", "UTC"]
)
leaves = (
    st.booleans()
    | st.integers()
    | st.floats()
    | texts
    | st.text(max_size=6)
    | st.dates()
    | st.times()
    | st.datetimes()
)
toml_values: st.SearchStrategy[Any] = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(words | st.text(max_size=6), inner, max_size=5)
    ),
    max_leaves=12,
)
device_tables = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from(["toaster", "lamp", "mirror", "light_switch", "coffee_maker"]) | leaves,
        "driver": st.just("simulated") | leaves,
        "simulated": st.dictionaries(st.sampled_from(["speed", "fault", "lag", "x"]), leaves) | leaves,
        "browning": leaves,
        "restore": st.sampled_from(["on", "off"]) | leaves,
        "when": st.lists(
            st.dictionaries(words, leaves | st.dictionaries(words, leaves, max_size=2), max_size=6),
            max_size=3,
        )
        | leaves,
    },
)
houses = st.fixed_dictionaries(
    {
        "devices": st.dictionaries(
            st.sampled_from(["a", "b", "house", "A"]), device_tables | toml_values, max_size=3
        )
    },
    optional={"house": toml_values, "devics": toml_values},
)


@settings(max_examples=150)
@given(houses | st.dictionaries(words, toml_values, max_size=4))
def test_no_table_raises(raw: dict[str, Any]) -> None:
    """Any TOML document becomes a house, or problems that have a position and a text."""
    problems: list[Problem] = []
    house = check(raw, problems)
    assert (house is None) == bool(problems)
    for problem in problems:
        assert str(Lines("").locate("house.toml", problem)).startswith("house.toml:1: [")


mutations = st.lists(
    st.tuples(
        st.sampled_from(["cut", "drop", "double", "swap"]),
        st.integers(0, 10_000),
        st.sampled_from(['"', "]", "=", "5", "\n", "[", "{", "on", "#", ".", " ", "\\", "nan"]),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mutations)
def test_no_mutilated_file_raises_anything_else(tmp_path: Path, changes: list[tuple[str, int, str]]) -> None:
    """The shipped file with pieces removed, doubled or replaced becomes a house or a ConfigurationError."""
    text = SHIPPED.read_text()
    for what, anywhere, piece in changes:
        place = anywhere % max(1, len(text))
        end = place + 8
        match what:
            case "cut":
                text = text[:place]
            case "drop":
                text = text[:place] + text[end:]
            case "double":
                text = text[:end] + text[place:]
            case _:
                text = text[:place] + piece + text[place + 1 :]
    problems: tuple[Any, ...] = ()
    try:
        load(tmp_path, text)
    except ConfigurationError as error:
        problems = error.problems
    for problem in problems:
        assert 1 <= problem.line <= text.count("\n") + 1


@pytest.mark.parametrize(
    ("table", "key", "text"),
    [
        ('prefix = "a/+"', "prefix", "is not allowed"),
        ('prefix = "/a"', "prefix", "is not allowed"),
        ('prefix = ""', "prefix", "is not allowed"),
        ('prefix = "homeassistant"', None, "prefix and discovery_prefix must differ"),
        ('discovery = "devices"', "discovery", "one of"),
        ('certificate_authority = "/x.pem"', None, "certificate_authority is for tls = true"),
        ('key_file = "/x.key"\ntls = true', None, "key_file is for certificate_file, which is missing"),
        ('certificate_file = "/x.pem"\nbrokers = ["mqtt://a"]', None, 'for brokers with TLS: "mqtts://..."'),
        ('brokers = ["mqtts://a:8883", "http://b"]', "brokers", 'such as "mqtts://mqtt.example.com:8883"'),
        ('brokers = ["mqtt://a:70000"]', "brokers", "is not allowed"),
        ('brokers = ["mqtt://user:secret@a"]', "brokers", "is not allowed"),
        (
            'brokers = ["mqtts://a"]\nbroker = "b"',
            "broker",
            "broker stands beside brokers; delete one of the two",
        ),
        (
            'brokers = ["mqtts://a"]\ntls = true',
            "tls",
            'TLS is a part of each address: "mqtts://10.0.0.2:8883"',
        ),
        ('password_file = "x"', "password_file", "is not allowed"),
        ("port = 0", "port", "a whole number from 1 to 65535"),
        ('host = "attic"', "host", 'there is no host "attic"; allowed: none'),
        ("brokre = 1", "brokre", "did you mean 'broker'?"),
        (
            "commands = 1",
            "commands",
            'true or false or a list, each a command of a device, such as "heater/set"',
        ),
        ('commands = ["toaster"]', "commands", '["toaster"] is not allowed'),
        ('commands = ["toaster/start/now"]', "commands", "is not allowed"),
        ('commands = ["toster/"]', "commands.0", "there is no device \"toster\"; did you mean 'toaster'?"),
        (
            'commands = ["toaster/", "toaster/strat"]',
            "commands.1",
            "toaster has no command \"strat\"; did you mean 'start'? allowed: start, stop",
        ),
    ],
)
def test_mistakes_in_the_bridge_table_are_reported(
    tmp_path: Path, table: str, key: str | None, text: str
) -> None:
    """The problem has its line, like any other."""
    (found,) = mistakes(tmp_path, f"{GOOD}\n[bridge]\n{table}\n")
    assert (found.table, found.key) == ("bridge", key)
    assert text in found.text


def test_a_bridge_needs_its_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its library the check names the library and the command that installs it."""
    monkeypatch.setitem(sys.modules, "aiomqtt", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    (found,) = mistakes(tmp_path, f"{GOOD}\n[bridge]\n")
    assert found.text == "needs aiomqtt, which is not installed; `make extra EXTRA=mqtt` installs it"
    assert load(tmp_path, GOOD).slices().keys() == {"switch", "toaster", "mirror", "steward", "recorder"}
