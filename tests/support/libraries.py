"""Drivers whose library is not installed: their tests are skipped, with the reason."""

from collections.abc import Iterable

import pytest

from daemons.config import loader
from daemons.errors import HouseError

EXTRAS = ("aiomqtt", "paho", "kasa", "gpiozero", "zeroconf", "holidays")
"""The packages that the extras of the drivers install; a house runs without all of them."""


def missing_library(word: str) -> str | None:
    """Return which library a driver misses, as the house reports it, or None."""
    try:
        loader.driver(word)
    except HouseError as error:
        return str(error)
    return None


def skip_without_library(word: str) -> None:
    """Skip the test where the library of a driver is not installed."""
    if missing := missing_library(word):
        pytest.skip(missing)


def with_library(words: Iterable[str]) -> list[str]:
    """Return the drivers whose library is installed."""
    return [word for word in words if missing_library(word) is None]
