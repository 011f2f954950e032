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
from msgspec import Struct

from daemons.drivers import Found, Remote
from daemons.drivers.transports import mqtt, mqtt_device
from daemons.drivers.transports.broker import Broker
from daemons.drivers.transports.held_button import HeldButton
from daemons.drivers.transports.mqtt_device import Message, MqttDevice, Topic
from daemons.kinds import Ability, Direction, Reading, Setting, Touch
from daemons.runtime.clock import uptime

if TYPE_CHECKING:
    from daemons.drivers.transports.worker import HardwareChannel

MOST_BRIGHT = 254
MIRED = 1_000_000
"""The product of a colour temperature in mireds and the same in kelvins."""
RELEASES = ("release", "hold_release", "long_release", "on_hold_release", "off_hold_release")
TOUCHES: dict[str, Touch] = {
    **dict.fromkeys(("single", "on", "off", "toggle", "press", "click"), "single"),
    "double": "double",
    "triple": "triple",
    **dict.fromkeys(("long", "hold", "on_hold", "off_hold"), "long"),
    **dict.fromkeys(RELEASES, "release"),
}
"""The values of `action` that are presses. A turn of a knob, and the release of a short press, are not."""
DETECTED = {"occupancy": True, "contact": False, "water_leak": True, "smoke": True, "vibration": True}
"""The fields of detectors, each with the value of a detection. A closed contact is no detection."""


class Options(Broker, frozen=True, kw_only=True):
    """The options of a device of Zigbee2MQTT."""

    device: Topic
    """The friendly name of the device in Zigbee2MQTT."""
    topic: Topic = "zigbee2mqtt"
    """The base topic of Zigbee2MQTT."""
    switches: bool = True
    """False for a button in the wall or a sensor, which have nothing to switch."""
    button: str | None = None
    """For a device with several buttons: the text before the press, such as `"1"` in `1_single`."""


class MqttZigbee2mqtt(Remote[Options]):
    """Devices that Zigbee2MQTT connects to an MQTT broker: plugs, bulbs, covers, sensors and buttons."""

    options_type = Options
    abilities: ClassVar[frozenset[Ability]] = frozenset({"switch", "dim", "tint", "move", "press", "sense"})

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
        found = []
        for broker in mqtt_device.known_brokers(known):
            bases = {options.topic for options in known if options.endpoint == broker.endpoint} or {
                "zigbee2mqtt"
            }
            for base in sorted(bases):
                for _, payload in await mqtt.retained("discover", broker, f"{base}/bridge/devices", seconds):
                    try:
                        devices = msgspec.json.decode(payload, type=list[DeviceEntry])
                    except msgspec.MsgspecError:
                        continue
                    found += [to_found(entry, broker, base) for entry in devices if entry.definition]
        return found


class Definition(Struct, frozen=True):
    """The description of a model; the names of the fields are Zigbee2MQTT's."""

    model: str = ""
    vendor: str = ""
    exposes: tuple[dict[str, Any], ...] = ()


class DeviceEntry(Struct, frozen=True):
    """One device of the list; the names of the fields are Zigbee2MQTT's."""

    friendly_name: str
    definition: Definition | None = None
    software_build_id: str | None = None


def to_found(entry: DeviceEntry, broker: Broker, base: str) -> Found:
    """Return the options for a device of the list."""
    definition = entry.definition or Definition()
    features = {str(part.get("type")) for part in definition.exposes}
    features |= {str(part.get("property") or part.get("name")) for part in definition.exposes}
    kinds = {"light": "lamp", "cover": "cover", "switch": "plug", "action": "button"}
    kind = next((kinds[feature] for feature in kinds if feature in features), "sensor")
    options: dict[str, Any] = {**mqtt_device.broker_options(broker), "device": entry.friendly_name}
    options |= {"topic": base} if base != "zigbee2mqtt" else {}
    options |= {"switches": False} if kind in ("button", "sensor") else {}
    return Found(
        title=entry.friendly_name,
        address=f"{broker.endpoint} {base}/{entry.friendly_name}",
        model=" ".join(filter(None, (definition.vendor, definition.model))),
        firmware=entry.software_build_id or "",
        kind=kind,
        driver="mqtt_zigbee2mqtt",
        options=options,
    )


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
        self._held = HeldButton()
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
        return [(f"{self._topic}/get", '{"state": ""}')]

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
            if setting.brightness_percent is not None and self._reported.brightness_percent is not None:
                payload["brightness"] = round(setting.brightness_percent * MOST_BRIGHT / 100)
            if setting.colour_temperature_kelvin is not None:
                payload["color_temp"] = round(MIRED / setting.colour_temperature_kelvin)
            if setting.off_after_seconds is not None:
                payload["on_time"] = max(1, round(setting.off_after_seconds))
        return [(f"{self._topic}/set", msgspec.json.encode(payload).decode())]

    def has_reached(self, setting: Setting) -> bool:
        """Return whether the device has confirmed the setting."""
        is_met = setting.is_met_by(self._reported)
        if is_met and not self._options.switches:
            self.channel.update(on=setting.on)
        return is_met

    def on_message(self, topic: str, payload: str, *, retained: bool) -> None:
        """Handle the device's state, availability and presses."""
        if topic in (f"{self._topic}/availability", f"{self._options.topic}/bridge/state"):
            self._on_availability(parse_availability(payload), topic.endswith("/availability"))
        elif topic == f"{self._topic}/action":
            self._on_action(payload, retained=retained)
        else:
            found = msgspec.json.decode(payload, type=dict[str, Any])
            self._on_action(found.get("action"), retained=retained)
            self._on_state(found, retained=retained)

    def _on_availability(self, is_online: bool, of_device: bool) -> None:
        if of_device:
            self._is_device_online = is_online
        else:
            self._is_bridge_online = is_online
        self.set_online(self._is_device_online if self._is_bridge_online else False)

    def _on_action(self, action: Any, *, retained: bool) -> None:
        if retained or not isinstance(action, str) or not action:
            return
        prefix = f"{self._options.button}_" if self._options.button else ""
        if action.startswith(prefix) and (touch := TOUCHES.get(action.removeprefix(prefix))):
            if touch == "long":
                touch = self._held.hold(uptime())
            else:
                self._held.let_go()
            self.channel.press(touch)

    def _on_state(self, found: dict[str, Any], *, retained: bool) -> None:
        changes: dict[str, Any] = {}
        if (state := found.get("state")) in ("ON", "OFF"):
            changes["on"] = state == "ON"
        for name, detects in DETECTED.items():
            if isinstance(found.get(name), bool):
                changes["on"] = found[name] is detects
        for name, word, factor in NUMBERS:
            value = found.get(word)
            if isinstance(value, int | float) and not isinstance(value, bool):
                changes[name] = (
                    round(value * factor, 3) if factor != WHOLE else min(100, max(0, round(value)))
                )
        if isinstance(bright := found.get("brightness"), int | float):
            changes["brightness_percent"] = min(100, round(bright * 100 / MOST_BRIGHT))
        if isinstance(mireds := found.get("color_temp"), int | float) and mireds > 0:
            changes["colour_temperature_kelvin"] = round(MIRED / mireds)
        if "position_percent" in changes or state in ("OPEN", "CLOSE", "STOP"):
            changes |= self._cover_changes(found, changes.get("position_percent"))
        if not changes or (retained and self._options.switches):
            return  # a retained state counts only for a sensor, which may not report for hours
        self._reported = msgspec.structs.replace(self._reported, **changes)
        self.reports += 1
        self.channel.update(**changes)

    def _cover_changes(self, found: dict[str, Any], position: int | None) -> dict[str, Any]:
        """Return whether the cover moves, and in which direction, as fields of a Reading."""
        at_end = position is not None and position == {"open": 100, "close": 0, None: -1}[self._direction]
        has_stopped = found.get("moving") in (False, "STOP") or found.get("state") == "STOP"
        if at_end or has_stopped or uptime() > self._move_ends_at:
            self._direction = None
        return {"on": self._direction is not None, "direction": self._direction}


WHOLE = 0
"""Marks a value that is rounded to a whole percent, in place of a factor."""
NUMBERS = (
    ("power_watts", "power", 1),
    ("energy_watt_hours", "energy", 1000),
    ("temperature_celsius", "temperature", 1),
    ("humidity_percent", "humidity", 1),
    ("battery_percent", "battery", WHOLE),
    ("position_percent", "position", WHOLE),
)
"""A field of a Reading, the field of Zigbee2MQTT, and the factor between them."""


def parse_availability(payload: str) -> bool:
    """Parse an availability, plain or in JSON; raises ValueError if the payload is not valid."""
    state: Any = payload
    if payload.startswith("{"):
        state = msgspec.json.decode(payload, type=dict[str, Any]).get("state")
    if state not in ("online", "offline"):
        raise ValueError("an availability must be online or offline")
    return bool(state == "online")
