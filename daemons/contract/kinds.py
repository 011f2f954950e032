"""The contract of every kind: these tests run for each kind of House, and for each kind of another author."""

from functools import partial
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct, inspect
from msgspec.structs import replace

from daemons.bus.message import Scalar
from daemons.config import loader
from daemons.config.kind_facts import facts_of, kind_of
from daemons.contract import subject
from daemons.errors import Rejected
from daemons.kinds import (
    HARDWARE_FACTS,
    TOUCHES,
    CalendarEvent,
    CalendarEvents,
    DeliveryResult,
    HardwareLink,
    Kind,
    Machine,
    Outcome,
    Reading,
    Setting,
)
from daemons.processes.device.timetable import InForce
from daemons.values import ClockTime, Colour, DayWords, Seconds, TimeOfDay, convert, describe_type

if subject.is_of_another_author():
    settings.register_profile("contract", deadline=None)  # the time of an example depends on the load
    settings.load_profile("contract")
KINDS = subject.words("kinds")
MACHINES = subject.machine_kinds()
START = 1_750_000_000.0
MOST_SECONDS = 7 * 86400.0

CUSTOM: dict[type, list[str]] = {
    Seconds: ["1ms", "1s", "90s", "5m", "4h"],
    TimeOfDay: ["00:00", "06:30", "sunset-30m"],
    ClockTime: ["00:00", "06:45", "23:59"],
    Colour: ["red", "#ff8800", "#102030"],
    DayWords: ["mon", "sat sun", "every day"],
}
"""Values of the types that are written as text."""

calendar_events = st.builds(
    CalendarEvent,
    begin=st.floats(START - MOST_SECONDS, START + MOST_SECONDS) | st.floats(),
    end=st.floats(START - MOST_SECONDS, START + MOST_SECONDS) | st.floats(),
    title=st.text(max_size=5),
    is_all_day=st.booleans(),
    is_local=st.booleans(),
)
readings = st.builds(
    Reading,
    on=st.none() | st.booleans(),
    power_watts=st.none() | st.floats(0, 3000),
    energy_watt_hours=st.none() | st.floats(0, 1e6),
    brightness_percent=st.none() | st.integers(1, 100),
    colour_temperature_kelvin=st.none() | st.integers(1500, 6500),
    colour=st.sampled_from([None, "#ff0000", "#ff8800", "#ffffff"]),
    direction=st.sampled_from([None, "open", "close"]),
    position_percent=st.none() | st.integers(0, 100),
    temperature_celsius=st.none() | st.floats(-60, 80),
    humidity_percent=st.none() | st.floats(0, 100),
    battery_percent=st.none() | st.integers(0, 100),
    target_celsius=st.none() | st.floats(0, 40),
    heating=st.none() | st.booleans(),
    valve_percent=st.none() | st.floats(0, 100),
    window_open=st.none() | st.booleans(),
    at=st.none() | st.just(0.0) | st.floats(0, MOST_SECONDS),  # the seconds until the event
    reachable=st.none() | st.booleans(),
    cause=st.none() | st.just("a1"),
    fault=st.none() | st.just("it smokes"),
    calendar=st.none()
    | st.builds(
        CalendarEvents,
        st.lists(calendar_events, max_size=3).map(tuple),
        st.floats(START, START + 3 * MOST_SECONDS),
    ),
    outcome=st.none()
    | st.builds(
        Outcome,
        key=st.just(f"{int(START * 1000):x}-1"),
        attempt=st.integers(1, 3),
        result=st.sampled_from(get_args(DeliveryResult)),
    ),
)


class ClockOffset(Struct, frozen=True):
    """What a machine learns of the wall clock: its difference to the steady clock, or None."""

    seconds: float | None


def has_own(word: str, method: str) -> bool:
    """Return whether a kind has its own form of a class method of every kind."""
    return getattr(loader.kind(word), method).__func__ is not getattr(Kind, method).__func__


def values(type_: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for the values of an option or argument of this type."""
    return values_of(inspect.type_info(type_))


def values_of(info: inspect.Type) -> st.SearchStrategy[Any]:
    """Return a strategy for the values of a type that is part of another one."""
    options = info.types if isinstance(info, inspect.UnionType) else (info,)
    return st.one_of(*map(_values, options))


def _values(info: Any) -> st.SearchStrategy[Any]:
    match info:
        case inspect.NoneType():
            return st.none()
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType():
            return st.integers(
                info.ge if info.ge is not None else -1000, info.le if info.le is not None else 1000
            )
        case inspect.FloatType():
            return st.floats(
                info.ge if info.ge is not None else -1e3, info.le if info.le is not None else 1e3
            )
        case inspect.LiteralType():
            return st.sampled_from(info.values)
        case inspect.VarTupleType(item_type=item):
            return st.lists(values_of(item), max_size=3)
        case inspect.DictType(key_type=key, value_type=value):
            return st.dictionaries(values_of(key), values_of(value), max_size=3)
        case inspect.StructType(fields=fields):
            required = {field.encode_name: values_of(field.type) for field in fields if field.required}
            optional = {field.encode_name: values_of(field.type) for field in fields if not field.required}
            return st.fixed_dictionaries(required, optional=optional)
        case inspect.CustomType(cls=cls) if cls in CUSTOM:
            return st.sampled_from(CUSTOM[cls])
        case inspect.StrType():
            return st.text(min_size=info.min_length or 0, max_size=5)
        case _:
            return st.text(max_size=5)


def machines(word: str) -> st.SearchStrategy[Machine[Any, Any]]:
    """Draw a machine of a kind with any allowed options, at any speed."""
    kind = loader.kind(word)
    assert issubclass(kind, Machine)
    raw = st.fixed_dictionaries(
        {},
        optional={
            field.encode_name: values(field.type)
            for field in msgspec.structs.fields(kind.options_type)
            if field.encode_name not in kind.derived_options
        },
    )

    def make(raw: dict[str, Any], speed: float) -> Machine[Any, Any]:
        try:
            return kind(convert({k: v for k, v in raw.items() if v is not None}, kind.options_type), speed)
        except msgspec.ValidationError:  # `house check` refuses these options
            return kind(convert(subject.REQUIRED.get(word, {}), kind.options_type), speed)

    return st.builds(make, raw, st.sampled_from([0.1, 1.0, 15.0, 10_000.0]))


def make_command(command: type[Struct], raw: dict[str, Any]) -> Struct | None:
    """Return a command with these arguments; None if `house check` refuses them."""
    try:
        return convert(raw, command)
    except msgspec.ValidationError:
        return None


def commands(kind: type[Kind]) -> st.SearchStrategy[Struct | None]:
    """Return a strategy for any command of a kind, with any arguments; None for one that is refused."""
    return st.one_of(
        *(
            st.fixed_dictionaries(
                {f.encode_name: values(f.type) for f in msgspec.structs.fields(command)}
            ).map(partial(make_command, command))
            for command in kind.commands
        )
    )


def source_states(machine: Machine[Any, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy for the states of its sources; one may be silent, or not known yet."""
    value = st.none() | st.booleans() | st.integers() | st.floats(-60, 80) | st.text(max_size=5)
    sources = machine.sources(machine.options)
    shown = {device: st.none() | st.fixed_dictionaries({field: value}) for device, field in sources.items()}
    return st.fixed_dictionaries({}, optional=shown)


def events(machine: Machine[Any, Any]) -> st.SearchStrategy[list[tuple[float, Any]]]:
    """Return a strategy for a sequence of events, each with the seconds since the last one."""
    steps = st.sampled_from([0.0, 0.001, 0.5, 30.0, 60.0, 121.0, 3600.0]) | st.floats(0, MOST_SECONDS)
    event: st.SearchStrategy[Any] = readings | st.sampled_from(TOUCHES) | source_states(machine) | st.none()
    if entries := machine.timetable(machine.options):
        event = event | st.builds(InForce, st.integers(0, len(entries) - 1), st.floats(0, START))
    if machine.uses_clock:
        offsets = st.none() | st.sampled_from([0.0, 0.1, -3600.0]) | st.floats(-MOST_SECONDS, MOST_SECONDS)
        event = event | st.builds(ClockOffset, offsets)
    if machine.commands:
        event = event | commands(type(machine))
    return st.lists(st.tuples(steps, event), max_size=12)


def apply_event(machine: Machine[Any, Any], memory: Any, event: Any, now: float) -> Any:
    """Apply one event."""
    if event is None:
        return machine.advance(memory, now)
    if isinstance(event, Reading):
        event = replace(event, at=None if event.at is None else now - event.at)
        memory = machine.update_measurements(memory, event, now)
        return memory if event.on is None else machine.adopt(memory, event, now)
    if isinstance(event, ClockOffset):
        return machine.update_clock(memory, event.seconds, now)
    if isinstance(event, InForce):
        return machine.update_timetable(memory, event.number, event.began_at, now)
    if isinstance(event, dict):
        return machine.update_sources(memory, event, now)
    if isinstance(event, str):
        return machine.press(memory, event, now)  # type: ignore[arg-type]
    try:
        return machine.handle_command(memory, event, now)
    except Rejected:
        return memory


@pytest.mark.parametrize("word", KINDS)
def test_a_kind_is_documented_and_frozen(word: str) -> None:
    """Its first line is a sentence, and its options, memory, state and commands are frozen."""
    kind = loader.kind(word)
    assert (kind.__doc__ or "").partition("\n")[0].endswith(".")
    assert loader.available("kinds")[word] == (kind.__doc__ or "").partition("\n")[0]
    types = [kind.options_type, kind.state_type, *kind.commands]
    types += [kind.memory_type] if issubclass(kind, Machine) else []
    for type_ in types:
        assert issubclass(type_, Struct)
        assert type_.__struct_config__.frozen, type_
        assert type_.__doc__, type_
    assert all(command.__name__.isalpha() for command in kind.commands)


@pytest.mark.parametrize("word", KINDS)
def test_a_state_has_status_and_phase(word: str) -> None:
    """`status` is true or false."""
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(loader.kind(word).state_type)}
    assert fields["status"] is bool
    assert "phase" in fields


@pytest.mark.parametrize("word", KINDS)
def test_a_personal_argument_is_an_argument_of_a_command(word: str) -> None:
    """A wrong name would protect no text. Each text for people is personal."""
    kind = loader.kind(word)
    arguments = {name for command in kind.commands for name in command.__struct_encode_fields__}
    assert kind.personal_arguments <= arguments
    assert {"text", "title", "message"} & arguments <= kind.personal_arguments


@pytest.mark.parametrize("word", KINDS)
def test_no_key_of_a_kind_is_a_key_of_every_device(word: str) -> None:
    """The options of a kind differ from the keys of every device, and from the table of any driver."""
    common = {"kind", "driver", "name", "room", "grace", "restore", "when", *loader.words("drivers")}
    assert not common & {
        field.encode_name for field in msgspec.structs.fields(loader.kind(word).options_type)
    }


@pytest.mark.parametrize("word", MACHINES)
def test_a_kind_that_heats_has_a_max_on(word: str) -> None:
    """Its default is more than 0 s."""
    machine = subject.machine(word)
    if machine.heats:
        assert machine.options.max_on_seconds > 0


@pytest.mark.parametrize("word", MACHINES)
@settings(max_examples=40)
@given(data=st.data())
def test_a_machine_handles_any_sequence_of_events(word: str, data: st.DataObject) -> None:
    """For any events in any order, a machine decides without side effects, and refuses only commands."""
    machine = data.draw(machines(word), "machine")
    memory, now = machine.memory_type(), START
    for seconds, event in data.draw(events(machine), "history"):
        now += seconds
        new = apply_event(machine, memory, event, now)
        assert apply_event(machine, memory, event, now) == new, "it is not pure"
        assert msgspec.json.decode(msgspec.json.encode(new), type=machine.memory_type) == new
        memory = new
        check(machine, memory, now)


def check(machine: Machine[Any, Any], memory: Any, now: float) -> None:
    """Check that the setting, the state and the deadline of a memory keep the contract."""
    assert isinstance(machine.desired_setting(memory), Setting)
    assert machine.desired_setting(memory) == machine.desired_setting(memory)
    for reading in (Reading(on=False), Reading(reachable=None)):
        check_state(machine, machine.state(memory, reading, now))
        assert turning_fields(machine, memory, reading, now) == turning_fields(
            machine, memory, reading, now + 1000
        ), "more than its measurements changes by time alone"
    passed = machine.advance(memory, now)
    assert machine.advance(passed, now) == passed, "time that has passed passes again"
    due = machine.next_deadline(passed)
    assert due is None or due > now
    if due is not None:
        assert machine.advance(passed, (now + due) / 2) in (passed, machine.advance(passed, due))


def turning_fields(machine: Machine[Any, Any], memory: Any, reading: Reading, now: float) -> dict[str, Any]:
    """Return the fields of a state that are no measurements."""
    state = msgspec.to_builtins(machine.state(memory, reading, now))
    measured = machine.measurements()
    return {name: value for name, value in state.items() if name not in measured}


def check_state(machine: Machine[Any, Any], shown: Struct) -> None:
    """Check that a state fulfils the contract."""
    assert isinstance(shown, machine.state_type)
    state = msgspec.to_builtins(shown)
    for name, value in state.items():
        msgspec.convert(value, Scalar)
        if name.endswith("_percent") and value is not None:
            assert 0 <= value <= 100, name
        if name.endswith("_seconds") and value is not None:
            assert value >= 0, name
    assert any(possible.items() <= state.items() for possible in machine.possible_states(machine.options))
    assert isinstance(state["fault"], str | None)  # a kind may add its own fault


@pytest.mark.parametrize("word", MACHINES)
@settings(max_examples=25)
@given(data=st.data())
def test_time_passes_the_same_in_one_step_or_in_many(word: str, data: st.DataObject) -> None:
    """One long step leads to the same memory as many short ones."""
    machine = data.draw(machines(word), "machine")
    memory, now = machine.memory_type(), START
    for seconds, event in data.draw(events(machine), "history"):
        now += seconds
        memory = apply_event(machine, machine.advance(memory, now), event, now)
    steps = sorted(data.draw(st.lists(st.floats(0, 10_000), min_size=1, max_size=5), "steps"))
    awake = memory
    for step in steps:
        awake = machine.advance(awake, now + step)
    assert awake == machine.advance(memory, now + steps[-1])


@pytest.mark.parametrize("word", [word for word in MACHINES if subject.machine(word).heats])
@settings(max_examples=40)
@given(data=st.data())
def test_a_machine_that_heats_goes_off_automatically(word: str, data: st.DataObject) -> None:
    """After any history, its setting is off when `max_on` has passed without an event."""
    machine = subject.machine(word)
    memory, now = machine.memory_type(), START
    for seconds, event in data.draw(events(machine), "history"):
        now += seconds
        memory = apply_event(machine, memory, event, now)
    memory = machine.advance(memory, now + machine.options.max_on_seconds)
    assert machine.desired_setting(memory).on is False


@pytest.mark.parametrize("word", [word for word in MACHINES if subject.machine(word).drives])
def test_a_machine_adopts_the_state_of_the_hardware(word: str) -> None:
    """After `adopt`, the setting and `status` agree with the reading."""
    machine = subject.machine(word)
    memory = machine.memory_type()
    for on in (True, False, True, True, False, False):
        memory = machine.adopt(memory, Reading(on=on), START)
        assert machine.desired_setting(memory).on == on
        assert msgspec.to_builtins(machine.state(memory, Reading(on=on), START))["status"] == on


@pytest.mark.parametrize("word", [word for word in MACHINES if not subject.machine(word).drives])
def test_a_machine_that_drives_nothing_has_the_setting_off(word: str) -> None:
    """The setting of a button or a sensor is off after any reading."""
    machine = subject.machine(word)
    memory = machine.memory_type()
    for on in (True, False, None):
        reading = Reading(on=on, at=START)
        memory = machine.update_measurements(machine.adopt(memory, reading, START), reading, START)
        assert machine.desired_setting(memory) == Setting(on=False)


@pytest.mark.parametrize("word", MACHINES)
def test_no_field_of_a_machine_hides_one_of_its_link(word: str) -> None:
    """The device adds the fields of its hardware to each state, unless its kind has no hardware."""
    kind = loader.kind(word)
    assert issubclass(kind, Machine)
    own = {field.encode_name for field in msgspec.structs.fields(kind.state_type)}
    link = {field.encode_name for field in msgspec.structs.fields(HardwareLink)}
    assert not own & link
    assert not own & HARDWARE_FACTS
    assert set(kind.fields()) == (own | link | HARDWARE_FACTS | {"energy_watt_hours"} if kind.needs else own)


@pytest.mark.parametrize("word", MACHINES)
@settings(max_examples=20)
@given(data=st.data())
def test_a_machine_names_its_sources(word: str, data: st.DataObject) -> None:
    """Each source is a device with a field; a silent source switches nothing on."""
    machine = data.draw(machines(word), "machine")
    sources = machine.sources(machine.options)
    assert all(isinstance(device, str) and field.isidentifier() for device, field in sources.items())
    memory = machine.update_sources(machine.memory_type(), dict.fromkeys(sources), START)
    assert machine.desired_setting(memory) == Setting(on=False), "a silent source switched it on"


@pytest.mark.parametrize("word", MACHINES)
def test_a_machine_needs_abilities_of_a_driver(word: str) -> None:
    """The simulated driver has all of them; a kind without hardware needs none."""
    kind = loader.kind(word)
    assert issubclass(kind, Machine)
    needs = kind.needs
    assert bool(needs) is (kind.default_driver is None)
    assert needs <= loader.driver("simulated").abilities


@pytest.mark.parametrize("word", MACHINES)
def test_a_new_machine_is_off_and_waits_for_nothing(word: str) -> None:
    """The default memory is off, has no deadline, and stays so."""
    machine = subject.machine(word)
    memory = machine.memory_type()
    assert machine.desired_setting(memory) == Setting(on=False)
    assert machine.next_deadline(memory) is None
    assert machine.advance(memory, START) == memory


@pytest.mark.parametrize("word", MACHINES)
def test_a_machine_has_a_power_profile(word: str) -> None:
    """The profile has at least one phase, each with more than 0 s and at least 0 W."""
    loads = subject.machine(word).power_profile()
    assert loads
    assert all(seconds > 0 and watts >= 0 for seconds, watts in loads)


@pytest.mark.parametrize("word", MACHINES)
def test_a_fault_of_the_hardware_is_shown(word: str) -> None:
    """The state has the fault of the reading."""
    machine = subject.machine(word)
    shown = machine.state(machine.memory_type(), Reading(on=False, fault="it smokes"), START)
    assert msgspec.to_builtins(shown)["fault"] == "it smokes"


MAIN_ENTITY = {
    "scene": ({"on"}, {"status"}),
    "climate": ({"on", "off", "set"}, {"target_celsius", "enabled", "status"}),
    "cover": ({"open", "close"}, {"phase"}),
    "device_tracker": (set[str](), {"phase", "status"}),
    "event": (set[str](), {"phase"}),
    "light": ({"on", "off"}, {"status"}),
    "notify": ({"send"}, set[str]()),
    "number": ({"set"}, set[str]()),
    "select": ({"set"}, {"phase"}),
    "switch": ({"on", "off"}, {"status"}),
}
"""The commands and the fields that Home Assistant's main entity of each class needs."""


@pytest.mark.parametrize("word", KINDS)
def test_a_kind_with_commands_declares_its_primary_command(word: str) -> None:
    """Each primary command is a command that needs no argument, and one applies to every state."""
    kind = loader.kind(word)
    commands = {command.__name__.lower(): command for command in kind.commands}
    assert bool(kind.primary_commands) == bool(commands)
    for choice in (*kind.primary_commands, *kind.secondary_commands):
        assert not any(field.required for field in msgspec.structs.fields(commands[choice.command]))
        assert choice.when.keys() <= kind.fields().keys()
        assert choice.label
    assert all(kind.primary_command(state) in commands for state in (None, {"status": False}) if commands)


@pytest.mark.parametrize("word", KINDS)
def test_a_kind_declares_only_existing_phases(word: str) -> None:
    """The contract's own default may name phases that a kind does not have."""
    kind = loader.kind(word)
    info = inspect.type_info(kind.fields()["phase"])
    if isinstance(info, inspect.LiteralType):
        declared = {*kind.finished_phases, *kind.unknown_phases}
        declared |= set() if kind.resting_phases is Kind.resting_phases else {*kind.resting_phases}
        assert declared | {*kind.momentary_phases} <= set(info.values)
        assert set(info.values) & set(kind.resting_phases), "no phase is at rest"


@pytest.mark.parametrize("word", KINDS)
def test_a_kind_has_the_commands_and_fields_of_its_main_entity(word: str) -> None:
    """The bridge would leave out a main entity without them."""
    kind = loader.kind(word)
    if kind.entity_class is not None:
        commands, fields = MAIN_ENTITY[kind.entity_class]
        assert commands <= {command.__name__.lower() for command in kind.commands}
        assert fields <= kind.fields().keys()


@pytest.mark.parametrize("word", [word for word in MACHINES if has_own(word, "control")])
@given(data=st.data())
def test_a_control_sets_a_field_of_its_kind(word: str, data: st.DataObject) -> None:
    """Command, argument and field exist, and the present value of a device is one that it accepts."""
    machine = data.draw(machines(word), "machine")
    control = machine.control(machine.options)
    if control is None:
        return
    command = {command.__name__.lower(): command for command in machine.commands}[control.command]
    assert control.argument in command.__struct_encode_fields__
    state = msgspec.to_builtins(machine.state(machine.memory_type(), Reading(), START))
    assert control.refusal(state[control.field]) is None
    assert bool(control.choices) is (control.takes == "choice")
    changed = machine.handle_command(
        machine.memory_type(), convert({control.argument: state[control.field]}, command), START
    )
    assert (
        msgspec.to_builtins(machine.state(changed, Reading(), START))[control.field] == state[control.field]
    )


@pytest.mark.parametrize("word", [word for word in MACHINES if has_own(word, "detects")])
@given(data=st.data())
def test_a_kind_declares_every_detection(word: str, data: st.DataObject) -> None:
    """`detects` returns a declared detection, for any options."""
    machine = data.draw(machines(word), "machine")
    assert machine.detects(machine.options) in (None, *machine.detections)


@pytest.mark.parametrize("word", KINDS)
def test_other_processes_can_know_a_kind_without_its_code(word: str) -> None:
    """A class that is made of the declarations alone has the same fields, measurements and commands."""
    kind = loader.kind(word)
    facts = facts_of(kind)
    assert msgspec.json.decode(msgspec.json.encode(facts), type=type(facts)) == facts
    made = kind_of(word, facts)
    assert made.measurements() == kind.measurements()
    for one, other in ((made, kind), *zip(made.commands, kind.commands, strict=True)):
        fields = [found.fields() if issubclass(found, Kind) else arguments(found) for found in (one, other)]
        assert {name: describe_type(type_) for name, type_ in fields[0].items()} == {
            name: describe_type(type_) for name, type_ in fields[1].items()
        }
    states: list[dict[str, Scalar] | None] = [None, {"status": True, "phase": "on"}, {"status": False}]
    for state in states:
        assert made.primary_command(state) == kind.primary_command(state)


def arguments(command: type[Any]) -> dict[str, Any]:
    """Return the type of each argument of a command."""
    return {field.encode_name: field.type for field in msgspec.structs.fields(command)}
