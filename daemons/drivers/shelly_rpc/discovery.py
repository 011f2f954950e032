"""The search for Shellys: multicast DNS has their addresses, and each device names its own components."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from daemons.drivers import Found
from daemons.drivers.shelly_rpc.definition import Description, Part, key_of, parts
from daemons.drivers.shelly_rpc.options import Options
from daemons.drivers.shelly_rpc.rpc import LOCKED, RpcClient, session
from daemons.drivers.transports import mdns
from daemons.drivers.transports.json_values import listed
from daemons.drivers.transports.mdns import MdnsService
from daemons.drivers.transports.secret import read_secret
from daemons.drivers.transports.unanswered import unanswered
from daemons.errors import HouseError

SERVICE = "_shelly._tcp.local."
WHOLE_SECONDS = 15.0
"""How long a device may take for all its answers."""


async def search(seconds: float, known: Sequence[Options]) -> list[Found]:
    """Return the devices that announce themselves within `seconds`, each with its parts."""
    services = await mdns.browse(SERVICE, seconds)
    found = await asyncio.gather(*(find(service, known) for service in services))
    return [one for several in found for one in several]


async def find(service: MdnsService, known: Iterable[Options]) -> list[Found]:
    """Return the parts of a device, or the device without a driver and with a note if it does not answer."""
    own = [options for options in known if options.address == service.address]
    try:
        password = next((read_secret("discover", one.password_file) for one in own), None)
        async with asyncio.timeout(WHOLE_SECONDS):
            device = await session("discover", service.address, password, lambda *_: None, describe)
    except TimeoutError:
        return unanswered(
            "shelly", service, own, f"it has not answered all questions within {WHOLE_SECONDS:g} s"
        )
    except HouseError as error:
        why = str(error).removeprefix("discover: ").removeprefix(f"{service.address}: ")
        if why == LOCKED:
            why = "it requires a password: add it by hand with shelly.password_file"
        return unanswered("shelly", service, own, why)
    return to_found(service.address, device, own)


async def describe(client: RpcClient) -> Description:
    """Ask a device what it is, and what components it has. Old firmware knows no added components."""
    info = await client.call("Shelly.GetDeviceInfo")
    config = await client.call("Shelly.GetConfig")
    status = await client.call("Shelly.GetStatus")
    dynamic: list[dict[str, Any]] = []
    objects: dict[str, list[dict[str, Any]]] = {}
    with suppress(HouseError):
        dynamic = await client.dynamic_components()
        for key in map(key_of, dynamic):
            type_, _, number = key.partition(":")
            if type_ == "bthomedevice" and number.isdecimal():
                answer = await client.call("BTHomeDevice.GetKnownObjects", {"id": int(number)})
                objects[key] = [one for one in listed(answer.get("objects")) if isinstance(one, dict)]
    return Description(info=info, config=config, status=status, dynamic=dynamic, objects=objects)


def to_found(address: str, device: Description, known: Sequence[Options]) -> list[Found]:
    """Return each part of a device, with its options or the reason why House cannot use it."""
    found, info = parts(device), device.info
    title = str(info.get("name") or info.get("id") or address)
    return [
        Found(
            title=part.name or title_of(title, part, is_alone=len(found) == 1),
            address=address,
            model=str(info.get("app") or info.get("model") or ""),
            firmware=str(info.get("ver") or ""),
            kind=part.kind,
            kind_options=part.kind_options,
            driver="shelly" if part.kind else None,
            options=options_for(address, part, known, is_alone=len(found) == 1) if part.kind else {},
            note=part.note,
        )
        for part in found
    ]


def title_of(title: str, part: Part, *, is_alone: bool) -> str:
    """Return the title of a part without a name of its own."""
    if is_alone or not part.kind:
        return title
    number = f"{part.channel}" if part.input is None else f"{part.channel} {part.input}"
    return f"{title} {part.kind} {number}"


def options_for(address: str, part: Part, known: Iterable[Options], *, is_alone: bool) -> dict[str, Any]:
    """Return the options for a part, as they are written in the configuration.

    A relay of the house that has this input already counts as the input's device.
    """
    options: dict[str, Any] = {"address": address}
    if part.component == "input" and any(one.input == part.channel for one in known):
        return {**options, "input": part.channel}
    if part.component != "switch" or not is_alone:
        options["component"] = part.component
    if part.channel or not is_alone:
        options["channel"] = part.channel
    return options if part.input is None else {**options, "input": part.input}
