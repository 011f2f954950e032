"""The place of a weather forecast: a driver that has none gets that of [house]."""

from typing import Any

from daemons.config import loader
from daemons.errors import HouseError
from daemons.values import Problem

KEYS = ("latitude", "longitude")


def with_places(raw: dict[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """Return the configuration with a place for each driver that needs one; a problem, if there is none."""
    tables, house = raw.get("devices"), raw.get("house")
    if not isinstance(tables, dict):
        return raw, []
    place = {key: house[key] for key in KEYS if key in house} if isinstance(house, dict) else {}
    problems: list[Problem] = []
    placed = {}
    for name, table in tables.items():
        word = table.get("driver") if isinstance(table, dict) else None
        options = table.get(word, {}) if isinstance(word, str) else None
        if not isinstance(options, dict) or not needs_place(word) or any(key in options for key in KEYS):
            continue
        if not place:
            text = f"{word} needs a place: write latitude and longitude in [house]"
            problems.append(Problem(("devices", name), text))
            continue
        placed[name] = {**table, word: {**options, **place}}
    return ({**raw, "devices": {**tables, **placed}} if placed else raw), problems


def needs_place(word: Any) -> bool:
    """Return whether a driver needs a place; False for one that cannot be loaded."""
    try:
        return loader.driver(word).needs_place
    except HouseError:
        return False
