"""The Home Assistant entities of a device, made from the declaration of its kind. Pure.

There is no list of kinds here. A kind declares the class of its main entity. Its other commands become
buttons, and its other fields (each with the unit in its name) become sensors. An optional measurement
becomes an entity once the hardware has reported it.

The keys are Home Assistant's (home-assistant.io/integrations, the page of each component with mqtt).
"""

import re
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from msgspec import Meta, Struct, structs

from daemons.bus.status import PRESENCES
from daemons.config.roster import Peer
from daemons.kinds import HARDWARE_FACTS, TOUCHES, Control, EntityClass, HardwareLink, Kind, Reading
from daemons.processes.bridge.commands import is_accepted
from daemons.processes.bridge.topics import OFFLINE, ONLINE, Topics
from daemons.values import CLOCK_TIME, HEX_COLOUR

Config = dict[str, Any]
QOS = 1
MAIN = "main"
"""The key of the main entity, which has the name of the device."""
LONGEST_STATE = 255
"""Characters of a state in Home Assistant."""
TEMPERATURE_STEP = 0.5
LEAST_STEP = 0.001
"""The least step of a number in Home Assistant."""
SLIDER_STEPS = 200
"""A number with more steps has a box instead of a slider."""
MIRED = 1_000_000
"""Mireds times kelvins: every version uses mireds in the templates of a light."""

ASKED = "brightness is defined or color_temp is defined or red is defined"
BRIGHTNESS = (
    f"([((brightness | default(state_attr(entity_id, 'brightness')) or 255) / 2.55) | round | int, 1] | max)"
    f" if {ASKED} else none"
)
COLOUR_TEMPERATURE = (
    f"((({MIRED} / color_temp) if color_temp is defined else state_attr(entity_id, 'color_temp_kelvin'))"
    f" | int(0) or none) if ({ASKED}) and red is not defined else none"
)
COLOUR = (
    "('#%02x%02x%02x' | format(red, green, blue)) if red is defined else"
    " (('#%02x%02x%02x' | format(*state_attr(entity_id, 'rgb_color')))"
    " if brightness is defined and color_temp is not defined"
    " and state_attr(entity_id, 'color_mode') == 'hs' else none)"
)
"""The arguments of a light: if one is given, the brightness, and the colour or the white, keep their value;
otherwise none is sent. Home Assistant has an `rgb_color` for a white too, so only its mode counts."""


class Unit(NamedTuple):
    """The unit that ends the name of a field, in the terms of Home Assistant."""

    symbol: str
    device_class: str | None = None
    state_class: str = "measurement"


UNITS = {
    "watt_hours": Unit("Wh", "energy", "total_increasing"),
    "kwh": Unit("kWh", "energy", "total_increasing"),
    "watts": Unit("W", "power"),
    "volts": Unit("V", "voltage"),
    "amperes": Unit("A", "current"),
    "hertz": Unit("Hz", "frequency"),
    "celsius": Unit("°C", "temperature"),
    "percent": Unit("%"),
    "seconds": Unit("s", "duration"),
    "minutes": Unit("min", "duration"),
    "kmh": Unit("km/h", "wind_speed"),
    "mm": Unit("mm", "precipitation"),
    "kelvin": Unit("K"),
    "lux": Unit("lx", "illuminance"),
    "hectopascals": Unit("hPa", "atmospheric_pressure"),
    "ppm": Unit("ppm"),
    "micrograms": Unit("µg/m³"),
    "bytes": Unit("B", "data_size"),
    "dbm": Unit("dBm", "signal_strength"),
}
CLASSES = {
    "battery_percent": "battery",
    "humidity_percent": "humidity",
    "soil_moisture_percent": "moisture",
    "co2_ppm": "carbon_dioxide",
    "pm25_micrograms": "pm25",
    "power_factor": "power_factor",
}
"""The fields whose device class is not the one of their unit."""
CURRENCY = re.compile(r"[A-Z]{3}")
"""A currency as Home Assistant knows it (ISO 4217)."""
PAST = ("yesterday_", "last_")
"""The beginnings of the names of sums that are over: their statistics would say nothing."""
REQUIRED: dict[EntityClass, tuple[set[str], set[str]]] = {
    "climate": ({"on", "off", "set"}, {"target_celsius", "enabled", "status"}),
    "cover": ({"open", "close"}, {"status"}),
    "device_tracker": (set(), {"phase", "status"}),
    "event": (set(), {"phase"}),
    "light": ({"on", "off"}, {"status"}),
    "notify": ({"send"}, set()),
    "number": ({"set"}, set()),
    "select": ({"set"}, {"phase"}),
    "scene": ({"on"}, {"status"}),
    "switch": ({"on", "off"}, {"status"}),
}
"""The commands and the fields that the main entity of each class needs."""
FROM_HARDWARE = HARDWARE_FACTS | frozenset(
    field.name
    for field in structs.fields(Reading)
    if field.name == "colour" or any(field.name.endswith(f"_{end}") for end in UNITS)
)
"""The optional measurements: only some hardware reports them."""
REGISTRY = {
    "hardware_manufacturer": "manufacturer",
    "hardware_model": "model",
    "hardware_firmware": "sw_version",
    "hardware_url": "configuration_url",
}
"""By field with a text about the hardware, the key of Home Assistant's device registry."""
MAC = "hardware_mac"
DIAGNOSTIC = HARDWARE_FACTS | {"battery_percent"}
"""The measurements of the hardware's own condition."""
ALARMS = {"alarm": "safety"}
"""The device classes of true or false fields that tell of a danger."""
NOTABLE = frozenset({"attention", "attention_count"})
"""The optional texts and the counts that people want to see, and that are no details of the hardware."""
EVER_HIGHER = frozenset({"starts", "presses", "delivered", "lost", "restarts"})
"""The counts that only go up, but for a reset."""
LINK = frozenset(field.encode_name for field in structs.fields(HardwareLink))


class Entity(NamedTuple):
    """One entity: its component, its key within the device, and its configuration."""

    component: str
    key: str
    config: Config


class BridgedDevice(Struct, frozen=True, kw_only=True):
    """A device, and what its entities depend on."""

    name: str
    peer: Peer
    kind: type[Kind]
    hardware_fields: frozenset[str] = frozenset()
    """The optional measurements that its hardware has reported."""
    about: dict[str, str] = {}
    """The texts about its hardware, by their fields."""
    accepts_commands: bool | tuple[str, ...] = True
    """Which commands the bridge accepts: the key `commands` of [bridge]."""

    def entities(self, topics: Topics) -> list[Entity]:
        """Return the main entity, the buttons and the sensors of the device."""
        return EntityBuilder(self, topics).make()


class EntityBuilder:
    """Makes the entities of one device; each field and command belongs to one entity only."""

    def __init__(self, subject: BridgedDevice, topics: Topics) -> None:
        kind = subject.kind
        self._subject = subject
        self._topics = topics
        self._state = topics.state(subject.name)
        commands = {c.__name__.lower(): c for c in kind.commands}
        self._commands = {
            word: c
            for word, c in commands.items()
            if is_accepted(subject.accepts_commands, subject.name, word)
        }
        if (usable := subject.peer.commands) is not None:
            self._commands = {word: c for word, c in self._commands.items() if word in usable}
        self._fields = {
            name: type_
            for name, type_ in kind.fields().items()
            if name not in FROM_HARDWARE or not is_optional(type_) or name in subject.hardware_fields
        }
        self._drives = bool(getattr(kind, "drives", True))

    def make(self) -> list[Entity]:
        """Return all entities of the device."""
        main = self._main()
        found = [main] if main else []
        if (control := self._subject.peer.control) and control.command in self._commands:
            found.append(self._input(control, control.argument, control.label))
        found += [self._button(word) for word in self._commands]
        for name, type_ in self._fields.items():
            if (entity := self._shown(name, type_)) is not None:
                found.append(entity)
        return [*found, self._process()]

    # The main entity

    def _main(self) -> Entity | None:
        class_: Any = self._subject.peer.entity or self._subject.kind.entity_class
        if class_ is None:
            return None
        commands, fields = REQUIRED[class_]
        if not (commands <= self._commands.keys() and fields <= self._fields.keys()):
            return None  # the bridge may accept no commands
        return {
            "climate": self._climate,
            "cover": self._cover,
            "device_tracker": self._tracker,
            "event": self._event,
            "light": self._light,
            "notify": self._notify,
            "number": self._controlled,
            "select": self._controlled,
            "scene": self._scene,
            "switch": self._switch,
        }[class_]()

    def _controlled(self) -> Entity | None:
        control = self._subject.peer.control
        return self._input(control, MAIN, None) if control else None

    def _input(self, control: Control, key: str, title: str | None) -> Entity:
        """Return the input for the value of a device: a select, a number or a text."""
        arguments = f"{{{{ {{'args': {{'{control.argument}': value}}}} | to_json }}}}"
        topic = self._topics.command(self._subject.name, control.command)
        template = shown("{}", control.field)
        if control.takes == "number":
            low, high = control.lowest or 0, 100 if control.highest is None else control.highest
            is_wide = high - low > SLIDER_STEPS * control.step
            unit = {"unit_of_measurement": control.unit} if control.unit else {}
            more: Config = {"min": low, "max": high, "step": max(LEAST_STEP, control.step), **unit}
            more |= {"mode": "box" if is_wide else "slider"}
        else:
            # The platform "time" is too new: an older Home Assistant would refuse the whole device.
            pattern = {"time": CLOCK_TIME, "colour": HEX_COLOUR}.get(control.takes)
            more = {"pattern": pattern} if pattern else {"options": list(control.choices)}
        component = {"number": "number", "choice": "select"}.get(control.takes, "text")
        self._take(control.command, control.field, "unit")
        more |= {"command_topic": topic, "command_template": arguments, "value_template": template}
        return self._reporting(component, key, title, **more)

    def _switch(self) -> Entity:
        self._take("on", "off", "toggle", "status")
        more: Config = {"payload_on": "on", "payload_off": "off"}
        if class_ := self._subject.kind.entity_device_class:
            more["device_class"] = class_
        return self._commanded("switch", value_template=shown("'on' if {} else 'off'", "status"), **more)

    def _scene(self) -> Entity:
        # Home Assistant shows no state of a scene: the other fields are sensors.
        self._take("on")
        topic = self._topics.command(self._subject.name)
        return self._entity("scene", MAIN, None, command_topic=topic, payload_on="on")

    def _light(self) -> Entity:
        takes = {field.encode_name for field in structs.fields(self._commands["on"])}
        settable = takes & self._fields.keys()
        can, args, more = self._subject.peer.abilities, {}, {}
        if "dim" in can and "brightness_percent" in settable:
            args["brightness_percent"] = BRIGHTNESS
            more["brightness_template"] = shown("(({} or 0) * 2.55) | round | int", "brightness_percent")
        if "tint" in can and "colour_temperature_kelvin" in settable:
            args["colour_temperature_kelvin"] = COLOUR_TEMPERATURE
            mireds = f"(({MIRED} / {{0}}) | round | int) if {{0}} else none"
            more["color_temp_template"] = shown(mireds, "colour_temperature_kelvin")
        if "colour" in can and "colour" in takes & self._subject.kind.fields().keys():
            args["colour"] = COLOUR
            for start, part in enumerate(("red", "green", "blue")):
                digits = f"({{0}}[{2 * start + 1}:{2 * start + 3}] | int(0, 16)) if {{0}} else none"
                more[f"{part}_template"] = shown(digits, "colour")
        given = ", ".join(f"'{arg}': {value}" for arg, value in args.items())
        self._take("on", "off", "toggle", "status", "brightness_percent")
        self._take("colour_temperature_kelvin", "colour")
        return self._commanded(
            "light",
            schema="template",
            command_on_template=f"{{{{ {{'command': 'on', 'args': {{{given}}}}} | to_json }}}}",
            command_off_template="off",
            state_template=shown("'on' if {} else 'off'", "status"),
            **more,
        )

    def _cover(self) -> Entity:
        phase = "cover" if "cover" in self._fields else "phase"  # that of a group counts what is on
        same = "('open', 'closed', 'opening', 'closing')"
        state = f"{{0}} if {{0}} in {same} else ('' if {{0}} == 'unknown' else 'open')"
        more: Config = {"payload_stop": "stop" if "stop" in self._commands else None}
        if "position_percent" in self._subject.kind.fields():
            more["position_topic"] = self._state
            more["position_template"] = shown("'' if {0} is none else {0} | int", "position_percent")
            if "set" in self._commands:
                more["set_position_topic"] = self._topics.command(self._subject.name, "set")
                self._take("set")
        self._take("open", "close", "stop", "off", "status", phase, "position_percent")
        template = shown(state, phase)
        return self._commanded(
            "cover", payload_open="open", payload_close="close", value_template=template, **more
        )

    def _climate(self) -> Entity:
        (wish,) = structs.fields(self._commands["set"])
        low, high = bounds(wish.type)
        name, more = self._subject.name, {}
        mode, action = ("cool", "cooling") if self._subject.peer.cools else ("heat", "heating")
        if "temperature_celsius" in self._subject.kind.fields():
            more["current_temperature_topic"] = self._state
            more["current_temperature_template"] = shown("{}", "temperature_celsius")
        self._take("on", "off", "set", "status", "enabled", "target_celsius", "temperature_celsius")
        return self._entity(
            "climate",
            MAIN,
            None,
            modes=["off", mode],
            mode_state_topic=self._state,
            mode_state_template=shown(f"'{mode}' if {{}} else 'off'", "enabled"),
            mode_command_topic=self._topics.command(name),
            mode_command_template="{{ 'off' if value == 'off' else 'on' }}",
            temperature_state_topic=self._state,
            temperature_state_template=shown("{}", "target_celsius"),
            temperature_command_topic=self._topics.command(name, "set"),
            action_topic=self._state,
            action_template=shown(
                f"'{action}' if {{}} else ('idle' if {{}} else 'off')", "status", "enabled"
            ),
            temperature_unit="C",
            precision=0.1,
            temp_step=TEMPERATURE_STEP,
            min_temp=low,
            max_temp=high,
            **more,
        )

    def _event(self) -> Entity:
        topic = self._topics.event(self._subject.name)
        types = [touch for touch in literals(self._fields["phase"]) if touch in TOUCHES]
        self._take("status", "phase", "last", "power_watts")
        return self._entity("event", MAIN, None, state_topic=topic, event_types=types, device_class="button")

    def _notify(self) -> Entity:
        # Each message has its own id, so that one that MQTT delivers twice is queued once.
        template = "{{ {'id': 'ha-%.6f' % as_timestamp(now()), 'args': {'text': value}} | to_json }}"
        topic = self._topics.command(self._subject.name, "send")
        self._take("send")
        return self._entity("notify", MAIN, None, command_topic=topic, command_template=template)

    def _tracker(self) -> Entity:
        self._take("status", "phase")
        template = shown("{{'home': 'home', 'away': 'not_home'}}.get({}, 'None')", "phase")
        return self._reporting("device_tracker", MAIN, None, value_template=template, source_type="router")

    # Buttons and sensors

    def _button(self, word: str) -> Entity:
        # Each press has its own id, so that a press that MQTT delivers twice counts once.
        template = "{{ {'id': 'ha-%.6f' % as_timestamp(now())} | to_json }}"
        topic = self._topics.command(self._subject.name, word)
        return self._entity("button", word, words(word), command_topic=topic, command_template=template)

    def _shown(self, name: str, type_: Any) -> Entity | None:
        plain = parts(type_) - {NoneType}
        if name == "reachable":
            return self._binary_sensor(
                name, "Hardware", device_class="connectivity", entity_category="diagnostic"
            )
        if name == "fault":
            return self._problem()
        is_unpriced = name.endswith("_cost") and name not in self._subject.peer.units
        if name in (*LINK, *REGISTRY, MAC, "since") or is_unpriced or name in self._subject.kind.page_fields:
            return None
        if name == "status":
            return self._status()
        if plain == {bool} and name in ALARMS:
            return self._binary_sensor(name, words(name), device_class=ALARMS[name])
        if plain == {bool}:
            unknown = "('None' if {0} is none else 'off')" if is_optional(type_) else "'off'"
            template = shown(f"'on' if {{0}} else {unknown}", name)
            return self._binary_sensor(name, words(name), value_template=template)
        if options := literals(type_):
            if len(options) == 1 and not is_optional(type_):
                return None  # it never changes
            if name == "phase" and (phases := self._subject.peer.phases):
                options = [word for word in options if word in phases]
            return self._choice(name, options, nothing=is_optional(type_))
        if plain and plain <= {int, float}:
            return self._number(name)
        if plain == {str}:
            is_minor = is_optional(type_) and name not in NOTABLE
            more = {"entity_category": "diagnostic"} if is_minor else {}
            template = shown(f"({{}} or '')[:{LONGEST_STATE}]", name)
            return self._reporting("sensor", name, words(name), value_template=template, **more)
        return None

    def _problem(self) -> Entity:
        why = "{{ {'fault': value_json.state.fault} | to_json }}"
        return self._binary_sensor(
            "fault",
            "Problem",
            device_class="problem",
            entity_category="diagnostic",
            json_attributes_topic=self._state,
            json_attributes_template=why,
        )

    def _status(self) -> Entity | None:
        detects = self._subject.peer.detects
        if detects is None:
            return self._binary_sensor("status", "On") if self._drives else None
        class_ = self._subject.kind.detections.get(detects)
        more = {"device_class": class_} if class_ else {}
        template = shown("'on' if {} else 'off'", "status")
        if "phase" in self._fields:  # an unknown state does not count as quiet
            quiet = f"('off' if {{1}} not in {self._subject.kind.unknown_phases} else none)"
            template = shown(f"'on' if {{0}} else {quiet}", "status", "phase")
        return self._binary_sensor("status", words(detects), **{"value_template": template, **more})

    def _number(self, name: str) -> Entity:
        end = next((end for end in UNITS if name == end or name.endswith(f"_{end}")), None)
        template = shown("{}", name)
        if symbol := self._subject.peer.units.get(name):
            return self._money(name, symbol, template)
        diagnostic = {"entity_category": "diagnostic"} if end is None or name in DIAGNOSTIC else {}
        if name in NOTABLE:
            diagnostic = {}
        if end is None:  # a count, or a share
            class_ = CLASSES.get(name)
            more = {"state_class": "total_increasing" if name in EVER_HIGHER else "measurement", **diagnostic}
            more |= {"device_class": class_} if class_ else {}
            return self._reporting("sensor", name, words(name), value_template=template, **more)
        unit = UNITS[end]
        class_ = CLASSES.get(name, unit.device_class)
        return self._reporting(
            "sensor",
            name,
            words(name.removesuffix(end).strip("_") or end),
            value_template=template,
            unit_of_measurement=unit.symbol,
            **({} if name.startswith(PAST) else {"state_class": unit.state_class}),
            **({"device_class": class_} if class_ else {}),
            **diagnostic,
        )

    def _money(self, name: str, symbol: str, template: str) -> Entity:
        # For money, Home Assistant allows only "total": the class of a sum that never begins anew.
        more = {"device_class": "monetary"} if CURRENCY.fullmatch(symbol) else {}
        if name.startswith("total_"):
            more["state_class"] = "total"
        return self._reporting(
            "sensor", name, words(name), value_template=template, unit_of_measurement=symbol, **more
        )

    def _choice(self, name: str, options: list[str], *, nothing: bool) -> Entity:
        template = shown("{}" if not nothing else "{} or 'none'", name)
        options = [*options, "none"] if nothing else options
        return self._reporting(
            "sensor", name, words(name), value_template=template, device_class="enum", options=options
        )

    def _process(self) -> Entity:
        # It is available as long as the bridge is, because it shows whether the device is there.
        config = {
            "state_topic": self._topics.presence(self._subject.name),
            "device_class": "enum",
            "options": list(PRESENCES),
            "entity_category": "diagnostic",
            "availability": [self._holds(self._topics.availability())],
        }
        return self._entity("sensor", "process", "Process", **config)

    # Building blocks

    def _take(self, *names: str) -> None:
        for name in names:
            self._commands.pop(name, None)
            self._fields.pop(name, None)
        if parts(self._fields.get("phase")) == {str}:  # "on" and "off", which the main entity shows already
            self._fields.pop("phase")

    def _binary_sensor(self, name: str, title: str, **more: Any) -> Entity:
        template = shown("'on' if {} else 'off'", name)
        config = {"value_template": template, "payload_on": "on", "payload_off": "off", **more}
        if name in (*LINK, "fault"):  # these show that the hardware cannot be reached
            config["availability"] = [
                self._holds(self._topics.availability()),
                {
                    "topic": self._topics.presence(self._subject.name),
                    "value_template": f"{{{{ '{ONLINE}' if value == 'live' else '{OFFLINE}' }}}}",
                    "payload_available": ONLINE,
                    "payload_not_available": OFFLINE,
                },
            ]
        return self._reporting("binary_sensor", name, title, **config)

    def _commanded(self, component: str, **config: Any) -> Entity:
        command = self._topics.command(self._subject.name)
        return self._entity(component, MAIN, None, command_topic=command, state_topic=self._state, **config)

    def _reporting(self, component: str, key: str, title: str | None, **config: Any) -> Entity:
        return self._entity(component, key, title, state_topic=self._state, **config)

    def _entity(self, component: str, key: str, title: str | None, **config: Any) -> Entity:
        bridge, device = self._topics.availability(), self._topics.availability(self._subject.name)
        common = {
            "name": title,
            "qos": QOS,
            "availability": [self._holds(bridge), self._holds(device)],
            "availability_mode": "all",
        }
        return Entity(component, key, {**common, **config})

    @staticmethod
    def _holds(topic: str) -> Config:
        # These are the payloads that Home Assistant expects, and its log complains if they are left out.
        return {"topic": topic, "payload_available": ONLINE, "payload_not_available": OFFLINE}


def shown(expression: str, *fields: str) -> str:
    """Return a template over fields of the state; each {} in the expression is one field."""
    return f"{{{{ {expression.format(*(f'value_json.state.{field}' for field in fields))} }}}}"


def words(name: str) -> str:
    """Return a name as people read it."""
    return name.replace("_", " ").capitalize()


def parts(type_: Any) -> set[Any]:
    """Return the types that the type of a field allows, without their limits."""
    if get_origin(type_) is Annotated:
        return parts(get_args(type_)[0])
    if get_origin(type_) in (Union, UnionType):
        return set().union(*(parts(part) for part in get_args(type_)))
    return {type_}


def is_optional(type_: Any) -> bool:
    """Return whether a field may be None."""
    return NoneType in parts(type_)


def literals(type_: Any) -> list[str]:
    """Return the words that a field may have, if it can have nothing else."""
    plain = [part for part in parts(type_) if part is not NoneType]
    if len(plain) == 1 and get_origin(plain[0]) is Literal:
        return [str(word) for word in get_args(plain[0])]
    return []


def bounds(type_: Any) -> tuple[float, float]:
    """Return the limits of an argument; without limits, those of a room temperature."""
    limits = (
        [meta for meta in get_args(type_)[1:] if isinstance(meta, Meta)]
        if get_origin(type_) is Annotated
        else []
    )
    low = next((meta.ge for meta in limits if meta.ge is not None), 7)
    high = next((meta.le for meta in limits if meta.le is not None), 35)
    return low, high
