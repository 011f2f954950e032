"""The mirror's sentence, and its log lines about changes."""

from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from daemons.bus.message import Published, Report, State
from daemons.bus.presence import PresenceTable
from daemons.config import loader
from daemons.processes.mirror.summary import Summary, describe_change
from tests.support import factories

TITLES = {"coffee_maker": "Coffee maker", "toaster": "Toaster", "lamp": "Lamp"}
KINDS = {"coffee_maker": "coffee_maker", "toaster": "toaster", "lamp": "plug"}


class MirrorStub:
    """The presence table and the summary of a mirror."""

    def __init__(self, titles: dict[str, str], kinds: dict[str, str] | None = None) -> None:
        self._table = PresenceTable(titles, stale_seconds=3.0, offline_seconds=10.0)
        loaded = {name: loader.kind(kind) for name, kind in (kinds or KINDS).items()}
        self._summary = Summary(self._table, titles, loaded)
        self.state = self._summary.state
        self.meal = self._summary.meal
        self.phase_at = self._summary.phase_at
        self.changed_at = self._summary.changed_at

    def on_message(self, message: Published, now: float) -> None:
        """Store a message, and pass it to the summary if it is a state."""
        self._table.on_message(message, now)
        if isinstance(message, State):
            self._summary.on_state(message)


@pytest.fixture
def mirror() -> MirrorStub:
    """Return a mirror that has received nothing."""
    return MirrorStub(TITLES)


def cooking(
    device: str, cause: str = "p1", turned: float = factories.START_TIME + 10, **fields: Any
) -> State:
    """Return the state of an appliance that gets ready, with these fields."""
    ready = fields.get("phase") == "ready"
    return factories.state(
        device, turned=turned, cause=cause, **{"ready": ready, "fault": None, "starts": 1, **fields}
    )


def test_the_sentence_is_quiet_while_no_appliance_works(mirror: MirrorStub) -> None:
    """A lamp is no part of a meal, nor is an idle toaster."""
    mirror.on_message(factories.state("lamp", status=True, cause="p1"), 0.0)
    mirror.on_message(cooking("toaster", phase="idle"), 0.0)
    state = mirror.state(0.0)
    assert (state.message, state.phase, state.status) == ("All is quiet.", "quiet", False)


@pytest.mark.parametrize("order", [("toaster", "coffee_maker"), ("coffee_maker", "toaster")])
def test_the_time_of_a_phase_is_that_of_the_appliances(mirror: MirrorStub, order: tuple[str, str]) -> None:
    """A meal begins with its first appliance, and is ready with its last one; so is the rest after it."""
    assert mirror.phase_at("quiet") is None
    for later, (phase, field) in enumerate([("heating", "starts"), ("ready", "ready"), ("idle", "phase")]):
        times = {"toaster": 20.0 + 10 * later, "coffee_maker": 21.0 + 10 * later}
        for device in order:
            state = cooking(device, phase=phase)
            mirror.on_message(replace(state, turned={field: times[device]}), 0.0)
        expected = min(times.values()) if phase == "heating" else max(times.values())
        assert mirror.phase_at(mirror.state(0.0).phase) == expected


def test_a_fault_of_a_meal_that_was_ready_is_a_change_of_the_present(mirror: MirrorStub) -> None:
    """The meal began and was ready before: those times are not the ones at which it is not ready any more."""
    ready = {"starts": 20.0, "phase": 30.0, "ready": 30.0}
    for device in ("coffee_maker", "toaster"):
        mirror.on_message(replace(cooking(device, phase="ready"), turned=ready), 0.0)
    assert mirror.changed_at("ready", last_at=20.0, wall=31.0) == 30.0
    broken = cooking("toaster", phase="idle", fault="does not answer")
    mirror.on_message(replace(broken, turned={**ready, "phase": 60.0, "ready": 60.0, "fault": 100.0}), 0.0)
    assert mirror.state(0.0).phase == "preparing"
    assert mirror.changed_at("preparing", last_at=30.0, wall=100.1) == 100.1
    assert mirror.changed_at("preparing", last_at=None, wall=100.1) == 20.0


def test_the_sentence_names_each_part_of_a_meal(mirror: MirrorStub) -> None:
    """While a meal is made, the sentence has each appliance with its remaining time."""
    mirror.on_message(cooking("toaster", phase="toasting", remaining_seconds=65.4), 0.0)
    mirror.on_message(cooking("coffee_maker", phase="ready"), 0.0)
    state = mirror.state(0.0)
    assert state.message == "Coffee is ready · toast in 1:06"
    assert (state.phase, state.status, state.ready) == ("preparing", True, False)


def test_the_meal_is_ready_when_all_its_parts_are(mirror: MirrorStub) -> None:
    """Breakfast is ready when the coffee and the toast of one press are."""
    mirror.on_message(cooking("toaster", phase="ready"), 0.0)
    mirror.on_message(cooking("coffee_maker", phase="ready"), 0.0)
    state = mirror.state(0.0)
    assert (state.message, state.phase, state.ready) == ("Breakfast is ready.", "ready", True)


def test_only_the_latest_press_makes_the_meal(mirror: MirrorStub) -> None:
    """The toast of an earlier press is no part of the meal."""
    mirror.on_message(cooking("toaster", cause="p1", turned=factories.START_TIME + 10, phase="ready"), 0.0)
    mirror.on_message(
        cooking("coffee_maker", cause="p2", turned=factories.START_TIME + 20, phase="heating"), 0.0
    )
    assert [state.device for state in mirror.meal()] == ["coffee_maker"]


def test_a_part_with_a_fault_stays_in_the_sentence(mirror: MirrorStub) -> None:
    """A toaster that cannot toast is shown with its fault."""
    mirror.on_message(cooking("toaster", phase="idle", fault="did not switch on"), 0.0)
    mirror.on_message(cooking("coffee_maker", phase="ready"), 0.0)
    assert mirror.state(0.0).message == "Coffee is ready · Toaster: did not switch on"


@pytest.mark.parametrize("phase", ["on", "off", "standby"])
def test_a_plug_at_rest_is_no_part_of_a_meal(mirror: MirrorStub, phase: str) -> None:
    """A plug that is on, or that cannot be reached, never gets ready."""
    mirror.on_message(cooking("lamp", phase=phase, fault="no answer within 5 s"), 0.0)
    assert mirror.state(0.0).phase == "quiet"


def test_a_finished_plug_is_not_called_breakfast(mirror: MirrorStub) -> None:
    """A plug alone has finished; together with toast, breakfast is ready."""
    mirror.on_message(cooking("lamp", phase="running"), 0.0)
    assert mirror.state(0.0).message == "Lamp is running"
    mirror.on_message(cooking("lamp", phase="finished", ready=True), 0.0)
    state = mirror.state(0.0)
    assert (state.message, state.phase, state.ready) == ("Lamp has finished", "ready", True)
    mirror.on_message(cooking("toaster", phase="ready"), 0.0)
    assert mirror.state(0.0).message == "Breakfast is ready."


def test_a_part_is_named_by_its_product() -> None:
    """The sentence names the coffee, not the coffee maker."""
    mirror = MirrorStub(TITLES)
    mirror.on_message(cooking("coffee_maker", phase="brewing", remaining_seconds=100.0), 0.0)
    mirror.on_message(cooking("toaster", phase="ready"), 0.0)
    assert mirror.state(0.0).message == "Coffee in 1:40 · toast is ready"


def test_devices_with_the_same_product_are_named_by_their_titles() -> None:
    """With two toasters, "toast is ready" would be ambiguous; the coffee maker has its product name."""
    titles = {**TITLES, "second_toaster": "Second toaster"}
    mirror = MirrorStub(titles, {**KINDS, "second_toaster": "toaster"})
    mirror.on_message(cooking("coffee_maker", phase="ready"), 0.0)
    mirror.on_message(cooking("second_toaster", phase="toasting", remaining_seconds=9.0), 0.0)
    mirror.on_message(cooking("toaster", phase="ready"), 0.0)
    assert mirror.state(0.0).message == "Coffee is ready · Second toaster in 0:09 · Toaster is ready"


def test_a_part_without_a_remaining_time_is_shown_by_its_phase(mirror: MirrorStub) -> None:
    """There is nothing to count down."""
    mirror.on_message(cooking("toaster", phase="toasting", remaining_seconds=None), 0.0)
    assert mirror.state(0.0).message == "Toaster is toasting"


@pytest.mark.parametrize("life", ["restarting", "failed", "stopped"])
def test_a_part_without_a_process_is_named_by_its_title(life: str) -> None:
    """Its last state may be wrong by now, so the device is named and not its product."""
    mirror = MirrorStub({**TITLES, "steward": "Steward"})
    mirror.on_message(factories.state("steward"), 0.0)
    mirror.on_message(cooking("toaster", phase="toasting", remaining_seconds=65.0), 0.0)
    assert mirror.state(0.0).message == "Toast in 1:05"
    report: dict[str, Any] = {"boot": 1, "seq": 1, "at": 1.0, "since": 70.0, "life": life}
    mirror.on_message(Report(device="toaster", **report), 0.0)
    assert mirror.state(0.0).message == ("Toaster has failed" if life == "failed" else f"Toaster is {life}")


def test_a_silent_part_is_shown_as_stale(mirror: MirrorStub) -> None:
    """Its remaining time is not counted down any more."""
    mirror.on_message(cooking("toaster", phase="toasting", remaining_seconds=65.0), 0.0)
    assert mirror.state(5.0).message == "Toaster is stale"


def test_another_mirror_is_no_part_of_a_meal() -> None:
    """Another mirror shows the same sentence; it neither gets ready nor delays the meal."""
    mirror = MirrorStub({"toaster": "Toaster", "wall": "Wall"}, {"toaster": "toaster", "wall": "mirror"})
    mirror.on_message(cooking("wall", phase="preparing"), 0.0)
    assert mirror.state(0.0).message == "All is quiet."
    mirror.on_message(cooking("toaster", phase="ready"), 0.0)
    assert mirror.state(0.0).message == "Breakfast is ready."


class StateChange(Struct):
    """Two states in a row, and the line for the log."""

    before: State | None
    after: State
    line: str | None


@pytest.mark.parametrize(
    "change",
    [
        StateChange(None, factories.state("lamp", phase="on"), "Lamp is on"),
        StateChange(
            factories.state("lamp", phase="off", power_watts=0.0),
            factories.state("lamp", phase="on", power_watts=7.0, turned=factories.START_TIME + 1),
            "Lamp is on",
        ),
        StateChange(factories.state("lamp", power_watts=1.0), factories.state("lamp", power_watts=2.0), None),
        StateChange(
            factories.state("lamp", fault=None),
            factories.state("lamp", fault="did not switch", turned=factories.START_TIME + 1),
            "Lamp fault: did not switch",
        ),
        StateChange(
            factories.state("lamp", starts=1),
            factories.state("lamp", starts=2, turned=factories.START_TIME + 1),
            "Lamp starts=2",
        ),
    ],
    ids=["first", "phase", "measurement", "fault", "other"],
)
def test_a_change_is_logged_as_a_line(change: StateChange) -> None:
    """A change of phase or a fault is a readable line; a measurement is not logged."""
    assert describe_change("Lamp", change.before, change.after) == change.line
