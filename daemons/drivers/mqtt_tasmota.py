"""Plugs, bulbs, shutters and sensors with the Tasmota firmware, through an MQTT broker.

Tasmota receives commands on cmnd/TOPIC/... and publishes their results on stat/TOPIC/.... It publishes
measurements and its last will on tele/TOPIC/... (tasmota.github.io/docs/MQTT). PulseTime is a timer in
the plug that switches it off. The values 1 to 111 are tenths of a second. Values from 112 are seconds
plus 100 (tasmota.github.io/docs/Commands). The plug stores PulseTime, so the timer also applies after
a manual switch.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from daemons.drivers import Found, Remote
from daemons.drivers.tasmota.device import TasmotaDevice
from daemons.drivers.tasmota.options import Options
from daemons.drivers.transports import mqtt, mqtt_device
from daemons.kinds import Ability

if TYPE_CHECKING:
    from daemons.drivers.transports.worker import HardwareChannel


class MqttTasmota(Remote[Options]):
    """Plugs, bulbs, shutters and sensors with the Tasmota firmware, through an MQTT broker."""

    options_type = Options
    abilities: ClassVar[frozenset[Ability]] = frozenset(
        {"switch", "dim", "tint", "colour", "press", "move", "sense"}
    )

    @classmethod
    def abilities_with(cls, options: Options) -> frozenset[Ability]:
        """Return the abilities; a shutter only moves, and a sensor only measures."""
        if options.shutter is not None:
            return frozenset({"move"})
        if options.sensor is not None:
            return frozenset({"sense"})
        return cls.abilities - {"move", "sense"} - (set() if options.colours else {"colour"})

    async def run(self, channel: "HardwareChannel") -> None:
        """Open a session with the broker, and control the plug through it."""
        own = self.options.topics
        topics = [f"{own.result}#", f"{own.telemetry}#"]
        async with mqtt.mqtt_session(self.device, self.options, topics) as client:
            await mqtt_device.run_device(client, make_device(channel, self.options))

    @classmethod
    async def discover(cls, seconds: float, known: Sequence[Options]) -> list[Found]:
        """Read the announcements that devices retain at their brokers (SetOption19 0, the default)."""
        from daemons.drivers.tasmota import discovery  # noqa: PLC0415  a device process does not need it

        found = []
        for broker in mqtt_device.known_brokers(known):
            messages = await mqtt.retained("discover", broker, "tasmota/discovery/#", seconds)
            found += discovery.found_in(dict(messages), broker)
        return found


def make_device(channel: "HardwareChannel", options: Options) -> TasmotaDevice:
    """Return the part of the device that the options name."""
    if options.shutter is not None:
        from daemons.drivers.tasmota.shutter import ShutterDevice  # noqa: PLC0415  a process has one part

        return ShutterDevice(channel, options)
    if options.sensor is not None:
        from daemons.drivers.tasmota.sensor import SensorDevice  # noqa: PLC0415  as above

        return SensorDevice(channel, options)
    from daemons.drivers.tasmota.relay import RelayDevice  # noqa: PLC0415  as above

    return RelayDevice(channel, options)
