"""What Zigbee2MQTT brings to an MQTT broker: plugs, bulbs, covers, sensors and buttons.

A device says what it is on BASE/NAME, takes orders on BASE/NAME/set and questions on
BASE/NAME/get, and is there or not by BASE/NAME/availability; Zigbee2MQTT itself is by
BASE/bridge/state (zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html). `on_time` is the timer
of Zigbee's On With Timed Off. Few covers say whether they move: one does from the order until
it stands at an end, is told to stop, or its time is over.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from msgspec import Struct

from daemons.drivers import Found, Remote
from daemons.drivers.transports import mqtt, mqtt_device
from daemons.drivers.transports.broker import Broker
from daemons.drivers.transports.mqtt_device import Message, MqttDevice, Topic
from daemons.kinds import Ability, Direction, Reading, Setting, Touch
from daemons.runtime.clock import uptime

if TYPE_CHECKING:
    from daemons.drivers.transports.worker import HardwareChannel

MOST_BRIGHT = 254
MIRED = 1_000_000
"""Mireds times kelvins."""
TOUCHES: dict[str, Touch] = {
    **dict.fromkeys(("single", "on", "off", "toggle", "press", "click"), "single"),
    "double": "double",
    **dict.fromkeys(("long", "hold", "on_hold", "off_hold"), "long"),
}
"""The words of `action` that are presses; a release, or a turn of a knob, is none."""
DETECTED = {"occupancy": True, "contact": False, "water_leak": True, "smoke": True, "vibration": True}
"""What detects, and with which value: a contact that is closed detects nothing."""


class Options(Broker, frozen=True, kw_only=True):
    """What can be set."""

    device: Topic
    """The friendly name of the device in Zigbee2MQTT."""
    topic: Topic = "zigbee2mqtt"
    """The base topic of Zigbee2MQTT."""
    switches: bool = True
    """False for a button in the wall or a sensor, which have nothing to switch."""
    button: str | None = None
    """For a device with several buttons: the text before the press, such as `"1"` in `1_single`."""


class MqttZigbee2mqtt(Remote[Options]):
    """What Zigbee2MQTT brings to an MQTT broker: plugs, bulbs, covers, sensors and buttons."""

    options_type = Options
    abilities: ClassVar[frozenset[Ability]] = frozenset({"switch", "dim", "tint", "move", "press", "sense"})

    async def run(self, channel: "HardwareChannel") -> None:
        """Hold a session with the broker, and talk to the device through it."""
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
        """Read the list of devices that Zigbee2MQTT keeps at its broker."""
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
    """What Zigbee2MQTT knows of a model; its names are Zigbee2MQTT's."""

    model: str = ""
    vendor: str = ""
    exposes: tuple[dict[str, Any], ...] = ()


class DeviceEntry(Struct, frozen=True):
    """One device of the list; its names are Zigbee2MQTT's."""

    friendly_name: str
    definition: Definition | None = None
    software_build_id: str | None = None


def to_found(entry: DeviceEntry, broker: Broker, base: str) -> Found:
    """Return the options for a device of the list."""
    definition = entry.definition or Definition()
    words = {str(part.get("type")) for part in definition.exposes}
    words |= {str(part.get("property") or part.get("name")) for part in definition.exposes}
    kinds = {"light": "lamp", "cover": "cover", "switch": "plug", "action": "button"}
    kind = next((kinds[word] for word in kinds if word in words), "sensor")
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
    """One device, as it talks on its topics."""

    def __init__(self, channel: "HardwareChannel", options: Options) -> None:
        super().__init__(channel)
        self._options = options
        self._topic = f"{options.topic}/{options.device}"
        self._reported = Reading(reachable=None)
        self._direction: Direction | None = None
        """Which way its cover moves."""
        self._move_ends_at = 0.0
        """When that is over at the latest, in seconds of uptime."""
        self._is_bridge_online = True
        self._is_device_online: bool | None = None

    @property
    def name(self) -> str:
        """What it is called."""
        return self._topic

    def read_messages(self) -> list[Message]:
        """Ask for its state; what sleeps on a battery answers nothing, and is there all the same."""
        if not self._options.switches:
            self.reports += 1
            self.channel.update()
            return []
        return [(f"{self._topic}/get", '{"state": ""}')]

    def set_messages(self, setting: Setting) -> list[Message]:
        """Switch, dim or move; its own timer is part of the order."""
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
        done = setting.is_met_by(self._reported)
        if done and not self._options.switches:
            self.channel.update(on=setting.on)
        return done

    def on_message(self, topic: str, payload: str, *, retained: bool) -> None:
        """Handle its state, its availability and its presses."""
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
            return  # a switch tells its own when it is asked; a sensor's last word is all there may be
        self._reported = msgspec.structs.replace(self._reported, **changes)
        self.reports += 1
        self.channel.update(**changes)

    def _cover_changes(self, found: dict[str, Any], position: int | None) -> dict[str, Any]:
        """Return whether a cover moves, if it reports this."""
        at_end = position is not None and position == {"open": 100, "close": 0, None: -1}[self._direction]
        stands = found.get("moving") in (False, "STOP") or found.get("state") == "STOP"
        if at_end or stands or uptime() > self._move_ends_at:
            self._direction = None
        return {"on": self._direction is not None, "direction": self._direction}


WHOLE = 0
"""Stands for a factor where a value is a whole percent."""
NUMBERS = (
    ("power_watts", "power", 1),
    ("energy_watt_hours", "energy", 1000),
    ("temperature_celsius", "temperature", 1),
    ("humidity_percent", "humidity", 1),
    ("battery_percent", "battery", WHOLE),
    ("position_percent", "position", WHOLE),
)
"""A field of a Reading, the word for it, and what to multiply that by."""


def parse_availability(payload: str) -> bool:
    """Read a presence, in the plain form or in JSON; ValueError when it is neither."""
    word: Any = payload
    if payload.startswith("{"):
        word = msgspec.json.decode(payload, type=dict[str, Any]).get("state")
    if word not in ("online", "offline"):
        raise ValueError("a presence is online or offline")
    return bool(word == "online")
