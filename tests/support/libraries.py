"""Drivers whose library is not installed: their tests are skipped, with the reason."""

import pytest

from daemons.contract.subject import missing_library

EXTRAS = (
    "aiomqtt", "paho", "jinja2", "kasa", "aioesphomeapi", "gpiozero", "zeroconf", "holidays", "icalendar",
    "recurring_ical_events",
)  # fmt: skip
"""The packages that the extras of the drivers install; a house runs without all of them."""


def skip_without_library(word: str) -> None:
    """Skip the test where the library of a driver is not installed."""
    if missing := missing_library(word):
        pytest.skip(missing)
