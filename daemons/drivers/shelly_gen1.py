"""Shelly relays, lamps, rollers, meters, buttons and sensors of the first generation, through HTTP.

These devices answer requests (shelly-api-docs.shelly.cloud/gen1), and the driver asks for the status every
`poll`. Their own notifications (CoIoT) are not read: each needs a description of the model.
`timer` is a timer in the device. It switches the device off even if House has stopped.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from daemons.drivers import Found, Remote
from daemons.drivers.shelly_http import status
from daemons.drivers.shelly_http.client import HttpClient, client_of
from daemons.drivers.shelly_http.options import ABILITIES, SWITCHED, Options
from daemons.drivers.transports.secret import read_secret
from daemons.kinds import Ability, Setting

if TYPE_CHECKING:
    from daemons.drivers.transports.worker import HardwareChannel

NOT_ARMED = "its own timer was not armed"


class ShellyGen1(Remote[Options]):
    """Shelly relays, lamps, rollers, meters, buttons and sensors of the first generation, through HTTP."""

    options_type = Options
    abilities: ClassVar[frozenset[Ability]] = frozenset[Ability]({"tint"}).union(*ABILITIES.values())

    @classmethod
    def abilities_with(cls, options: Options) -> frozenset[Ability]:
        """Return the abilities of the component."""
        return options.abilities

    async def run(self, channel: "HardwareChannel") -> None:
        """Poll the device, and apply each setting at once."""
        options = self.options
        client = client_of(self.device, options, read_secret(self.device, options.password_file))
        about = status.about(options, await client.info())
        presses, fault = status.PressCounter(), None
        while True:
            found = await client.get("/status")
            part = status.part_of(options, found)
            if part is None:
                has = ", ".join(status.components(found)) or "no component"
                raise client.unreachable(f"there is no {options.component} {options.channel}; it has {has}")
            changes = status.read(options, found)
            channel.update(**{**changes, "about": about, "fault": changes["fault"] or fault})
            if options.pressed is not None:
                for touch in presses.read(status.entry(found, "inputs", options.pressed)):
                    channel.press(touch)
            setting = None
            with suppress(TimeoutError):
                setting = await asyncio.wait_for(channel.next_setting(), options.poll_seconds)
            if setting is not None:
                fault = await self._apply(client, channel, setting, part)

    async def _apply(
        self, client: HttpClient, channel: "HardwareChannel", setting: Setting, part: dict[str, Any]
    ) -> str | None:
        """Send a setting. Return the fault if the device did not arm its timer with it."""
        options, target = self.options, status.set_target(self.options, setting, part)
        if target is None:
            if options.component == "input":
                channel.update(on=setting.on)  # a switch in the wall without a relay
            return None
        answer = await client.get(target)
        if options.component not in SWITCHED:
            return None  # a roller accepts the move, and reports it when it begins
        if not isinstance(answer.get("ison"), bool):
            raise client.unreachable(f"its answer does not say whether its {options.component} is on")
        channel.confirm(on=answer["ison"])
        needs_timer = setting.on and setting.off_after_seconds
        return NOT_ARMED if needs_timer and answer.get("has_timer") is not True else None

    @classmethod
    async def discover(cls, seconds: float, known: Sequence[Options]) -> list[Found]:
        """Search with mDNS, and ask each device for its settings."""
        from daemons.drivers.shelly_http import discovery  # noqa: PLC0415  only a search needs it

        return await discovery.search(seconds, known)
