"""A climate entity of an ESPHome node as a thermostat: what is read, what is sent, and what is refused."""

import math
from typing import Any

import pytest

pytest.importorskip("aioesphomeapi", reason="needs the extra esphome")

from aioesphomeapi import model

from daemons.drivers.esphome_entities.climate import command, read, refusal
from daemons.kinds import Setting, TargetRange

OFF, HEAT_COOL, COOL, HEAT, FAN_ONLY, DRY, AUTO = range(7)
ALL_FLAGS = 1 | 8 | 32


def entity(lowest: float = 10, highest: float = 30, step: float = 0.5, **more: Any) -> model.ClimateInfo:
    """Return a climate entity that heats."""
    table = {
        "visual_min_temperature": lowest,
        "visual_max_temperature": highest,
        "visual_target_temperature_step": step,
        "supported_modes": [OFF, HEAT],
        "feature_flags": ALL_FLAGS,
    }
    return model.ClimateInfo(**{**table, **more})


def state(mode: int = HEAT, target: float = 21, **more: Any) -> model.ClimateState:
    """Return a state."""
    table = {"mode": mode, "target_temperature": target, **more}
    return model.ClimateState(**table)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, None),
        ({"supported_modes": [OFF, COOL, HEAT, AUTO]}, None),
        ({"feature_flags": 2}, None),  # two targets in the mode HEAT_COOL only
        ({"supported_modes": [OFF, COOL]}, "without the mode HEAT"),
        ({"supported_modes": [OFF, HEAT_COOL]}, "without the mode HEAT"),
        ({"supported_modes": [HEAT]}, "without the mode OFF, and without a target of 8 °C or less"),
        ({"supported_modes": [HEAT], "visual_min_temperature": 7}, None),
        ({"feature_flags": 4}, "two targets at once"),
        ({"feature_flags": 0, "supports_two_point_target_temperature": True}, "two targets at once"),
        ({"temperature_unit": 1}, "not in °C"),
    ],
)
def test_an_entity_that_is_no_thermostat_has_a_sentence(more: dict[str, Any], expected: str | None) -> None:
    """It must heat, be switched off, and keep one target."""
    why = refusal(entity(**more))
    assert why is None if expected is None else expected in str(why)


@pytest.mark.parametrize(
    ("mode", "on"),
    [(OFF, False), (HEAT, True), (AUTO, True), (HEAT_COOL, True), (COOL, False), (DRY, False), (99, None)],
)
def test_a_mode_that_cannot_heat_is_off(mode: int, on: bool | None) -> None:
    """A hand that lets it cool has switched the heating off. An unknown mode is unknown."""
    assert read(state(mode), entity())["on"] is on


@pytest.mark.parametrize("feature_flags", [ALL_FLAGS, 0])
def test_only_what_an_entity_reports_is_read(feature_flags: int) -> None:
    """By its flags, or by the fields of old firmware. A value that is no number is unknown."""
    old = {f"supports_{one}": True for one in ("current_temperature", "current_humidity", "action")}
    reported = state(current_temperature=19.5, current_humidity=math.nan, action=3)
    found = read(reported, entity(feature_flags=feature_flags, **old))
    assert (found["temperature_celsius"], found["humidity_percent"], found["heating"]) == (19.5, None, True)
    bare = read(reported, entity(feature_flags=2))
    assert {"temperature_celsius", "humidity_percent", "heating"}.isdisjoint(bare)
    assert read(state(missing_state=True), entity())["on"] is None


def test_off_is_the_mode_or_a_target_that_keeps_the_frost_away() -> None:
    """The lowest target is off if it is cool enough. While it is on, it then has at least a step more."""
    warm, cool = entity(), entity(lowest=7)
    assert command(Setting(on=False), warm) == {"mode": OFF}
    assert command(Setting(on=False), cool) == {"mode": HEAT, "target_temperature": 7}
    assert read(state(target=10), warm)["on"] is True
    assert (read(state(target=7), cool)["on"], read(state(target=7.5), cool)["on"]) == (False, True)
    assert read(state(), cool)["target_range"] == TargetRange(7.5, 30, 0.5)
    assert command(Setting(on=True, target_celsius=5), cool) == {"mode": HEAT, "target_temperature": 7.5}


@pytest.mark.parametrize(
    ("lowest", "highest", "step", "expected"),
    [
        (10, 30, 0.5, (18.5, TargetRange(10, 30, 0.5))),
        (10, 30, 0, (18.5, TargetRange(10, 30, 0.5))),
        (10, 17, math.nan, (17.0, TargetRange(10, 17, 0.5))),
        (0, 0, 0, (18.4, None)),
        (math.nan, 30, 1, (18.4, None)),
    ],
)
def test_a_target_is_one_that_the_entity_can_keep(
    lowest: float, highest: float, step: float, expected: tuple[float, TargetRange | None]
) -> None:
    """An entity that does not say its targets gets each one as it is."""
    info = entity(lowest, highest, step)
    sent = command(Setting(on=True, target_celsius=18.4), info)["target_temperature"]
    assert (sent, read(state(), info)["target_range"]) == expected
