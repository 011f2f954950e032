"""Shelly relays, lamps, rollers, valves, meters, buttons and sensors of the first generation, by HTTP.

These devices answer requests (shelly-api-docs.shelly.cloud/gen1), and the driver asks for the status every
`poll`, and after each announcement (CoIoT). The announcement itself is not read.
`timer` is a timer in the device. It switches the device off even if House has stopped.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from daemons.drivers import Found, Remote
from daemons.drivers.shelly_http import status
from daemons.drivers.shelly_http.announcements import announcements
from daemons.drivers.shelly_http.client import HttpClient, client_of
from daemons.drivers.shelly_http.options import ABILITIES, SWITCHED, Options
from daemons.drivers.transports.json_values import number
from daemons.drivers.transports.secret import read_secret
from daemons.drivers.transports.tasks import run_until_first_ends
from daemons.kinds import Ability, About, Reading, Setting

if TYPE_CHECKING:
    from daemons.drivers.transports.worker import HardwareChannel

SOON_SECONDS = 0.05
"""The pause before the poll that follows an announcement."""
VALVE_SECONDS = 60.0
"""How long a radiator valve may take until it reports a new target."""
REPORT_SECONDS = 2.0
"""How often its status is requested meanwhile."""
NOT_ARMED = "its own timer was not armed"


class ShellyGen1(Remote[Options]):
    """Shelly relays, lamps, rollers, valves, meters, buttons and sensors of the first generation, by HTTP."""

    options_type = Options
    abilities: ClassVar[frozenset[Ability]] = frozenset[Ability]({"tint", "colour"}).union(
        *ABILITIES.values()
    )

    @classmethod
    def abilities_with(cls, options: Options) -> frozenset[Ability]:
        """Return the abilities of the component."""
        return options.abilities

    async def run(self, channel: "HardwareChannel") -> None:
        """Poll the device, ask it at once after an announcement, and apply each setting at once."""
        options = self.options
        client = client_of(self.device, options, read_secret(self.device, options.password_file))
        part = ShellyGen1Part(options, client, channel)
        async with announcements(options.address, part.wake):
            await part.control()

    @classmethod
    async def discover(cls, seconds: float, known: Sequence[Options]) -> list[Found]:
        """Search with mDNS, and ask each device for its settings."""
        from daemons.drivers.shelly_http import discovery  # noqa: PLC0415  only a search needs it

        return await discovery.search(seconds, known)


class ShellyGen1Part:
    """The component of a device during one connection: reads it, and applies settings."""

    def __init__(self, options: Options, client: HttpClient, channel: "HardwareChannel") -> None:
        self._options = options
        self._client = client
        self._channel = channel
        self._presses = status.PressCounter()
        self._about = About()
        self._uptime = 0.0
        """How long the device had run at the last status, in seconds."""
        self._wait: asyncio.Timeout | None = None
        """The wait for a setting, while there is one."""
        self._is_awake = False
        """Whether an announcement has come since the last status was requested."""

    async def control(self) -> None:
        """Read the component and apply each setting, until the connection is lost."""
        self._about = status.about(self._options, await self._client.info())
        fault: str | None = None
        while True:
            self._is_awake = False
            part = self._report(await self._client.get("/status"), fault)
            setting = None
            with suppress(TimeoutError):
                seconds = SOON_SECONDS if self._is_awake else self._options.poll_seconds
                async with asyncio.timeout(seconds) as self._wait:
                    setting = await self._channel.next_setting()
            self._wait = None
            if setting is not None:
                fault = await self._apply(setting, part)

    def wake(self) -> None:
        """Shorten the wait for the next poll: the device has announced a change."""
        self._is_awake = True
        soon = asyncio.get_running_loop().time() + SOON_SECONDS
        if self._wait is not None and not self._wait.expired() and (self._wait.when() or 0.0) > soon:
            self._wait.reschedule(soon)

    def _report(self, found: dict[str, Any], fault: str | None) -> dict[str, Any]:
        """Report a status with its presses, and return the part of it that has the component.

        A restart between two statuses is a loss of the connection: the device has lost its timer.
        """
        options, uptime = self._options, number(found.get("uptime")) or 0.0
        if uptime < self._uptime:
            raise self._client.unreachable("it has restarted")
        self._uptime = uptime
        part = status.part_of(options, found)
        if part is None:
            has = ", ".join(status.components(found)) or "no component"
            raise self._client.unreachable(f"there is no {options.component} {options.channel}; it has {has}")
        changes = status.read(options, found)
        self._channel.update(**{**changes, "about": self._about, "fault": changes["fault"] or fault})
        if options.pressed is not None:
            for touch in self._presses.read(status.entry(found, "inputs", options.pressed)):
                self._channel.press(touch)
        return part

    async def _apply(self, setting: Setting, part: dict[str, Any]) -> str | None:
        """Send a setting. Return the fault if the device did not arm its timer with it."""
        options, target = self._options, status.set_target(self._options, setting, part)
        if target is None:
            return None
        answer = await self._client.get(target)
        if options.component == "thermostat":
            await run_until_first_ends(self._wait_for(setting), self._channel.is_replaced())
        if options.component not in SWITCHED:
            return None  # a roller reports its move when it begins
        if not isinstance(answer.get("ison"), bool):
            raise self._client.unreachable(f"its answer does not say whether its {options.component} is on")
        needs_timer = setting.on and setting.off_after_seconds
        fault = NOT_ARMED if needs_timer and answer.get("has_timer") is not True else None
        self._channel.confirm(on=answer["ison"], fault=fault)
        return fault

    async def _wait_for(self, setting: Setting) -> bool:
        """Wait until a radiator valve reports a target, and return whether it does so in time.

        A target that it does not report is not set: the house then follows the hardware.
        """
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + VALVE_SECONDS
        while True:
            found = await self._client.get("/status")
            self._report(found, None)
            is_met = setting.is_met_by(Reading(**status.read(self._options, found)))
            if is_met or loop.time() > ends_at:
                return is_met
            await asyncio.sleep(REPORT_SECONDS)
