"""Any hardware behind an MQTT broker, by topics and words of your own.

The options say where each value stands, and which message sets it: a topic, and a path in a message that is
JSON. What hardware does not report is not confirmed. Commands have QoS 1, and are not retained.
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from daemons.drivers import Found, Remote
from daemons.drivers.generic_mqtt.device import GenericDevice
from daemons.drivers.generic_mqtt.options import Options
from daemons.drivers.transports.mqtt import mqtt_session, retained
from daemons.drivers.transports.mqtt_device import known_brokers, run_device
from daemons.kinds import Ability

if TYPE_CHECKING:
    from daemons.drivers.transports.worker import HardwareChannel


class Mqtt(Remote[Options]):
    """Any hardware behind an MQTT broker, by topics and words of your own."""

    options_type = Options
    abilities: ClassVar[frozenset[Ability]] = frozenset(
        {"switch", "dim", "tint", "move", "press", "sense", "regulate"}
    )

    @classmethod
    def abilities_with(cls, options: Options) -> frozenset[Ability]:
        """Return what a device with these topics can do."""
        return options.abilities

    async def run(self, channel: "HardwareChannel") -> None:
        """Open a session with the broker, and control the hardware through it."""
        device = GenericDevice(channel, self.options)
        try:
            async with mqtt_session(self.device, self.options, device.topics) as client:
                await run_device(client, device)
        finally:
            device.close()

    @classmethod
    async def discover(cls, seconds: float, known: Sequence[Options]) -> list[Found]:
        """Read what hardware announces to Home Assistant at its broker, and the broker has kept."""
        from daemons.drivers.generic_mqtt import announcement, discovery  # noqa: PLC0415  not needed to run

        found = []
        for broker in known_brokers(known):
            searches = [retained("discover", broker, topics, seconds) for topics in announcement.FILTERS]
            messages = [message for kept in await asyncio.gather(*searches) for message in kept]
            found += discovery.found_in(messages, broker)
        return found
