"""What a device cannot do with its driver: the commands, arguments and options that need another ability."""

from contextlib import suppress
from typing import Any

from daemons.config import loader
from daemons.drivers import Driver
from daemons.errors import HouseError
from daemons.kinds import Ability, Kind
from daemons.values import format_toml, parse_table


def abilities(driver: type[Driver[Any]], options: Any) -> frozenset[Ability]:
    """Return the abilities of a driver with its options, or without any if they have a problem."""
    return driver.abilities if options is None else driver.abilities_with(options)


def refusal(driver: type[Driver[Any]], ability: Ability) -> str:
    """Return the end of the sentence that a driver has not an ability: with other options it may have it."""
    return "does not have with these options" if ability in driver.abilities else "does not have"


def lacking(kind: type[Kind], driver: type[Driver[Any]] | None, options: Any) -> dict[str, str]:
    """Return the names of the kind that need an ability which the driver has not, each with the reason.

    A device that your own program runs, or that has no driver, lacks nothing.
    """
    if driver is None or not driver.runs_here or not kind.further_needs:
        return {}
    can, word = abilities(driver, options), driver.word
    return {
        name: f'{name} needs the ability "{ability}", which {format_toml(word)} {refusal(driver, ability)}'
        for name, ability in kind.further_needs.items()
        if ability not in can
    }


def lacking_in(kind: type[Kind], table: dict[str, Any]) -> dict[str, str]:
    """Return the same by the table of the device; nothing if it names no driver that can be loaded."""
    word = table.get("driver")
    if not isinstance(word, str) or not kind.further_needs:
        return {}
    with suppress(HouseError):
        driver = loader.driver(word)
        return lacking(kind, driver, parse_table(table.get(word, {}), driver.options_type, (), []))
    return {}
