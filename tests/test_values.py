"""Typed values of the configuration, and the problems that a wrong one causes."""

from datetime import time
from typing import Annotated, Any, Literal

import pytest
import tomli
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta, Struct, field

from daemons.values import (
    Problem,
    Seconds,
    TimeOfDay,
    convert,
    describe_type,
    format_seconds,
    format_toml,
    parse_table,
    printable,
    suggest,
)


class Oven(Struct, frozen=True, kw_only=True):
    """A table with one key of each type."""

    mode: Literal["top", "bottom"]
    heat_seconds: Seconds = field(name="heat", default=Seconds(60))
    level: Annotated[int, Meta(ge=1, le=7)] = 3
    light: bool = True
    opens: TimeOfDay | None = None

    def __post_init__(self) -> None:
        """Check a rule over two keys."""
        if self.heat_seconds > 3600 and not self.light:
            raise ValueError("a long heat needs its light")


def oven(raw: object) -> tuple[Oven | None, list[Problem]]:
    """Parse the table of an oven; return the oven and the problems."""
    problems: list[Problem] = []
    return parse_table(raw, Oven, ("devices", "oven"), problems), problems


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("90s", 90), ("1.5s", 1.5), ("4m", 240), ("1h30m", 5400), ("1m30s", 90), ("2d", 172800),
     ("0s", 0)],
)  # fmt: skip
def test_a_duration_is_read_with_its_unit(text: str, seconds: float) -> None:
    """A number and its unit, or several of them, are that many seconds."""
    assert Seconds.parse(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "90",
        "s",
        "90 s",
        "-1s",
        "+1s",
        "1e3s",
        ".5s",
        "5.s",
        "1w",
        "s90",
        90,
        None,
        "nans",
        "36500d1ms",
        "3000000d",
        "9" * 400 + "h",
    ],
)
def test_a_wrong_duration_is_refused_with_an_example(text: object) -> None:
    """The error of a number without a unit, or of anything else, shows a duration."""
    with pytest.raises(ValueError, match="a duration with its unit, such as"):
        Seconds.parse(text)


@settings(max_examples=50)
@given(st.integers(0, 36500), st.sampled_from(["ms", "s", "m", "h", "d"]))
def test_a_duration_of_one_unit_is_its_number_times_the_unit(number: int, unit: str) -> None:
    """Every whole number of a unit is read exactly."""
    size = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}[unit]
    assert Seconds.parse(f"{number}{unit}") == pytest.approx(number * size)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.03, "30ms"), (1, "1s"), (90, "90s"), (60, "1m"), (1200, "20m"), (7200, "2h")],
)
def test_a_duration_has_the_largest_unit_without_a_fraction(seconds: float, text: str) -> None:
    """The configuration parses the text to the same duration."""
    assert format_seconds(seconds) == text
    assert Seconds.parse(text) == seconds


@settings(max_examples=50)
@given(st.times())
def test_a_time_of_day_is_read_back(moment: time) -> None:
    """Every minute of the day is a valid time of day, and the order is that of the day."""
    text = TimeOfDay.of(moment)
    assert TimeOfDay.parse(str(text)) == text
    assert (text >= "12:00") == (moment.hour >= 12)


@pytest.mark.parametrize("text", ["24:00", "6:30", "06:60", "0630", "06:30:00", "", 630, None, "06:30\n"])
def test_a_wrong_time_of_day_is_refused_with_an_example(text: object) -> None:
    """The error of an impossible hour, or of another form, shows a time of day."""
    with pytest.raises(ValueError, match='a time of day, such as "06:30"'):
        TimeOfDay.parse(text)


@pytest.mark.parametrize("text", ["0\u0663:30", "06:3\u0663"])
def test_a_time_of_day_has_plain_digits(text: str) -> None:
    """Digits of other alphabets are refused, because times are compared as text."""
    with pytest.raises(ValueError, match="a time of day"):
        TimeOfDay.parse(text)


def test_a_table_is_read_into_its_struct() -> None:
    """Keys have the names of the file, and values have their types."""
    assert oven({"mode": "top", "heat": "2m", "opens": "06:30"}) == (
        Oven(mode="top", heat_seconds=Seconds(120), opens=TimeOfDay("06:30")),
        [],
    )


def test_all_problems_of_a_table_are_reported_at_once() -> None:
    """Parsing continues after a problem; each problem names the key, the value and the allowed values."""
    value, problems = oven({"mod": "top", "heat": 90, "level": 9, "light": "yes"})
    assert value is None
    assert {problem.path[2:]: problem.text for problem in problems} == {
        ("mod",): "unknown key; did you mean 'mode'? allowed: mode, heat, level, light, opens",
        (): "the key 'mode' is missing; it takes one of \"bottom\", \"top\"",
        ("heat",): f"90 is not allowed; heat takes {Seconds.allowed}",
        ("level",): "9 is not allowed; level takes a whole number from 1 to 7",
        ("light",): '"yes" is not allowed; light takes true or false',
    }  # fmt: skip


def test_a_rule_over_several_keys_is_reported_in_its_own_words() -> None:
    """A problem between two keys is reported with the text of the struct, and nothing else."""
    assert oven({"mode": "top", "heat": "2h", "light": False}) == (
        None,
        [Problem(("devices", "oven"), "a long heat needs its light")],
    )


def test_a_value_instead_of_a_table_is_a_problem() -> None:
    """A bare value instead of a table is a problem, and not a crash."""
    assert oven(5)[1] == [Problem(("devices", "oven"), "expected a table, found 5")]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=100)
@given(st.dictionaries(st.sampled_from(["mode", "heat", "level", "light", "opens", "x"]), json_values))
def test_any_table_gives_a_value_or_problems(raw: dict[str, Any]) -> None:
    """Parsing any table returns a value, or reports problems, and never raises."""
    value, problems = oven(raw)
    assert (value is None) == bool(problems)


@pytest.mark.parametrize(
    ("raw", "printed"),
    [
        (True, "true"),
        (5, "5"),
        ("on", '"on"'),
        ([1, 2], "[1, 2]"),
        ("x" * 80, '"' + "x" * 56 + "..."),
        ('a"b', r'"a\"b"'),
        ("a\nb", r'"a\nb"'),
        ({"a b": 1}, '{ "a b" = 1 }'),
    ],
)
def test_a_value_is_printed_as_toml(raw: object, printed: str) -> None:
    """A value in a message looks as in the file, and is cut to fit one line."""
    assert format_toml(raw) == printed


@given(
    st.recursive(
        st.text() | st.integers() | st.none(), lambda part: st.lists(part) | st.dictionaries(st.text(), part)
    )
)
def test_a_printable_document_has_no_control_characters(found: object) -> None:
    """All texts and keys, at any depth, are printable; printable ones stay as they are."""
    shown = printable(found)
    assert all(text.isprintable() for text in texts(shown))
    assert printable(shown) == shown
    if all(text.isprintable() for text in texts(found)):
        assert shown == found


toml_values = st.recursive(
    st.text(st.characters(exclude_categories=["Cs"])) | st.integers(-(2**63), 2**63 - 1) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@given(toml_values)
def test_a_printed_value_is_toml(value: object) -> None:
    """A TOML parser reads a printed value back, whatever characters it contains."""
    assert tomli.loads(f"value = {format_toml(value, 10**9)}") == {"value": value}


def texts(found: object) -> list[str]:
    """Return all texts of a document."""
    match found:
        case str():
            return [found]
        case list():
            return [text for part in found for text in texts(part)]
        case dict():
            return [text for pair in found.items() for part in pair for text in texts(part)]
    return []


def test_a_number_of_thousands_of_digits_is_shown() -> None:
    """Even a number that Python refuses to print (above 4300 digits) can be shown in a message."""
    assert len(format_toml(16**5000)) <= 60


def test_the_nearest_word_is_offered_first() -> None:
    """For a mistyped word, the nearest word and all allowed words are offered."""
    assert suggest("toster", ["toaster", "lamp"]) == "did you mean 'toaster'? allowed: toaster, lamp"
    assert suggest("zzz", ["toaster", "lamp"]) == "allowed: toaster, lamp"
    assert suggest("zzz", []) == "allowed: none"


@pytest.mark.parametrize(
    ("type_", "words"),
    [
        (bool, "true or false"),
        (float, "a number"),
        (Annotated[int, Meta(ge=1)], "a whole number from 1"),
        (str | None, "text"),
        (tuple[TimeOfDay, TimeOfDay], f"[first, second], each {TimeOfDay.allowed}"),
        (tuple[Literal["mon", "tue"], ...], 'a list, each one of "mon", "tue"'),
        (dict[str, int], "a table"),
        (bool | int, "true or false or a whole number"),
    ],
)
def test_a_type_is_described_in_words(type_: object, words: str) -> None:
    """The allowed values are described in words, not as Python types."""
    assert sorted(describe_type(type_).split(" or ")) == sorted(words.split(" or "))


def test_a_checked_value_is_converted_without_problems() -> None:
    """A device reads its slice, which was checked before, in one call."""
    assert convert({"mode": "bottom"}, Oven).mode == "bottom"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("06:30", 6.5 * 3600),
        ("sunset", 18 * 3600),
        ("sunset-30m", 17.5 * 3600),
        ("sunrise+1h", 7 * 3600),
        ("noon-12h", 0),
    ],
)
def test_a_time_of_day_has_its_seconds_after_midnight(text: str, seconds: float) -> None:
    """A time of the sun counts as it is at an equinox, with its offset."""
    assert TimeOfDay.parse(text).usual == seconds


@pytest.mark.parametrize("text", ["sunset-13h", "sunrise+12h1m"])
def test_an_offset_of_more_than_twelve_hours_is_refused(text: str) -> None:
    """The time would belong to another day."""
    with pytest.raises(ValueError, match="at most 12h"):
        TimeOfDay.parse(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [(10**18, str(10**18)), (1 << 63, str(1 << 63)), (1 << 64, hex(1 << 64)), (-(1 << 64), hex(-(1 << 64)))],
)
def test_a_number_of_more_than_64_bits_is_printed_in_hexadecimal(value: int, text: str) -> None:
    """Python refuses to print thousands of decimal digits."""
    assert format_toml(value) == text
