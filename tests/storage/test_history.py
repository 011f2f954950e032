"""The history: each row is written once, transactions are whole, and old rows are deleted."""

import sqlite3
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemons.errors import DamagedHistory, HistoryError, LaterHistory
from daemons.storage.history import PATH, parse_time, read
from daemons.storage.history_row import Change, Event, Input, Row, Sample
from daemons.storage.history_schema import VERSION
from daemons.storage.history_writer import DAY_SECONDS, HistoryWriter, set_aside
from daemons.storage.recorded_inputs import read_inputs
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


RULE = {"by": "rule", "who": "switch", "rule": 2, "at": NOW - 5000.1}
HAND = {"by": "hand"}
PRESS = {"id": "a", "at": NOW - 5000.1, "by": "press", "device": "switch"}
BY_PAGE = {"by": "command", "who": "page:anna"}
REASONED = [
    Change("lamp", NOW - 5000, ON, "a", True, RULE, PRESS),
    Change("lamp", NOW - 1000, OFF, "hardware", True, HAND, {"id": "lamp.9", "at": NOW - 1000, "by": "hand"}),
    Change("lamp", NOW - 500, ON, "b", True, BY_PAGE, {"id": "b", "at": NOW - 500, **BY_PAGE}),
]
OTHER_TABLES = """
    CREATE TABLE process (device INTEGER, at REAL, life TEXT, pid INTEGER, reason TEXT,
        PRIMARY KEY (device, at)) WITHOUT ROWID;
    CREATE TABLE series (id INTEGER PRIMARY KEY, device INTEGER, name TEXT, UNIQUE (device, name));
    CREATE TABLE sample (series INTEGER, at REAL, value REAL, PRIMARY KEY (series, at)) WITHOUT ROWID;
    CREATE TABLE minute (series INTEGER, at REAL, low REAL, mean REAL, high REAL, last REAL,
        PRIMARY KEY (series, at)) WITHOUT ROWID;
"""
VERSION_1 = """
    CREATE TABLE device (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE change (device INTEGER, at REAL, state TEXT, cause TEXT,
        PRIMARY KEY (device, at)) WITHOUT ROWID;
    CREATE INDEX change_by_cause ON change (cause, at) WHERE cause IS NOT NULL;
    INSERT INTO device VALUES (1, 'lamp');
    INSERT INTO change VALUES (1, {at}, '{{"status":true,"phase":"on"}}', 'a');
    PRAGMA user_version = 1;
"""
VERSION_2 = """
    CREATE TABLE device (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE change (device INTEGER, at REAL, state TEXT, cause TEXT,
        by TEXT, who TEXT, rule INTEGER, moment REAL,
        origin TEXT, origin_at REAL, origin_by TEXT, origin_device TEXT, origin_who TEXT,
        PRIMARY KEY (device, at)) WITHOUT ROWID;
    CREATE INDEX change_by_cause ON change (cause, at) WHERE cause IS NOT NULL;
    INSERT INTO device VALUES (1, 'lamp');
    INSERT INTO change VALUES (1, {at}, '{{"status":true,"phase":"on"}}', 'hardware', 'hand',
        NULL, NULL, NULL, 'lamp.9', {at}, 'hand', 'lamp', NULL);
    PRAGMA user_version = 2;
"""


@pytest.fixture(autouse=True)
def _run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def writer() -> Iterator[HistoryWriter]:
    """Yield the writer of a new history."""
    made = HistoryWriter()
    yield made
    made.close()


def device_history(name: str = "lamp", since: float = NOW - 3600, until: float = NOW, most: int = 300) -> Any:
    """Return the history of one device."""
    return read(PATH, [name], since, until, most)["devices"][name]


def tables() -> dict[str, list[Any]]:
    """Return every row of the file, by table."""
    with sqlite3.connect(PATH) as db:
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {name: db.execute(f"SELECT * FROM {name}").fetchall() for name in names}  # noqa: S608
    db.close()
    return found


def tidy(writer: HistoryWriter, now: float, keep: float = 30 * DAY_SECONDS) -> None:
    """Run every step that is due."""
    while writer.tidy(now, keep):
        pass


def test_only_the_owner_can_read_the_folder(writer: HistoryWriter) -> None:
    """The history shows how people live, so only the owner can read its folder."""
    assert PATH.parent.stat().st_mode & 0o777 == 0o700


def test_stretches_cover_the_range_from_the_state_at_its_beginning(writer: HistoryWriter) -> None:
    """The first stretch has its true beginning, before the range; the last one has no end."""
    writer.write(LAMP)
    unknown = {"reason": None, "origin": None}
    assert device_history()["stretches"] == [
        {"from": NOW - 5000, "to": NOW - 1000, "state": ON, "cause": "a", **unknown},
        {"from": NOW - 1000, "to": NOW - 500, "state": OFF, "cause": "b", **unknown},
        {"from": NOW - 500, "to": None, "state": ON, "cause": "hardware", **unknown},
    ]


def test_the_last_stretch_of_a_past_range_ends_at_its_real_end(writer: HistoryWriter) -> None:
    """The true end of a stretch may lie after the range."""
    writer.write(LAMP)
    (stretch,) = device_history(since=NOW - 4000, until=NOW - 3000)["stretches"]
    assert (stretch["from"], stretch["to"]) == (NOW - 5000, NOW - 1000)


def test_causes_name_the_device_that_changed_by_them_first(writer: HistoryWriter) -> None:
    """A press is named by its switch, also when only the lamp is read; other causes are left out."""
    writer.write([*LAMP, Change("switch", NOW - 5000.1, {"status": True, "phase": "on"}, "a")])
    assert read(PATH, ["lamp"], NOW - 3600, NOW, 10)["causes"] == {
        "a": {"device": "switch", "at": NOW - 5000.1, "phase": "on"},
        "b": {"device": "lamp", "at": NOW - 1000, "phase": "off"},
    }


def test_a_measurement_from_before_the_range_is_the_first_value(writer: HistoryWriter) -> None:
    """A value is valid until the next sample."""
    writer.write(
        [Sample("lamp", "power_watts", NOW - 9000, 7.0), Sample("lamp", "power_watts", NOW - 60, 0.0)]
    )
    assert device_history()["measurements"] == {
        "power_watts": [[NOW - 3600, 7.0, 7.0, 7.0], [NOW - 60, 0.0, 0.0, 0.0]]
    }


def test_process_events_of_the_range_are_returned(writer: HistoryWriter) -> None:
    """The events of the range are in the order of their times."""
    writer.write(
        [
            Event("lamp", NOW - 9000, "running", 1, None),
            Event("lamp", NOW - 10, "restarting", None, "terminated by SIGKILL"),
            Event("lamp", NOW - 9, "running", 2, "terminated by SIGKILL"),
        ]
    )
    reason = "terminated by SIGKILL"
    assert device_history()["processes"] == [
        {"at": NOW - 10, "life": "restarting", "pid": None, "reason": reason},
        {"at": NOW - 9, "life": "running", "pid": 2, "reason": reason},
    ]


def test_a_device_without_records_has_an_empty_result(writer: HistoryWriter) -> None:
    """The device is in the answer."""
    assert device_history("toaster") == {
        "stretches": [],
        "measurements": {},
        "processes": [],
        "unknown": [{"from": NOW - 3600, "to": NOW, "why": "before"}],
        "energy": [],
    }


def test_the_answer_has_its_range(writer: HistoryWriter) -> None:
    """The answer has the range and its resolution."""
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
            reason=st.sampled_from([None, RULE, HAND]),
            origin=st.sampled_from([None, PRESS]),
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
def test_repeated_rows_are_stored_once(found: list[Row], data: st.DataObject) -> None:
    """The recorder may repeat any rows after any restart: the file stays the same."""
    PATH.unlink(missing_ok=True)
    ordered = sorted({(row.device, type(row), row.at): row for row in found}.values(), key=lambda row: row.at)
    one = HistoryWriter()
    one.write(ordered)
    one.close()
    before = tables()
    for _ in range(2):
        again = data.draw(st.lists(st.sampled_from(ordered))) if ordered else []  # which may end this try
        another = HistoryWriter()
        another.write(again)
        another.close()
    assert {name: rows for name, rows in tables().items() if name != "device"} == {
        name: rows for name, rows in before.items() if name != "device"
    }


def test_rows_are_written_all_or_none(writer: HistoryWriter) -> None:
    """A row that cannot be written cancels the whole batch."""
    bad: Any = Change("lamp", NOW, ON, {"no": "cause"})  # type: ignore[arg-type]
    with pytest.raises(HistoryError):
        writer.write([LAMP[0], bad])
    assert device_history()["stretches"] == []
    writer.write(LAMP[:1])
    assert len(device_history(until=NOW)["stretches"]) == 1


def test_a_state_without_a_change_is_written_once(writer: HistoryWriter) -> None:
    """Each start of the process sets another time for the state; this is no change."""
    writer.write([Change("mirror", NOW - 100 + life, OFF, None, turned=False) for life in range(5)])
    assert [stretch["from"] for stretch in device_history("mirror")["stretches"]] == [NOW - 100]


def test_repeated_reports_and_values_are_not_stored(writer: HistoryWriter) -> None:
    """A restarted steward repeats its reports, and a restarted recorder receives every value again."""
    writer.write([Event("lamp", NOW - 100 + life, "running", 7, None) for life in range(5)])
    writer.write([Sample("lamp", "power_watts", NOW - 100 + life, 7.0) for life in range(5)])
    found = tables()
    assert (len(found["process"]), len(found["sample"])) == (1, 1)


def test_of_too_many_stretches_the_longer_ones_remain(writer: HistoryWriter) -> None:
    """The answer is bounded, covers the range, and ends with the present state."""
    moments = [NOW - 3600 + index * 0.5 for index in range(5000)]
    writer.write([Change("lamp", at, ON if index % 2 else OFF, None) for index, at in enumerate(moments)])
    found = device_history()["stretches"]
    assert 500 < len(found) <= 1003
    assert all(before["to"] == after["from"] for before, after in pairwise(found))
    assert (found[0]["from"], found[-1]["from"], found[-1]["to"]) == (moments[0], moments[-1], None)


def test_after_a_day_samples_are_folded_into_minutes(writer: HistoryWriter) -> None:
    """Of two days with a sample each 20 s, the older one has one row a minute, and the same means."""
    begin = NOW - 2 * DAY_SECONDS
    writer.write([Sample("lamp", "power_watts", begin + 20 * n, float(n % 3)) for n in range(2 * 4320)])
    before = device_history(since=begin, most=48)["measurements"]["power_watts"]
    tidy(writer, NOW)
    found = tables()
    assert (len(found["minute"]), len(found["sample"])) == (1440, 4320)
    after = device_history(since=begin, most=48)["measurements"]["power_watts"]
    assert [pytest.approx(point) for point in after] == before
    tidy(writer, NOW)
    assert tables() == found


def test_old_rows_are_deleted_except_those_that_are_still_valid(writer: HistoryWriter) -> None:
    """A lamp that was switched on ten days ago is still known to be on."""
    old, keep = NOW - 10 * DAY_SECONDS, 5 * DAY_SECONDS
    writer.write([Change("lamp", old + index, ON if index % 2 else OFF, None) for index in range(2000)])
    writer.write([Sample("lamp", "power_watts", old + index, float(index % 2)) for index in range(2000)])
    writer.write([Event("lamp", old + index, "running", index, None) for index in range(2000)])
    writer.write([Change("toaster", NOW - 10, ON, "new")])
    tidy(writer, NOW, keep)
    found = tables()
    assert [len(found[name]) for name in ("change", "process", "sample", "minute")] == [2, 1, 0, 1]
    (stretch,) = device_history()["stretches"]
    assert (stretch["from"], stretch["to"], stretch["state"]) == (old + 1999, None, ON)
    assert device_history()["measurements"]["power_watts"] == [[NOW - 3600, 1.0, 1.0, 1.0]]
    assert len(device_history("toaster")["stretches"]) == 1


def test_tidying_works_in_small_steps_once_an_hour(writer: HistoryWriter) -> None:
    """No step changes more rows than its limit."""
    begin = NOW - 3 * DAY_SECONDS
    writer.write([Sample("lamp", "power_watts", begin + index, float(index % 7)) for index in range(3000)])
    steps, left = 0, 3000
    while writer.tidy(NOW, 30 * DAY_SECONDS):
        steps, before, left = steps + 1, left, len(tables()["sample"])
        assert before - left <= 500
    assert left == 0
    assert steps > 3000 / 500
    assert not writer.tidy(NOW + 3599, 30 * DAY_SECONDS)
    assert writer.tidy(NOW + 3600, 30 * DAY_SECONDS)


def test_a_reader_reads_while_the_writer_writes(writer: HistoryWriter) -> None:
    """Neither side waits for the other, and the reader sees only whole transactions."""
    for index in range(50):
        writer.write(
            [Change("lamp", NOW - 100 + index, ON, None), Change("toaster", NOW - 100 + index, ON, None)]
        )
        found = read(PATH, ["lamp", "toaster"], NOW - 3600, NOW, 10)["devices"]
        assert len(found["lamp"]["stretches"]) == len(found["toaster"]["stretches"]) == index + 1


def test_without_a_history_the_error_reports_it() -> None:
    """The reader raises HistoryError and does not return an empty answer."""
    with pytest.raises(HistoryError, match="there is no history yet"):
        device_history()


def damage(content: bytes = b"\xff" * 4096, at: int = 4096) -> None:
    """Overwrite the middle of the file."""
    with PATH.open("r+b") as file:
        file.seek(at)
        file.write(content)


def test_a_damaged_file_is_found_at_the_start() -> None:
    """The writer and the reader both raise DamagedHistory."""
    one = HistoryWriter()
    one.write(LAMP)
    one.close()
    damage()
    with pytest.raises(DamagedHistory, match=r"history/history\.db: "):
        HistoryWriter()
    damage(b"this is no database at all" * 100, 0)
    with pytest.raises(DamagedHistory, match="file is not a database"):
        HistoryWriter()
    with pytest.raises(HistoryError, match="file is not a database"):
        device_history()


def reasons_of(found: Any) -> list[tuple[Any, Any]]:
    """Return the reason and the origin of each stretch."""
    return [(stretch["reason"], stretch["origin"]) for stretch in found["stretches"]]


def test_reason_and_origin_are_kept_with_each_change(writer: HistoryWriter) -> None:
    """They come back as they were written; an origin whose id is the cause takes no space for it."""
    writer.write(REASONED)
    written = [(change.reason, change.origin) for change in REASONED]
    assert reasons_of(device_history(since=NOW - 7000)) == written
    with sqlite3.connect(PATH) as db:
        kept = [origin for (origin,) in db.execute("SELECT origin FROM change ORDER BY at")]
    db.close()
    assert kept == [None, "lamp.9", None]


@pytest.mark.parametrize(
    ("by", "numbers"),
    [
        ("rule", [0]),
        ("rule:switch", [0]),
        ("switch", [0]),
        ("hand", [1]),
        ("command", [2]),
        ("command:page", [2]),
        ("command:page:anna", [2]),
        ("page", [2]),
        ("page:anna", [2]),
        ("rule:swit", []),
        ("pag", []),
        ("page:ann", []),
        ("clock", []),
    ],
)
def test_changes_are_chosen_by_their_reason(writer: HistoryWriter, by: str, numbers: list[int]) -> None:
    """A reason is a word, a word with its sender, or a sender; a part of a word is none."""
    others: list[Row] = [Change("toaster", NOW - 400, ON, "c"), Sample("lamp", "power_watts", NOW - 9, 7.0)]
    writer.write([*REASONED, *others])
    found = read(PATH, ["lamp", "toaster"], NOW - 7000, NOW, 10, by)["devices"]
    assert [stretch["from"] for stretch in found["lamp"]["stretches"]] == [REASONED[n].at for n in numbers]
    assert found["toaster"]["stretches"] == []
    assert found["lamp"]["measurements"] == {}


def test_a_chosen_change_lasts_until_the_next_change_of_any_reason(writer: HistoryWriter) -> None:
    """The end of a stretch is its real end, also if the next change has another reason."""
    writer.write(REASONED)
    (stretch,) = read(PATH, ["lamp"], NOW - 7000, NOW, 10, "rule")["devices"]["lamp"]["stretches"]
    assert (stretch["from"], stretch["to"]) == (NOW - 5000, NOW - 1000)


@pytest.mark.parametrize(
    ("old", "first"),
    [
        (VERSION_1, (None, None)),
        (VERSION_2, (HAND, {"id": "lamp.9", "at": NOW - 6000, "by": "hand", "device": "lamp"})),
    ],
    ids=["1", "2"],
)
def test_a_history_of_an_old_version_is_read_and_continued(old: str, first: Any) -> None:
    """Version 1 has neither reasons nor origins, 2 has no inputs; readers need not wait for the upgrade."""
    PATH.parent.mkdir()
    db = sqlite3.connect(PATH)
    db.executescript(OTHER_TABLES + old.format(at=NOW - 6000))
    db.close()
    assert reasons_of(device_history(since=NOW - 7000)) == [first]
    assert read_inputs(PATH, 0, NOW) == []
    for _ in range(2):
        writer = HistoryWriter()
        assert not writer.is_new
        writer.write([*REASONED, Input("lamp", NOW - 5000, "press", {"touch": "long"}, 1, 1)])
        writer.close()
    written = [(change.reason, change.origin) for change in REASONED]
    assert reasons_of(device_history(since=NOW - 7000)) == [first, *written]
    assert read_inputs(PATH, 0, NOW) == [(NOW - 5000, "lamp", "press", {"touch": "long"})]


def test_a_file_of_another_version_is_not_touched() -> None:
    """A database of another program is not changed either."""
    one = HistoryWriter()
    one.close()
    with sqlite3.connect(PATH) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    db.close()
    with pytest.raises(LaterHistory, match=f"it is of version {VERSION + 1}, this house writes {VERSION}"):
        HistoryWriter()
    with pytest.raises(HistoryError, match=f"it is of version {VERSION + 1}"):
        device_history()
    PATH.unlink()
    with sqlite3.connect(PATH) as db:
        db.execute("CREATE TABLE stranger (x)")
    db.close()
    with pytest.raises(DamagedHistory, match="it is of version 0"):
        HistoryWriter()


def test_files_of_a_later_version_are_all_kept() -> None:
    """After a downgrade they are set aside whole, and none is ever deleted."""
    PATH.parent.mkdir()
    for index in range(5):
        for end in ("", "-wal"):
            Path(f"{PATH}{end}").write_bytes(b"%d" % index)
        aside = set_aside(PATH, NOW, is_later=True)
        assert aside.read_bytes() == b"%d" % index
        assert not PATH.exists()
    assert len([*Path("later").glob("history-*/history.db-wal")]) == 5


def test_files_that_were_set_aside_can_be_read_and_the_oldest_is_deleted() -> None:
    """The three latest files stay, each with its write-ahead log."""
    for index in range(5):
        one = HistoryWriter()
        one.write(LAMP)
        aside = set_aside(PATH, NOW + index)
        one.close()
        assert not PATH.exists()
        assert len(read(aside, ["lamp"], NOW - 3600, NOW, 10)["devices"]["lamp"]["stretches"]) == 3
    assert len(list(PATH.parent.glob("history-*.db"))) == 3


def test_a_full_disk_loses_no_committed_row() -> None:
    """Committed rows stay, a failed write raises, and later writes succeed."""
    one = HistoryWriter()
    one.write(LAMP[:1])
    with factories.full_disk(), pytest.raises(HistoryError, match="history"):
        one.write(LAMP)
    one.close()
    assert len(device_history()["stretches"]) == 1
    another = HistoryWriter()
    another.write(LAMP)
    another.close()
    assert len(device_history()["stretches"]) == 3


def test_a_file_that_was_removed_is_an_error(writer: HistoryWriter) -> None:
    """Rows are not written to a file that is no longer in its folder."""
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
def test_a_time_is_a_duration_ago_or_a_date(text: str, at: float) -> None:
    """A date without a zone is in the timezone of the house."""
    assert parse_time(text, factories.UTC, NOW) == at


@pytest.mark.parametrize(
    "text", ["", "soon", "90", "0s", "2999-01-01", "-5s", "1900-01-01", "99999999d", "0001-01-01"]
)
def test_a_wrong_time_is_refused_with_the_allowed_forms(text: str) -> None:
    """A time in the future is refused, too."""
    with pytest.raises(ValueError, match='allowed: how long ago, such as "90s", "2h" or "7d", or a date'):
        parse_time(text, factories.UTC, NOW)
