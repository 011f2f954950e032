"""The mirror's sentence, and its log lines about changes."""

from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from daemons.bus.message import Published, Report, State
from daemons.bus.notice import make_notice
from daemons.bus.presence import PresenceTable
from daemons.config import loader
from daemons.processes.mirror.sentence import is_same
from daemons.processes.mirror.summary import Summary, describe_change
from tests.support import factories

ALARM = make_notice("smoke", "smoke", 1.0, {"name": "Smoke detector", "room": None})
BATTERY = make_notice("battery", "lamp", None, {"name": "Lamp", "percent": 3})
SILENT = make_notice("silent", "toaster", 1.0, {"name": "Toaster"})
TITLES = {"coffee_maker": "Coffee maker", "toaster": "Toaster", "lamp": "Lamp"}
KINDS = {"coffee_maker": "coffee_maker", "toaster": "toaster", "lamp": "plug"}


class MirrorStub:
    """The presence table and the summary of a mirror."""

    def __init__(self, titles: dict[str, str], kinds: dict[str, str] | None = None) -> None:
        self._table = PresenceTable(titles, stale_seconds=3.0, offline_seconds=10.0)
        loaded = {name: loader.kind(kind) for name, kind in (kinds or KINDS).items()}
        self._summary = Summary(self._table, titles, loaded)
        self.state = self._summary.state
        self.show = self._summary.show
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


@pytest.mark.parametrize("seconds", [5.0, 20.0], ids=["stale", "offline"])
def test_breakfast_is_not_ready_if_the_toaster_is_gone(mirror: MirrorStub, seconds: float) -> None:
    """It was ready when it was heard last; nothing tells whether it still is."""
    mirror.on_message(cooking("toaster", phase="ready"), 0.0)
    mirror.on_message(cooking("coffee_maker", phase="ready"), seconds)
    state = mirror.state(seconds)
    assert (state.phase, state.ready) == ("preparing", False)
    assert state.message == f"Coffee is ready · Toaster is {'stale' if seconds < 10 else 'offline'}"


def test_a_meal_whose_appliances_are_all_gone_is_over(mirror: MirrorStub) -> None:
    """The notices name them."""
    mirror.on_message(cooking("toaster", phase="ready"), 0.0)
    assert mirror.state(5.0).message == "Toaster is stale"
    state = mirror.state(20.0, [SILENT], 0)
    assert (state.phase, state.message) == ("quiet", "Toaster is silent")


@pytest.mark.parametrize("fault", [None, "no answer"])
def test_breakfast_is_not_ready_if_the_hardware_cannot_be_reached(
    mirror: MirrorStub, fault: str | None
) -> None:
    """The process answers, and knows nothing of its hardware."""
    mirror.on_message(cooking("toaster", phase="ready", reachable=False, fault=fault), 0.0)
    mirror.on_message(cooking("coffee_maker", phase="ready"), 0.0)
    expected = "Toaster: no answer" if fault else "Toaster cannot be reached"
    assert mirror.state(0.0).message == f"Coffee is ready · {expected}"
    assert not mirror.state(0.0).ready


def test_the_laundry_has_not_finished_if_its_plug_cannot_be_reached(mirror: MirrorStub) -> None:
    """A person may have switched it on again meanwhile."""
    mirror.on_message(cooking("lamp", phase="finished", ready=True, reachable=False), 0.0)
    assert mirror.state(0.0).message == "Lamp cannot be reached"


def test_the_sentence_names_an_alarm_first(mirror: MirrorStub) -> None:
    """Breakfast is ready, and the hall is full of smoke."""
    mirror.on_message(cooking("toaster", phase="ready"), 0.0)
    state = mirror.state(0.0, [ALARM, BATTERY], 0)
    assert state.message == "Smoke: Smoke detector · Breakfast is ready · The battery of Lamp is at 3 %"
    assert (state.alarm, state.attention, state.attention_count) == (True, "Smoke: Smoke detector", 2)
    assert mirror.state(0.0, [ALARM.seen()], 0).alarm, "a person has seen it, and it still burns"


def test_all_is_quiet_only_if_it_is(mirror: MirrorStub) -> None:
    """What a person has acknowledged is still there; what was not heard is not known."""
    assert mirror.state(0.0, [BATTERY], 0).message == "The battery of Lamp is at 3 %"
    assert mirror.state(0.0, [BATTERY.seen()], 0).message == "All else is quiet."
    assert mirror.state(0.0, [], 1).message == "Waiting for 1 process."
    assert mirror.state(0.0, [], 0).message == "All is quiet."


def test_notices_that_do_not_fit_are_counted(mirror: MirrorStub) -> None:
    """The sentence stays short enough for a wall."""
    many = [make_notice("battery", str(n), None, {"name": str(n), "percent": n}) for n in range(5)]
    assert mirror.state(0.0, many, 0).message.endswith("The battery of 1 is at 1 % · 3 more")


def test_the_parts_of_the_sentence_have_codes_and_values(mirror: MirrorStub) -> None:
    """A page translates them, and counts down by itself."""
    mirror.on_message(cooking("toaster", phase="toasting", remaining_seconds=65.0), 0.0)
    alarm, toast = mirror.show(5.0, 1000.0, [ALARM])[1]
    assert (alarm.code, alarm.level, alarm.device) == ("attention.smoke", "alarm", "smoke")
    assert alarm.values["name"] == "Smoke detector"
    assert (toast.code, toast.device) == ("sentence.presence", "toaster")
    mirror.on_message(cooking("toaster", phase="toasting", remaining_seconds=65.0), 5.0)
    (toast,) = mirror.show(6.0, 1000.0)[1]
    assert (toast.code, toast.values) == (
        "sentence.soon",
        {"name": "Toaster", "product": "toast", "at": 1064.0},
    )
    assert is_same([toast], mirror.show(7.0, 1001.1)[1]), "the page needs no new sentence each second"
    assert not is_same([toast], mirror.show(7.0, 1003.0)[1])


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
