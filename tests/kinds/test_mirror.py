"""The mirror's table, by its name: what it keeps, how old it is, and what it says of the meal."""

from typing import Any

import pytest
from msgspec import Struct

from daemons.kinds.mirror import Options, Table, describe
from daemons.message import Heartbeat, State
from tests import fresh

TITLES = {"coffee_maker": "Coffee maker", "toaster": "Toaster", "lamp": "Lamp"}


@pytest.fixture
def table() -> Table:
    """Give the table of a mirror that has heard nothing."""
    return Table(Options(), TITLES)


def cooking(device: str, cause: str = "p1", turned: float = fresh.BORN + 10, **fields: Any) -> State:
    """Give the state of something that gets ready."""
    ready = fields.get("phase") == "ready"
    return fresh.state(
        device, turned=turned, cause=cause, **{"ready": ready, "fault": None, "starts": 1, **fields}
    )


def beat(device: str) -> Heartbeat:
    """Give a sign of life."""
    return Heartbeat(device=device, boot=1, seq=1, at=1.0, pid=42, restarts=2)


def test_a_device_is_offline_until_it_is_heard(table: Table) -> None:
    """What never said anything is offline, and has no age."""
    assert table.presence("lamp", 0.0) == "offline"
    assert table.snapshot("lamp", 0.0)["age_seconds"] is None


@pytest.mark.parametrize(
    ("age", "presence"), [(0.0, "live"), (2.9, "live"), (3.0, "stale"), (9.9, "stale"), (10.0, "offline")]
)
def test_what_is_not_heard_grows_stale_and_then_offline(table: Table, age: float, presence: str) -> None:
    """After three seconds of silence values are stale, after ten the device is offline."""
    table.hear(fresh.state("lamp", status=True), 100.0)
    assert table.presence("lamp", 100.0 + age) == presence


def test_a_heartbeat_keeps_a_state_alive(table: Table) -> None:
    """A device that has nothing new to say is live as long as it beats."""
    table.hear(fresh.state("lamp", status=True), 100.0)
    table.hear(beat("lamp"), 109.0)
    assert table.presence("lamp", 110.0) == "live"
    assert table.snapshot("lamp", 110.0).items() >= {
        "presence": "live", "state": {"status": True}, "cause": None, "since": fresh.BORN, "age_seconds": 1.0,
        "boot": 1, "seq": 1, "pid": 42, "restarts": 2,
    }.items()  # fmt: skip


def test_a_heartbeat_alone_is_no_knowledge(table: Table) -> None:
    """A device that beats and has not yet said what it is counts as offline."""
    table.hear(beat("lamp"), 100.0)
    assert table.presence("lamp", 100.0) == "offline"


def test_all_is_quiet_when_nothing_cooks(table: Table) -> None:
    """A lamp is no meal, and neither is a toaster that does nothing."""
    table.hear(fresh.state("lamp", status=True, cause="p1"), 0.0)
    table.hear(cooking("toaster", phase="idle"), 0.0)
    assert table.shows(0.0).message == "All is quiet."
    assert (table.shows(0.0).phase, table.shows(0.0).status) == ("quiet", False)


def test_what_one_press_started_is_told_part_by_part(table: Table) -> None:
    """While a meal is made, each part is told with its time."""
    table.hear(cooking("toaster", phase="toasting", remaining_seconds=65.4), 0.0)
    table.hear(cooking("coffee_maker", phase="ready"), 0.0)
    shown = table.shows(0.0)
    assert shown.message == "Coffee maker: ready · Toaster: ready in 1:05"
    assert (shown.phase, shown.status, shown.ready) == ("preparing", True, False)


def test_the_meal_is_ready_when_all_its_parts_are(table: Table) -> None:
    """Breakfast is ready when the coffee and the toast of one press are."""
    table.hear(cooking("toaster", phase="ready"), 0.0)
    table.hear(cooking("coffee_maker", phase="ready"), 0.0)
    shown = table.shows(0.0)
    assert (shown.message, shown.phase, shown.ready) == ("Breakfast is ready.", "ready", True)


def test_only_the_latest_press_counts(table: Table) -> None:
    """Yesterday's toast is no part of today's breakfast."""
    table.hear(cooking("toaster", cause="p1", turned=fresh.BORN + 10, phase="ready"), 0.0)
    table.hear(cooking("coffee_maker", cause="p2", turned=fresh.BORN + 20, phase="heating"), 0.0)
    assert [state.device for state in table.meal()] == ["coffee_maker"]


def test_a_part_that_failed_is_told(table: Table) -> None:
    """A toaster that cannot toast does not vanish from the meal."""
    table.hear(cooking("toaster", phase="idle", fault="did not switch on"), 0.0)
    table.hear(cooking("coffee_maker", phase="ready"), 0.0)
    assert table.shows(0.0).message == "Coffee maker: ready · Toaster: did not switch on"


def test_hearing_gives_the_state_that_is_replaced(table: Table) -> None:
    """Who listens can tell what has changed."""
    first = fresh.state("lamp", status=True)
    assert table.hear(first, 0.0) is None
    assert table.hear(beat("lamp"), 0.0) is None
    assert table.hear(fresh.state("lamp", seq=2, status=False), 0.0) == first


class Change(Struct):
    """Two states in a row, and the line that tells it."""

    before: State | None
    after: State
    line: str | None


@pytest.mark.parametrize(
    "change",
    [
        Change(None, fresh.state("lamp", phase="on"), "Lamp is on"),
        Change(
            fresh.state("lamp", phase="off", power_watts=0.0),
            fresh.state("lamp", phase="on", power_watts=7.0, turned=fresh.BORN + 1),
            "Lamp is on",
        ),
        Change(fresh.state("lamp", power_watts=1.0), fresh.state("lamp", power_watts=2.0), None),
        Change(
            fresh.state("lamp", fault=None),
            fresh.state("lamp", fault="did not switch", turned=fresh.BORN + 1),
            "Lamp fault: did not switch",
        ),
        Change(
            fresh.state("lamp", starts=1),
            fresh.state("lamp", starts=2, turned=fresh.BORN + 1),
            "Lamp starts=2",
        ),
    ],
    ids=["first", "phase", "measurement", "fault", "other"],
)
def test_a_change_is_told_in_a_line(change: Change) -> None:
    """A change of phase or a fault is a readable line; a measurement is none."""
    assert describe("Lamp", change.before, change.after) == change.line
