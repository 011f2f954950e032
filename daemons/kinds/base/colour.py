"""Colours in the terms of hardware: hue and saturation, or the chromaticity x and y of CIE 1931. Pure.

A colour is "#rrggbb", of full brightness. The brightness of a lamp is a number of its own.
"""

import colorsys
from collections.abc import Iterable

from daemons.values import Colour

COLOUR_STEPS = 10
"""How much each of the three parts of a reported colour (0 to 255) may differ from the setting. The hue of
Zigbee has 255 steps (Zigbee Cluster Library, 5.2.2.2.1.1, CurrentHue), so one step is 1.4° and up to 6 of 255
of a part. A saturation in percent adds up to 3, and one is for the rounding to whole numbers."""
Parts = tuple[int, int, int]


def parts_of(colour: str) -> Parts:
    """Return red, green and blue, each from 0 to 255."""
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue


def from_parts(parts: Iterable[float]) -> str | None:
    """Return the colour of red, green and blue in any scale; None if none of them is above 0."""
    found = [max(0.0, part) for part in parts]
    return _encode(found) if max(found) > 0 else None


def is_near(one: str, other: str) -> bool:
    """Return whether two colours are the same for hardware that rounds them."""
    return all(abs(a - b) <= COLOUR_STEPS for a, b in zip(parts_of(one), parts_of(other), strict=True))


def refuse_both(colour: str | None, kelvin: int | None) -> None:
    """Raise ValueError for a colour together with the colour temperature of a white."""
    if colour is not None and kelvin is not None:
        raise ValueError("a lamp shows a colour or a white; remove colour or colour_temperature_kelvin")


def hue_and_saturation(colour: str) -> tuple[float, float]:
    """Return the hue (0 to 360 degrees) and the saturation (0 to 100 %) of a colour."""
    hue, saturation, _ = colorsys.rgb_to_hsv(*(part / 255 for part in parts_of(colour)))
    return hue * 360, saturation * 100


def from_hue(hue_degrees: float, saturation_percent: float) -> str:
    """Return the colour of a hue and a saturation; each is brought into its range."""
    saturation = min(100.0, max(0.0, saturation_percent)) / 100
    return _encode(colorsys.hsv_to_rgb(hue_degrees % 360 / 360, saturation, 1.0))


def to_xy(colour: str) -> tuple[float, float]:
    """Return the chromaticity of a colour.

    The matrix is that of wide RGB with the white point D65. Philips Hue published it for its bulbs, and
    Zigbee2MQTT (`src/lib/color.ts` of zigbee-herdsman-converters) and Home Assistant use it.
    """
    red, green, blue = (_to_linear(part / 255) for part in parts_of(colour))
    x = red * 0.664511 + green * 0.154324 + blue * 0.162028
    y = red * 0.283881 + green * 0.668433 + blue * 0.047685
    z = red * 0.000088 + green * 0.072310 + blue * 0.986039
    return x / (x + y + z), y / (x + y + z)


def from_xy(x: float, y: float) -> str | None:
    """Return the colour of a chromaticity; None for one that no light has.

    The matrix is the inverse of that in `to_xy`. A colour beyond what red, green and blue can mix becomes the
    nearest one that they can.
    """
    if not (0 <= x <= 1 and 0 < y <= 1):
        return None
    z = 1 - x - y
    linear = (  # for X, Y and Z in the ratio x : y : z; their size makes no difference
        x * 1.656492 - y * 0.354851 - z * 0.255038,
        -x * 0.707196 + y * 1.655397 + z * 0.036152,
        x * 0.051713 - y * 0.121364 + z * 1.011530,
    )
    most = max(linear)
    return _encode([_from_linear(max(0.0, part / most)) for part in linear]) if most > 0 else None


def _to_linear(part: float) -> float:
    """Return the light of a part of sRGB (IEC 61966-2-1), both from 0 to 1."""
    return ((part + 0.055) / 1.055) ** 2.4 if part > 0.04045 else part / 12.92  # noqa: PLR2004


def _from_linear(light: float) -> float:
    return 1.055 * light ** (1 / 2.4) - 0.055 if light > 0.0031308 else light * 12.92  # noqa: PLR2004


def _encode(parts: Iterable[float]) -> str:
    """Return the colour of parts in any scale, of which at least one is above 0."""
    found = [*parts]
    return str(Colour("#" + bytes(round(part / max(found) * 255) for part in found).hex()))
