"""A thermostat or a radiator valve: reads its state, and makes the fields that set its target. No I/O.

A device whose `system_mode` or `preset` is "auto" follows a schedule of its own, so each target is sent with
the mode and the preset in which the device keeps it.
"""

from typing import Any, Literal, get_args

from daemons.drivers.zigbee2mqtt.report import is_number
from daemons.kinds import Setting, TargetRange

Setpoint = Literal["occupied_heating_setpoint", "current_heating_setpoint"]
"""A field with the target. Devices of makers with a protocol of their own have the second one."""
SETPOINTS: tuple[Setpoint, ...] = get_args(Setpoint)
VALVES = ("pi_heating_demand", "valve_position", "position")
"""The fields with the position of the valve in percent; the first one counts."""
WINDOWS = ("window_open", "window", "open_window_detected", "window_open_internal")
"""The fields with what the device has found out about a window; the first one counts."""
OPENED, CLOSED = (True, "OPEN", "open", "YES", "ON"), (False, "CLOSED", "CLOSE", "closed", "NO", "OFF")
OFF = "off"


class Valve:
    """What is known of one valve."""

    def __init__(
        self,
        setpoint: str,
        *,
        lowest: float,
        highest: float,
        step: float,
        heat_mode: str,
        preset: str,
        off_mode: bool,
    ) -> None:
        """Keep the options of the driver; with `off_mode`, off is a mode, and not the lowest target."""
        self.range = TargetRange(lowest if off_mode else lowest + step, highest, step)
        self._setpoint, self._lowest = setpoint, lowest
        self._kept_in = {"system_mode": heat_mode, "preset": preset}
        self._off_mode = off_mode
        self._target: float | None = None
        self._modes: dict[str, str] = {}
        """The latest `system_mode` and `preset`."""

    def read(self, found: dict[str, Any]) -> dict[str, Any]:
        """Return what a state reports, as fields of a Reading."""
        if is_number(target := found.get(self._setpoint)):
            self._target = float(target)
        self._modes |= {name: found[name] for name in self._kept_in if isinstance(found.get(name), str)}
        changes: dict[str, Any] = {"target_range": self.range}
        if self._target is not None:
            is_lowest = not self._off_mode and self._target <= self._lowest
            changes |= {
                "on": OFF not in self._modes.values() and not is_lowest,
                "target_celsius": self._target,
            }
        if is_number(celsius := found.get("local_temperature")):
            changes["temperature_celsius"] = celsius
        position = next((found[name] for name in VALVES if is_number(found.get(name))), None)
        if position is not None:
            changes["valve_percent"] = float(min(100, max(0, position)))
        if isinstance(running := found.get("running_state"), str):
            changes["heating"] = running == "heat"
        elif (state := found.get("valve_state")) in OPENED + CLOSED:
            changes["heating"] = state in OPENED
        elif position is not None:
            changes["heating"] = position > 0
        window = next((found[name] for name in WINDOWS if found.get(name) in OPENED + CLOSED), None)
        if window is not None:
            changes["window_open"] = window in OPENED
        return changes

    def request(self) -> dict[str, str]:
        """Return the fields to ask for; empty for a device that cannot be asked for its target."""
        return {self._setpoint: ""} if self._setpoint == SETPOINTS[0] else {}

    def fields(self, setting: Setting) -> dict[str, Any]:
        """Return the fields that apply a setting; the modes are before the target, which they may change."""
        if not setting.on:
            return {"system_mode": OFF} if self._off_mode else {self._setpoint: self._lowest}
        modes = {
            name: word for name, word in self._kept_in.items() if word not in ("", self._modes.get(name))
        }
        if setting.target_celsius is None:
            return modes
        return {**modes, self._setpoint: self.range.nearest(setting.target_celsius)}
