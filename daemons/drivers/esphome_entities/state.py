"""What the state of an entity, and the description of a node, are in a reading. Pure."""

import math
from collections.abc import Sequence
from typing import Any

from aioesphomeapi import model

from daemons.drivers.esphome_entities.measurement import NODE_FIELDS, Measurement, measurement_of
from daemons.kinds import About
from daemons.kinds.base import colour as colours

MIRED = 1_000_000
"""Kelvin times mired."""
RGB = int(model.LightColorCapability.RGB)
WHITE_MODES = (
    model.ColorMode.COLOR_TEMPERATURE,
    model.ColorMode.COLD_WARM_WHITE,
    model.ColorMode.RGB_COLOR_TEMPERATURE,
    model.ColorMode.RGB_COLD_WARM_WHITE,
)
"""The modes in which a light has a colour temperature."""
DIRECTIONS = {model.CoverOperation.IS_OPENING: "open", model.CoverOperation.IS_CLOSING: "close"}


def sensors_of(entities: Sequence[model.EntityInfo], named: set[str]) -> dict[tuple[int, int], Measurement]:
    """Return what the named sensors measure, and those about the node itself, by key and device id.

    Raises ValueError if a named sensor is missing or measures nothing of a reading, or if two fill one field.
    """
    found: dict[tuple[int, int], Measurement] = {}
    by_field: dict[str, str] = {}
    missing = set(named)
    sensors = [one for one in entities if isinstance(one, model.SensorInfo)]
    for one in sorted(sensors, key=lambda one: one.object_id not in named):  # those that are named come first
        is_named = one.object_id in named
        is_diagnostic = not is_named and one.entity_category == model.EntityCategory.DIAGNOSTIC
        what = measurement_of(one.device_class, one.unit_of_measurement, is_diagnostic=is_diagnostic)
        if what is None or not (is_named or what.field in NODE_FIELDS):
            continue
        if is_named and what.field in by_field:
            raise ValueError(
                f"{by_field[what.field]} and {one.object_id} both measure {what.field}; name one"
            )
        if what.field not in by_field:
            by_field[what.field] = one.object_id
            found[one.key, one.device_id] = what
        missing.discard(one.object_id)
    if missing:
        raise ValueError(f"it has no sensor {', '.join(sorted(missing))} that House can read")
    return found


def light(state: model.LightState, *, dims: bool, tints: bool, has_colours: bool) -> dict[str, Any]:
    """Return the state of a light, as fields of a Reading."""
    found: dict[str, Any] = {"on": state.state}
    if dims:
        found["brightness_percent"] = percent(state.brightness)
    if tints:
        mired = state.color_temperature
        is_white = state.color_mode in WHITE_MODES and math.isfinite(mired) and mired >= 1
        found["colour_temperature_kelvin"] = round(MIRED / mired) if is_white else None
    if has_colours:
        parts = (state.red, state.green, state.blue)
        is_colour = state.color_mode & RGB and state.color_mode not in WHITE_MODES
        is_shown = is_colour and state.color_brightness > 0 and all(map(math.isfinite, parts))
        found["colour"] = colours.from_parts(parts) if is_shown else None
    return found


def colour_values(info: model.LightInfo, colour: str) -> dict[str, Any]:
    """Return the arguments of a command that shows a colour, in the plainest mode that the light has for it.

    A mode may mix the colour with white light; then there is none of that.
    """
    modes = [int(mode) for mode in info.supported_color_modes if int(mode) & RGB]
    mode = min(modes, key=int.bit_count, default=RGB)
    values = {"rgb": tuple(part / 255 for part in colours.parts_of(colour)), "color_brightness": 1.0}
    mixed = {"white": 0.0} if mode & model.LightColorCapability.WHITE else {}
    return {**values, **mixed, "color_mode": mode}


def abilities(info: model.LightInfo) -> tuple[bool, bool, bool]:
    """Return whether a light can be dimmed, has a colour temperature, and has colours."""
    modes = [int(mode) for mode in info.supported_color_modes]
    white = model.LightColorCapability.COLOR_TEMPERATURE | model.LightColorCapability.COLD_WARM_WHITE
    capabilities = (model.LightColorCapability.BRIGHTNESS, white, RGB)
    dims, tints, has_colours = (any(mode & one for mode in modes) for one in capabilities)
    return dims, tints, has_colours


def lacking(info: model.LightInfo, values: dict[str, Any]) -> str | None:
    """Return which option to set, if a light cannot do what a command demands; None if it can."""
    dims, tints, has_colours = abilities(info)
    if "brightness" in values and not dims:
        return "it cannot be dimmed; set esphome.dims = false"
    if "color_temperature" in values and not tints:
        return "it has no colour temperature; set esphome.tints = false"
    if "rgb" in values and not has_colours:
        return "it has no colours; set esphome.colours = false"
    return None


def cover(state: model.CoverState, info: model.CoverInfo) -> dict[str, Any]:
    """Return the move and the position of a cover, as fields of a Reading. An assumed state is no news."""
    found: dict[str, Any] = {"position_percent": percent(state.position) if info.supports_position else None}
    if not info.assumed_state:
        direction = None if state.current_operation is None else DIRECTIONS.get(state.current_operation)
        found |= {"on": direction is not None, "direction": direction}
    return found


def percent(share: float) -> int | None:
    """Return a share from 0 to 1 in percent; None if it is no number."""
    return min(100, max(0, round(share * 100))) if math.isfinite(share) else None


def has_port(address: str) -> bool:
    """Return whether an address ends in a port; an IPv6 address stands in brackets."""
    return ":" in address.rpartition("]")[2]


def about(info: model.DeviceInfo, address: str) -> About:
    """Return what a node is. A project is named "maker.product"."""
    maker, _, product = info.project_name.partition(".")
    host = address.rpartition(":")[0] if has_port(address) else address
    return About(
        manufacturer=info.manufacturer or maker or None,
        model=product or info.model or None,
        firmware=f"ESPHome {info.esphome_version}" if info.esphome_version else None,
        mac=info.mac_address.lower() or None,
        url=f"http://{host}:{info.webserver_port}" if info.webserver_port else None,
    )
