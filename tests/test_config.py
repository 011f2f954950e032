"""The configuration: what is right becomes a house, what is wrong is told with file, line, key and remedy."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemons.config import House, Lines, Location, check, circles, load_house
from daemons.errors import ConfigurationError
from daemons.value import Problem

SHIPPED = Path(__file__).parent.parent / "config" / "house.toml"
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
    """Load a configuration from its text."""
    file = folder / "house.toml"
    file.write_text(text, encoding="utf-8")
    return load_house(file)


def mistakes(folder: Path, text: str) -> list[Location]:
    """Give all that is wrong with a configuration."""
    with pytest.raises(ConfigurationError) as raised:
        load(folder, text)
    return list(raised.value.problems)


def test_the_shipped_house_is_right() -> None:
    """The house that a newcomer starts with has no problem, and its five devices."""
    house = load_house(SHIPPED)
    assert list(house.devices) == ["bathroom_light", "mirror", "coffee_maker", "toaster", "kitchen_lamp"]
    assert house.devices["toaster"].rules[0].device == "bathroom_light"


def test_a_right_configuration_becomes_typed_values(tmp_path: Path) -> None:
    """Words have become classes, options typed values, and names are made readable."""
    house = load(tmp_path, GOOD)
    toaster = house.devices["toaster"]
    assert (toaster.title, toaster.room, toaster.grace_seconds) == ("Toaster", "House", 60.0)
    assert (toaster.kind.__name__, toaster.options.browning) == ("Toaster", 3)
    assert house.settings.timezone == "UTC"


MISTAKES: list[tuple[str, str, int, str, str | None, list[str]]] = [
    # what is replaced, by what, and then line, table, key and words of the one message
    ('name = "Home"', 'nam = "Home"', 2, "house", "nam", ["unknown key", "did you mean 'name'?", "timezone"]),
    ('name = "Home"', "name = 5", 2, "house", "name", ["5 is not allowed; name takes text"]),
    ('name = "Home"', 'name = ""', 2, "house", "name", ['"" is not allowed']),
    ('name = "Home"', 'timezone = "Mars/Base"', 2, "house", "timezone", ["'Mars/Base'", "Europe/Berlin"]),
    ('name = "Home"', 'timezone = "../etc"', 2, "house", "timezone", ["there is no timezone"]),
    ("[house]", "[hous]", 1, "hous", None, ["unknown table", "did you mean 'house'?"]),
    (
        "[devices.mirror]",
        "[devices.Mirror]",
        18,
        "devices.Mirror",
        None,
        ['"Mirror" is not a device\'s name'],
    ),
    ("[devices.mirror]", "[devices.house]", 18, "devices.house", None, ['"house" is the house\'s own']),
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
        ["a mirror has no hardware"],
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
    ("browning = 3", 'restore = "on"', 11, TOASTER, "restore", ["never switched on by a restart"]),
    ("browning = 3", 'restore = "of"', 11, TOASTER, "restore", ['"last", "off", "on"']),
    ("browning = 3", "simulated.speed = 0", 11, TOASTER, "simulated.speed", ["a number from 0.01 to 10000"]),
    ("browning = 3", "simulated = { sped = 2 }", 11, TOASTER, "simulated.sped", ["did you mean 'speed'?"]),
    ("browning = 3", "simulated = 5", 11, TOASTER, "simulated", ["5 stands where a table is needed"]),
    ('"switch"', '"swich"', 14, RULE, "device", ['there is no device "swich"', "did you mean 'switch'?"]),
    ("status = true", "statu = true", 15, RULE, "turns.statu", ["unknown field", "did you mean 'status'?"]),
    ("status = true", "status = 1", 15, RULE, "turns.status", ["1 is not what status can be: true or false"]),
    ("{ status = true }", "{ }", 15, RULE, "turns", ["is not allowed"]),
    ('"start"', '"strat"', 16, RULE, "do", ['"strat"', "did you mean 'start'?", "start, stop"]),
    ('do = "start"\n', "\n", 13, RULE, None, ["the key 'do' is missing"]),
    ('"start"', '"start"\nwith = { brown = 2 }', 17, RULE, "with.brown", ["did you mean 'browning'?"]),
    ('"start"', '"start"\nwith.browning = 8', 17, RULE, "with.browning", ["8 is not allowed"]),
    ('"start"', '"start"\nbetween = ["25:00", "26:00"]', 17, RULE, "between", ["a time of day"]),
    ('"start"', '"start"\nbetween = "06:00"', 17, RULE, "between", ["a time of day"]),
    ('"start"', '"start"\ndays = ["mo"]', 17, RULE, "days", ["a list of one of", '"mon"']),
    ('"start"', '"start"\ncooldown = 5', 17, RULE, "cooldown", ["a duration with its unit"]),
    ('"start"', '"start"\ndelay = "-5s"', 17, RULE, "delay", ["a duration with its unit"]),
    ('"start"', '"start"\nunless = true', 17, RULE, "unless", ["unknown key", "between, cooldown, days"]),
]


@pytest.mark.parametrize(("old", "new", "line", "table", "key", "words"), MISTAKES)
def test_each_mistake_gives_one_message(
    tmp_path: Path, old: str, new: str, line: int, table: str, key: str | None, words: list[str]
) -> None:
    """A mistake is told once, with its file, line, table and key, the bad value and what is allowed."""
    assert GOOD.count(old) == 1, "the mistake stands in more than one place"
    (found,) = mistakes(tmp_path, GOOD.replace(old, new))
    assert (found.file, found.line) == (str(tmp_path / "house.toml"), line)
    assert (found.table, found.key) == (table, key)
    for word in words:
        assert word in found.text


def test_a_message_begins_with_its_place(tmp_path: Path) -> None:
    """A message can be clicked on in an editor: file, line, then table and key."""
    (found,) = mistakes(tmp_path, GOOD.replace("= 3", "= 9"))
    assert str(found) == (
        f"{tmp_path / 'house.toml'}:11: [devices.toaster] browning: "
        "9 is not allowed; browning takes a whole number from 1 to 7"
    )


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    """Nobody has to correct one mistake to see the next."""
    text = GOOD.replace('"Home"', "1").replace("= 3", "= 9").replace('"start"', '"strat"')
    text = text.replace('"switch"', '"swich"').replace('"mirror"', '"miror"')
    assert [(found.line, found.key) for found in mistakes(tmp_path, text)] == [
        (2, "name"), (11, "browning"), (14, "device"), (16, "do"), (19, "kind"),
    ]  # fmt: skip


def test_the_same_mistakes_are_told_in_the_same_order_every_time(tmp_path: Path) -> None:
    """Mistakes on one line do not change places between two runs."""
    file = tmp_path / "house.toml"
    file.write_text('house = { one = 1, two = 2, six = 6, ten = 10 }\n[devices.m]\nkind = "mirror"\n')
    program = (
        f"from pathlib import Path; from daemons.config import load_house; load_house(Path({str(file)!r}))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": str(seed)},
            cwd=Path(__file__).parent.parent,
            capture_output=True,
            text=True,
            check=False,
        ).stderr.partition("ConfigurationError: ")[2]
        for seed in range(4)
    }
    assert len(told) == 1
    assert "one" in told.pop()


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e400", "9" * 400])
def test_a_number_that_is_none_is_refused(tmp_path: Path, value: str) -> None:
    """Not-a-number and infinity pass TOML, and would not come through a device's slice."""


# Anything at all

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


@settings(max_examples=150, deadline=None)
@given(houses | st.dictionaries(words, toml_values, max_size=4))
def test_no_table_raises(raw: dict[str, Any]) -> None:
    """Whatever TOML can hold gives a house or problems, each of which has a place and a text."""
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
    """The shipped file with pieces cut out, doubled or replaced gives a house or a configuration error."""
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
