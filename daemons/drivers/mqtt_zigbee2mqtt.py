"""Devices behind Zigbee2MQTT and an MQTT broker: plugs, bulbs, covers, thermostats, sensors, buttons.

A device publishes its state on BASE/NAME and its availability on BASE/NAME/availability. It receives
settings on BASE/NAME/set and requests for its state on BASE/NAME/get. Zigbee2MQTT publishes its own
availability on BASE/bridge/state (zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html).
`on_time` is the timer of Zigbee's On With Timed Off. Few covers report whether they move. So a cover
counts as moving from the command until it reaches an end, is stopped, or its time is over.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta, field

from daemons.drivers import Found, Remote
from daemons.drivers.transports import mqtt, mqtt_device
from daemons.drivers.transports.broker import Broker
from daemons.drivers.transports.mqtt_device import OFFLINE, Message, MqttDevice, Topic
from daemons.drivers.zigbee2mqtt import report
from daemons.drivers.zigbee2mqtt.action import ActionReader
from daemons.drivers.zigbee2mqtt.report import MIRED, MOST_BRIGHT
from daemons.drivers.zigbee2mqtt.valve import Setpoint, Valve
from daemons.kinds import Ability, Direction, Reading, Setting
from daemons.runtime.clock import uptime

if TYPE_CHECKING:
    from daemons.drivers.transports.worker import HardwareChannel

REMOVED = "it was removed from Zigbee2MQTT"
VALVE_SECONDS = 60.0
"""How long a valve may take to confirm a target: it sleeps, to spare its battery."""


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
    colours: Literal["xy", "hs"] | None = None
    """For a lamp with colours: `"xy"` if it exposes `color_xy`, and `"hs"` if it exposes only `color_hs`."""
    setpoint: Setpoint | None = None
    """For a thermostat or a radiator valve: the field with its target."""
    lowest_celsius: Annotated[float, Meta(ge=-50, le=30)] = 5.0
    """The lowest target of a thermostat. Off is this target, and it keeps the frost away."""
    highest_celsius: Annotated[float, Meta(ge=5, le=200)] = 30.0
    """The highest target of a thermostat."""
    step_celsius: Annotated[float, Meta(ge=0.01, le=5)] = 0.5
    """The step of its targets."""
    heat_mode: Annotated[str, Meta(max_length=40)] = "heat"
    """The `system_mode` in which a thermostat keeps the target; empty for one without modes."""
    preset: Annotated[str, Meta(max_length=40)] = ""
    """The `preset` in which a thermostat keeps the target, such as `"manual"`; empty for one without any."""
    off_mode: bool = False
    """Whether a thermostat is switched off by its `system_mode`, and not by its lowest target."""

    def __post_init__(self) -> None:
        """Raise ValueError for a colour that cannot be dimmed, and for a thermostat with only one target."""
        if self.colours and not self.dims:
            raise ValueError("colours needs dims = true")
        if self.lowest_celsius + self.step_celsius > self.highest_celsius:
            raise ValueError("highest_celsius must be above lowest_celsius, by at least step_celsius")

    @property
    def valve(self) -> Valve | None:
        """The thermostat; None for any other device."""
        return self.setpoint and Valve(
            self.setpoint,
            lowest=self.lowest_celsius,
            highest=self.highest_celsius,
            step=self.step_celsius,
            heat_mode=self.heat_mode,
            preset=self.preset,
            off_mode=self.off_mode,
        )


class MqttZigbee2mqtt(Remote[Options]):
    """Devices behind Zigbee2MQTT and an MQTT broker: plugs, bulbs, covers, thermostats, sensors, buttons."""

    options_type = Options
    abilities: ClassVar[frozenset[Ability]] = frozenset(
        {"switch", "dim", "tint", "colour", "move", "press", "sense", "regulate"}
    )

    @classmethod
    def abilities_with(cls, options: Options) -> frozenset[Ability]:
        """Return the abilities; what cannot be dimmed has no colour temperature either."""
        if options.setpoint:
            return frozenset({"regulate"})
        has: dict[Ability, bool] = {
            "regulate": False,
            "dim": options.dims,
            "tint": options.dims,
            "colour": options.colours is not None,
        }
        return frozenset(ability for ability in cls.abilities if has.get(ability, True))

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
                    found += definition.found_in(payload, broker, base, cls.options_type)
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
        self._valve = options.valve
        if self._valve:
            self.answer_seconds, self.replaces_unconfirmed = VALVE_SECONDS, True
        self._is_bridge_online = True
        self._is_device_online: bool | None = None

    @property
    def name(self) -> str:
        """The device's topic."""
        return self._topic

    def read_messages(self) -> list[Message]:
        """Request the state. A device without a switch, or a valve, may sleep: report it as reachable."""
        fields = {"state": ""}
        if self._valve or not self._options.switches:
            self.reports += 1
            self.channel.connect()
            fields = self._valve.request() if self._valve else {}
        return [(f"{self._topic}/get", self._encode(fields))] if fields else []

    def set_messages(self, setting: Setting) -> list[Message]:
        """Return a message that switches, dims or moves; it also sets the device's timer."""
        if self._valve:
            return [(f"{self._topic}/set", self._encode(self._valve.fields(setting)))]
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
            if setting.colour is not None and self._options.colours:
                payload["color"] = report.color(self._options.colours, setting.colour)
            if setting.off_after_seconds is not None:
                payload["on_time"] = max(1, round(setting.off_after_seconds))
        return [(f"{self._topic}/set", self._encode(payload))]

    def _encode(self, payload: dict[str, Any]) -> str:
        """Return a payload with the name of the endpoint at the end of each field."""
        end = f"_{self._options.endpoint_name}" if self._options.endpoint_name else ""
        return msgspec.json.encode({f"{name}{end}": value for name, value in payload.items()}).decode()

    def has_reached(self, setting: Setting) -> bool:
        """Return whether the device has confirmed the setting."""
        is_met = setting.is_met_by(self._reported) or setting.is_at_end(self._reported)
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
        field = self._options.setpoint or "state"
        if field not in found and self._options.switches and not self._options.endpoint_name:
            self._refuse_endpoints(message, field)
        changes = report.measurements(found)
        if self._valve:
            changes.pop("position_percent", None)
            changes |= self._valve.read(found)
        else:
            changes |= self._switch_changes(found, changes)
        if not changes or (retained and self._options.switches and not self._valve):
            return  # a retained state counts only for what may not report for hours
        self._reported = msgspec.structs.replace(self._reported, **changes)
        self.reports += 1
        tell = self.channel.restore if retained else self.channel.update
        tell(**changes, **report.facts(found))

    def _switch_changes(self, found: dict[str, Any], measured: dict[str, Any]) -> dict[str, Any]:
        """Return what a switch, a light, a cover or a detector reports, as fields of a Reading."""
        state, changes = found.get("state"), report.light(found)
        if self._options.colours is None:
            changes.pop("colour", None)
        if state in ("ON", "OFF"):
            changes["on"] = state == "ON"
        if detected := report.detections(found):
            self._detections |= detected
            changes["detections"] = {**self._detections}
            changes["on"] = next(iter(detected.values()))
        if state not in ("ON", "OFF") and (
            "position_percent" in measured or state in ("OPEN", "CLOSE", "STOP")
        ):
            changes |= self._cover_changes(found, measured.get("position_percent"))
        return changes

    def _refuse_endpoints(self, message: dict[str, Any], field: str) -> None:
        """Raise ValueError if the device has several endpoints, and the options do not name one of them."""
        names = [name.removeprefix(f"{field}_") for name in message if name.startswith(f"{field}_")]
        if names:
            text = f"it has no {field} of its own; set endpoint to one of {', '.join(sorted(names))}"
            raise ValueError(text)

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
