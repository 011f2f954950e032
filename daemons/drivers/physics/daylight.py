"""Whether the sun is up at a place. Pure.

The formulas are those of the Astronomical Almanac for low precision. They are right to about a minute.
"""

import math

J2000 = 946_728_000.0
"""The noon of 1 January 2000 (Unix seconds), from which the angles are counted."""
DAY_SECONDS = 86_400.0
RISE_DEGREES = -0.833
"""The height of the sun's centre when its upper edge appears, with the refraction of the air."""


def is_daylight(at: float, latitude: float, longitude: float) -> bool:
    """Return whether the sun is up at a moment (Unix seconds)."""
    return sun_height_degrees(at, latitude, longitude) > RISE_DEGREES


def sun_height_degrees(at: float, latitude: float, longitude: float) -> float:
    """Return the height of the sun above the horizon."""
    days = (at - J2000) / DAY_SECONDS
    anomaly = math.radians(357.528 + 0.9856003 * days)
    ecliptic = math.radians(
        280.46 + 0.9856474 * days + 1.915 * math.sin(anomaly) + 0.02 * math.sin(2 * anomaly)
    )
    tilt = math.radians(23.439 - 4e-7 * days)
    ascension = math.atan2(math.cos(tilt) * math.sin(ecliptic), math.cos(ecliptic))
    declination = math.asin(math.sin(tilt) * math.sin(ecliptic))
    sidereal = math.radians(280.46062 + 360.98564737 * days + longitude)
    north = math.radians(latitude)
    height = math.sin(north) * math.sin(declination) + math.cos(north) * math.cos(declination) * math.cos(
        sidereal - ascension
    )
    return math.degrees(math.asin(max(-1.0, min(1.0, height))))
