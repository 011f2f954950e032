"""Plugs and bulbs with the Tasmota firmware, through an MQTT broker.

Tasmota receives commands on cmnd/TOPIC/... and publishes their results on stat/TOPIC/.... It publishes
measurements and its last will on tele/TOPIC/... (tasmota.github.io/docs/MQTT). PulseTime is a timer in
the plug that switches it off. The values 1 to 111 are tenths of a second. Values from 112 are seconds
plus 100 (tasmota.github.io/docs/Commands). The plug stores PulseTime, so the timer also applies after
a manual switch.
"""

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from daemons.drivers import Found, Remote
from daemons.drivers.transports import mqtt, mqtt_device
from daemons.drivers.transports.broker import Broker
from daemons.drivers.transports.held_button import HeldButton
from daemons.drivers.transports.mqtt_device import Message, MqttDevice, Topic
from daemons.kinds import Ability, Reading, Setting, Touch
from daemons.runtime.clock import uptime

if TYPE_CHECKING:
    from daemons.drivers.transports.worker import HardwareChannel

SHORTEST_PULSE_SECONDS, LONGEST_PULSE_SECONDS = 0.1, 64800.0
MOST_TENTHS = 111
"""The greatest PulseTime in tenths of a second: 11.1 s."""
TOUCHES: dict[str, Touch] = {
    "SINGLE": "single",
    "DOUBLE": "double",
    "TRIPLE": "triple",
    "HOLD": "long",
    "CLEAR": "release",
}
"""The actions of a button (tasmota.github.io/docs/Buttons-and-Switches)."""
MIRED = 1_000_000
"""The product of a colour temperature in mireds and the same in kelvins."""


class Options(Broker, frozen=True, kw_only=True):
    """The options of a plug with Tasmota."""

    topic: Topic
    """The plug's own topic, as its web page shows it under MQTT, without `cmnd/`."""
    relay: Annotated[int, Meta(ge=1, le=8)] = 1
    """The number of its relay."""
    button: Annotated[int, Meta(ge=1, le=8)] | None = None
    """The number of the button whose presses you want. Set SetOption73 to 1 in Tasmota."""


class MqttTasmota(Remote[Options]):
    """Plugs and bulbs with the Tasmota firmware, through an MQTT broker."""

    options_type = Options
    abilities: ClassVar[frozenset[Ability]] = frozenset({"switch", "dim", "tint", "press"})

    async def run(self, channel: "HardwareChannel") -> None:
        """Open a session with the broker, and control the plug through it."""
        topic = self.options.topic
        topics = [f"stat/{topic}/#", f"tele/{topic}/#"]
        async with mqtt.mqtt_session(self.device, self.options, topics) as client:
            await mqtt_device.run_device(client, TasmotaDevice(channel, self.options))

    @classmethod
    async def discover(cls, seconds: float, known: Sequence[Options]) -> list[Found]:
        """Read the announcements that plugs retain at their brokers (SetOption19 0, the default)."""
        found = []
        for broker in mqtt_device.known_brokers(known):
            for _, payload in await mqtt.retained("discover", broker, "tasmota/discovery/+/config", seconds):
                try:
                    plug = msgspec.json.decode(payload, type=PlugAnnouncement)
                except msgspec.MsgspecError:
                    continue
                relays = [index + 1 for index, type_ in enumerate(plug.rl) if type_]
                for relay in relays:
                    options = {**mqtt_device.broker_options(broker), "topic": plug.t}
                    if len(relays) > 1:
                        options["relay"] = relay
                    name = plug.fn[relay - 1] if relay <= len(plug.fn) and plug.fn[relay - 1] else plug.dn
                    found.append(
                        Found(
                            title=name or plug.t,
                            address=f"{broker.endpoint} {plug.t}",
                            model=plug.md,
                            firmware=plug.sw,
                            kind="lamp" if plug.rl[relay - 1] == LIGHT else "plug",
                            driver="mqtt_tasmota",
                            options=options,
                        )
                    )
        return found


LIGHT = 2
"""The type of a light in an announcement; a relay has the type 1."""


class PlugAnnouncement(msgspec.Struct, frozen=True):
    """The announcement of a plug; the names of the fields are Tasmota's."""

    t: Topic
    dn: str = ""
    fn: tuple[str | None, ...] = ()
    md: str = ""
    sw: str = ""
    rl: tuple[int, ...] = ()


class TasmotaDevice(MqttDevice):
    """One relay of a plug: parses the messages on its topics, and encodes commands."""

    def __init__(self, channel: "HardwareChannel", options: Options) -> None:
        super().__init__(channel)
        relay = options.relay
        self._topic = options.topic
        self._button = options.button
        self._held = HeldButton()
        self._relay = relay
        self._names = (f"POWER{relay}", "POWER") if relay == 1 else (f"POWER{relay}",)
        self._reported = Reading(reachable=None)
        self._pulse_time: int | None = None
        """The timer that the plug reported last."""

    @property
    def name(self) -> str:
        """The plug's topic."""
        return self._topic

    def read_messages(self) -> list[Message]:
        """Request the state of the relay, the timer and the meter."""
        requests = (f"PulseTime{self._relay}", ""), ("State", ""), ("Status", "10")
        return [(f"cmnd/{self._topic}/{command}", value) for command, value in requests]

    def set_messages(self, setting: Setting) -> list[Message]:
        """Return a command that sets the timer, then switches. So the relay is never on without its timer."""
        commands = []
        if setting.on:
            commands.append(f"PulseTime{self._relay} {pulse_time(setting.off_after_seconds)}")
            if setting.brightness_percent is not None and self._reported.brightness_percent is not None:
                commands.append(f"Dimmer {setting.brightness_percent}")
            if setting.colour_temperature_kelvin is not None:
                commands.append(f"CT {min(500, max(153, round(MIRED / setting.colour_temperature_kelvin)))}")
        commands.append(f"Power{self._relay} {'ON' if setting.on else 'OFF'}")
        self._pulse_time = None
        return [(f"cmnd/{self._topic}/Backlog0", "; ".join(commands))]

    def has_reached(self, setting: Setting) -> bool:
        """Return whether relay and timer have both been confirmed."""
        armed = not setting.on or self._pulse_time == pulse_time(setting.off_after_seconds)
        return armed and setting.is_met_by(self._reported)

    def on_message(self, topic: str, payload: str, *, retained: bool) -> None:
        """Handle the plug's last will, results and measurements."""
        word = topic.removeprefix(f"stat/{self._topic}/").removeprefix(f"tele/{self._topic}/")
        if word == "LWT":
            self._on_will(payload)
        elif retained:
            return  # a retained message may be out of date
        elif word in self._names:
            self._update(on=parse_power(payload))
        elif word in ("STATE", "RESULT", "SENSOR") or word.startswith("STATUS"):
            self._on_json(payload)

    def _on_will(self, payload: str) -> None:
        if payload not in ("Online", "Offline"):
            raise ValueError("a last will must be Online or Offline")
        self.set_online(payload == "Online")

    def _on_json(self, payload: str) -> None:
        found = msgspec.json.decode(payload, type=dict[str, Any])
        inner = found.get("StatusSTS") or found.get("StatusSNS")
        found = inner if isinstance(inner, dict) else found
        timer = found.get(f"PulseTime{self._relay}")
        if isinstance(timer, dict) and isinstance(timer.get("Set"), int):
            self._pulse_time = timer["Set"]
            left = timer.get("Remaining")
            left_seconds = pulse_seconds(left) if isinstance(left, int) else None
            self._reported = msgspec.structs.replace(self._reported, off_after_seconds=left_seconds)
        changes: dict[str, Any] = {}
        for name in self._names:
            if isinstance(found.get(name), str):
                changes["on"] = parse_power(found[name])
        if isinstance(found.get("Dimmer"), int):
            changes["brightness_percent"] = found["Dimmer"]
        if isinstance(found.get("CT"), int) and found["CT"] > 0:
            changes["colour_temperature_kelvin"] = round(MIRED / found["CT"])
        if isinstance(press := found.get(f"Button{self._button}"), dict):
            self._on_action(press.get("Action"))
        energy = found.get("ENERGY")
        if isinstance(energy, dict):
            changes |= self._parse_energy(energy)
        if changes or timer or self._button is not None:  # a device with only buttons reports no relay
            self._update(**changes)

    def _on_action(self, action: Any) -> None:
        """Report a press of the button, if the action is one."""
        touch = TOUCHES.get(action) if isinstance(action, str) else None
        if touch == "long":
            touch = self._held.hold(uptime())
        else:
            self._held.let_go()
        if touch is not None:
            self.channel.press(touch)

    def _parse_energy(self, energy: dict[str, Any]) -> dict[str, float]:
        """Parse a meter: the power in watts, and the total energy in kilowatt-hours."""
        found = {}
        for name, word, factor in (("power_watts", "Power", 1), ("energy_watt_hours", "Total", 1000)):
            value = energy.get(word)
            if isinstance(value, list):
                value = value[self._relay - 1] if self._relay <= len(value) else None
            if isinstance(value, int | float) and not isinstance(value, bool):
                found[name] = round(float(value) * factor, 3)
        return found

    def _update(self, **changes: Any) -> None:
        """Report a reading. The message proves that the plug is online, even if its last will is Offline."""
        self.is_online = True
        self._reported = msgspec.structs.replace(self._reported, **changes)
        if self._reported.on is not None or self._button is not None:
            self.reports += 1
            known = {"on": self._reported.on, "off_after_seconds": self._reported.off_after_seconds}
            self.channel.update(**{**known, **changes})


def parse_power(payload: str) -> bool:
    """Parse a relay's state; raises ValueError if the payload is not a state."""
    if payload not in ("ON", "OFF"):
        raise ValueError(f"a relay must be ON or OFF, not {payload[:20]!r}")
    return payload == "ON"


def pulse_time(seconds: float | None) -> int:
    """Return the PulseTime for a duration in seconds, rounded up; 0 (no timer) for None."""
    if seconds is None:
        return 0
    seconds = min(max(seconds, SHORTEST_PULSE_SECONDS), LONGEST_PULSE_SECONDS)
    tenths = ceil(round(seconds * 10, 6))
    return tenths if tenths <= MOST_TENTHS else ceil(round(seconds, 6)) + 100


def pulse_seconds(pulse: int) -> float | None:
    """Return the duration of a PulseTime in seconds; None for 0 (no timer)."""
    if pulse <= 0:
        return None
    return pulse / 10 if pulse <= MOST_TENTHS else float(pulse - 100)
