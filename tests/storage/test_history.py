"""What was recorded: written once, read whole, kept as long as told, and never half."""

import sqlite3
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemons.errors import DamagedHistory, HistoryError
from daemons.storage import history_writer as writing
from daemons.storage.history import PATH, VERSION, moment, read
from daemons.storage.history_writer import DAY_SECONDS, Change, Event, Row, Sample, Writer, set_aside
from tests.support import factories

NOW = 1_795_000_000.0 // 3600 * 3600
OFF: dict[str, Any] = {"status": False, "phase": "off"}
ON: dict[str, Any] = {"status": True, "phase": "on"}
LAMP = [
    Change("lamp", NOW - 7200, OFF, None, turned=False),
    Change("lamp", NOW - 5000, ON, "a"),
    Change("lamp", NOW - 1000, OFF, "b"),
    Change("lamp", NOW - 500, ON, "hardware"),
]


@pytest.fixture(autouse=True)
def _run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def writer() -> Iterator[Writer]:
    """Give a new history's writer."""
    made = Writer()
    yield made
    made.close()


def told(name: str = "lamp", since: float = NOW - 3600, until: float = NOW, most: int = 300) -> Any:
    """Read one device."""
    return read(PATH, [name], since, until, most)["devices"][name]


def tables() -> dict[str, list[Any]]:
    """Give every row of the file."""
    with sqlite3.connect(PATH) as db:
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {name: db.execute(f"SELECT * FROM {name}").fetchall() for name in names}  # noqa: S608
    db.close()
    return found


def tidy(writer: Writer, now: float, keep: float = 30 * DAY_SECONDS) -> None:
    """Do all that is due, a step at a time."""
    while writer.tidy(now, keep):
        pass


def test_the_folder_and_the_file_are_their_owners_only(writer: Writer) -> None:
    """Who lives how is nobody else's business."""
    assert PATH.parent.stat().st_mode & 0o777 == 0o700


def test_stretches_tile_the_range_from_what_held_when_it_began(writer: Writer) -> None:
    """The first began before the range and says when; the last one lasts."""
    writer.write(LAMP)
    assert told()["stretches"] == [
        {"from": NOW - 5000, "to": NOW - 1000, "state": ON, "cause": "a"},
        {"from": NOW - 1000, "to": NOW - 500, "state": OFF, "cause": "b"},
        {"from": NOW - 500, "to": None, "state": ON, "cause": "hardware"},
    ]


def test_the_last_stretch_of_a_range_that_is_past_ended_when_it_did(writer: Writer) -> None:
    """Its end may lie after the range."""
    writer.write(LAMP)
    (stretch,) = told(since=NOW - 4000, until=NOW - 3000)["stretches"]
    assert (stretch["from"], stretch["to"]) == (NOW - 5000, NOW - 1000)


def test_causes_name_the_device_that_changed_by_them_first(writer: Writer) -> None:
    """A press is told by its switch, also to who asks for the lamp only; words that are no ids are not."""
    writer.write([*LAMP, Change("switch", NOW - 5000.1, {"status": True, "phase": "on"}, "a")])
    assert read(PATH, ["lamp"], NOW - 3600, NOW, 10)["causes"] == {
        "a": {"device": "switch", "at": NOW - 5000.1, "phase": "on"},
        "b": {"device": "lamp", "at": NOW - 1000, "phase": "off"},
    }


def test_a_measurement_from_before_the_range_is_there_when_it_begins(writer: Writer) -> None:
    """Between two samples the last one holds."""
    writer.write(
        [Sample("lamp", "power_watts", NOW - 9000, 7.0), Sample("lamp", "power_watts", NOW - 60, 0.0)]
    )
    assert told()["measurements"] == {"power_watts": [[NOW - 3600, 7.0, 7.0, 7.0], [NOW - 60, 0.0, 0.0, 0.0]]}


def test_processes_are_told_with_their_ends(writer: Writer) -> None:
    """What lies in the range, in order."""
    writer.write(
        [
            Event("lamp", NOW - 9000, "running", 1, None),
            Event("lamp", NOW - 10, "restarting", None, "terminated by SIGKILL"),
            Event("lamp", NOW - 9, "running", 2, "terminated by SIGKILL"),
        ]
    )
    reason = "terminated by SIGKILL"
    assert told()["processes"] == [
        {"at": NOW - 10, "life": "restarting", "pid": None, "reason": reason},
        {"at": NOW - 9, "life": "running", "pid": 2, "reason": reason},
    ]


def test_a_device_of_which_nothing_is_known_has_nothing(writer: Writer) -> None:
    """It is in the answer all the same."""
    assert told("toaster") == {"stretches": [], "measurements": {}, "processes": []}


def test_the_answer_says_what_it_is_of(writer: Writer) -> None:
    """The range, and how finely it is told."""
    found = read(PATH, [], NOW - 3600, NOW, 300)
    assert (found["since"], found["until"], found["resolution_seconds"]) == (NOW - 3600, NOW, 12.0)


rows = st.lists(
    st.one_of(
        st.builds(
            Change,
            st.sampled_from(["lamp", "toaster"]),
            st.integers(0, 9).map(float),
            st.sampled_from([ON, OFF]),
            st.none() | st.sampled_from("ab"),
        ),
        st.builds(
            Sample, st.just("lamp"), st.just("power_watts"), st.integers(0, 9).map(float), st.floats(0, 9)
        ),
        st.builds(
            Event,
            st.just("lamp"),
            st.integers(0, 9).map(float),
            st.just("running"),
            st.integers(1, 3),
            st.none(),
        ),
    )
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows, st.data())
def test_what_is_written_again_is_not_there_twice(found: list[Row], data: st.DataObject) -> None:
    """Any part of it, in any life of the recorder: the file stays the same."""
    PATH.unlink(missing_ok=True)
    ordered = sorted({(row.device, type(row), row.at): row for row in found}.values(), key=lambda row: row.at)
    one = Writer()
    one.write(ordered)
    one.close()
    before = tables()
    for _ in range(2):
        again = data.draw(st.lists(st.sampled_from(ordered))) if ordered else []  # which may end this try
        another = Writer()
        another.write(again)
        another.close()
    assert {name: rows for name, rows in tables().items() if name != "device"} == {
        name: rows for name, rows in before.items() if name != "device"
    }


def test_rows_are_written_all_or_none(writer: Writer) -> None:
    """One that cannot be written takes back what was written with it."""
    bad: Any = Change("lamp", NOW, ON, {"no": "cause"})  # type: ignore[arg-type]
    with pytest.raises(HistoryError):
        writer.write([LAMP[0], bad])
    assert told()["stretches"] == []
    writer.write(LAMP[:1])
    assert len(told(until=NOW)["stretches"]) == 1


def test_a_state_that_never_turned_is_written_once(writer: Writer) -> None:
    """Each start of the process gives it another moment for want of a better one; it is no change."""
    writer.write([Change("mirror", NOW - 100 + life, OFF, None, turned=False) for life in range(5)])
    assert [stretch["from"] for stretch in told("mirror")["stretches"]] == [NOW - 100]


def test_what_is_said_again_is_no_event_and_no_sample(writer: Writer) -> None:
    """A restarted steward tells of every process anew, a restarted recorder hears every power anew."""
    writer.write([Event("lamp", NOW - 100 + life, "running", 7, None) for life in range(5)])
    writer.write([Sample("lamp", "power_watts", NOW - 100 + life, 7.0) for life in range(5)])
    found = tables()
    assert (len(found["process"]), len(found["sample"])) == (1, 1)


def test_too_many_stretches_are_told_by_the_longer_ones(writer: Writer) -> None:
    """The answer is bounded, tiles the range, and ends with what is now."""
    moments = [NOW - 3600 + index * 0.5 for index in range(5000)]
    writer.write([Change("lamp", at, ON if index % 2 else OFF, None) for index, at in enumerate(moments)])
    found = told()["stretches"]
    assert 500 < len(found) <= 1003
    assert all(before["to"] == after["from"] for before, after in pairwise(found))
    assert (found[0]["from"], found[-1]["from"], found[-1]["to"]) == (moments[0], moments[-1], None)


def test_after_a_day_samples_are_folded_into_minutes(writer: Writer) -> None:
    """Two days of a sample each 20 s: the older one takes a row a minute, and means the same."""
    begin = NOW - 2 * DAY_SECONDS
    writer.write([Sample("lamp", "power_watts", begin + 20 * n, float(n % 3)) for n in range(2 * 4320)])
    before = told(since=begin, most=48)["measurements"]["power_watts"]
    tidy(writer, NOW)
    found = tables()
    assert (len(found["minute"]), len(found["sample"])) == (1440, 4320)
    after = told(since=begin, most=48)["measurements"]["power_watts"]
    assert [pytest.approx(point) for point in after] == before
    tidy(writer, NOW)
    assert tables() == found


def test_what_is_older_than_kept_is_forgotten_but_for_what_still_held(writer: Writer) -> None:
    """Of a lamp that was switched ten days ago, it is still known that it is on."""
    old, keep = NOW - 10 * DAY_SECONDS, 5 * DAY_SECONDS
    writer.write([Change("lamp", old + index, ON if index % 2 else OFF, None) for index in range(2000)])
    writer.write([Sample("lamp", "power_watts", old + index, float(index % 2)) for index in range(2000)])
    writer.write([Event("lamp", old + index, "running", index, None) for index in range(2000)])
    writer.write([Change("toaster", NOW - 10, ON, "new")])
    tidy(writer, NOW, keep)
    found = tables()
    assert [len(found[name]) for name in ("change", "process", "sample", "minute")] == [2, 1, 0, 1]
    assert told()["stretches"] == [{"from": old + 1999, "to": None, "state": ON, "cause": None}]
    assert told()["measurements"]["power_watts"] == [[NOW - 3600, 1.0, 1.0, 1.0]]
    assert len(told("toaster")["stretches"]) == 1


def test_tidying_goes_in_small_steps_and_rests_for_an_hour(writer: Writer) -> None:
    """No step touches more than its share of rows."""
    begin = NOW - 3 * DAY_SECONDS
    writer.write([Sample("lamp", "power_watts", begin + index, float(index % 7)) for index in range(3000)])
    steps, left = 0, 3000
    while writer.tidy(NOW, 30 * DAY_SECONDS):
        steps, before, left = steps + 1, left, len(tables()["sample"])
        assert before - left <= writing.STEP_ROWS
    assert left == 0
    assert steps > 3000 / writing.STEP_ROWS
    assert not writer.tidy(NOW + 3599, 30 * DAY_SECONDS)
    assert writer.tidy(NOW + 3600, 30 * DAY_SECONDS)


def test_a_reader_reads_while_the_writer_writes(writer: Writer) -> None:
    """Neither waits for the other, and the reader sees whole writes only."""
    for index in range(50):
        writer.write(
            [Change("lamp", NOW - 100 + index, ON, None), Change("toaster", NOW - 100 + index, ON, None)]
        )
        found = read(PATH, ["lamp", "toaster"], NOW - 3600, NOW, 10)["devices"]
        assert len(found["lamp"]["stretches"]) == len(found["toaster"]["stretches"]) == index + 1


def test_before_any_history_there_is_a_word_for_it() -> None:
    """Not a traceback, and not an empty answer."""
    with pytest.raises(HistoryError, match="there is no history yet"):
        told()


def damage(content: bytes = b"\xff" * 4096, at: int = 4096) -> None:
    """Write over the middle of the file."""
    with PATH.open("r+b") as file:
        file.seek(at)
        file.write(content)


def test_a_damaged_file_is_found_at_the_start() -> None:
    """It is told as what must go, by the writer, and as what cannot be read, by the reader."""
    one = Writer()
    one.write(LAMP)
    one.close()
    damage()
    with pytest.raises(DamagedHistory, match=r"history/history\.db: "):
        Writer()
    damage(b"this is no database at all" * 100, 0)
    with pytest.raises(DamagedHistory, match="file is not a database"):
        Writer()
    with pytest.raises(HistoryError, match="file is not a database"):
        told()


def test_a_file_of_another_version_is_not_touched() -> None:
    """Nor is a database that is none of ours."""
    one = Writer()
    one.close()
    with sqlite3.connect(PATH) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    db.close()
    with pytest.raises(DamagedHistory, match=f"it is of version {VERSION + 1}, this house writes {VERSION}"):
        Writer()
    with pytest.raises(HistoryError, match=f"it is of version {VERSION + 1}"):
        told()
    PATH.unlink()
    with sqlite3.connect(PATH) as db:
        db.execute("CREATE TABLE stranger (x)")
    db.close()
    with pytest.raises(DamagedHistory, match="it is of version 0"):
        Writer()


def test_what_is_set_aside_can_still_be_read_and_the_oldest_goes() -> None:
    """The three latest are kept, each with what was still beside it."""
    for index in range(5):
        one = Writer()
        one.write(LAMP)
        aside = set_aside(PATH, NOW + index)
        one.close()
        assert not PATH.exists()
        assert len(read(aside, ["lamp"], NOW - 3600, NOW, 10)["devices"]["lamp"]["stretches"]) == 3
    assert len(list(PATH.parent.glob("history-*.db"))) == writing.MOST_ASIDE


def test_a_full_disk_takes_nothing_back_and_then_goes_on() -> None:
    """What was written stays, what could not be written is told, and later it can."""
    one = Writer()
    one.write(LAMP[:1])
    with factories.full_disk(), pytest.raises(HistoryError, match="history"):
        one.write(LAMP)
    one.close()
    assert len(told()["stretches"]) == 1
    another = Writer()
    another.write(LAMP)
    another.close()
    assert len(told()["stretches"]) == 3


def test_a_file_that_was_taken_away_is_missed(writer: Writer) -> None:
    """It is not written to as if it were still there."""
    PATH.rename("elsewhere")
    with pytest.raises(HistoryError, match="history"):
        writer.write(LAMP)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("90s", NOW - 90),
        ("1h30m", NOW - 5400),
        ("7d", NOW - 7 * DAY_SECONDS),
        ("1970-01-02", 86400.0),
        ("1970-01-02 06:30", 86400 + 6.5 * 3600),
        ("1970-01-02T06:30:00+02:00", 86400 + 4.5 * 3600),
    ],
)
def test_a_moment_is_how_long_ago_or_a_date(text: str, at: float) -> None:
    """A date without a zone is one of the house's timezone."""
    assert moment(text, factories.UTC, NOW) == at


@pytest.mark.parametrize(
    "text", ["", "soon", "90", "0s", "2999-01-01", "-5s", "1900-01-01", "99999999d", "0001-01-01"]
)
def test_what_is_no_moment_is_told_with_what_is(text: str) -> None:
    """Also a moment that is still to come."""
    with pytest.raises(ValueError, match='allowed: how long ago, such as "90s", "2h" or "7d", or a date'):
        moment(text, factories.UTC, NOW)
