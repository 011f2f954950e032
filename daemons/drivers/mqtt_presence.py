"""Whether a person is there, as a topic of an MQTT broker says: "home" or "not_home".

Home Assistant and OwnTracks publish this word for each person, if they are told to. Any other place, such
as "work", is not home. The last message should be retained. If the broker is lost, nothing is known.
"""

import asyncio
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from daemons.drivers import Remote
from daemons.drivers.transports.broker import Broker
from daemons.drivers.transports.mqtt import mqtt_session
from daemons.drivers.transports.mqtt_device import Topic
from daemons.kinds import Ability

if TYPE_CHECKING:
    from daemons.drivers.transports.worker import HardwareChannel

RETAINED_SECONDS = 2.0
"""How long the retained message of a topic may take after the subscription."""
UNKNOWN = ("", "unknown", "unavailable", "none")
"""The words that say nothing, in lower case."""


class Options(Broker, frozen=True, kw_only=True):
    """The options of a person's topic."""

    topic: Topic
    """The topic whose message is the place of the person."""
    home: str = "home"
    """The message while the person is at home."""


class MqttPresence(Remote[Options]):
    """Whether a person is there, as a topic of an MQTT broker says: "home" or "not_home"."""

    options_type = Options
    abilities: ClassVar[frozenset[Ability]] = frozenset({"presence"})

    async def run(self, channel: "HardwareChannel") -> None:
        """Report each message of the topic."""
        options = self.options
        async with mqtt_session(self.device, options, [options.topic]) as client:
            # A retained message follows at once; only without one, the place is unknown.
            silence = asyncio.get_running_loop().call_later(
                RETAINED_SECONDS, partial(channel.update, on=None)
            )
            try:
                async for message in client.messages:
                    silence.cancel()
                    channel.update(on=is_home(message.payload, options.home))
            finally:
                silence.cancel()


def is_home(payload: object, home: str) -> bool | None:
    """Return whether a message means that the person is at home, or None if it says nothing."""
    text = bytes(payload).decode(errors="replace") if isinstance(payload, bytes | bytearray) else ""
    word = text.strip().strip('"')
    if word == home:
        return True
    return None if word.lower() in UNKNOWN else False
