"""Hardware that announces itself, and does not say what it is."""

from collections.abc import Iterable
from typing import Any

from daemons.drivers import Found
from daemons.drivers.transports.mdns import MdnsService


def unanswered(driver: str, service: MdnsService, known: Iterable[Any], why: str) -> list[Found]:
    """Return the device as the house has it; a device that is not in the house is without a driver.

    `known` has the options of the devices of the house at this address. The note is the reason.
    """
    words = service.properties
    options = [{"address": own.address, "component": own.component, "channel": own.channel} for own in known]
    return [
        Found(
            title=service.name,
            address=service.address,
            model=words.get("app") or f"generation {words.get('gen', '1')}",
            firmware=words.get("ver", ""),
            driver=driver if own else None,
            options=own,
            note=why,
        )
        for own in options or [{}]
    ]
