"""Any hardware behind an MQTT broker, by topics and words of your own.

The options say where each value stands, and which message sets it: a topic, and a path in a message that is
JSON. What hardware does not report is not confirmed. Commands have QoS 1, and are not retained.
"""

from typing import TYPE_CHECKING, ClassVar

from daemons.drivers import Remote
from daemons.drivers.generic_mqtt.device import GenericDevice
from daemons.drivers.generic_mqtt.options import Options
from daemons.drivers.transports.mqtt import mqtt_session
from daemons.drivers.transports.mqtt_device import run_device
from daemons.kinds import Ability

if TYPE_CHECKING:
    from daemons.drivers.transports.worker import HardwareChannel


class Mqtt(Remote[Options]):
    """Any hardware behind an MQTT broker, by topics and words of your own."""

    options_type = Options
    abilities: ClassVar[frozenset[Ability]] = frozenset({"switch", "dim", "tint", "move", "press", "sense"})

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
