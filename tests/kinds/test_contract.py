"""The contract that every kind keeps, whichever files stand in daemons/kinds/."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct, inspect
from msgspec.structs import replace

from daemons.bus.message import Scalar
from daemons.config import loader
from daemons.errors import Rejected
from daemons.kinds import TOUCHES, Kind, Link, Machine, Reading, Setting
from daemons.values import Seconds, convert
from tests.support import factories

KINDS = list(loader.available("kinds"))
MACHINES = factories.machine_kinds()
START = 1_750_000_000.0
MOST_SECONDS = 7 * 86400.0

readings = st.builds(
    Reading,
    on=st.none() | st.booleans(),
    power_watts=st.none() | st.floats(0, 3000),
    energy_watt_hours=st.none() | st.floats(0, 1e6),
    brightness_percent=st.none() | st.integers(1, 100),
    colour_temperature_kelvin=st.none() | st.integers(1500, 6500),
    direction=st.sampled_from([None, "open", "close"]),
    position_percent=st.none() | st.integers(0, 100),
    temperature_celsius=st.none() | st.floats(-60, 80),
    humidity_percent=st.none() | st.floats(0, 100),
    battery_percent=st.none() | st.integers(0, 100),
    at=st.none() | st.just(0.0) | st.floats(0, MOST_SECONDS),  # how long ago, until it happens
    reachable=st.none() | st.booleans(),
    cause=st.none() | st.just("a1"),
    fault=st.none() | st.just("it smokes"),
)


def values(type_: Any) -> st.SearchStrategy[Any]:
    """Give what an option, or a command's argument, of this type can be."""
    info = inspect.type_info(type_)
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
        case inspect.CustomType(cls=cls) if cls is Seconds:
            return st.sampled_from(["1ms", "1s", "90s", "5m", "4h"])
        case _:
            return st.text(max_size=5)


def machines(word: str) -> st.SearchStrategy[Machine[Any, Any]]:
    """Give a machine of a kind, with any options that it allows, at any speed."""
    kind = loader.kind(word)
    assert issubclass(kind, Machine)
    raw = st.fixed_dictionaries(
        {},
        optional={
            field.encode_name: values(field.type) for field in msgspec.structs.fields(kind.options_type)
        },
    )

    def make(raw: dict[str, Any], speed: float) -> Machine[Any, Any]:
        try:
            return kind(convert({k: v for k, v in raw.items() if v is not None}, kind.options_type), speed)
        except msgspec.ValidationError:  # what the kind refuses, `house check` refuses
            return kind(convert({}, kind.options_type), speed)

    return st.builds(make, raw, st.sampled_from([0.1, 1.0, 15.0, 10_000.0]))


def commands(kind: type[Kind]) -> st.SearchStrategy[Struct]:
    """Give any command of a kind, with any arguments."""
    return st.one_of(
        *(
            st.builds(command, **{f.name: values(f.type) for f in msgspec.structs.fields(command)})
            for command in kind.commands
        )
    )


def heard(machine: Machine[Any, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Give what the devices that it listens to can show; one may be silent, or was not heard yet."""
    told = st.none() | st.booleans() | st.integers() | st.floats(-60, 80) | st.text(max_size=5)
    sources = machine.sources(machine.options)
    shown = {device: st.none() | st.fixed_dictionaries({field: told}) for device, field in sources.items()}
    return st.fixed_dictionaries({}, optional=shown)


def events(machine: Machine[Any, Any]) -> st.SearchStrategy[list[tuple[float, Any]]]:
    """Give a life: what happens, each so many seconds after the last."""
    steps = st.sampled_from([0.0, 0.001, 0.5, 30.0, 60.0, 121.0, 3600.0]) | st.floats(0, MOST_SECONDS)
    happens: st.SearchStrategy[Any] = readings | st.sampled_from(TOUCHES) | heard(machine) | st.none()
    if machine.commands:
        happens = happens | commands(type(machine))
    return st.lists(st.tuples(steps, happens), max_size=12)


def live(machine: Machine[Any, Any], memory: Any, event: Any, now: float) -> Any:
    """Let one thing happen."""
    if event is None:
        return machine.advance(memory, now)
    if isinstance(event, Reading):
        event = replace(event, at=None if event.at is None else now - event.at)
        memory = machine.update_measurements(memory, event, now)
        return memory if event.on is None else machine.adopt(memory, event, now)
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
    """A kind's first line is a sentence, and what it takes, remembers and shows cannot be changed."""
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
def test_a_state_says_whether_it_runs_in_a_word_and_in_a_truth(word: str) -> None:
    """Every state has `status`, true or false, and `phase`; and all its fields can travel."""
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(loader.kind(word).state_type)}
    assert fields["status"] is bool
    assert "phase" in fields


@pytest.mark.parametrize("word", KINDS)
def test_no_key_of_a_kind_hides_one_that_every_device_has(word: str) -> None:
    """A kind's options can stand beside the keys of every device, and the table of any driver."""
    common = {"kind", "driver", "name", "room", "grace", "restore", "when", *loader.available("drivers")}
    assert not common & {
        field.encode_name for field in msgspec.structs.fields(loader.kind(word).options_type)
    }


@pytest.mark.parametrize("word", MACHINES)
def test_what_heats_has_an_end(word: str) -> None:
    """A kind that heats can be told how long it may be on."""
    machine = factories.machine(word)
    if machine.heats:
        assert machine.options.max_on_seconds > 0


@pytest.mark.parametrize("word", MACHINES)
@settings(max_examples=60)
@given(data=st.data())
def test_no_life_breaks_a_machine(word: str, data: st.DataObject) -> None:
    """Whatever happens in whatever order, a machine decides, purely, and only ever refuses commands."""
    machine = data.draw(machines(word), "machine")
    memory, now = machine.memory_type(), START
    for seconds, event in data.draw(events(machine), "life"):
        now += seconds
        new = live(machine, memory, event, now)
        assert live(machine, memory, event, now) == new, "it is not pure"
        assert msgspec.json.decode(msgspec.json.encode(new), type=machine.memory_type) == new
        memory = new
        check(machine, memory, now)


def check(machine: Machine[Any, Any], memory: Any, now: float) -> None:
    """Hold what follows from a memory to the contract."""
    assert isinstance(machine.desired_setting(memory), Setting)
    assert machine.desired_setting(memory) == machine.desired_setting(memory)
    for reading in (Reading(on=False), Reading(reachable=None)):
        check_state(machine, machine.state(memory, reading, now))
    passed = machine.advance(memory, now)
    assert machine.advance(passed, now) == passed, "time that has passed passes again"
    due = machine.next_deadline(passed)
    assert due is None or due > now
    if due is not None:
        assert machine.advance(passed, (now + due) / 2) in (passed, machine.advance(passed, due))


def check_state(machine: Machine[Any, Any], shown: Struct) -> None:
    """Hold what is shown to the contract."""
    assert isinstance(shown, machine.state_type)
    state = msgspec.to_builtins(shown)
    for name, value in state.items():
        msgspec.convert(value, Scalar)
        if name.endswith("_percent") and value is not None:
            assert 0 <= value <= 100, name
        if name.endswith("_seconds") and value is not None:
            assert value >= 0, name
    assert isinstance(state["fault"], str | None)  # a kind may have found one by itself


@pytest.mark.parametrize("word", MACHINES)
@settings(max_examples=40)
@given(data=st.data())
def test_time_passes_the_same_in_one_step_or_in_many(word: str, data: st.DataObject) -> None:
    """A machine that slept is where it would be had it been awake."""
    machine = data.draw(machines(word), "machine")
    memory, now = machine.memory_type(), START
    for seconds, event in data.draw(events(machine), "life"):
        now += seconds
        memory = live(machine, machine.advance(memory, now), event, now)
    steps = sorted(data.draw(st.lists(st.floats(0, 10_000), min_size=1, max_size=5), "steps"))
    awake = memory
    for step in steps:
        awake = machine.advance(awake, now + step)
    assert awake == machine.advance(memory, now + steps[-1])


@pytest.mark.parametrize("word", [word for word in MACHINES if factories.machine(word).heats])
@settings(max_examples=40)
@given(data=st.data())
def test_what_heats_goes_off_by_itself(word: str, data: st.DataObject) -> None:
    """Left alone after any life, a machine that heats wants to be off within its longest time."""
    machine = factories.machine(word)
    memory, now = machine.memory_type(), START
    for seconds, event in data.draw(events(machine), "life"):
        now += seconds
        memory = live(machine, memory, event, now)
    memory = machine.advance(memory, now + machine.options.max_on_seconds)
    assert machine.desired_setting(memory).on is False


@pytest.mark.parametrize("word", [word for word in MACHINES if factories.machine(word).drives])
def test_a_machine_takes_it_as_the_hardware_is(word: str) -> None:
    """After seeing the hardware on or off, a machine wants what it saw."""
    machine = factories.machine(word)
    memory = machine.memory_type()
    for on in (True, False, True, True, False, False):
        memory = machine.adopt(memory, Reading(on=on), START)
        assert machine.desired_setting(memory).on == on
        assert msgspec.to_builtins(machine.state(memory, Reading(on=on), START))["status"] == on


@pytest.mark.parametrize("word", [word for word in MACHINES if not factories.machine(word).drives])
def test_what_only_tells_wants_nothing(word: str) -> None:
    """A button or a sensor asks nothing of its hardware, whatever that does."""
    machine = factories.machine(word)
    memory = machine.memory_type()
    for on in (True, False, None):
        reading = Reading(on=on, at=START)
        memory = machine.update_measurements(machine.adopt(memory, reading, START), reading, START)
        assert machine.desired_setting(memory) == Setting(on=False)


@pytest.mark.parametrize("word", MACHINES)
def test_what_a_machine_shows_leaves_room_for_its_link(word: str) -> None:
    """The device adds whether its hardware answers; no kind hides that."""
    kind = loader.kind(word)
    own = {field.encode_name for field in msgspec.structs.fields(kind.state_type)}
    link = {field.encode_name for field in msgspec.structs.fields(Link)}
    assert not own & link
    assert set(kind.fields()) == own | link


@pytest.mark.parametrize("word", MACHINES)
@settings(max_examples=20)
@given(data=st.data())
def test_a_machine_names_whom_it_listens_to(word: str, data: st.DataObject) -> None:
    """Its sources are devices, each with a field; silence of one that it needs is survived."""
    machine = data.draw(machines(word), "machine")
    sources = machine.sources(machine.options)
    assert all(isinstance(device, str) and field.isidentifier() for device, field in sources.items())
    memory = machine.update_sources(machine.memory_type(), dict.fromkeys(sources), START)
    assert machine.desired_setting(memory) == Setting(on=False), "it does something because it hears nothing"


@pytest.mark.parametrize("word", MACHINES)
def test_a_machine_needs_what_a_driver_can(word: str) -> None:
    """Its needs are abilities, and a simulated driver has them all."""
    needs = loader.kind(word).needs  # type: ignore[attr-defined]
    assert needs
    assert needs <= loader.driver("simulated").abilities


@pytest.mark.parametrize("word", MACHINES)
def test_a_new_machine_is_off_and_waits_for_nothing(word: str) -> None:
    """What has just been unpacked does nothing until it is told."""
    machine = factories.machine(word)
    memory = machine.memory_type()
    assert machine.desired_setting(memory) == Setting(on=False)
    assert machine.next_deadline(memory) is None
    assert machine.advance(memory, START) == memory


@pytest.mark.parametrize("word", MACHINES)
def test_a_machine_says_what_it_draws(word: str) -> None:
    """The loads are stretches of time with watts, and there is at least one."""
    loads = factories.machine(word).power_profile()
    assert loads
    assert all(seconds > 0 and watts >= 0 for seconds, watts in loads)


@pytest.mark.parametrize("word", MACHINES)
def test_a_fault_of_the_hardware_is_shown(word: str) -> None:
    """What the hardware complains of stands in the state."""
    machine = factories.machine(word)
    shown = machine.state(machine.memory_type(), Reading(on=False, fault="it smokes"), START)
    assert msgspec.to_builtins(shown)["fault"] == "it smokes"
