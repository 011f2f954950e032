"""What the contract is checked for: the kinds and drivers of House, or those of another author.

`python -m daemons.contract` names these in the environment, because the tests run in pytest.
"""

import os
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from daemons.config import device as table
from daemons.config import loader
from daemons.config.extension import Extension
from daemons.errors import HouseError
from daemons.kinds import Machine
from daemons.values import Problem

VARIABLE = "HOUSE_CONTRACT"
"""The environment variable with the Subject, as JSON."""
REQUIRED: dict[str, dict[str, Any]] = {"meter": {"source": "plug"}}
"""By kind, the options without which there is no such device."""


class Subject(Struct, frozen=True, kw_only=True):
    """The extensions whose contract is checked."""

    extensions: tuple[Extension, ...]
    options: dict[str, dict[str, Any]] = {}
    """By kind or driver, the options that it needs, as a person writes them."""


def is_of_another_author() -> bool:
    """Return whether the contract is checked for extensions, and not for House itself."""
    return VARIABLE in os.environ


def words(folder: str) -> list[str]:
    """Return the words whose contract is checked: those of the Subject, or all of House."""
    text = os.environ.get(VARIABLE)
    if text is None:
        return sorted(loader.built_in()[folder])
    subject = msgspec.json.decode(text, type=Subject)
    for extension in subject.extensions:
        loader.add(extension)
    REQUIRED.update(subject.options)
    return [extension.word for extension in subject.extensions if extension.folder == folder]


def device(kind: str, **options: Any) -> table.Device:
    """Return a simulated device of a kind, from a table of the configuration."""
    problems: list[Problem] = []
    found = loader.kind_or_none(kind)
    driver = {} if found and found.default_driver else {"driver": "simulated"}
    needed = {key: value for key, value in REQUIRED.get(kind, {}).items() if key + "s" not in options}
    made = table.build(kind, {"kind": kind, **driver, **needed, **options}, ("devices", kind), problems)
    assert made is not None, problems
    assert not problems
    return made


def machine(kind: str, speed: float = 1.0, **options: Any) -> Machine[Any, Any]:
    """Return the state machine of a kind; `speed` is how many times faster its hardware works."""
    made = device(kind, **options)
    assert issubclass(made.kind, Machine)
    return made.kind(made.options, speed)


def machine_kinds() -> list[str]:
    """Return the kinds that have a state machine, of those whose contract is checked."""
    return [word for word in words("kinds") if issubclass(loader.kind(word), Machine)]


def loadable(drivers: Sequence[str]) -> list[str]:
    """Return the drivers whose libraries are installed."""
    return [word for word in drivers if missing_library(word) is None]


def missing_library(word: str) -> str | None:
    """Return which library a driver misses, as the house reports it, or None."""
    try:
        loader.driver(word)
    except HouseError as error:
        return str(error)
    return None
