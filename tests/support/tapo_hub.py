"""A hub (H100), and the devices behind it: sensors, a button, a chime, and a radiator valve (KE100)."""

from pathlib import Path
from typing import Any

from tests.support.tplink import TapoChild, TapoDevice


class TapoValve(TapoChild):
    """A radiator valve: it heats while its target is above the temperature, unless it only stops the frost.

    Its hub accepts a setting at once, and passes it on. While the valve sleeps, the hub reports the old one.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(
            folder,
            ["device", "temperature", "temp_control", "frost_protection", "battery_detect"],
            type="SMART.KASAENERGY", model="KE100", device_id="valve", category="subg.trv", status="online",
            current_temp=20.0, target_temp=21.0, min_control_temp=5, max_control_temp=30, temp_unit="celsius",
            frost_protection_on=False, trv_states=["heating"], battery_percentage=90, rssi=-45,
        )  # fmt: skip
        self.settings: list[dict[str, Any]] = []
        """The settings that were sent to it, also those that it refused."""
        self.sleeps = False
        self._waiting: dict[str, Any] = {}
        """The fields of settings that its hub has accepted, and that it does not have yet."""

    def do(self, method: str, params: dict[str, Any]) -> dict[str, Any] | None:
        """Answer one method. It refuses a target beyond its limits, and so does its hub while it is away."""
        if method != "set_device_info":
            return super().do(method, params)
        self.settings.append(params)
        lowest, highest = self.info["min_control_temp"], self.info["max_control_temp"]
        if self.info["status"] != "online" or not lowest <= params.get("target_temp", lowest) <= highest:
            return None
        self._waiting |= params
        if not self.sleeps:
            self.wake()
        return {}

    def wake(self) -> None:
        """Apply the settings that wait at the hub."""
        self.info |= self._waiting
        self._waiting.clear()
        heats = self.info["target_temp"] > self.info["current_temp"] and not self.info["frost_protection_on"]
        self.info["trv_states"] = ["heating"] if heats else []

    def turn_knob(self, target: float) -> None:
        """Set a target by hand; that ends the frost protection."""
        self._waiting |= {"target_temp": target, "frost_protection_on": False}
        self.wake()


def tapo_hub(folder: Path) -> TapoDevice:
    """Return a hub with a contact sensor, a thermometer, a button, a radiator valve and a chime."""
    hub = TapoDevice(folder)
    hub.components = ["device", "child_device"]
    hub.info = {
        "type": "SMART.TAPOHUB", "model": "H100", "device_id": "8020", "nickname": "SHVi", "fw_ver": "1.5.5",
        "hw_ver": "1.0", "mac": "AA-BB-CC-DD-EE-FF", "rssi": -42, "in_alarm": False,
    }  # fmt: skip
    sensor: dict[str, Any] = {"type": "SMART.TAPOSENSOR", "status": "online", "rssi": -60}
    hub.children = [
        TapoChild(
            folder, ["device"], model="T110", device_id="door", category="subg.trigger.contact-sensor",
            open=False, **sensor,
        ),
        TapoChild(
            folder, ["device"], model="T315", device_id="air", category="subg.trigger.temp-hmdt-sensor",
            current_temp=70.7, temp_unit="fahrenheit", current_humidity=51, battery_percentage=80, **sensor,
        ),
        TapoChild(
            folder, ["device", "trigger_log"], model="S200B", device_id="button",
            category="subg.trigger.button", **sensor,
        ),
        TapoValve(folder),
        TapoChild(
            folder, ["device"], model="D100C", device_id="bell", category="subg.chime", status="online",
            type="SMART.TAPOCHIME",
        ),
    ]  # fmt: skip
    return hub
