"""The options of the driver `mqtt`: the topics of a device, and the words on them. Pure."""

from collections.abc import Iterator
from typing import Literal

from msgspec import field, structs

from daemons.drivers.generic_mqtt.source import (
    Action,
    ColourTemperature,
    Detections,
    Level,
    Measurements,
    Mode,
    Payload,
    Position,
    Presses,
    Source,
    States,
    Target,
    TemplateText,
    Word,
    check_template,
)
from daemons.drivers.generic_mqtt.value import JsonPath, TopicFilter
from daemons.drivers.transports.broker import Broker
from daemons.drivers.transports.mqtt_device import Topic
from daemons.kinds import Ability
from daemons.values import Seconds


class Options(Broker, frozen=True, kw_only=True):
    """The options of a device with topics of its own."""

    topic: TopicFilter | None = None
    """The topic of each value that names none of its own; by default `state_topic`."""
    state_topic: TopicFilter | None = None
    """The topic of its state: on or off, or the state of a cover."""
    state_path: JsonPath = ""
    """The path to the state in a message that is JSON, such as `relay.0.state`; by default the message."""
    state_template: TemplateText | None = None
    """Instead of the path, a template of Home Assistant that makes the state from the message."""
    states: States = States()
    """The words of its state: `on`, `off`, `open`, `closed`, `opening`, `closing`, `stopped`. By default the
    payloads `on` and `off`, and the usual words."""
    request_topic: Topic | None = None
    """The topic on which it is asked for its state, if it answers."""
    request: Payload = ""
    """The message that asks for its state."""
    command_topic: Topic | None = None
    """The topic of its commands. Without one, it only reports."""
    on: Payload = "ON"
    """The message that switches it on."""
    off: Payload = "OFF"
    """The message that switches it off."""
    on_command: Literal["first", "last", "never"] = "last"
    """When `on` is sent to a lamp that is given a brightness: before it, after it, or not at all."""
    open: Payload | None = None
    """The message that opens a cover. With `close` and `stop`, the device is a cover."""
    close: Payload | None = None
    """The message that closes a cover."""
    stop: Payload | None = None
    """The message that stops a cover."""
    brightness: Level | None = None
    """The brightness of a lamp."""
    colour_temperature: ColourTemperature | None = None
    """The colour temperature of a lamp."""
    position: Position | None = None
    """The position of a cover."""
    target: Target | None = None
    """The target of a thermostat or a radiator valve that keeps a temperature by itself."""
    mode: Mode | None = None
    """The mode of a thermostat, if it has any."""
    action: Action | None = None
    """Whether a thermostat heats, if it reports that."""
    measurements: Measurements = Measurements()
    """Where each measurement stands; `factor` and then `offset` convert it to its unit."""
    detections: Detections = Detections()
    """Where each detection of a sensor stands. A sensor with only one may use `state_topic`."""
    clears_seconds: Seconds | None = field(name="clears_after", default=None)
    """For a detector that never reports the end of a detection: when it ends."""
    press_topic: TopicFilter | None = None
    """The topic of the presses of its button."""
    press_path: JsonPath = ""
    """The path to the word of a press, in a message that is JSON."""
    press_template: TemplateText | None = None
    """Instead of the path, a template that makes the word from the message."""
    presses: Presses = Presses()
    """The word of each press: `single`, `double`, `triple`, `long`, `hold`, `release`. By default these."""
    availability_topics: tuple[Topic, ...] = ()
    """The topics that say whether it is online; all of them must say so."""
    availability_path: JsonPath = ""
    """The path to that word, in a message that is JSON."""
    availability_template: TemplateText | None = None
    """Instead of the path, a template that makes that word from the message."""
    online: Word = "online"
    """The word of hardware that is online."""
    offline: Word = "offline"
    """The word of hardware that is offline."""
    announcement: Topic | None = None
    """Its discovery message for Home Assistant, which says what the hardware is."""
    retained: bool = True
    """Whether a state that the broker has kept counts at the start. It may be out of date."""
    time_path: JsonPath = ""
    """The path to the time of a message that is JSON: in Unix seconds, or as in ISO 8601."""
    max_age_seconds: Seconds = field(name="max_age", default=Seconds(3600))
    """By this time, a message that the broker has kept counts for at most so long; see `time_path`."""

    def __post_init__(self) -> None:
        """Raise ValueError for topics that are missing, and for options that cannot go together."""
        cover = (self.open, self.close, self.stop)
        lamp = (self.brightness, self.colour_temperature)
        if any(payload is not None for payload in cover) and (None in cover or self.command_topic is None):
            raise ValueError("a cover needs command_topic, open, close and stop")
        if any(lamp) and (self.command_topic is None or self.is_cover):
            raise ValueError("brightness and colour_temperature need command_topic, and not open")
        if self.position and not self.is_cover:
            raise ValueError("position needs command_topic, open, close and stop")
        self._check_thermostat()
        if not (self.command_topic or self.press_topic or any(True for _ in self.sources())):
            raise ValueError("it needs command_topic, state_topic, measurements, detections or press_topic")
        if nowhere := [name for name, source in self.sources() if self.topic_of(source) is None]:
            raise ValueError(f"{nowhere[0]} needs a topic; or set topic for the whole device")
        if self.online == self.offline:
            raise ValueError("online and offline must differ")
        for name in ("state", "press", "availability"):
            check_template(getattr(self, f"{name}_template"), getattr(self, f"{name}_path"))
        if self.on == self.off and not self.is_cover:
            raise ValueError("on and off must differ; House can use no command that only toggles")

    def _check_thermostat(self) -> None:
        target, mode = self.target, self.mode
        if target is None:
            if mode or self.action:
                raise ValueError("mode and action need a target, which makes the device a thermostat")
            return
        if self.is_cover or self.brightness or self.colour_temperature or self.state:
            raise ValueError("target does not go with state_topic, state_path, open or brightness")
        if not target.is_reported:
            raise ValueError("target needs a topic, path or template: a thermostat reports its target")
        if None in [part.command_topic or self.command_topic for part in (target, mode) if part]:
            raise ValueError("target and mode need a command_topic")

    @property
    def is_cover(self) -> bool:
        """Whether it moves, and is not switched."""
        return self.open is not None

    @property
    def takes_commands(self) -> bool:
        """Whether it is switched, moved or set, and does not only report."""
        return self.command_topic is not None or self.target is not None

    @property
    def confirms(self) -> bool:
        """Whether it reports what a command sets."""
        return self.state is not None or self.target is not None

    @property
    def state(self) -> Source | None:
        """Where its state stands; None if it reports none."""
        topic = self.state_topic or self.topic
        if self.state_topic is None and not self.state_path and self.state_template is None:
            return None
        return Source(topic=topic, path=self.state_path, template=self.state_template)

    def topic_of(self, source: Source) -> TopicFilter | None:
        """Return the topic of a value; None if there is none."""
        return source.topic or self.topic or self.state_topic

    def sources(self) -> Iterator[tuple[str, Source]]:
        """Yield each value that it reports, with its place in the options."""
        if self.state:
            yield "state_path", self.state
        lamp = ("brightness", self.brightness), ("colour_temperature", self.colour_temperature)
        others = ("position", self.position), ("target", self.target), ("mode", self.mode)
        for name, source in (*lamp, *others, ("action", self.action)):
            if source is not None and source.is_reported:
                yield name, source
        for table in ("measurements", "detections"):
            for name, source in structs.asdict(getattr(self, table)).items():
                if source is not None:
                    yield f"{table}.{name}", source

    @property
    def abilities(self) -> frozenset[Ability]:
        """What can be done with a device with these topics."""
        reports = any(structs.astuple(self.measurements)) or any(structs.astuple(self.detections))
        found: dict[Ability, bool] = {
            "switch": self.command_topic is not None and not self.is_cover and self.target is None,
            "regulate": self.target is not None,
            "move": self.is_cover,
            "dim": self.brightness is not None,
            "tint": self.colour_temperature is not None,
            "press": self.press_topic is not None,
            "sense": reports or (self.state is not None and self.command_topic is None),
        }
        return frozenset(ability for ability, has in found.items() if has)
