"""The search for Shellys of the first generation: by multicast DNS, and each names its own components."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from daemons.drivers import Found
from daemons.drivers.shelly_http.client import LOCKED, NO_SHELLY, HttpClient
from daemons.drivers.shelly_http.definition import Part, parts
from daemons.drivers.shelly_http.options import Options
from daemons.drivers.shelly_http.status import about
from daemons.drivers.transports import mdns
from daemons.drivers.transports.mdns import MdnsService
from daemons.drivers.transports.secret import read_secret
from daemons.drivers.transports.unanswered import unanswered
from daemons.errors import HouseError

SERVICE = "_http._tcp.local."
"""The service of all web servers; the name of a Shelly begins with `shelly`."""
BATTERY_POLL = "1m"
"""How often a device with a battery is asked; its announcements come at once."""


async def search(seconds: float, known: Sequence[Options]) -> list[Found]:
    """Return the devices that announce themselves within `seconds`, each with its parts."""
    services = [
        service
        for service in await mdns.browse(SERVICE, seconds)
        if service.name.lower().startswith("shelly") and "gen" not in service.properties
    ]
    found = await asyncio.gather(*(find(service, known) for service in services))
    return [one for several in found for one in several]


async def find(service: MdnsService, known: Iterable[Options]) -> list[Found]:
    """Return the parts of a device, or the device with a note if it does not answer.

    A device of a newer generation is not among them: the driver `shelly` finds it.
    """
    own = [options for options in known if options.address == service.address]
    try:
        password = next((read_secret("discover", one.password_file) for one in own), None)
        username = next((one.username for one in own), "admin")
        client = HttpClient("discover", service.address, username, password)
        info = await client.info()
        settings = await client.get("/settings")
        status = await client.get("/status")
    except HouseError as error:
        why = str(error).removeprefix("discover: ").removeprefix(f"{service.address}: ")
        if why == NO_SHELLY:
            return []
        if why == LOCKED:
            why = "it requires a password: add it by hand with shelly_gen1.password_file"
        return unanswered("shelly_gen1", service, own, why)
    title = str(settings.get("name") or service.name)
    return to_found(service, info, parts(settings, status), title, own)


def to_found(
    service: MdnsService, info: Mapping[str, Any], found: Sequence[Part], title: str, known: Sequence[Options]
) -> list[Found]:
    """Return each part of a device, with its options or the reason why House cannot use it."""
    what, is_alone = about(Options(address=service.address), info), len(found) == 1
    return [
        Found(
            title=part.name or (title if is_alone else f"{title} {part.kind} {part.channel}"),
            address=service.address,
            model=what.model or "",
            firmware=what.firmware or "",
            kind=part.kind,
            kind_options=part.kind_options,
            driver="shelly_gen1" if part.kind else None,
            options=options_for(service.address, part, known, is_alone=is_alone) if part.kind else {},
            note=part.note,
        )
        for part in found
    ]


def options_for(address: str, part: Part, known: Iterable[Options], *, is_alone: bool) -> dict[str, Any]:
    """Return the options for a part, as they are written in the configuration.

    For a part that the house has already, only those that name it. A relay with this input counts, too.
    """
    options: dict[str, Any] = {"address": address}
    if part.component == "input" and any(one.input == part.channel for one in known):
        return {**options, "input": part.channel}
    if part.component != "relay" or not is_alone:
        options["component"] = part.component
    if part.channel or not is_alone:
        options["channel"] = part.channel
    if any((one.component, one.channel) == (part.component, part.channel) for one in known):
        return options
    options |= {"tints": True} if part.tints else {}
    options |= {"colours": True} if part.colours else {}
    return options | ({"poll": BATTERY_POLL} if part.has_battery else {})
