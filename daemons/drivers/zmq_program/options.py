"""The options of your own ZeroMQ program."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from daemons.drivers.transports.pubsub import Endpoint
from daemons.kinds import TOUCHES
from daemons.values import KeyText, Seconds

Text = Annotated[str, Meta(min_length=1, max_length=1000)]
Measurement = Literal[
    "temperature_celsius", "humidity_percent", "illuminance_lux", "pressure_hectopascals", "co2_ppm",
    "pm25_micrograms", "soil_moisture_percent", "battery_percent", "power_watts", "energy_watt_hours",
]  # fmt: skip
HEARD = ("on", "off", *TOUCHES)
"""The options whose texts the program publishes."""


class Options(Struct, frozen=True, kw_only=True):
    """The options of your own ZeroMQ program."""

    subscribe: Endpoint | None = None
    """The endpoint of the program's publisher."""
    server_key: KeyText | None = None
    """The public key (CURVE, Z85) of that publisher. It must have one, unless it is on this machine."""
    topic: Text | None = None
    """The topic of the messages: the first frame, or the text before the first space."""
    json_field: Text | None = msgspec.field(name="field", default=None)
    """For JSON objects: the field with the text or the number."""
    word: Annotated[int, Meta(ge=1, le=100)] | None = None
    """For texts of several words: the number of the word that counts, from 1."""
    on: Text | None = None
    """The text that means on, or that a sensor detects."""
    off: Text | None = None
    """The text that means off."""
    single: Text | None = None
    """The text that is a press of a button."""
    double: Text | None = None
    """The text that is a double press."""
    triple: Text | None = None
    """The text that is a triple press."""
    long: Text | None = None
    """The text that is a long press."""
    hold: Text | None = None
    """The text that repeats while a button is held after a long press."""
    release: Text | None = None
    """The text that is the release after a long press."""
    measures: Measurement | None = None
    """What a number in a message measures."""
    silent_seconds: Seconds = msgspec.field(name="silent_after", default=Seconds(0))
    """After this time without an understood message, the program is unreachable. With `"0s"`, only the
    connection counts."""
    publish: Endpoint | None = None
    """The endpoint that the driver binds for its own publisher, on this machine."""
    say_on: Text = "on"
    """The text that the driver publishes to switch the program on."""
    say_off: Text = "off"
    """The text that the driver publishes to switch the program off."""
    say_topic: Text | None = None
    """The topic of these texts, in a frame of its own. Without it, a message is one frame."""

    def __post_init__(self) -> None:
        """Raise ValueError if options contradict each other, or open the house to the network."""
        if self.subscribe is None and self.publish is None:
            raise ValueError("there is no endpoint; name one to subscribe to, or one to publish at")
        if (self.on is None) != (self.off is None):
            raise ValueError("on and off belong together; name a text for each")
        texts = self.meanings
        if self.subscribe is None:
            if texts or self.measures or self.server_key or self.topic or self.silent_seconds:
                raise ValueError("there is nothing to hear; name the endpoint to subscribe to")
        elif not texts and self.measures is None:
            raise ValueError("no message has a meaning; name texts for on and off, for a press, or measures")
        elif not self.subscribe.is_loopback and self.server_key is None:
            raise ValueError("a publisher on another machine needs server_key, its public CURVE key")
        if len(texts) < sum(getattr(self, name) is not None for name in HEARD):
            raise ValueError("one text cannot have two meanings")
        if self.json_field is not None and self.word is not None:
            raise ValueError("field is for JSON objects and word for other texts; name one of them")
        if self.publish is not None and not self.publish.is_loopback:
            text = "it publishes on this machine only, such as at tcp://127.0.0.1:5556"
            raise ValueError(f"{text}; programs elsewhere use the exchange (docs/programs.md)")
        if self.say_on == self.say_off:
            raise ValueError("say_on and say_off must differ")

    @property
    def meanings(self) -> dict[str, str]:
        """The options in HEARD, by their texts."""
        return {text.strip(): name for name in HEARD if (text := getattr(self, name)) is not None}

    @property
    def is_answered(self) -> bool:
        """Whether the program is told a setting, and reports its state."""
        return self.publish is not None and self.on is not None
