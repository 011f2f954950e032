"""What a search writes for the entities of a node. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any

from aioesphomeapi import model

from daemons.drivers import Found
from daemons.drivers.esphome_entities.climate import refusal
from daemons.drivers.esphome_entities.measurement import NODE_FIELDS, measurement_of
from daemons.drivers.esphome_entities.state import abilities
from daemons.drivers.esphome_entities.touch import DETECTIONS, touch_of

METER_FIELDS = {"power_watts", "energy_watt_hours", "voltage_volts", "current_amperes", "power_factor"}
"""The measurements that belong together, to the only switch or light of a node."""
COUNTED = ("power_watts", "energy_watt_hours")
"""Those that a sensor reports as measurements of its own, and not as facts about the hardware."""
NOT_SUPPORTED: dict[type[model.EntityInfo], str] = {
    model.WaterHeaterInfo: "a water heater: House has no driver for it",
    model.FanInfo: "a fan with speeds: House has no driver for it",
    model.LockInfo: "a lock: House has no driver for it",
    model.SirenInfo: "a siren: House has no driver for it",
    model.ValveInfo: "a valve: House has no driver for it",
    model.MediaPlayerInfo: "a media player: House has no driver for it",
    model.AlarmControlPanelInfo: "an alarm control panel: House has no driver for it",
}
"""The entities that are listed with the reason why they cannot be used. Settings of a node are not listed."""


def found_in(info: model.DeviceInfo, entities: Sequence[model.EntityInfo], known: Any) -> Iterator[Found]:
    """Yield each entity of a node that House can use, or that a person would look for in vain.

    `known` has the address of the node, and the key and the password with which it was asked.
    """
    shown = [one for one in entities if one.entity_category in (None, model.EntityCategory.NONE)]
    carrier, sensors = _meter_of(shown)
    access = {
        name: value
        for name in ("encryption_key_file", "password_file")
        if (value := getattr(known, name)) is not None
    }
    for one in shown:
        title = " ".join(filter(None, (info.friendly_name or info.name, one.name)))
        common: dict[str, Any] = {
            "title": title,
            "address": known.address,
            "model": f"ESPHome {info.model}".strip(),
            "firmware": info.esphome_version,
        }
        why = refusal(one) if isinstance(one, model.ClimateInfo) else NOT_SUPPORTED.get(type(one))
        if why is not None:
            yield Found(**common, kind="", note=why)
            continue
        is_meter = one is carrier or (carrier is None and _field(one) in COUNTED)
        usable = _usable(one, is_meter=is_meter)
        if usable is None:
            continue
        kind, kind_options, component, more = usable
        if one is carrier and sensors:
            more = {**more, "sensors": sensors}
        options = {
            "address": known.address,
            **access,
            "component": component,
            "entity": one.object_id,
            **more,
        }
        if component == "switch":
            del options["component"]
        yield Found(**common, kind=kind, kind_options=kind_options, driver="esphome", options=options)


def _meter_of(shown: Sequence[model.EntityInfo]) -> tuple[model.EntityInfo | None, list[str]]:
    """Return the entity to which the meter of a node belongs, and the object ids of its sensors.

    It is the only switch or light, or the first sensor of a node without any. Of several switches, it is not
    known which one is metered.
    """
    switching = [one for one in shown if isinstance(one, model.SwitchInfo | model.LightInfo)]
    meters = {_field(one): one for one in reversed(shown) if _field(one) in METER_FIELDS}
    counted = [meters[field] for field in COUNTED if field in meters]
    carrier = next(iter(switching or counted), None) if len(switching) <= 1 else None
    return carrier, sorted(one.object_id for one in meters.values() if one is not carrier)


def _usable(
    one: model.EntityInfo, *, is_meter: bool
) -> tuple[str, dict[str, Any], str, dict[str, Any]] | None:
    """Return the kind, its options, the component and the other options of an entity; None without use."""
    match one:
        case model.SwitchInfo():
            return "plug", {}, "switch", {}
        case model.LightInfo():
            dims, tints, has_colours = abilities(one)
            own = {"dims": False} if not dims else {} if tints else {"tints": False}
            return "lamp", {}, "light", own | ({"colours": True} if dims and has_colours else {})
        case model.CoverInfo():
            return "cover", {}, "cover", {}
        case model.ClimateInfo():
            return "thermostat", {}, "climate", {}
        case model.BinarySensorInfo() if one.device_class in DETECTIONS:
            return "sensor", {"detects": DETECTIONS[one.device_class]}, "binary_sensor", {}
        case model.BinarySensorInfo() if not one.device_class and not one.is_status_binary_sensor:
            return "button", {}, "binary_sensor", {}
        case model.SensorInfo() if is_meter or _field(one) not in {None, *NODE_FIELDS, *METER_FIELDS}:
            return "sensor", {}, "sensor", {}
        case model.EventInfo() if any(map(touch_of, one.event_types)):
            return "button", {}, "event", {}
    return None


def _field(one: model.EntityInfo) -> str | None:
    """Return the field that a sensor fills; None if it fills none, or is no sensor."""
    what = isinstance(one, model.SensorInfo) and measurement_of(one.device_class, one.unit_of_measurement)
    return what.field if what else None


def encrypted(service: Any, address: str) -> Found:
    """Return what a search writes for a node whose key is not known."""
    note = (
        "it is encrypted, so its entities are not known; write its key to a file, add one device for it with"
        f' esphome.address = "{address}" and esphome.encryption_key_file, and search again'
    )
    return _unread(service, address, note)


def silent(service: Any, address: str, why: str) -> Found:
    """Return what a search writes for a node that does not list its entities."""
    return _unread(service, address, why or "it did not list its entities in time")


def _unread(service: Any, address: str, note: str) -> Found:
    return Found(
        title=service.properties.get("friendly_name") or service.name,
        address=address,
        model=" ".join(filter(None, ("ESPHome", service.properties.get("board")))),
        firmware=service.properties.get("version", ""),
        kind="",
        note=note,
    )
