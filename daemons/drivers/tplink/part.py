"""A device of the house in a device of TP-Link: a device, one outlet of a strip, or one device behind a hub.

Connecting, encryption and switching are the library's. The polls are requests of our own, because the
library would ask a strip of six outlets seven times.
"""

from typing import Any

from kasa import Device, DeviceType, LightState, Module
from kasa.iot import IotDevice, IotPlug

from daemons.drivers.tplink import definition, status
from daemons.drivers.tplink.memory import MemoryFile
from daemons.drivers.tplink.timer import NO_TIMER, arm_auto_off, arm_countdown
from daemons.drivers.tplink.valve import VALVE_SECONDS, is_valve, valve_fields
from daemons.errors import StorageError
from daemons.kinds import Setting, Touch
from daemons.kinds.base import colour as colours
from daemons.runtime.clock import uptime

NO_TARGET = "it keeps no temperature: use the kind that `house discover` prints for it"


class Part:
    """A device, or one outlet or child of it: polls it, and applies settings."""

    report_seconds = 0.0
    """How long it may take to report a setting that it has accepted; 0 if it reports the setting at once."""

    def __init__(self, name: str, device: Device, options: Any) -> None:
        self.device = device
        self.options = options
        self.file = MemoryFile(name)
        self.target: Device = device
        """The device, or the outlet or child that the library offers as one."""
        is_strip = options.outlet is None and options.child is None and bool(device.children)
        self.outlets: list[Device] = list(device.children) if is_strip else []
        """All outlets, if the device of the house is a whole strip."""

    async def poll(self) -> tuple[dict[str, Any], list[Touch]]:
        """Return the fields of a Reading, and the presses since the last poll."""
        raise NotImplementedError

    async def arm(self, seconds: float | None) -> str | None:
        """Arm the timer of the device, or end ours if `seconds` is None; return a fault, or None."""
        raise NotImplementedError

    async def switch(self, setting: Setting) -> str | None:
        """Apply a setting; return a fault if it needs the timer of the device, and that cannot be armed."""
        if not setting.on:
            for one in self.outlets or [self.target]:
                await one.turn_off()
            await self._try_to_arm(None)
            return None
        seconds = setting.off_after_seconds
        fault = await self._try_to_arm(seconds)  # first: never on without its timer
        light = self.target.modules.get(Module.Light)
        if light is None or not self.options.dims or setting.brightness_percent is None:
            for one in self.outlets or [self.target]:
                await one.turn_on()
        else:
            kelvin = self._clamp(setting.colour_temperature_kelvin)
            state = LightState(light_on=True, brightness=setting.brightness_percent, color_temp=kelvin)
            if setting.colour is not None and self.options.colours:
                hue, saturation = colours.hue_and_saturation(setting.colour)
                state.hue, state.saturation = round(hue) % 360, round(saturation)
                state.color_temp = 0  # otherwise the lamp would show its white
            if isinstance(self.target, IotDevice):
                state.transition = 0
            await light.set_state(state)
        return fault if seconds is not None else None

    async def _try_to_arm(self, seconds: float | None) -> str | None:
        try:
            return await self.arm(seconds)
        except StorageError as error:
            return str(error)

    def _clamp(self, kelvin: int | None) -> int | None:
        """Return a colour temperature that the lamp can have; None if it has only one."""
        feature = self.target.features.get("color_temperature")
        if kelvin is None or feature is None or not self.options.tints:
            return None
        return min(feature.maximum_value, max(feature.minimum_value, kelvin))


class IotPart(Part):
    """An older device (Kasa), or one outlet of an older strip."""

    def __init__(self, name: str, device: Device, options: Any) -> None:
        super().__init__(name, device, options)
        self.child: str | None = None
        if options.outlet is not None:
            self.target = device.children[options.outlet - 1]
            self.child = device.sys_info["children"][options.outlet - 1]["id"]
        self.request = status.iot_request(device.sys_info, self.child)

    async def poll(self) -> tuple[dict[str, Any], list[Touch]]:
        """Return the fields of a Reading; an older device has no presses."""
        return status.parse_iot(await self.device.protocol.query(self.request), self.child), []

    async def arm(self, seconds: float | None) -> str | None:
        """Arm our countdown, or delete it; lamps and strips have none."""
        if isinstance(self.device, IotPlug):
            return await arm_countdown(self.device.protocol.query, seconds)
        return NO_TIMER


class SmartPart(Part):
    """A newer device, or one outlet of a newer strip, or a device behind a hub."""

    def __init__(self, name: str, device: Device, options: Any) -> None:
        super().__init__(name, device, options)
        children = [(child.sys_info, child) for child in device.children]
        if options.child is not None:
            self.target = next(child for info, child in children if info["device_id"] == options.child)
        elif options.outlet is not None:
            self.target = next(
                child
                for number, info in definition.numbered([info for info, _ in children])
                for found, child in children
                if found is info and number == options.outlet
            )
        self.info = self.target.sys_info
        """What it reported of itself at the latest poll."""
        if is_valve(self.info):
            self.report_seconds = VALVE_SECONDS
        self.methods = status.smart_methods(
            str(self.info.get("category", "")), Module.Energy in self.target.modules
        )
        self.presses = status.PressReader()

    async def poll(self) -> tuple[dict[str, Any], list[Touch]]:
        """Return the fields of a Reading, and the presses of a button."""
        if self.outlets:
            reply = await self.device.protocol.query({"get_child_device_list": None})
            return status.parse_smart_strip(reply), []
        reply = await self.target.protocol.query(self.methods)
        # The library asks again for each method that failed: ask no more for what this model does not know.
        for name in status.OPTIONAL_METHODS & self.methods.keys():
            if not isinstance(reply.get(name), dict):
                del self.methods[name]
        fields, self.info = status.parse_smart(reply), status.part(reply, "get_device_info")
        if (energy := status.month_energy(reply)) is not None:
            try:
                fields["energy_watt_hours"] = self.file.count_energy(*energy, uptime())
            except StorageError as error:
                fields["fault"] = str(error)
        return fields, self.presses.read(reply)

    async def switch(self, setting: Setting) -> str | None:
        """Apply a setting, also the target of a valve; return a fault, as for the other parts."""
        if is_valve(self.info):
            await self.target.protocol.query({"set_device_info": valve_fields(setting, self.info)})
            return None
        if setting.target_celsius is not None:
            raise ValueError(NO_TARGET)
        return await super().switch(setting)

    async def arm(self, seconds: float | None) -> str | None:
        """Arm our auto-off, or put back what was there; some devices have none."""
        if self.outlets or Module.AutoOff not in self.target.modules:
            return NO_TIMER
        return await arm_auto_off(self.target.protocol.query, self.file, seconds, uptime())


def find_part(name: str, device: Device, options: Any) -> Part:
    """Return the part of a device that the options select; raises ValueError if it has none that fits."""
    is_old = isinstance(device, IotDevice)
    parts = definition.iot_parts(device.sys_info) if is_old else smart_parts(device)
    keys = {"outlet": options.outlet, "child": options.child}
    wanted = {key: value for key, value in keys.items() if value is not None}
    fitting = [part for part in parts if all(part.options.get(key) == value for key, value in wanted.items())]
    if not fitting:
        raise ValueError(why_none(parts, *next(iter(wanted.items()))))
    if not wanted and any("child" in part.options for part in parts):
        raise ValueError(definition.REFUSED["HUB"])
    if notes := [part.note for part in fitting if not part.kind]:
        raise ValueError(notes[0])
    for word in ("dims", "tints", "colours"):
        if getattr(options, word) and not fitting[0].options.get(word):
            raise ValueError(f"it cannot do what {word} = true says: remove that option")
    return (IotPart if is_old else SmartPart)(name, device, options)


def smart_parts(device: Device) -> list[definition.Part]:
    """Return the parts of a newer device that the library has connected."""
    if device.device_type is DeviceType.Camera:
        return [definition.Part(note=definition.REFUSED["CAM"])]
    if device.device_type is DeviceType.Doorbell:
        return [definition.Part(note=definition.REFUSED["DOORBELL"])]
    return definition.smart_parts(device.sys_info, [child.sys_info for child in device.children])


def why_none(parts: list[definition.Part], key: str, value: object) -> str:
    """Return why no part has this outlet or child."""
    if key == "outlet":
        count = sum(key in part.options for part in parts)
        return f"it has {count} outlets, and there is no outlet {value}"
    known = [part.options[key] for part in parts if key in part.options and part.kind]
    hint = f"; set child to one of {', '.join(known)}" if known else ""
    return f"it has no device {value!r} behind it{hint}"
