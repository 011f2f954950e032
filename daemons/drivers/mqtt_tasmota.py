"""Plugs and bulbs with the Tasmota firmware, through an MQTT broker.

Tasmota receives commands on cmnd/TOPIC/... and publishes their results on stat/TOPIC/.... It publishes
measurements and its last will on tele/TOPIC/... (tasmota.github.io/docs/MQTT). PulseTime is a timer in
the plug that switches it off. The values 1 to 111 are tenths of a second. Values from 112 are seconds
plus 100 (tasmota.github.io/docs/Commands). The plug stores PulseTime, so the timer also applies after
a manual switch.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from daemons.drivers import Found, Remote
from daemons.drivers.tasmota import messages as tasmota
from daemons.drivers.tasmota.messages import Word, parse_pulse, pulse_seconds, pulse_time
from daemons.drivers.transports import mqtt, mqtt_device
from daemons.drivers.transports.broker import Broker
from daemons.drivers.transports.held_button import HeldButton
from daemons.drivers.transports.mqtt_device import Message, MqttDevice, Topic
from daemons.kinds import Ability, Reading, Setting, Touch
from daemons.runtime.clock import uptime

if TYPE_CHECKING:
    from daemons.drivers.transports.worker import HardwareChannel

TOUCHES: dict[str, Touch] = {
    "SINGLE": "single",
    "DOUBLE": "double",
    "TRIPLE": "triple",
    "HOLD": "long",
    "CLEAR": "release",
}
"""The actions of a button (tasmota.github.io/docs/Buttons-and-Switches)."""
FIELDS = ("on", "brightness_percent", "colour_temperature_kelvin", "power_watts", "energy_watt_hours")
"""The fields of a reading that a device reports."""
MIRED = 1_000_000
"""The product of a colour temperature in mireds and the same in kelvins."""


class Options(Broker, frozen=True, kw_only=True):
    """The options of a plug with Tasmota."""

    topic: Topic
    """The plug's own topic, as its web page shows it under MQTT, without `cmnd/`."""
    relay: Annotated[int, Meta(ge=1, le=32)] = 1
    """The number of its relay."""
    button: Annotated[int, Meta(ge=1, le=32)] | None = None
    """The number of the button whose presses you want. Set SetOption73 to 1 in Tasmota."""
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

    @property
    def topics(self) -> tasmota.Topics:
        """The beginnings of its topics."""
        return tasmota.topics(self.full_topic, self.prefixes, self.topic)


class MqttTasmota(Remote[Options]):
    """Plugs and bulbs with the Tasmota firmware, through an MQTT broker."""

    options_type = Options
    abilities: ClassVar[frozenset[Ability]] = frozenset({"switch", "dim", "tint", "press"})

    async def run(self, channel: "HardwareChannel") -> None:
        """Open a session with the broker, and control the plug through it."""
        own = self.options.topics
        topics = [f"{own.result}#", f"{own.telemetry}#"]
        async with mqtt.mqtt_session(self.device, self.options, topics) as client:
            await mqtt_device.run_device(client, TasmotaDevice(channel, self.options))

    @classmethod
    async def discover(cls, seconds: float, known: Sequence[Options]) -> list[Found]:
        """Read the announcements that plugs retain at their brokers (SetOption19 0, the default)."""
        found = []
        for broker in mqtt_device.known_brokers(known):
            for _, payload in await mqtt.retained("discover", broker, "tasmota/discovery/+/config", seconds):
                if plug := tasmota.decode_announcement(payload):
                    found += found_relays(plug, broker)
        return found


def found_relays(plug: tasmota.Announcement, broker: Broker) -> list[Found]:
    """Return each relay of an announced device; a shutter is no plug, and has no driver."""
    relays = list(plug.relays())
    found = []
    for relay, type_, name in relays:
        is_shutter = type_ not in (tasmota.RELAY, tasmota.LIGHT)
        options = {**mqtt_device.broker_options(broker), **plug.options()}
        if len(relays) > 1:
            options["relay"] = relay
        found.append(
            Found(
                title=name,
                address=f"{broker.endpoint} {plug.t}",
                model=plug.md,
                firmware=plug.sw,
                kind="cover" if is_shutter else "lamp" if type_ == tasmota.LIGHT else "plug",
                driver=None if is_shutter else "mqtt_tasmota",
                options={} if is_shutter else options,
                note=SHUTTER_NOTE if is_shutter else "",
            )
        )
    return found


SHUTTER_NOTE = "no driver for a Tasmota shutter; its relays are its motors, and never plugs"


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
        self._topics = options.topics
        self._states, self._wills = options.states, options.wills
        self._has_one_relay = False
        """Whether it names its relay without a number: then the values of a meter are those of phases."""
        self._is_dimmable: bool | None = None
        """Whether it reports a brightness; None until it has reported its whole state."""
        self._backlog = "Backlog0"
        """The command for several commands; `Backlog` with firmware that does not know the other one."""
        self._reported = Reading(reachable=None)
        self._was_known = False
        """Whether the channel has got the state of the relay."""
        self._pulse_time: int | None = None
        """The timer that the plug reported last."""

    @property
    def name(self) -> str:
        """The plug's topic."""
        return self._topic

    def read_messages(self) -> list[Message]:
        """Request the state of the relay, the timer and the meter."""
        requests = (f"PulseTime{self._relay}", ""), ("State", ""), ("Status", "10")
        return [(f"{self._topics.command}{command}", value) for command, value in requests]

    def set_messages(self, setting: Setting) -> list[Message]:
        """Return a command that sets the timer, then switches. So the relay is never on without its timer."""
        commands = []
        if setting.on:
            commands.append(f"PulseTime{self._relay} {pulse_time(setting.off_after_seconds)}")
            if setting.brightness_percent is not None and self._is_dimmable is not False:
                commands.append(f"Dimmer {setting.brightness_percent}")
            if setting.colour_temperature_kelvin is not None:
                commands.append(f"CT {min(500, max(153, round(MIRED / setting.colour_temperature_kelvin)))}")
        commands.append(f"Power{self._relay} {'ON' if setting.on else 'OFF'}")
        self._pulse_time = None
        return [(f"{self._topics.command}{self._backlog}", "; ".join(commands))]

    def has_reached(self, setting: Setting) -> bool:
        """Return whether relay and timer have both been confirmed."""
        armed = not setting.on or self._pulse_time == pulse_time(setting.off_after_seconds)
        return armed and setting.is_met_by(self._reported)

    def on_message(self, topic: str, payload: str, *, retained: bool) -> None:
        """Handle the plug's last will, results and measurements."""
        word = self._topics.word(topic)
        if word == "LWT":
            self._on_will(payload)
        elif retained:
            return  # a retained message may be out of date
        elif word in self._names and not payload.startswith("{"):
            self._has_one_relay = self._has_one_relay or word == "POWER"
            self._update(on=self._parse_power(payload))
        elif word in ("STATE", "RESULT", "SENSOR") or word.startswith("STATUS") or payload.startswith("{"):
            self._on_json(payload)  # with SetOption4, a result has the name of its command

    def _on_will(self, payload: str) -> None:
        if payload not in self._wills:
            raise ValueError(f"a last will must be {self._wills[1]} or {self._wills[0]}")
        self.set_online(payload == self._wills[1])

    def _on_json(self, payload: str) -> None:
        found = msgspec.json.decode(payload, type=dict[str, Any])
        inner = found.get("StatusSTS") or found.get("StatusSNS")
        found = inner if isinstance(inner, dict) else found
        if found.get("Command") == "Unknown":
            self._backlog = "Backlog"  # Backlog0 came with 9.1; the setting is sent again
        timer = parse_pulse(found.get(f"PulseTime{self._relay}"))
        if timer is not None:
            self._pulse_time, left = timer
            left_seconds = None if left is None else pulse_seconds(left)
            self._reported = msgspec.structs.replace(self._reported, off_after_seconds=left_seconds)
        changes: dict[str, Any] = {}
        for name in self._names:
            if isinstance(found.get(name), str):
                changes["on"] = self._parse_power(found[name])
                self._has_one_relay = self._has_one_relay or name == "POWER"
        changes |= self._parse_light(found)
        if isinstance(press := found.get(f"Button{self._button}"), dict):
            self._on_action(press.get("Action"))
        energy = found.get("ENERGY")
        if isinstance(energy, dict):
            changes |= self._parse_energy(energy)
        if changes or timer or self._button is not None:  # a device with only buttons reports no relay
            self._update(**changes)

    def _parse_light(self, found: dict[str, Any]) -> dict[str, Any]:
        """Parse the brightness and the colour temperature; a bulb that shows a colour has none."""
        changes: dict[str, Any] = {}
        brightness, mireds = tasmota.number(found.get("Dimmer")), tasmota.number(found.get("CT"))
        if brightness is not None:
            changes["brightness_percent"], self._is_dimmable = int(brightness), True
        elif "Uptime" in found and self._is_dimmable is None:  # this is its whole state
            self._is_dimmable = False
        if tasmota.is_coloured(found):
            changes["colour_temperature_kelvin"] = None
        elif mireds:
            changes["colour_temperature_kelvin"] = round(MIRED / mireds)
        return changes

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
            value = tasmota.channel_number(energy.get(word), self._relay, has_phases=self._has_one_relay)
            if value is not None:
                found[name] = round(value * factor, 3)
        return found

    def _update(self, **changes: Any) -> None:
        """Report a reading. The message proves that the plug is online, even if its last will is Offline."""
        self.is_online = True
        self._reported = msgspec.structs.replace(self._reported, **changes)
        is_known = self._reported.on is not None
        if is_known or self._button is not None:
            self.reports += 1
            if is_known and not self._was_known:  # with what came before its state, such as its power
                changes = {
                    name: value for name in FIELDS if (value := getattr(self._reported, name)) is not None
                }
            self._was_known = is_known
            known = {"on": self._reported.on, "off_after_seconds": self._reported.off_after_seconds}
            self.channel.update(**{**known, **changes})

    def _parse_power(self, payload: str) -> bool:
        """Parse a relay's state; raises ValueError if the payload is not a state."""
        if payload not in self._states:
            raise ValueError(f"a relay must be {self._states[1]} or {self._states[0]}, not {payload[:20]!r}")
        return payload == self._states[1]
