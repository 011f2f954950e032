"""A record has the measurements by which rules go: exact ones, or those of the minutes if none is near."""

from collections.abc import Callable

from daemons.bus.origin import Origin, Reason
from daemons.config.house import House
from daemons.rehearsal.inferred import infer
from daemons.rehearsal.record import RecordedChange, longest_wait, needed_measurements, values_of
from tests.rehearsal.conftest import BREAKFAST, MOTION
from tests.rehearsal.records import command, made
from tests.rehearsal.test_replay import ROOM

HouseOf = Callable[[str], House]
MINUTE = 60.0
TERMINAL = Reason("command", "terminal")
SEEN = ((1, Reason("program"), True), (2, Reason("sensor"), False))


def values(*steps: tuple[float, ...], exact: tuple[float, ...] = ()) -> list[tuple[float, float, bool]]:
    """Return the time and the value of each, and whether it is uncertain."""
    found = values_of("climate", "humidity_percent", steps, exact)  # type: ignore[arg-type]
    return [(one.at, one.details["humidity_percent"], one.is_uncertain) for one in found]


def test_a_steady_minute_has_one_value_and_a_lively_one_its_extremes() -> None:
    """Which extreme came first is not known. The last value is."""
    assert values((0, 60, 50, 50, 50, 50)) == [(0, 50, False)]
    assert values((0, 60, 50, 55, 70, 51)) == [(0, 70, True), (20, 50, True), (40, 51, True)]
    assert values((0, 60, 50, 55, 70, 69)) == [(0, 50, True), (20, 70, True), (40, 69, True)]


def test_an_exact_value_near_replaces_that_of_the_minute() -> None:
    """The exact record has at most one value in ten seconds."""
    steps = ((0, 60, 50, 50, 50, 50), (120, 180, 51, 51, 51, 51), (600, 660, 52, 52, 52, 52))
    assert [one[0] for one in values(*steps, exact=(65, 605))] == [120]


def test_only_measurements_from_outside_by_which_rules_go_are_needed(house_of: HouseOf) -> None:
    """The rules of all houses count: the edited one may have a new limit."""
    houses = [house_of(BREAKFAST.read_text()), house_of(ROOM)]
    assert needed_measurements(houses) == {("climate", "humidity_percent")}


def test_a_replay_begins_earlier_by_the_longest_time_of_a_rule(house_of: HouseOf) -> None:
    """A rule may wait for as long."""
    assert longest_wait([house_of(MOTION), house_of(BREAKFAST.read_text())]) == 6.0


def change(
    device: str, at: float, reason: Reason | None, cause: str, begun: float | None = None, **state: object
) -> RecordedChange:
    """Return a recorded change; its chain began at the time `begun`, by default with it."""
    origin = Origin(cause, at if begun is None else begun, reason.by) if reason else None
    return RecordedChange(at, device, state, cause, reason, origin)  # type: ignore[arg-type]


def test_inputs_that_are_not_recorded_follow_from_the_changes_that_they_made(house_of: HouseOf) -> None:
    """A killed process loses its latest inputs. A rule's deed and a later phase of one command are none."""
    house = house_of(BREAKFAST.read_text())
    changes = [
        change("toaster", 0.5, TERMINAL, "e", begun=-9.0, phase="idle", status=False),
        change("bathroom_light", 1, TERMINAL, "a", phase="on", status=True),
        change("toaster", 2, Reason("rule", "bathroom_light", 1), "a", phase="toasting", status=True),
        change("coffee_maker", 3, TERMINAL, "b", phase="heating", status=True),
        change("coffee_maker", 4, TERMINAL, "b", begun=3, phase="brewing", status=True),
        change("coffee_maker", 5, Reason("hand"), "hardware", phase="heating", status=True),
        change("coffee_maker", 9, Reason("hand"), "hardware", begun=5, phase="brewing", status=True),
        change("bathroom_light", 10, Reason("press"), "c", phase="off", status=False),
        change("gone", 11, TERMINAL, "d", phase="on", status=True),
    ]
    found = infer(changes, [], house.devices, 0.0)
    assert [(one.at, one.device, one.what) for one in found] == [
        (1, "bathroom_light", "command"),
        (3, "coffee_maker", "command"),
        (5, "coffee_maker", "hand"),
        (10, "bathroom_light", "press"),
    ]
    assert [one.details.get("command") for one in found] == ["on", "start", None, None]
    assert found[0].details["who"] == "terminal"


def test_an_input_that_is_recorded_is_not_inferred_again(house_of: HouseOf) -> None:
    """A command is known by its id, a hand by its time; later phases of both are none either."""
    house = house_of(BREAKFAST.read_text())
    inputs = [command("bathroom_light", 1, "on"), made("coffee_maker", 5, "hand", on=True)]
    at = inputs[1].at
    changes = [
        change("bathroom_light", inputs[0].at, TERMINAL, "bathroom_light-1", phase="on", status=True),
        change("coffee_maker", at + 0.1, Reason("hand"), "hardware", phase="heating", status=True),
        change(
            "coffee_maker", at + 9, Reason("hand"), "hardware", begun=at + 0.1, phase="ready", status=True
        ),
    ]
    assert infer(changes, inputs, house.devices, 0.0) == []


def test_each_change_of_a_detector_is_an_input(house_of: HouseOf) -> None:
    """A program publishes no inputs, and those of another host are not recorded here."""
    house = house_of(MOTION)
    changes = [change("hall_motion", at, reason, "x", phase="motion", status=on) for at, reason, on in SEEN]
    found = infer(changes, [], house.devices, 0.0)
    assert [(one.what, one.details) for one in found] == [("values", {"on": True}), ("values", {"on": False})]
