"""The holidays of a country or a region, by the library `holidays`. Only the whole configuration loads it.

The dates go into the part of the configuration that a device reads, so no device process needs the library.
"""

from functools import cache

from daemons.config.loader import missing_library
from daemons.values import format_toml, suggest

YEARS = range(2025, 2046)
"""The years whose holidays are known to a device, whenever it was started."""


@cache
def holiday_dates(country: str, region: str | None) -> tuple[str, ...]:
    """Return the holidays of all YEARS as ISO dates; raises ValueError for an unknown country or region."""
    import holidays  # noqa: PLC0415  only a house with holidays needs it

    try:
        found = holidays.country_holidays(country, subdiv=region, years=YEARS)
    except NotImplementedError as error:
        raise ValueError(str(error)) from error
    return tuple(sorted(day.isoformat() for day in found))


def country_problem(country: str, region: str | None) -> tuple[str, str] | None:
    """Return the wrong key, `country` or `region`, and what is wrong; None if both are known."""
    if missing := missing_library("holidays"):
        return "country", missing
    from holidays.utils import list_supported_countries  # noqa: PLC0415  as above

    regions = list_supported_countries(include_aliases=True)
    if country not in regions:
        known = suggest(country, list(regions))
        return "country", f"there is no country {format_toml(country)} with known holidays; {known}"
    if region is not None and region not in regions[country]:
        return "region", f"{country} has no region {format_toml(region)}; {suggest(region, regions[country])}"
    return None
