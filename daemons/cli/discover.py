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
from daemons.config.editor import device_table, encode, name_for
from daemons.config.house import House
from daemons.drivers import Driver, Found
from daemons.errors import HouseError
from daemons.values import Problem, parse_table, printable

ESPHOME = "_esphomelib._tcp.local."
CREDENTIAL_OPTIONS = {"username", "password_file"}
"""Options that identify the client, and not the device."""
NOTHING_FOUND_TEXT = """\
Nothing was found within {seconds:g} s. What to try:
- Is it on, and on the same network as this machine? A guest network or another subnet keeps searches out.
- `--timeout 15`: some answer late.
- Tasmota and Zigbee2MQTT are asked at the brokers that the configuration names; where it names none,
  at this machine's own.
- A firewall must let multicast DNS (UDP 5353) in, for Shelly and ESPHome.
What is not found can be configured all the same: `house drivers` lists how."""


class DiscoveredDevice(Struct, frozen=True):
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


def can_search(word: str) -> bool:
    """Return whether a driver can search; raises HouseError if it cannot be loaded."""
    return loader.driver(word).discover.__func__ is not Driver.discover.__func__  # type: ignore[attr-defined]


def search(
    words: Iterable[str], house: House | None, seconds: float, *, strict: bool
) -> tuple[list[DiscoveredDevice], list[str]]:
    """Search with these drivers for so many seconds; return what they found, and why some failed.

    When strict, a driver that cannot search is an error.
    """
    searches: dict[str, Any] = {}
    failures: dict[str, str] = {}
    for word in words:
        try:
            if can_search(word):
                searches[word] = loader.driver(word).discover(seconds, known_options(word, house))
        except HouseError as error:
            failures[word] = str(error).removeprefix(f"daemons/drivers/{word}.py ")
    if not strict:
        searches["ESPHome"] = search_esphome(seconds)
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
    texts = [f"{', '.join(w for w in failures if failures[w] == why)}: {why}" for why in failures.values()]
    if strict and texts:
        raise HouseError(texts[0])
    return match_with_house(found, house), list(dict.fromkeys(texts))


async def _gather(searches: Iterable[Any]) -> list[Any]:
    return await asyncio.gather(*searches, return_exceptions=True)


async def search_esphome(seconds: float) -> list[Found]:
    """Find devices with ESPHome, which no driver reaches by their own protocol."""
    from daemons.drivers.transports import mdns

    note = "no driver for ESPHome: have it speak MQTT, or use `command`"
    return [
        Found(
            title=service.properties.get("friendly_name") or service.name,
            address=service.address.partition(":")[0] if service.address[:1] != "[" else service.address,
            model=" ".join(filter(None, ("ESPHome", service.properties.get("board")))),
            firmware=service.properties.get("version", ""),
            note=note,
        )
        for service in await mdns.browse(ESPHOME, seconds)
    ]


def known_options(word: str, house: House | None) -> list[Any]:
    """Return the options of the devices that already use a driver."""
    used = house.devices.values() if house else ()
    return [device.driver_options for device in used if device.driver is loader.driver(word)]


def match_with_house(found: Iterable[Found], house: House | None) -> list[DiscoveredDevice]:
    """See what was found against the house: which device it is, or what it could be called."""
    taken = set(house.devices) if house else set()
    seen = []
    for one in sorted((sanitize(one) for one in found), key=lambda one: (one.driver or "~", one.address)):
        if one.driver is None:
            seen.append(DiscoveredDevice(one, None))
            continue
        name = name_for(one.title, one.kind, taken)
        table = {"kind": one.kind, "driver": one.driver, one.driver: one.options}
        problems: list[Problem] = []
        if build(name, table, (), problems) is None or problems:
            why = problems[0].text if problems else "it has no place in a configuration"
            seen.append(DiscoveredDevice(replace(one, driver=None, note=sanitize_text(why)), None))
            continue
        users = tuple(devices_using(one, house))
        if not users:
            taken.add(name)
        seen.append(DiscoveredDevice(one, name, users))
    return seen


def devices_using(found: Found, house: House | None) -> list[str]:
    """Name the devices of the house that are this piece of hardware."""
    driver = loader.driver(str(found.driver))
    options = parse_table(found.options, driver.options_type, (), [])
    keys = found.options.keys() - CREDENTIAL_OPTIONS
    fields = [f.name for f in msgspec.structs.fields(driver.options_type) if f.encode_name in keys]
    fields += ["endpoint"] if hasattr(options, "endpoint") else []  # of a broker, which may be the usual one
    return [
        name
        for name, device in (house.devices if house else {}).items()
        if device.driver is driver
        and all(getattr(device.driver_options, field) == getattr(options, field) for field in fields)
    ]


def sanitize(found: Found) -> Found:
    """Return a found device without characters that control a terminal or break a file."""
    texts = {
        key: sanitize_text(getattr(found, key)) for key in ("title", "address", "model", "firmware", "note")
    }
    return replace(found, **texts)


def sanitize_text(text: str) -> str:
    """Leave what can be printed in a line."""
    return str(printable(text)).strip()[:200]


def format_table(sighting: DiscoveredDevice, name: str | None = None) -> str:
    """Return the configuration table of a found device."""
    found = sighting.found
    keys = {"kind": encode(found.kind), "driver": encode(found.driver)}
    keys |= {f"{found.driver}.{key}": encode(value) for key, value in found.options.items()}
    return device_table(name or str(sighting.name), keys, found.note)


def to_builtins(sighting: DiscoveredDevice) -> dict[str, Any]:
    """Return a found device as plain values for JSON."""
    texts = msgspec.to_builtins(sighting.found)
    return {**texts, "name": sighting.name, "used_by": list(sighting.used_by)}


def print_devices(seen: list[DiscoveredDevice], console: Console) -> None:
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
