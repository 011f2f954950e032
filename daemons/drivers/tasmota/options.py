"""The options of the driver `mqtt_tasmota`."""

from typing import Annotated

from msgspec import Meta

from daemons.drivers.tasmota import messages as tasmota
from daemons.drivers.tasmota.messages import Word
from daemons.drivers.transports.broker import Broker
from daemons.drivers.transports.mqtt_device import Topic


class Options(Broker, frozen=True, kw_only=True):
    """The options of a device with Tasmota."""

    topic: Topic
    """The plug's own topic, as its web page shows it under MQTT, without `cmnd/`."""
    relay: Annotated[int, Meta(ge=1, le=32)] = 1
    """The number of its relay."""
    colours: bool = False
    """True for a lamp with colours."""
    button: Annotated[int, Meta(ge=1, le=32)] | None = None
    """The number of the button whose presses you want. Set SetOption73 to 1 in Tasmota."""
    shutter: Annotated[int, Meta(ge=1, le=16)] | None = None
    """For a cover: the number of the shutter."""
    sensor: Annotated[str, Meta(min_length=1, max_length=60)] | None = None
    """For a sensor: its name in the messages of the device, such as `"AM2301"` or `"DS18B20-1"`."""
    full_topic: Annotated[str, Meta(min_length=1, max_length=200)] = tasmota.DEFAULT_FULL_TOPIC
    """Its FullTopic, with `%prefix%` and `%topic%`."""
    prefixes: tuple[Word, Word, Word] = tasmota.DEFAULT_PREFIXES
    """Its prefixes for commands, results and telemetry (Prefix1 to Prefix3)."""
    states: tuple[Word, Word] = tasmota.DEFAULT_STATES
    """Its words for off and on (StateText1 and StateText2)."""
    wills: tuple[Word, Word] = tasmota.DEFAULT_WILLS
    """Its words for offline and online, in its last will."""

    def __post_init__(self) -> None:
        """Raise ValueError for topics or words that cannot be told apart."""
        if "%prefix%" not in self.full_topic or set("+#$") & set("".join((self.full_topic, *self.prefixes))):
            raise ValueError("full_topic needs %prefix%, and neither it nor prefixes may have +, # or $")
        if len({*self.prefixes}) < len(self.prefixes):
            raise ValueError("prefixes must be three different words")
        if self.states[0] == self.states[1] or self.wills[0] == self.wills[1]:
            raise ValueError("the two words of states, and those of wills, must differ")
        parts = [name for name in ("button", "shutter", "sensor") if getattr(self, name) is not None]
        if len(parts) > 1:
            raise ValueError(f"{' and '.join(parts)} do not go together: each of them is a device of its own")

    @property
    def topics(self) -> tasmota.Topics:
        """The beginnings of its topics."""
        return tasmota.topics(self.full_topic, self.prefixes, self.topic)
