"""Devices that Zigbee2MQTT connects to an MQTT broker: plugs, bulbs, covers, sensors and buttons.

A device publishes its state on BASE/NAME and its availability on BASE/NAME/availability. It receives
settings on BASE/NAME/set and requests for its state on BASE/NAME/get. Zigbee2MQTT publishes its own
availability on BASE/bridge/state (zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html).
`on_time` is the timer of Zigbee's On With Timed Off. Few covers report whether they move. So a cover
counts as moving from the command until it reaches an end, is stopped, or its time is over.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from msgspec import field

from daemons.drivers import Found, Remote
from daemons.drivers.transports import mqtt, mqtt_device
from daemons.drivers.transports.broker import Broker
from daemons.drivers.transports.mqtt_device import OFFLINE, Message, MqttDevice, Topic
from daemons.drivers.zigbee2mqtt import report
from daemons.drivers.zigbee2mqtt.action import ActionReader
from daemons.drivers.zigbee2mqtt.report import MIRED, MOST_BRIGHT
from daemons.kinds import Ability, Direction, Reading, Setting
from daemons.runtime.clock import uptime

if TYPE_CHECKING:
    from daemons.drivers.transports.worker import HardwareChannel

REMOVED = "it was removed from Zigbee2MQTT"


class Options(Broker, frozen=True, kw_only=True):
    """The options of a device of Zigbee2MQTT."""

    device: Topic
    """The friendly name of the device in Zigbee2MQTT."""
    topic: Topic = "zigbee2mqtt"
    """The base topic of Zigbee2MQTT."""
    switches: bool = True
    """False for a button in the wall or a sensor, which have nothing to switch."""
    button: str | None = None
    """For a device with several buttons: the name of the button, such as `"1"` in `1_single` or `press_1`."""
    at_release: bool = False
    """Whether a short press counts when it ends (`press_release`), because a long one begins with `press`."""
    endpoint_name: str | None = field(name="endpoint", default=None)
    """For a device with several relays, lamps or probes: the end of its fields, as `"l1"` in `state_l1`."""
    dims: bool = True
    """False for a lamp behind a plug or a relay, which cannot be dimmed."""


class MqttZigbee2mqtt(Remote[Options]):
    """Devices that Zigbee2MQTT connects to an MQTT broker: plugs, bulbs, covers, sensors and buttons."""

    options_type = Options
    abilities: ClassVar[frozenset[Ability]] = frozenset({"switch", "dim", "tint", "move", "press", "sense"})

    @classmethod
    def abilities_with(cls, options: Options) -> frozenset[Ability]:
        """Return the abilities; what cannot be dimmed has no colour temperature either."""
        return cls.abilities if options.dims else cls.abilities - {"dim", "tint"}

    async def run(self, channel: "HardwareChannel") -> None:
        """Open a session with the broker, and control the device through it."""
        base, name = self.options.topic, self.options.device
        topics = [
            f"{base}/{name}",
            f"{base}/{name}/availability",
            f"{base}/{name}/action",
            f"{base}/bridge/state",
        ]
        async with mqtt.mqtt_session(self.device, self.options, topics) as client:
            await mqtt_device.run_device(client, Zigbee2mqttDevice(channel, self.options))

    @classmethod
    async def discover(cls, seconds: float, known: Sequence[Options]) -> list[Found]:
        """Read the list of devices that Zigbee2MQTT retains at its broker."""
        from daemons.drivers.zigbee2mqtt import definition  # noqa: PLC0415  a device process does not need it

        found = []
        for broker in mqtt_device.known_brokers(known):
            bases = {options.topic for options in known if options.endpoint == broker.endpoint} or {
                "zigbee2mqtt"
            }
            for base in sorted(bases):
                for _, payload in await mqtt.retained("discover", broker, f"{base}/bridge/devices", seconds):
                    found += definition.found_in(payload, broker, base)
        return found


class Zigbee2mqttDevice(MqttDevice):
    """One device: parses the messages on its topics, and encodes settings."""

    def __init__(self, channel: "HardwareChannel", options: Options) -> None:
        super().__init__(channel)
        self._options = options
        self._topic = f"{options.topic}/{options.device}"
        self._reported = Reading(reachable=None)
        self._direction: Direction | None = None
        """The direction in which the cover moves; None while it does not move."""
        self._move_ends_at = 0.0
        """The latest end of the move, in seconds of uptime."""
        self._actions = ActionReader(options.button, at_release=options.at_release)
        self._detections: dict[str, bool] = {}
        """By the word of a detection, what the device reported last."""
        self._is_bridge_online = True
        self._is_device_online: bool | None = None

    @property
    def name(self) -> str:
        """The device's topic."""
        return self._topic

    def read_messages(self) -> list[Message]:
        """Request the state. A device without a switch may sleep: report it as reachable."""
        if not self._options.switches:
            self.reports += 1
            self.channel.update()
            return []
        return [(f"{self._topic}/get", self._encode({"state": ""}))]

    def set_messages(self, setting: Setting) -> list[Message]:
        """Return a message that switches, dims or moves; it also sets the device's timer."""
        if not self._options.switches:
            self._reported = Reading(on=setting.on)
            self.reports += 1
            return []
        payload: dict[str, Any] = {"state": "ON" if setting.on else "OFF"}
        if setting.direction is not None or self._direction is not None:
            payload["state"] = {"open": "OPEN", "close": "CLOSE", None: "STOP"}[
                setting.direction if setting.on else None
            ]
            self._direction = setting.direction if setting.on else None
            self._move_ends_at = uptime() + (setting.off_after_seconds or 600.0)
        elif setting.on:
            if setting.brightness_percent is not None and self._options.dims:
                payload["brightness"] = round(setting.brightness_percent * MOST_BRIGHT / 100)
            if setting.colour_temperature_kelvin is not None:
                payload["color_temp"] = round(MIRED / setting.colour_temperature_kelvin)
            if setting.off_after_seconds is not None:
                payload["on_time"] = max(1, round(setting.off_after_seconds))
        return [(f"{self._topic}/set", self._encode(payload))]

    def _encode(self, payload: dict[str, Any]) -> str:
        """Return a payload with the name of the endpoint at the end of each field."""
        end = f"_{self._options.endpoint_name}" if self._options.endpoint_name else ""
        return msgspec.json.encode({f"{name}{end}": value for name, value in payload.items()}).decode()

    def has_reached(self, setting: Setting) -> bool:
        """Return whether the device has confirmed the setting."""
        is_met = setting.is_met_by(self._reported)
        if is_met and not self._options.switches:
            self.channel.update(on=setting.on)
        return is_met

    def on_message(self, topic: str, payload: str, *, retained: bool) -> None:
        """Handle the device's state, availability and presses. An empty state is that of a removed device."""
        if topic == f"{self._topic}/action":
            self._on_action(topic, payload, retained=retained)
        elif topic == f"{self._options.topic}/bridge/state":
            self._on_availability(parse_availability(payload), of_device=False)
        elif not payload:
            self.offline_reason = REMOVED
            self._on_availability(False, of_device=True)
        elif topic == f"{self._topic}/availability":
            self.offline_reason = OFFLINE
            self._on_availability(parse_availability(payload), of_device=True)
        else:
            found = msgspec.json.decode(payload, type=dict[str, Any])
            if self.offline_reason == REMOVED:  # it was added again
                self.offline_reason, self._is_device_online = OFFLINE, None
                self.set_online(None if self._is_bridge_online else False)
            self._on_action(topic, found.get("action"), retained=retained)
            self._on_state(found, retained=retained)

    def _on_availability(self, is_online: bool, of_device: bool) -> None:
        if of_device:
            self._is_device_online = is_online
        else:
            self._is_bridge_online = is_online
        self.set_online(self._is_device_online if self._is_bridge_online else False)

    def _on_action(self, topic: str, action: Any, *, retained: bool) -> None:
        if (
            not retained
            and isinstance(action, str)
            and (touch := self._actions.read(topic, action, uptime()))
        ):
            self.channel.press(touch)

    def _on_state(self, message: dict[str, Any], *, retained: bool) -> None:
        found = report.fields_of(message, self._options.endpoint_name)
        state = found.get("state")
        if state is None and self._options.switches:
            self._refuse_endpoints(message)
        changes = {**report.measurements(found), **report.light(found)}
        if state in ("ON", "OFF"):
            changes["on"] = state == "ON"
        if detected := report.detections(found):
            self._detections |= detected
            changes["detections"] = {**self._detections}
            changes["on"] = next(iter(detected.values()))
        if state not in ("ON", "OFF") and (
            "position_percent" in changes or state in ("OPEN", "CLOSE", "STOP")
        ):
            changes |= self._cover_changes(found, changes.get("position_percent"))
        if not changes or (retained and self._options.switches):
            return  # a retained state counts only for a sensor, which may not report for hours
        self._reported = msgspec.structs.replace(self._reported, **changes)
        self.reports += 1
        self.channel.update(**changes)

    def _refuse_endpoints(self, message: dict[str, Any]) -> None:
        """Raise ValueError if the device has several endpoints, and the options do not name one of them."""
        names = [name.removeprefix("state_") for name in message if name.startswith("state_")]
        if names:
            raise ValueError(f"it has no state of its own; set endpoint to one of {', '.join(sorted(names))}")

    def _cover_changes(self, found: dict[str, Any], position: int | None) -> dict[str, Any]:
        """Return whether the cover moves, and in which direction, as fields of a Reading."""
        at_end = position is not None and position == {"open": 100, "close": 0, None: -1}[self._direction]
        has_stopped = found.get("moving") in (False, "STOP") or found.get("state") == "STOP"
        if at_end or has_stopped or uptime() > self._move_ends_at:
            self._direction = None
        return {"on": self._direction is not None, "direction": self._direction}


def parse_availability(payload: str) -> bool:
    """Parse an availability, plain or in JSON; raises ValueError if the payload is not valid."""
    state: Any = payload
    if payload.startswith("{"):
        state = msgspec.json.decode(payload, type=dict[str, Any]).get("state")
    if state not in ("online", "offline"):
        raise ValueError("an availability must be online or offline")
    return bool(state == "online")
