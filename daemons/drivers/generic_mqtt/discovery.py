"""Devices of the house in what hardware announces to Home Assistant. Pure.

All entities of one device are taken together: the meter of a plug belongs to the plug, and the measurements
of a sensor are one sensor. What no kind works with is named in one sentence for each device.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from daemons.drivers import Found
from daemons.drivers.generic_mqtt import option_part, press, translation
from daemons.drivers.generic_mqtt.announcement import Entity, entities
from daemons.drivers.generic_mqtt.climate import climate
from daemons.drivers.transports import mqtt_device
from daemons.drivers.transports.broker import Broker

DRIVEN: dict[str, tuple[str, Callable[[Entity], dict[str, Any]]]] = {
    "switch": ("plug", translation.switch),
    "light": ("lamp", translation.light),
    "cover": ("cover", translation.cover),
    "climate": ("thermostat", climate),
}
"""By component: the kind, and the function that returns the options."""
METERED = ("power_watts", "energy_watt_hours")
FACTS = (
    "battery_percent", "voltage_volts", "current_amperes", "power_factor", "signal_dbm",
    "device_temperature_celsius",
)  # fmt: skip
SIDE = {*METERED, *FACTS}
"""The measurements that alone are no sensor. They belong to what is switched, if that is only one thing."""
DIAGNOSES = ("battery", "voltage", "current", "power_factor", "signal_strength", "temperature")
"""The classes of sensors that are read although they are diagnoses."""
SAID = ("manufacturer", "model", "sw_version", "configuration_url", "connections")
"""The keys of what hardware says about itself."""
Values = dict[str, dict[str, Any]]
"""By the name of a measurement or detection, its options."""
TASMOTA = re.compile(r"cmnd/([^/]+)/POWER([0-9]*)")
"""The command topic of a Tasmota device that announces itself to Home Assistant (SetOption19 1)."""


def found_in(messages: Iterable[tuple[str, bytes]], broker: Broker) -> list[Found]:
    """Return the devices that discovery messages announce."""
    groups: dict[str, list[Entity]] = {}
    for entity in entities(messages):
        groups.setdefault(entity.group, []).append(entity)
    return [found for group in groups.values() for found in Group(group, broker).found()]


class Group:
    """The entities of one device."""

    def __init__(self, members: list[Entity], broker: Broker) -> None:
        self._members = members
        self._broker = broker
        self._notes: dict[str, None] = {}
        """Why entities are not used, in their order."""
        self._others: set[str] = set()
        """The components that no driver works with."""
        self._found: list[Found] = []

    def found(self) -> list[Found]:
        """Return each device of the house, and one without a driver if there are reasons why."""
        main = [one for one in self._members if not one.is_secondary]
        driven = [one for one in main if one.component in DRIVEN]
        buttons = self._buttons(main)
        values, others = self._values(main)
        side = {name: value for name, value in values.items() if name in SIDE}
        is_sensor = {*values} != {*side}
        if len(driven) == 1:
            values = {name: value for name, value in values.items() if name not in side}
        for entity in driven:
            self._add_driven(entity, side if len(driven) == 1 else {})
        facts = {} if driven or is_sensor else {name: value for name, value in side.items() if name in FACTS}
        for name, options in buttons:
            self._add(name, "button", {**options, **option_part.table("measurements", facts)})
        self._add_sensors(main, values, others)
        for entity in main:
            self._add_rest(entity)
        if not self._found and not self._notes and not self._others:
            names = ", ".join(sorted({one.component for one in self._members}))
            self._notes[f"it has nothing that House reads: {names}"] = None
        if self._others:
            self._notes[f"no driver for: {', '.join(sorted(self._others))}"] = None
        if self._notes:
            self._add("", "", {}, note="; ".join(self._notes))
        return self._found

    @property
    def _announcement(self) -> str | None:
        """The topic of the message that says most about the hardware; None if none says anything."""
        said = [(sum(key in one.device for key in SAID), one.key.partition(" ")[0]) for one in self._members]
        most, topic = max(said, key=lambda one: one[0])
        return topic if most else None

    def _add(
        self,
        name: str,
        kind: str,
        options: dict[str, Any],
        *,
        driver: str = "mqtt",
        detects: str | None = None,
        note: str = "",
    ) -> None:
        device = self._members[0].device
        more = {"announcement": self._announcement} if driver == "mqtt" and self._announcement else {}
        topics = [value for key, value in options.items() if key.endswith("topic")]
        topics += [part["topic"] for table in options.values() for part in parts(table) if "topic" in part]
        commanded = options.get("target", options).get("command_topic")
        place = commanded or next(iter(topics), self._members[0].key)
        model = " ".join(str(device[key]) for key in ("manufacturer", "model") if device.get(key))
        own = str(device.get("name") or self._members[0].name)
        title = name if name.lower().startswith(own.lower()) else f"{own} {name}".strip()
        self._found.append(
            Found(
                title=title or str(place),
                address=f"{self._broker.endpoint} {place}",
                model=model,
                firmware=str(device.get("sw_version") or ""),
                kind=kind,
                kind_options={"detects": detects} if detects else {},
                driver=driver if kind else None,
                options={**mqtt_device.broker_options(self._broker), **options, **more} if kind else {},
                note=note,
            )
        )

    def _add_driven(self, entity: Entity, metered: dict[str, Any]) -> None:
        kind, translate = DRIVEN[entity.component]
        if tasmota := TASMOTA.fullmatch(entity.text("command_topic") or ""):
            relay = {"relay": int(tasmota[2])} if tasmota[2] not in ("", "1") else {}
            self._add(entity.name, kind, {"topic": tasmota[1], **relay}, driver="mqtt_tasmota")
            return
        options = self._try(entity, translate)
        if options is not None:
            measured = {**metered, **options.get("measurements", {})}
            self._add(entity.name, kind, {**options, **option_part.table("measurements", measured)})

    def _buttons(self, main: list[Entity]) -> list[tuple[str, dict[str, Any]]]:
        """Return each button of the device with its name and its options."""
        triggers = [one for one in main if one.component == "device_automation"]
        found: list[tuple[str, dict[str, Any]]] = []
        if triggers:
            try:
                found += press.triggers(triggers).items()
            except ValueError as error:
                self._notes[f"its triggers: {error}"] = None
        for entity in main:
            options = self._try(entity, press.event) if entity.component == "event" else None
            if options is not None:
                found.append((entity.name, options))
        return found

    def _values(self, main: list[Entity]) -> tuple[Values, list[tuple[Entity, Values]]]:
        """Return by name the first of each measurement, and the others; some may be diagnoses."""
        sensors = [one for one in self._members if one.component == "sensor"]
        first: Values = {}
        others: list[tuple[Entity, Values]] = []
        for entity in sensors:
            is_diagnosis = entity.text("device_class") in DIAGNOSES and not entity.is_disabled
            if entity not in main and not is_diagnosis:
                continue
            value = self._try(entity, translation.measurement)
            if value is not None and value[0] in first:
                others.append((entity, dict([value])))
            elif value is not None:
                first[value[0]] = value[1]
        return first, others

    def _add_sensors(self, main: list[Entity], values: Values, others: list[tuple[Entity, Values]]) -> None:
        """Add one sensor with all measurements and detections, and one for each further value.

        It detects the first of its detections.
        """
        detections: Values = {}
        further: list[tuple[Entity, Values]] = []
        clears: dict[str, Any] = {}
        for entity in main:
            value = self._try(entity, translation.detection) if entity.component == "binary_sensor" else None
            if value is not None and value[0] in detections:
                further.append((entity, dict([value])))
            elif value is not None:
                detections[value[0]] = value[1]
                clears |= translation.clears(entity)
        is_meter = bool({*values} & {*METERED}) and not any(one.component in DRIVEN for one in main)
        if detections or is_meter or {*values} - SIDE:
            sensing = next(one for one in main if one.component in ("sensor", "binary_sensor"))
            tables = {"measurements": values, "detections": detections}
            self._add_sensor("", tables, {**clears, **option_part.availability(sensing)})
        for entity, measured in others:
            if not {*measured} & SIDE:
                self._add_sensor(entity.name, {"measurements": measured}, option_part.availability(entity))
        for entity, detected in further:
            more = {**translation.clears(entity), **option_part.availability(entity)}
            self._add_sensor(entity.name, {"detections": detected}, more)

    def _add_sensor(self, name: str, tables: dict[str, Values], more: dict[str, Any]) -> None:
        options = {key: table for key, table in tables.items() if table}
        detects = next(iter(tables.get("detections", {})), None)
        self._add(name, "sensor", {**options, **more}, detects=detects)

    def _add_rest(self, entity: Entity) -> None:
        """Add a telephone, and note what no kind works with."""
        if entity.component == "device_tracker":
            options = self._try(entity, tracker)
            if options is not None:
                self._add(entity.name, "person", options, driver="mqtt_presence")
        elif entity.component not in (*DRIVEN, "device_automation", "event", "sensor", "binary_sensor"):
            self._others.add(entity.component)

    def _try(self, entity: Entity, translate: Callable[[Entity], Any]) -> Any:
        """Return what a function makes of an entity; None if it cannot, after a note why."""
        try:
            return translate(entity)
        except ValueError as error:
            is_alone = len(self._members) == 1
            self._notes[str(error) if is_alone else f"{entity.name or entity.component}: {error}"] = None
            return None


def tracker(entity: Entity) -> dict[str, Any]:
    """Return the options of a person's topic; ValueError with a sentence for what they cannot say."""
    if entity.text("value_template") is not None:
        raise ValueError(option_part.refused("value_template", entity.text("value_template") or ""))
    home = option_part.other("home", entity.text("payload_home"), "home")
    return {**option_part.needed(entity, "state_topic", "topic"), **home}


def parts(table: Any) -> list[dict[str, Any]]:
    """Return the tables in a table of the options."""
    return [part for part in table.values() if isinstance(part, dict)] if isinstance(table, dict) else []
