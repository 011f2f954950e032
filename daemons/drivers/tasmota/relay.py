"""A relay of a device with Tasmota, with the bulb, the meter and the button that belong to it."""

from typing import TYPE_CHECKING, Any

from daemons.drivers.tasmota import messages as tasmota
from daemons.drivers.tasmota.device import TasmotaDevice
from daemons.drivers.tasmota.messages import parse_pulse, pulse_seconds, pulse_time
from daemons.drivers.tasmota.options import Options
from daemons.drivers.transports.held_button import HeldButton
from daemons.drivers.transports.mqtt_device import Message
from daemons.kinds import Setting, Touch
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
MIRED = 1_000_000
"""The product of a colour temperature in mireds and the same in kelvins."""


class RelayDevice(TasmotaDevice):
    """One relay, or one button."""

    def __init__(self, channel: "HardwareChannel", options: Options) -> None:
        super().__init__(channel, options)
        relay = options.relay
        self._button = options.button
        self._held = HeldButton()
        self._relay = relay
        self._names = (f"POWER{relay}", "POWER") if relay == 1 else (f"POWER{relay}",)
        self._is_dimmable: bool | None = None
        """Whether it reports a brightness; None until it has reported its whole state."""
        self._backlog = "Backlog0"
        """The command for several commands; `Backlog` with firmware that does not know the other one."""
        self._is_motor = False
        """Whether the relay is a motor of a shutter, and must never be switched by itself."""
        self._pulse_time: int | None = None
        """The timer that the plug reported last."""

    @property
    def requests(self) -> tuple[tuple[str, str], ...]:
        """The commands that request the shutters, the relay, the timer and the meter."""
        return (("Status", "13"), (f"PulseTime{self._relay}", ""), ("State", ""), ("Status", "10"))

    @property
    def is_known(self) -> bool:
        """Whether the state is known; a device with only buttons reports no relay."""
        return super().is_known or self._button is not None

    def set_messages(self, setting: Setting) -> list[Message]:
        """Return a command that sets the timer, then switches. So the relay is never on without its timer."""
        commands = []
        if setting.on:
            commands.append(f"PulseTime{self._relay} {pulse_time(setting.off_after_seconds)}")
            if setting.colour is not None and self._options.colours:
                commands.append(f"HSBColor {tasmota.hsb(setting.colour, setting.brightness_percent or 100)}")
            elif setting.brightness_percent is not None and self._is_dimmable is not False:
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

    def on_word(self, word: str, payload: str) -> None:
        """Handle the state of the relay."""
        if word not in self._names or self._is_motor:
            super().on_word(word, payload)
            return
        self._has_phases = self._has_phases or word == "POWER"
        self.update(on=self._parse_power(payload))

    def parse(self, found: dict[str, Any], *, is_whole: bool) -> dict[str, Any] | None:
        """Return the state of the relay, its timer, its light and its meter; report a press of the button."""
        if found.get("Command") == "Unknown":
            self._backlog = "Backlog"  # Backlog0 came with 9.1; the setting is sent again
        if isinstance(shutters := found.get("StatusSHT"), dict):
            self._refuse_motor(shutters)
        if self._is_motor:
            return None
        changes: dict[str, Any] = {}
        timer = parse_pulse(found.get(f"PulseTime{self._relay}"))
        if timer is not None:
            self._pulse_time, left = timer
            changes["off_after_seconds"] = None if left is None else pulse_seconds(left)
        for name in self._names:
            if isinstance(found.get(name), str):
                changes["on"] = self._parse_power(found[name])
                self._has_phases = self._has_phases or name == "POWER"
        changes |= self._parse_light(found)
        if isinstance(press := found.get(f"Button{self._button}"), dict):
            self._on_action(press.get("Action"))
        energy = found.get("ENERGY")
        if isinstance(energy, dict):
            changes |= self._parse_energy(energy)
        return changes if changes or self._button is not None else None

    def _refuse_motor(self, shutters: dict[str, Any]) -> None:
        """Count as offline if the relay is one of the two of a shutter."""
        sections = [section for section in shutters.values() if isinstance(section, dict)]
        motors = [[tasmota.number(one.get(name)) for name in ("Relay1", "Relay2")] for one in sections]
        number = next((index for index, relays in enumerate(motors, 1) if self._relay in relays), None)
        self._is_motor = number is not None
        if self._is_motor:
            self._was_known = False
            self.offline_reason = (
                f"relay {self._relay} is a motor of its shutter {number}; use shutter = {number}"
            )
            self.set_online(False)

    def _parse_light(self, found: dict[str, Any]) -> dict[str, Any]:
        """Parse the brightness, and the colour or the colour temperature: a bulb shows only one of them."""
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
        if self._options.colours and "HSBColor" in found:
            changes["colour"] = tasmota.colour(found)
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
            value = tasmota.channel_number(energy.get(word), self._relay, has_phases=self._has_phases)
            if value is not None:
                found[name] = round(value * factor, 3)
        return found

    def _parse_power(self, payload: str) -> bool:
        """Parse a relay's state; raises ValueError if the payload is not a state."""
        states = self._options.states
        if payload not in states:
            raise ValueError(f"a relay must be {states[1]} or {states[0]}, not {payload[:20]!r}")
        return payload == states[1]
