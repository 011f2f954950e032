"""How bright a page on a wall is: by the time of day, the sun and presence. Pure."""

from typing import Literal

from daemons.config.sun import SunCalendar
from daemons.kinds.mirror import Options, Window

Screen = Literal["day", "night", "off"]
"""Bright; dim and warm; black."""


def screen(options: Options, calendar: SunCalendar, is_needed: bool | None, wall: float) -> Screen:
    """Return how bright the page is at `wall` (Unix seconds).

    `is_needed` is the `status` of the device `screen_needs`; None if it is not known. Then the page stays
    on: an empty room harms less than a black mirror.
    """
    if is_within(options.screen_off, calendar, wall) or (options.screen_needs and is_needed is False):
        return "off"
    return "night" if is_within(options.night, calendar, wall) else "day"


def is_within(window: Window | None, calendar: SunCalendar, wall: float) -> bool:
    """Return whether a moment lies in a window."""
    return window is not None and calendar.window_day(wall, *window) is not None
