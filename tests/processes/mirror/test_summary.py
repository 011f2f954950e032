"""The mirror's table, by its name: what it keeps, how old it is, and what it says of the meal."""

from collections.abc import Collection
from typing import Any

import pytest
from msgspec import Struct

from daemons.bus.message import Heartbeat, Published, Report, State
from daemons.bus.presence import LIVES, PRESENCES, PresenceTable
from daemons.config import device as house
from daemons.kinds.mirror import Mirror, Options
from daemons.processes.mirror.summary import Summary, describe
from daemons.values import Problem
from tests.support import factories

TITLES = {"coffee_maker": "Coffee maker", "toaster": "Toaster", "lamp": "Lamp"}


class Table(PresenceTable):
    """The presence table of a mirror, with its summary beside it."""

    def __init__(
        self, titles: dict[str, str], products: dict[str, str] | None = None, mirrors: Collection[str] = ()
    ) -> None:
        options = Options()
        super().__init__(titles, options.stale_seconds, options.offline_seconds)
        self._summary = Summary(self, titles, products, mirrors, options.meal)
        self.shows = self._summary.shown
        self.meal = self._summary.meal

    def hear(self, message: Published, now: float) -> State | None:
        """Store a message, and note it in the summary if it is a state."""
        before = self.on_message(message, now)
        if isinstance(message, State):
            self._summary.on_state(message)
        return before


@pytest.fixture
def table() -> Table:
    """Return the table of a mirror that has received nothing."""
    return Table(TITLES)


def cooking(device: str, cause: str = "p1", turned: float = factories.BORN + 10, **fields: Any) -> State:
    """Give the state of something that gets ready."""
    ready = fields.get("phase") == "ready"
    return factories.state(
        device, turned=turned, cause=cause, **{"ready": ready, "fault": None, "starts": 1, **fields}
    )


def report(life: str, device: str = "lamp", **more: Any) -> Report:
    """Give the steward's word on a process."""
    about: dict[str, Any] = {"device": device, "boot": 1, "seq": 1, "at": 1.0, "since": 70.0, "life": life}
    return Report(**about, **more)


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
    table.hear(factories.state("lamp", status=True), 100.0)
    assert table.presence("lamp", 100.0 + age) == presence


def test_a_heartbeat_keeps_a_state_alive(table: Table) -> None:
    """A device that has nothing new to say is live as long as it beats."""
    table.hear(factories.state("lamp", status=True), 100.0)
    table.hear(beat("lamp"), 109.0)
    assert table.presence("lamp", 110.0) == "live"
    assert table.snapshot("lamp", 110.0).items() >= {
        "presence": "live", "state": {"status": True}, "cause": None,
        "since": factories.BORN, "age_seconds": 1.0,
        "boot": 1, "seq": 1, "pid": 42, "restarts": 2, "at": factories.BORN, "started_at": 0.001,
    }.items()  # fmt: skip


def test_a_heartbeat_alone_is_no_knowledge(table: Table) -> None:
    """A device that beats and has not yet said what it is counts as offline."""
    table.hear(beat("lamp"), 100.0)
    assert table.presence("lamp", 100.0) == "offline"


def test_all_is_quiet_when_nothing_cooks(table: Table) -> None:
    """A lamp is no meal, and neither is a toaster that does nothing."""
    table.hear(factories.state("lamp", status=True, cause="p1"), 0.0)
    table.hear(cooking("toaster", phase="idle"), 0.0)
    assert table.shows(0.0).message == "All is quiet."
    assert (table.shows(0.0).phase, table.shows(0.0).status) == ("quiet", False)


def test_what_one_press_started_is_told_part_by_part(table: Table) -> None:
    """While a meal is made, each part is told with its time."""
    table.hear(cooking("toaster", phase="toasting", remaining_seconds=65.4), 0.0)
    table.hear(cooking("coffee_maker", phase="ready"), 0.0)
    shown = table.shows(0.0)
    assert shown.message == "Coffee maker is ready · Toaster in 1:06"
    assert (shown.phase, shown.status, shown.ready) == ("preparing", True, False)


def test_the_meal_is_ready_when_all_its_parts_are(table: Table) -> None:
    """Breakfast is ready when the coffee and the toast of one press are."""
    table.hear(cooking("toaster", phase="ready"), 0.0)
    table.hear(cooking("coffee_maker", phase="ready"), 0.0)
    shown = table.shows(0.0)
    assert (shown.message, shown.phase, shown.ready) == ("Breakfast is ready.", "ready", True)


def test_only_the_latest_press_counts(table: Table) -> None:
    """Yesterday's toast is no part of today's breakfast."""
    table.hear(cooking("toaster", cause="p1", turned=factories.BORN + 10, phase="ready"), 0.0)
    table.hear(cooking("coffee_maker", cause="p2", turned=factories.BORN + 20, phase="heating"), 0.0)
    assert [state.device for state in table.meal()] == ["coffee_maker"]


def test_a_part_that_failed_is_told(table: Table) -> None:
    """A toaster that cannot toast does not vanish from the meal."""
    table.hear(cooking("toaster", phase="idle", fault="did not switch on"), 0.0)
    table.hear(cooking("coffee_maker", phase="ready"), 0.0)
    assert table.shows(0.0).message == "Coffee maker is ready · Toaster: did not switch on"


@pytest.mark.parametrize("phase", ["on", "off", "standby"])
def test_a_plug_at_rest_is_no_meal(table: Table, phase: str) -> None:
    """Not even one that is on, or that cannot be reached: nothing of it will ever be ready."""
    table.hear(cooking("lamp", phase=phase, fault="no answer within 5 s"), 0.0)
    assert table.shows(0.0).phase == "quiet"


def test_laundry_is_no_breakfast(table: Table) -> None:
    """What a plug switches has finished; a meal that it is part of is ready all the same."""
    table.hear(cooking("lamp", phase="running"), 0.0)
    assert table.shows(0.0).message == "Lamp is running"
    table.hear(cooking("lamp", phase="finished", ready=True), 0.0)
    shown = table.shows(0.0)
    assert (shown.message, shown.phase, shown.ready) == ("Lamp has finished", "ready", True)
    table.hear(cooking("toaster", phase="ready"), 0.0)
    assert table.shows(0.0).message == "Breakfast is ready."


def test_a_part_is_called_by_what_it_makes() -> None:
    """What one waits for is the coffee, not its maker; whoever makes nothing goes by its own name."""
    table = Table(TITLES, {"coffee_maker": "coffee", "toaster": "toast"})
    table.hear(cooking("coffee_maker", phase="brewing", remaining_seconds=100.0), 0.0)
    table.hear(cooking("toaster", phase="ready"), 0.0)
    assert table.shows(0.0).message == "Coffee in 1:40 · toast is ready"


def test_two_that_make_the_same_are_told_apart() -> None:
    """With two toasters "toast is ready" would not say which; the coffee stays coffee."""
    titles = {**TITLES, "second_toaster": "Second toaster"}
    products = {"coffee_maker": "coffee", "toaster": "toast", "second_toaster": "toast"}
    table = Table(titles, products)
    table.hear(cooking("coffee_maker", phase="ready"), 0.0)
    table.hear(cooking("second_toaster", phase="toasting", remaining_seconds=9.0), 0.0)
    table.hear(cooking("toaster", phase="ready"), 0.0)
    assert table.shows(0.0).message == "Coffee is ready · Second toaster in 0:09 · Toaster is ready"


def test_a_part_without_a_time_is_told_by_its_phase(table: Table) -> None:
    """There is nothing to count down."""
    table.hear(cooking("toaster", phase="toasting", remaining_seconds=None), 0.0)
    assert table.shows(0.0).message == "Toaster is toasting"


@pytest.mark.parametrize("life", ["restarting", "failed", "stopped"])
def test_a_part_whose_process_is_away_is_told(life: str) -> None:
    """Its last word may be wrong by now: the machine is named, not what it makes."""
    table = Table({**TITLES, "steward": "Steward"}, {"toaster": "toast"})
    table.hear(factories.state("steward"), 0.0)
    table.hear(cooking("toaster", phase="toasting", remaining_seconds=65.0), 0.0)
    assert table.shows(0.0).message == "Toast in 1:05"
    table.hear(report(life, "toaster"), 0.0)
    assert table.shows(0.0).message == ("Toaster has failed" if life == "failed" else f"Toaster is {life}")


def test_a_part_that_has_fallen_silent_is_told(table: Table) -> None:
    """Its time is not counted down any more."""
    table.hear(cooking("toaster", phase="toasting", remaining_seconds=65.0), 0.0)
    assert table.shows(5.0).message == "Toaster is stale"


# What is known of one process


@pytest.mark.parametrize("life", ["restarting", "failed", "stopped"])
def test_the_steward_knows_better(life: str) -> None:
    """As long as it is heard itself; with its reason, and since when."""
    table = Table({**TITLES, "steward": "Steward"})
    table.hear(factories.state("steward"), 100.0)
    table.hear(factories.state("lamp", status=True), 100.0)
    table.hear(report(life, reason="terminated by SIGKILL", lines=("a", "b"), retry_at=99.0), 100.0)
    assert table.snapshot("lamp", 101.0).items() >= {
        "presence": life, "presence_since": 70.0, "reason": "terminated by SIGKILL", "retry_at": 99.0,
        "age_seconds": 1.0,
    }.items()  # fmt: skip
    assert table.snapshot("lamp", 101.0)["last_lines"] == ["a", "b"]
    assert table.presence("lamp", 110.0) == "offline"  # the steward itself has not been heard for 10 s


def test_it_is_live_since_the_steward_saw_it_running() -> None:
    """A process that runs and is heard."""
    table = Table({**TITLES, "steward": "Steward"})
    table.hear(factories.state("steward"), 100.0)
    table.hear(factories.state("lamp", status=True), 100.0)
    assert table.snapshot("lamp", 100.0)["presence_since"] is None  # nobody has said
    table.hear(report("running"), 100.0)
    found = table.snapshot("lamp", 100.0)
    assert (found["presence"], found["presence_since"]) == ("live", 70.0)
    assert set(LIVES) < set(PRESENCES)


def test_it_is_stale_since_it_was_last_heard(table: Table) -> None:
    """By the later of its state and its heartbeat, in its own seconds."""
    table.hear(factories.state("lamp", status=True), 100.0)
    late = Heartbeat(device="lamp", boot=1, seq=1, at=factories.BORN + 50, pid=42)
    table.hear(late, 150.0)
    for now, presence in ((155.0, "stale"), (165.0, "offline")):
        found = table.snapshot("lamp", now)
        assert (found["presence"], found["presence_since"]) == (presence, factories.BORN + 50)


def test_of_who_was_never_heard_nothing_is_known(table: Table) -> None:
    """Every field is there, and says so."""
    found = table.snapshot("lamp", 5.0)
    assert found.pop("presence") == "offline"
    assert found.pop("last_lines") == []
    assert set(found.values()) == {None}
    assert {"presence_since", "at", "started_at", "state", "boot", "pid"} <= found.keys()


def test_what_the_steward_says_of_strangers_is_left_out(table: Table) -> None:
    """As its word on the mirror itself."""
    assert table.hear(report("running", "somebody"), 0.0) is None
    assert "somebody" not in table.entries


# What can be set


def options(**table: Any) -> tuple[Any, list[str]]:
    """Give the options of a mirror as configured, and what is wrong with them."""
    problems: list[Problem] = []
    made = house.build("mirror", {"kind": "mirror", **table}, ("devices", "mirror"), problems)
    return made and made.options, [f"{'.'.join(map(str, p.path[2:]))}: {p.text}" for p in problems]


def test_a_mirror_that_was_told_nothing() -> None:
    """Its page is on loopback, at the port that docs/page.md tells, without encryption."""
    found, problems = options()
    assert not problems
    assert (found.port, found.address, found.hosts) == (8060, "127.0.0.1", ())
    assert (found.certificate, found.private_key) == (None, None)


def test_everything_of_the_page_can_be_set() -> None:
    """And is taken as it is written."""
    given = {
        "port": 0, "address": "::", "hosts": ["house.example", "house"],
        "certificate": "/a.crt", "private_key": "/a.key",
    }  # fmt: skip
    found, problems = options(**given)
    assert not problems
    assert {key: getattr(found, key) for key in given} == {**given, "hosts": ("house.example", "house")}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("port", -1), ("port", 65536), ("port", "8060"), ("port", 80.5), ("address", ""), ("address", 1),
        ("hosts", "house.example"), ("hosts", ["House"]), ("hosts", ["a b"]), ("hosts", ["a:80"]),
        ("hosts", [""]),
        ("hosts", ["*"]), ("hosts", ["-a"]), ("hosts", ["a\n"]), ("certificate", "a.crt"),
        ("certificate", ""),
        ("private_key", "/"), ("ports", 1),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_with_its_key(key: str, value: Any) -> None:
    """Before it reaches a running house."""
    found, problems = options(**{key: value})
    assert found is None
    assert len(problems) == 1
    assert problems[0].startswith(key)


@pytest.mark.parametrize("key", ["certificate", "private_key"])
def test_half_a_key_pair_is_refused(key: str) -> None:
    """One without the other encrypts nothing."""
    assert options(**{key: "/a.pem"})[1] == [": certificate and private_key go together"]


@pytest.mark.parametrize(("stale", "offline"), [("10s", "10s"), ("0s", "10s"), ("20s", "10s")])
def test_it_is_stale_before_it_is_offline(stale: str, offline: str) -> None:
    """Anything else would never be shown."""
    (problem,) = options(stale_after=stale, offline_after=offline)[1]
    assert "stale_after must be shorter than offline_after" in problem


def test_where_its_page_is_does_not_count_down() -> None:
    """Its sentence is a measurement, its address and its fault are none: they are told when they change."""
    assert "message" in Mirror.measurements()
    assert not {"url", "fault", "phase"} & Mirror.measurements()


def test_hearing_gives_the_state_that_is_replaced(table: Table) -> None:
    """Who listens can tell what has changed."""
    first = factories.state("lamp", status=True)
    assert table.hear(first, 0.0) is None
    assert table.hear(beat("lamp"), 0.0) is None
    assert table.hear(factories.state("lamp", seq=2, status=False), 0.0) == first


class Change(Struct):
    """Two states in a row, and the line that tells it."""

    before: State | None
    after: State
    line: str | None


@pytest.mark.parametrize(
    "change",
    [
        Change(None, factories.state("lamp", phase="on"), "Lamp is on"),
        Change(
            factories.state("lamp", phase="off", power_watts=0.0),
            factories.state("lamp", phase="on", power_watts=7.0, turned=factories.BORN + 1),
            "Lamp is on",
        ),
        Change(factories.state("lamp", power_watts=1.0), factories.state("lamp", power_watts=2.0), None),
        Change(
            factories.state("lamp", fault=None),
            factories.state("lamp", fault="did not switch", turned=factories.BORN + 1),
            "Lamp fault: did not switch",
        ),
        Change(
            factories.state("lamp", starts=1),
            factories.state("lamp", starts=2, turned=factories.BORN + 1),
            "Lamp starts=2",
        ),
    ],
    ids=["first", "phase", "measurement", "fault", "other"],
)
def test_a_change_is_told_in_a_line(change: Change) -> None:
    """A change of phase or a fault is a readable line; a measurement is none."""
    assert describe("Lamp", change.before, change.after) == change.line


def test_another_mirror_is_no_meal() -> None:
    """What another mirror shows is what this one shows; it neither gets ready nor keeps the meal waiting."""
    table = Table({"toaster": "Toaster", "wall": "Wall"}, {"toaster": "Toast"}, ["wall"])
    table.hear(cooking("wall", phase="preparing"), 0.0)
    assert table.shows(0.0).message == "All is quiet."
    table.hear(cooking("toaster", phase="ready"), 0.0)
    assert table.shows(0.0).message == "Breakfast is ready."
