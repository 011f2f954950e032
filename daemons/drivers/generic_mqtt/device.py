"""One device with topics of its own: reads the values in its messages, and writes its commands.

Hardware that reports no state counts as switched as soon as the command is sent, and its state is not
confirmed. So does the move of a cover, until the cover reports it.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from time import time
from typing import TYPE_CHECKING, Any

from msgspec import UNSET
from msgspec.structs import asdict, replace

from daemons.drivers.generic_mqtt.command import possible, switch_messages
from daemons.drivers.generic_mqtt.measure import (
    position_percent,
    read_brightness,
    read_colour,
    read_measurement,
)
from daemons.drivers.generic_mqtt.motion import Motion
from daemons.drivers.generic_mqtt.options import Options
from daemons.drivers.generic_mqtt.source import Source
from daemons.drivers.generic_mqtt.thermostat import Thermostat
from daemons.drivers.generic_mqtt.value import MessageValues, matches, to_number, to_text, to_time
from daemons.drivers.generic_mqtt.word import Switch, cover_word, press_of
from daemons.drivers.transports.held_button import HeldButton
from daemons.drivers.transports.mqtt_device import Message, MqttDevice
from daemons.kinds import Reading, Setting
from daemons.runtime.clock import uptime

if TYPE_CHECKING:
    from daemons.drivers.generic_mqtt.template import Template
    from daemons.drivers.transports.worker import HardwareChannel

STATE = "state_path"
"""The name of the state in the options."""
VALVE_SECONDS = 60.0
"""How long a thermostat may take to confirm a target: it may sleep, to spare its battery."""
MOST_NAMES = 8
"""So many names of a message are listed in an error."""

Read = Callable[[Any], dict[str, Any]]
"""Returns the fields of a reading that follow from a value."""


class GenericDevice(MqttDevice):
    """A device: reads its messages, and writes its commands."""

    def __init__(self, channel: "HardwareChannel", options: Options) -> None:
        super().__init__(channel)
        self._options = options
        self._sources: dict[str, list[tuple[str, Source, Read]]] = {}
        """By topic filter, the values in its messages: each with its name in the options and its function."""
        self._reported = Reading(reachable=None)
        self._detections: dict[str, bool] = {}
        self._availability: dict[str, bool] = {}
        """By topic, whether the hardware is online, as that topic says."""
        self._is_silent = False
        """Whether no state has come since the last command."""
        self._is_live = False
        """Whether any state has come that the broker has not kept."""
        self._thermostat: Thermostat | None = None
        if options.target:
            self._thermostat = Thermostat(options.target, options.mode, options.action, options.command_topic)
            self.answer_seconds, self.replaces_unconfirmed = VALVE_SECONDS, True
        self._motion = Motion()
        """The move of a cover."""
        self._held = HeldButton()
        self._about: dict[str, Any] = {}
        """What the hardware is, once its announcement has come."""
        self._templates: dict[str, Template] = {}
        """By its text, each template that was used."""
        self._clearing: dict[str, asyncio.TimerHandle] = {}
        """By name, the timer that ends a detection."""
        reads = self._reads()
        for name, source in options.sources():
            topic = options.topic_of(source) or ""
            self._sources.setdefault(topic, []).append((name, source, reads[name]))

    def _reads(self) -> dict[str, Read]:
        """Return by the name of a value how it is read."""
        options = self._options
        reads: dict[str, Read] = {
            STATE: self._read_cover
            if options.is_cover
            else partial(self._read_state, Switch.of_state(options.states, options.on, options.off)),
            "position": self._read_position,
        }
        if options.brightness is not None:
            reads["brightness"] = partial(read_brightness, options.brightness)
        if self._thermostat is not None:
            reads["target"] = self._thermostat.read_target
            reads["mode"], reads["action"] = self._thermostat.read_mode, self._thermostat.read_action
        if options.colour_temperature is not None:
            reads["colour_temperature"] = partial(read_colour, options.colour_temperature)
        for name, measurement in asdict(options.measurements).items():
            reads[f"measurements.{name}"] = partial(read_measurement, name, measurement)
        for word, detection in asdict(options.detections).items():
            if detection is not None:
                switch = Switch.of_detection(detection)
                reads[f"detections.{word}"] = partial(self._read_detection, word, switch)
        return reads

    @property
    def topics(self) -> list[str]:
        """The topics that it subscribes to."""
        options = self._options
        pressed = [options.press_topic] if options.press_topic else []
        announced = [options.announcement] if options.announcement else []
        return list(dict.fromkeys([*announced, *options.availability_topics, *self._sources, *pressed]))

    @property
    def name(self) -> str:
        """The topic by which a person knows it."""
        options = self._options
        commanded = options.command_topic or (options.target and options.target.command_topic)
        return commanded or options.topic or options.state_topic or (*self.topics, "")[0]

    def close(self) -> None:
        """Stop the timers, at the end of the session."""
        for timer in self._clearing.values():
            timer.cancel()

    # Commands

    def read_messages(self) -> list[Message]:
        """Request the state. Hardware that cannot be asked counts as reachable, unless a command failed."""
        options = self._options
        if options.request_topic is None:
            self.reports += 1
            if not self._is_silent:
                self.channel.connect()
            return []
        return [(options.request_topic, options.request)]

    def set_messages(self, setting: Setting) -> list[Message]:
        """Return the messages that apply a setting; what goes to one topic as JSON is one message."""
        options = self._options
        if options.is_cover:
            return self._move(setting)
        is_settled = (
            self._is_live and not self._is_silent and possible(options, setting).is_met_by(self._reported)
        )
        if not options.confirms:
            self._reported = replace(self._reported, on=setting.on)
        elif not is_settled:  # what is so already may not be reported again
            self._is_silent = True
        if not self._is_silent:
            self.reports += 1
        return self._thermostat.messages(setting) if self._thermostat else switch_messages(options, setting)

    def _move(self, setting: Setting) -> list[Message]:
        options = self._options
        direction = setting.direction if setting.on else None
        self._motion.order(direction, setting.off_after_seconds, uptime())
        self._reported = replace(self._reported, on=setting.on, direction=direction)
        self.reports += 1
        payload = {"open": options.open, "close": options.close, None: options.stop}[direction]
        return [(options.command_topic or "", payload or "")]

    def has_reached(self, setting: Setting) -> bool:
        """Return whether the hardware has confirmed the setting, or cannot."""
        is_met = possible(self._options, setting).is_met_by(self._reported)
        if is_met and (self._options.is_cover or not self._options.confirms):
            moves = self._reported.direction
            self.channel.update(on=setting.on, direction=moves, is_assumed=True, **self._about)
        return is_met

    # Messages

    def on_message(self, topic: str, payload: str, *, retained: bool) -> None:
        """Read the availability, the values and the presses in a message."""
        options = self._options
        values = MessageValues(payload)
        if topic == options.announcement:
            self._on_announcement(payload)
        if topic in options.availability_topics:
            self._on_availability(topic, values)
        if options.press_topic and matches(options.press_topic, topic) and not retained:
            self._on_press(values)
        sources = [
            one
            for filter_, own in self._sources.items()
            if matches(filter_, topic)
            for one in own
            if not (retained and self._is_over(one[0]))
        ]
        if sources and not (retained and self._is_old(values)):
            try:
                self._on_values(sources, values, retained=retained)
            except (ValueError, RecursionError) as error:
                if not options.takes_commands:  # otherwise it is the reason why no command is confirmed
                    self.channel.connect(f"sent an invalid message on {topic}: {error}")
                raise

    def _on_announcement(self, payload: str) -> None:
        from daemons.drivers.generic_mqtt.announcement import about  # noqa: PLC0415  few devices have one

        self._about = {"about": about(payload)}

    def _on_availability(self, topic: str, values: MessageValues) -> None:
        word = to_text(
            self._value(values, self._options.availability_path, self._options.availability_template)
        )
        if word not in (self._options.online, self._options.offline):
            raise ValueError(f"an availability must be {self._options.online} or {self._options.offline}")
        self._availability[topic] = word == self._options.online
        self.set_online(all(self._availability.values()))

    def _on_press(self, values: MessageValues) -> None:
        touch = press_of(
            self._value(values, self._options.press_path, self._options.press_template), self._options.presses
        )
        if touch == "long":
            touch = self._held.hold(uptime())
        elif touch is not None:
            self._held.let_go()
        if touch is not None:
            self.channel.press(touch)

    def _is_over(self, name: str) -> bool:
        """Return whether a detection that the broker has kept is over, because nothing else ends it."""
        return self._options.clears_seconds is not None and name.startswith((STATE, "detections."))

    def _is_old(self, values: MessageValues) -> bool:
        """Return whether a message that the broker has kept is too old, or does not count."""
        options = self._options
        if not options.retained:
            return True
        sent_at = to_time(self._value(values, options.time_path)) if options.time_path else None
        return sent_at is not None and time() - sent_at > options.max_age_seconds

    def _on_values(
        self, sources: list[tuple[str, Source, Read]], values: MessageValues, *, retained: bool
    ) -> None:
        """Report the values of a message; ValueError names one that is not valid, after the others."""
        changes: dict[str, Any] = {}
        errors, found = [], False
        for name, source, read in sources:
            try:
                value = self._value(values, source.path, source.template, missing=UNSET)
                if value is not UNSET:
                    found = True
                    changes |= read(value)
            except ValueError as error:
                errors.append(f"{name}: {error}")
        if changes:
            self._report(changes, confirms=not retained)
        if errors:
            raise ValueError(errors[0])
        if not found and self._options.takes_commands:
            place = sources[0][1].path or "value for the template"
            raise ValueError(f"it has no {place}{names_text(values)}")

    def _value(
        self, values: MessageValues, path: str, template: str | None = None, *, missing: Any = None
    ) -> Any:
        """Return the value at a path, or what a template makes; `missing` if the message has none.

        Raises ValueError for a message that is not JSON, and for a template that fails.
        """
        if template is None:
            found = values.at(path)
            return missing if found is UNSET else found
        if template not in self._templates:
            from daemons.drivers.generic_mqtt.template import Template  # noqa: PLC0415  few devices have one

            self._templates[template] = Template(template)
        made = self._templates[template].render(values.payload, values.document)
        return missing if made is None else made

    def _report(self, changes: dict[str, Any], *, confirms: bool) -> None:
        """Report changes. A message that the broker has kept confirms no command: it is older."""
        self._reported = replace(self._reported, **changes)
        if confirms:
            self._is_silent, self._is_live = False, True
            self.reports += 1
        report = self.channel.update if confirms else self.channel.restore
        report(**{**self._about, **changes})

    def _read_state(self, switch: Switch, value: Any) -> dict[str, Any]:
        on = switch.read(value)
        self._clear_later("state", {"on": False} if on else None)
        return {"on": on, "is_assumed": False}

    def _read_detection(self, word: str, switch: Switch, value: Any) -> dict[str, Any]:
        detected = switch.read(value)
        if detected is None:
            self._detections.pop(word, None)
        else:
            self._detections[word] = detected
        self._clear_later(word, {"detections": {**self._detections, word: False}} if detected else None)
        return {"detections": {**self._detections}, "on": detected}

    def _clear_later(self, name: str, cleared: dict[str, Any] | None) -> None:
        """Begin the time after which a detection ends, or stop it."""
        seconds = self._options.clears_seconds
        if seconds is None:
            return
        if running := self._clearing.pop(name, None):
            running.cancel()
        if cleared is not None:
            loop = asyncio.get_running_loop()
            self._clearing[name] = loop.call_later(seconds, self._clear, name, cleared)

    def _clear(self, name: str, cleared: dict[str, Any]) -> None:
        if name in self._detections:
            self._detections[name] = False
            cleared = {"detections": {**self._detections}}
        self._report(cleared, confirms=False)

    def _read_cover(self, value: Any) -> dict[str, Any]:
        word = cover_word(value, self._options.states)
        if word is None:
            return {}
        self._motion.on_word(word, uptime())
        return self._motion.fields(uptime())

    def _read_position(self, value: Any) -> dict[str, Any]:
        number = to_number(value)
        percent = None if number is None else position_percent(number, self._options.position)
        self._motion.on_position(percent, uptime())
        return {"position_percent": percent, **self._motion.fields(uptime())}


def names_text(values: MessageValues) -> str:
    """Return the names that a message has, as the end of an error."""
    names = values.names[:MOST_NAMES]
    return f"; it has {', '.join(names)}" if names else ""
