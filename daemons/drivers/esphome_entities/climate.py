"""A climate entity of a node as a thermostat: whether it can be one, its state, and its commands. Pure."""

import math
from typing import Any

from aioesphomeapi import model

from daemons.kinds import WARM_CELSIUS, Setting, TargetRange

WITHOUT_HEAT = (
    model.ClimateMode.OFF,
    model.ClimateMode.COOL,
    model.ClimateMode.DRY,
    model.ClimateMode.FAN_ONLY,
)
"""The modes in which it does not heat. In one with a choice, such as AUTO, it may."""
USUAL_STEP = 0.5


def refusal(info: model.ClimateInfo) -> str | None:
    """Return why an entity is no thermostat; None if it is one."""
    if info.temperature_unit != model.TemperatureUnit.CELSIUS:
        return "a climate entity whose temperatures are not in °C: House does not convert its targets"
    if model.ClimateMode.HEAT not in info.supported_modes:
        return "a climate entity without the mode HEAT: House has no driver for what only cools"
    if model.ClimateMode.OFF not in info.supported_modes and is_off_a_mode(info):
        return f"a climate entity without the mode OFF, and without a target of {WARM_CELSIUS} °C or less"
    if has_feature(info, model.ClimateFeature.REQUIRES_TWO_POINT_TARGET_TEMPERATURE):
        return "a climate entity with two targets at once: House sets only one"
    return None


def has_feature(info: model.ClimateInfo, feature: model.ClimateFeature) -> bool:
    """Return whether an entity has a feature. Old firmware has a field for each, and no flags."""
    if info.feature_flags:
        return bool(info.feature_flags & feature)
    return bool(
        {
            model.ClimateFeature.SUPPORTS_CURRENT_TEMPERATURE: info.supports_current_temperature,
            model.ClimateFeature.SUPPORTS_CURRENT_HUMIDITY: info.supports_current_humidity,
            model.ClimateFeature.SUPPORTS_ACTION: info.supports_action,
            model.ClimateFeature.REQUIRES_TWO_POINT_TARGET_TEMPERATURE: (
                info.supports_two_point_target_temperature
            ),
        }.get(feature)
    )


def is_off_a_mode(info: model.ClimateInfo) -> bool:
    """Return whether off is the mode OFF. Otherwise off is the lowest target, which keeps the frost away."""
    return not has_range(info) or info.visual_min_temperature > WARM_CELSIUS


def has_range(info: model.ClimateInfo) -> bool:
    """Return whether an entity says which targets it can keep."""
    lowest, highest = info.visual_min_temperature, info.visual_max_temperature
    return math.isfinite(lowest) and math.isfinite(highest) and lowest + step_of(info) <= highest


def step_of(info: model.ClimateInfo) -> float:
    """Return the step of its targets."""
    step = info.visual_target_temperature_step
    return step if math.isfinite(step) and step > 0 else USUAL_STEP


def target_range(info: model.ClimateInfo) -> TargetRange | None:
    """Return the targets of an entity that is on; None if it does not say them."""
    if not has_range(info):
        return None
    lowest, step = info.visual_min_temperature, step_of(info)
    return TargetRange(lowest if is_off_a_mode(info) else lowest + step, info.visual_max_temperature, step)


def read(state: model.ClimateState, info: model.ClimateInfo) -> dict[str, Any]:
    """Return the state of a thermostat, as fields of a Reading."""
    target = finite(state.target_temperature)
    is_lowest = not is_off_a_mode(info) and target is not None and target <= info.visual_min_temperature
    mode = None if state.missing_state else state.mode
    found: dict[str, Any] = {
        "on": None if mode is None else mode not in WITHOUT_HEAT and not is_lowest,
        "target_celsius": target,
        "target_range": target_range(info),
    }
    if has_feature(info, model.ClimateFeature.SUPPORTS_ACTION):
        found["heating"] = state.action == model.ClimateAction.HEATING
    if has_feature(info, model.ClimateFeature.SUPPORTS_CURRENT_TEMPERATURE):
        found["temperature_celsius"] = finite(state.current_temperature)
    if has_feature(info, model.ClimateFeature.SUPPORTS_CURRENT_HUMIDITY):
        found["humidity_percent"] = finite(state.current_humidity)
    return found


def command(setting: Setting, info: model.ClimateInfo) -> dict[str, Any]:
    """Return the mode and the target that apply a setting, as arguments of a climate command."""
    if not setting.on and is_off_a_mode(info):
        return {"mode": model.ClimateMode.OFF}
    wanted, limits = setting.target_celsius, target_range(info)
    found: dict[str, Any] = {"mode": model.ClimateMode.HEAT}
    if not setting.on:
        found["target_temperature"] = info.visual_min_temperature
    elif wanted is not None:
        found["target_temperature"] = limits.nearest(wanted) if limits else wanted
    return found


def finite(value: float) -> float | None:
    """Return a number; None for a value that the node does not know."""
    return value if math.isfinite(value) else None
