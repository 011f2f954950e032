"""The request for a setting, by the type of the component. Pure."""

from typing import Any

from daemons.drivers.shelly_rpc import thermostat
from daemons.drivers.shelly_rpc.options import REGULATED, SWITCHED, Options
from daemons.kinds import Setting
from daemons.kinds.base import colour as colours


def set_request(options: Options, setting: Setting) -> tuple[str, dict[str, Any]] | None:
    """Return the method and the parameters of the request for a setting; None if nothing is switched."""
    params: dict[str, Any] = {"id": options.channel}
    if options.component == "cover":
        if not setting.on:
            return "Cover.Stop", params
        if setting.off_after_seconds:
            params["duration"] = round(setting.off_after_seconds, 1)
        return ("Cover.Close" if setting.direction == "close" else "Cover.Open"), params
    if options.component in REGULATED:
        return thermostat.set_request(options, setting)
    if options.component not in SWITCHED:
        return None
    params["on"] = setting.on
    if setting.on and setting.off_after_seconds:
        params["toggle_after"] = round(setting.off_after_seconds, 1)
    can = options.abilities
    if setting.on and setting.brightness_percent is not None and "dim" in can:
        params["brightness"] = setting.brightness_percent
    if setting.on and setting.colour_temperature_kelvin is not None and "tint" in can:
        params["ct"] = setting.colour_temperature_kelvin
        if options.component == "rgbcct":
            params["mode"] = "cct"
    if setting.on and setting.colour is not None and "colour" in can:
        params["rgb"] = [*colours.parts_of(setting.colour)]
        if options.component == "rgbw":
            params["white"] = 0
        elif options.component == "rgbcct":
            params["mode"] = "rgb"
    return f"{namespace(options)}.Set", params


def namespace(options: Options) -> str:
    """Return the name of a component in the name of its methods."""
    word = options.component
    if word == "blutrv":
        return "BluTrv"
    return word.capitalize() if word in ("switch", "light", "cover", "input", "thermostat") else word.upper()
