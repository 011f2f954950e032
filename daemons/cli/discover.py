"""Finds hardware on the local network: all drivers search at the same time."""

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

OTHER_OPTIONS = {
    "username",
    "password_file",
    "encryption_key_file",
    "poll",
    "dims",
    "tints",
    "colours",
    "sensors",
}
"""Options that do not tell which device it is: those of the client, and of what the device can do."""
NOTHING_FOUND_TEXT = """\
Nothing was found within {seconds:g} s. What to try:
- Check that the device is on, and on the same network as this machine. A search does not reach a guest
  network or another subnet.
- Add `--timeout 15`: some devices answer late.
- Tasmota and Zigbee2MQTT devices are found through the brokers in the configuration. Without one there,
  the search uses the broker on this machine.
- For Shelly and ESPHome, a firewall must allow incoming multicast DNS (UDP 5353).
You can also configure a device that is not found: `house drivers` lists the options."""


class DiscoveredDevice(Struct, frozen=True):
    """A found device, compared with the configuration of the house."""

    found: Found
    name: str | None
    """A free name for the device in the configuration; None if no driver supports it."""
    used_by: tuple[str, ...] = ()
    """The configured devices that use this hardware already."""

    @property
    def is_new(self) -> bool:
        """Whether the device can be added to the configuration."""
        return self.name is not None and not self.used_by


def can_search(word: str) -> bool:
    """Return whether a driver can search; raises HouseError if it cannot be loaded."""
    return loader.driver(word).discover.__func__ is not Driver.discover.__func__  # type: ignore[attr-defined]


def search(
    words: Iterable[str], house: House | None, seconds: float, *, strict: bool
) -> tuple[list[DiscoveredDevice], list[str]]:
    """Search with these drivers for `seconds`; return the found devices, and a text for each failure.

    With `strict`, a failure raises HouseError.
    """
    searches: dict[str, Any] = {}
    failures: dict[str, str] = {}
    for word in words:
        try:
            if can_search(word):
                searches[word] = loader.driver(word).discover(seconds, known_options(word, house))
        except HouseError as error:
            failures[word] = str(error).removeprefix(f"daemons/drivers/{word}.py ")
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


def known_options(word: str, house: House | None) -> list[Any]:
    """Return the options of the devices that already use a driver."""
    used = house.devices.values() if house else ()
    return [device.driver_options for device in used if device.driver is loader.driver(word)]


def match_with_house(found: Iterable[Found], house: House | None) -> list[DiscoveredDevice]:
    """Compare found hardware with the house: return each with the devices that use it, or a free name."""
    used_names = set(house.devices) if house else set()
    seen = []
    for one in sorted((sanitize(one) for one in found), key=lambda one: (one.driver or "~", one.address)):
        if one.driver is None:
            seen.append(DiscoveredDevice(one, None))
            continue
        name = name_for(one.title, one.kind, used_names)
        table = {"kind": one.kind, **one.kind_options, "driver": one.driver, one.driver: one.options}
        problems: list[Problem] = []
        if build(name, table, (), problems) is None or problems:
            why = problems[0].text if problems else "it cannot be configured"
            seen.append(DiscoveredDevice(replace(one, driver=None, note=sanitize_text(why)), None))
            continue
        users = tuple(devices_using(one, house))
        if not users:
            used_names.add(name)
        seen.append(DiscoveredDevice(one, name, users))
    return seen


def devices_using(found: Found, house: House | None) -> list[str]:
    """Return the names of the configured devices that use this hardware."""
    driver = loader.driver(str(found.driver))
    options = parse_table(found.options, driver.options_type, (), [])
    keys = found.options.keys() - OTHER_OPTIONS
    fields = [f.name for f in msgspec.structs.fields(driver.options_type) if f.encode_name in keys]
    fields += ["endpoint"] if hasattr(options, "endpoint") else []  # the broker, which may be the default one
    return [
        name
        for name, device in (house.devices if house else {}).items()
        if device.driver is driver
        and all(getattr(device.driver_options, field) == getattr(options, field) for field in fields)
    ]


def sanitize(found: Found) -> Found:
    """Return a found device whose texts have no control characters."""
    texts = {
        key: sanitize_text(getattr(found, key)) for key in ("title", "address", "model", "firmware", "note")
    }
    return replace(found, **texts)


def sanitize_text(text: str) -> str:
    """Return a text as one printable line of at most 200 characters."""
    return str(printable(text)).strip()[:200]


def format_table(discovered: DiscoveredDevice, name: str | None = None) -> str:
    """Return the configuration table of a found device."""
    found = discovered.found
    keys = {"kind": encode(found.kind)}
    keys |= {key: encode(value) for key, value in found.kind_options.items()}
    keys["driver"] = encode(found.driver)
    keys |= {f"{found.driver}.{key}": encode(value) for key, value in found.options.items()}
    return device_table(name or str(discovered.name), keys, found.note)


def to_builtins(discovered: DiscoveredDevice) -> dict[str, Any]:
    """Return a found device as plain values for JSON."""
    texts = msgspec.to_builtins(discovered.found)
    return {**texts, "name": discovered.name, "used_by": list(discovered.used_by)}


def print_devices(seen: list[DiscoveredDevice], console: Console) -> None:
    """Print a table of the found devices, with the notes below; an empty column is left out."""
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
