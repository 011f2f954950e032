"""Hardware on the local network: every driver searches at the same time, and what is found is told."""

import asyncio
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from daemons.config import loader
from daemons.config.device import build
from daemons.config.editor import encode, name_for, device_table
from daemons.config.house import House
from daemons.drivers import Driver, Found
from daemons.errors import HouseError
from daemons.values import Problem, printable, parse_table

ESPHOME = "_esphomelib._tcp.local."
SECRETS = {"username", "password_file"}
"""Options that say who asks, not where it is."""
ABSENT = """\
Nothing was found within {seconds:g} s. What to try:
- Is it on, and on the same network as this machine? A guest network or another subnet keeps searches out.
- `--timeout 15`: some answer late.
- Tasmota and Zigbee2MQTT are asked at the brokers that the configuration names; where it names none,
  at this machine's own.
- A firewall must let multicast DNS (UDP 5353) in, for Shelly and ESPHome.
What is not found can be configured all the same: `house drivers` lists how."""


class Sighting(Struct, frozen=True):
    """Something that was found, as this house sees it."""

    found: Found
    name: str | None
    """What it can be called in the configuration; nothing where no driver reaches it."""
    used_by: tuple[str, ...] = ()
    """The devices that it already is."""

    @property
    def is_new(self) -> bool:
        """Whether it can be written into the configuration."""
        return self.name is not None and not self.used_by


def searchable(word: str) -> bool:
    """Tell whether a driver can search; HouseError when it cannot be loaded."""
    return loader.driver(word).discover.__func__ is not Driver.discover.__func__  # type: ignore[attr-defined]


def search(
    words: Iterable[str], house: House | None, seconds: float, *, strict: bool
) -> tuple[list[Sighting], list[str]]:
    """Have these drivers search for so long; give what they found, and why some could not.

    When strict, a driver that cannot search is an error.
    """
    searches: dict[str, Any] = {}
    failures: dict[str, str] = {}
    for word in words:
        try:
            if searchable(word):
                searches[word] = loader.driver(word).discover(seconds, known(word, house))
        except HouseError as error:
            failures[word] = str(error).removeprefix(f"daemons/drivers/{word}.py ")
    if not strict:
        searches["ESPHome"] = esphome(seconds)
    found: list[Found] = []
    for word, outcome in zip(searches, asyncio.run(_gather(searches.values())), strict=True):
        if isinstance(outcome, ModuleNotFoundError):
            failures[word] = loader.missing_module_text(outcome)
        elif isinstance(outcome, HouseError):
            failures[word] = str(outcome)
        elif isinstance(outcome, Exception):
            failures[word] = f"its search has failed: {outcome or type(outcome).__name__}"
        else:
            found += outcome
    told = [f"{', '.join(w for w in failures if failures[w] == why)}: {why}" for why in failures.values()]
    if strict and told:
        raise HouseError(told[0])
    return sightings(found, house), list(dict.fromkeys(told))


async def _gather(searches: Iterable[Any]) -> list[Any]:
    return await asyncio.gather(*searches, return_exceptions=True)


async def esphome(seconds: float) -> list[Found]:
    """Find devices with ESPHome, which no driver reaches by their own protocol."""
    from daemons.drivers.transports import mdns

    note = "no driver for ESPHome: have it speak MQTT, or use `command`"
    return [
        Found(
            title=service.words.get("friendly_name") or service.name,
            address=service.address.partition(":")[0] if service.address[:1] != "[" else service.address,
            model=" ".join(filter(None, ("ESPHome", service.words.get("board")))),
            firmware=service.words.get("version", ""),
            note=note,
        )
        for service in await mdns.browse(ESPHOME, seconds)
    ]


def known(word: str, house: House | None) -> list[Any]:
    """Give the options of the devices that already use a driver."""
    used = house.devices.values() if house else ()
    return [device.driver_options for device in used if device.driver is loader.driver(word)]


def sightings(found: Iterable[Found], house: House | None) -> list[Sighting]:
    """See what was found against the house: which device it is, or what it could be called."""
    taken = set(house.devices) if house else set()
    seen = []
    for one in sorted((clean(one) for one in found), key=lambda one: (one.driver or "~", one.address)):
        if one.driver is None:
            seen.append(Sighting(one, None))
            continue
        name = name_for(one.title, one.kind, taken)
        table = {"kind": one.kind, "driver": one.driver, one.driver: one.options}
        problems: list[Problem] = []
        if build(name, table, (), problems) is None or problems:
            why = problems[0].text if problems else "it has no place in a configuration"
            seen.append(Sighting(replace(one, driver=None, note=clean_text(why)), None))
            continue
        users = tuple(users_of(one, house))
        if not users:
            taken.add(name)
        seen.append(Sighting(one, name, users))
    return seen


def users_of(found: Found, house: House | None) -> list[str]:
    """Name the devices of the house that are this piece of hardware."""
    driver = loader.driver(str(found.driver))
    options = parse_table(found.options, driver.options_type, (), [])
    keys = found.options.keys() - SECRETS
    fields = [f.name for f in msgspec.structs.fields(driver.options_type) if f.encode_name in keys]
    fields += ["place"] if hasattr(options, "place") else []  # of a broker, which may be the usual one
    return [
        name
        for name, device in (house.devices if house else {}).items()
        if device.driver is driver
        and all(getattr(device.driver_options, field) == getattr(options, field) for field in fields)
    ]


def clean(found: Found) -> Found:
    """Take out of what strangers say of themselves all that a terminal or a file could trip over."""
    texts = {
        key: clean_text(getattr(found, key)) for key in ("title", "address", "model", "firmware", "note")
    }
    return replace(found, **texts)


def clean_text(text: str) -> str:
    """Leave what can be printed in a line."""
    return str(printable(text)).strip()[:200]


def table_of(sighting: Sighting, name: str | None = None) -> str:
    """Give the table of the configuration for what was found."""
    found = sighting.found
    keys = {"kind": encode(found.kind), "driver": encode(found.driver)}
    keys |= {f"{found.driver}.{key}": encode(value) for key, value in found.options.items()}
    return device_table(name or str(sighting.name), keys, found.note)


def as_builtins(sighting: Sighting) -> dict[str, Any]:
    """Give what was found for JSON."""
    told = msgspec.to_builtins(sighting.found)
    return {**told, "name": sighting.name, "used_by": list(sighting.used_by)}


def show(seen: list[Sighting], console: Console) -> None:
    """Draw what was found, and the notes below; a column in which nothing stands is left out."""
    rows = [
        {
            "Title": one.found.title,
            "Model": one.found.model,
            "Address": one.found.address,
            "Kind": one.found.kind if one.found.driver else "",
            "Driver": one.found.driver or "none",
            "Already": ", ".join(one.used_by),
        }
        for one in seen
    ]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
    columns = [title for title in rows[0] if any(row[title] for row in rows)]
    for title in columns:
        table.add_column(title, overflow="fold", no_wrap=title in ("Address", "Driver"))
    for row in rows:
        style = "dim" if row["Driver"] == "none" else ""
        table.add_row(*(Text(row[title]) for title in columns), style=style)
    console.print(table)
    for one in seen:
        if one.found.note:
            console.print(Text(f"{one.found.title}: {one.found.note}"))
