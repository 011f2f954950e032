"""Colours: how they are written, how hardware has them, and when two of them are the same."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daemons.config.meant import meant_colour
from daemons.kinds import Reading, Setting
from daemons.kinds.base import colour as colours
from daemons.values import COLOURS, Colour

PARTS = st.tuples(*[st.integers(0, 255)] * 3).filter(any)
ANY = PARTS.map(lambda parts: str(Colour.parse("#" + bytes(parts).hex())))


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("#ff8800", "#ff8800"),
        ("#FF8800", "#ff8800"),
        ("#804400", "#ff8700"),
        ("#010101", "#ffffff"),
        ("orange", "#ff8000"),
        ("white", "#ffffff"),
    ],
)
def test_a_colour_has_one_form(text: str, colour: str) -> None:
    """It has small letters and its full brightness, because the brightness is a value of its own."""
    assert Colour.parse(text) == colour


@pytest.mark.parametrize(
    "text", ["", "ff8800", "#f80", "#ff88", "#gg0000", "#ff8800\n", "Red", 7, None, "#000000"]
)
def test_what_is_no_colour_is_refused(text: object) -> None:
    """Black is refused too: a lamp without light is off."""
    with pytest.raises(ValueError, match="a colour, such as"):
        Colour.parse(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [("Rot", "red"), ("F80", "#ff8800"), ("ff8800", "#ff8800"), ("Blau ", "blue"), ("#12", None), (3, None)],
)
def test_a_colour_that_was_meant_is_found(text: object, meant: str | None) -> None:
    """An error can then name it."""
    assert meant_colour(text) == meant


def test_each_name_is_a_colour_of_full_brightness() -> None:
    """A name is not changed any more."""
    assert {name: Colour.parse(value) for name, value in COLOURS.items()} == COLOURS


@given(ANY)
def test_a_colour_survives_each_way_there_and_back(colour: str) -> None:
    """Hue and saturation return it, in the steps of each protocol too; x and y in the steps of Zigbee."""
    hue, saturation = colours.hue_and_saturation(colour)
    assert colours.from_hue(hue, saturation) == colour
    assert colours.is_near(colours.from_hue(round(hue), round(saturation)), colour)
    zigbee = int(hue * 254 / 360) * 360 / 254, int(saturation * 254 / 100) * 100 / 254
    assert colours.is_near(colours.from_hue(*zigbee), colour)
    x, y = colours.to_xy(colour)
    back = colours.from_xy(round(x, 4), round(y, 4))
    assert back is not None
    assert colours.is_near(back, colour)


@given(st.floats(-1, 2), st.floats(-1, 2))
@example(0.0, 2.2250738585e-313)  # x / y and z / y are infinite
def test_each_chromaticity_is_a_colour_or_none(x: float, y: float) -> None:
    """A bulb may report any numbers."""
    found = colours.from_xy(x, y)
    assert found is None or Colour.parse(found) == found


@pytest.mark.parametrize(
    ("colour", "xy"),
    [("#ff0000", (0.7006, 0.2993)), ("#00ff00", (0.1724, 0.7468)), ("#0000ff", (0.1355, 0.0399))],
)
def test_the_corners_are_those_of_the_published_matrix(colour: str, xy: tuple[float, float]) -> None:
    """Zigbee2MQTT names 0.7006 and 0.2993 for red."""
    assert colours.to_xy(colour) == pytest.approx(xy, abs=0.0001)


@pytest.mark.parametrize(
    ("setting", "reading", "is_met"),
    [
        ({"colour": "#ff8800"}, {"colour": "#fa8608"}, True),
        ({"colour": "#ff8800"}, {"colour": "#ff9400"}, False),
        ({"colour": "#ff8800"}, {}, True),
        ({"colour": "#ff8800"}, {"colour_temperature_kelvin": 2700}, False),
        ({"colour_temperature_kelvin": 2700}, {"colour": "#ff8800"}, False),
        ({"colour_temperature_kelvin": 2700}, {}, True),
        ({}, {"colour": "#ff8800"}, True),
    ],
)
def test_a_setting_is_met_by_nearly_the_same_colour(
    setting: dict[str, str | int], reading: dict[str, str | int], is_met: bool
) -> None:
    """A white is no colour, and a colour is no white. A value that is not reported counts as met."""
    wanted = Setting(on=True, **setting)  # type: ignore[arg-type]
    assert wanted.is_met_by(Reading(on=True, **reading)) is is_met  # type: ignore[arg-type]
