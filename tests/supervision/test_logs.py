"""The logs of processes: merged by time, and followed over rotation and truncation."""

from itertools import islice
from pathlib import Path

import pytest

from daemons.runtime.rotating_file import log_path
from daemons.supervision.logs import Follower, Line, follow, last_lines, merge_lines
from tests.support import factories
from tests.support.house import HouseFactory, eventually

LAMP = Path("log/lamp.log")
# The generator runs until the process ends, which closes the files.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(autouse=True)
def _run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    factories.enter_run_directory(tmp_path, monkeypatch)


def write(text: str, path: Path = LAMP) -> None:
    """Append to a log."""
    with path.open("a") as file:
        file.write(text)


def texts(follower: Follower) -> list[str]:
    """Return the texts of the new lines."""
    return [line.text for line in follower.lines()]


def test_following_begins_at_the_end() -> None:
    """Lines from before are not repeated; new lines are yielded."""
    write("old\n")
    follower = Follower("lamp")
    assert texts(follower) == []
    write("new\nnewer\n")
    assert list(follower.lines()) == [Line("lamp", "new"), Line("lamp", "newer")]
    assert texts(follower) == []


def test_an_incomplete_line_waits_for_its_rest() -> None:
    """A line is yielded when it is complete."""
    follower = Follower("lamp")
    write("ha")
    assert texts(follower) == []
    write("lf\n")
    assert texts(follower) == ["half"]


def test_a_log_that_is_created_later_is_followed_from_its_beginning() -> None:
    """A device that has never run is followed from its first line on."""
    follower = Follower("lamp")
    assert texts(follower) == []
    write("first\n")
    assert texts(follower) == ["first"]
    write("second\n")
    assert texts(follower) == ["second"]


def test_a_rotation_loses_no_line() -> None:
    """The lines from before and after the rotation are yielded in order."""
    write("old\n")
    follower = Follower("lamp")
    write("before\n")
    LAMP.rename("log/lamp.log.1")
    write("after\n")
    assert texts(follower) == ["before", "after"]
    write("later\n")
    assert texts(follower) == ["later"]


def test_a_line_that_is_split_by_a_rotation_is_one_line() -> None:
    """supervisord rotates between two readings of a pipe, and so within a line as well."""
    write("old\n")
    follower = Follower("lamp")
    write("one ")
    LAMP.rename("log/lamp.log.1")
    write("line\n")
    assert texts(follower) == ["one line"]


def test_a_log_that_is_away_for_a_moment_is_waited_for() -> None:
    """Between the renaming and the new file there is no file, and that is no error."""
    write("old\n")
    follower = Follower("lamp")
    LAMP.rename("log/lamp.log.1")
    assert texts(follower) == []
    write("after\n")
    assert texts(follower) == ["after"]


def test_a_log_that_is_cut_short_is_followed_from_its_new_beginning() -> None:
    """After a log was emptied, its new lines are yielded."""
    write("a long old line\n")
    follower = Follower("lamp")
    LAMP.write_text("")
    assert texts(follower) == []
    write("new\n")
    assert texts(follower) == ["new"]


def test_half_a_line_from_before_a_cut_is_forgotten() -> None:
    """An incomplete line of an emptied log is not joined to a later one."""
    write("a long old line\n")
    follower = Follower("lamp")
    write("half")
    assert texts(follower) == []
    LAMP.write_text("")
    assert texts(follower) == []
    write("new\n")
    assert texts(follower) == ["new"]


def test_invalid_utf_8_is_shown() -> None:
    """A log with any bytes can be read."""
    follower = Follower("lamp")
    LAMP.write_bytes(b"caf\xe9\n")
    assert texts(follower) == ["caf\ufffd"]
    assert last_lines("lamp", 5) == ["caf\ufffd"]


@pytest.mark.parametrize("prefork", [True, False], ids=["prefork", "execve"])
def test_no_control_character_reaches_a_log_file(make_house: HouseFactory, *, prefork: bool) -> None:
    """Here, the fault of a driver names a program with an escape sequence."""
    house = make_house(
        """
        [house]
        [recorder]
        enabled = false
        [devices.pump]
        kind = "plug"
        driver = "command"
        command.on = ["/nowhere/\\u001b[31mred\\u0007"]
        command.off = ["/nowhere/\\u001b[31mred\\u0007"]
        """,
        prefork=prefork,
    )
    house.house("up", check=False)
    house.house("send", "pump", "on", check=False)
    eventually(lambda: "red" in house.log("pump"))
    house.house("down")
    for path in (house.run / "log").iterdir():
        assert not set(path.read_bytes()) & {*range(10), *range(11, 32), 127}, path


def test_several_logs_are_followed_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines of all names are yielded, each with its name, in one poll."""
    turns = iter([("a\n", LAMP), ("b\n", log_path("toaster")), ("c\n", LAMP)])
    monkeypatch.setattr("daemons.supervision.logs.time.sleep", lambda _: write(*next(turns)))
    found = islice(follow(["lamp", "toaster"]), 3)
    assert list(found) == [Line("lamp", "a"), Line("toaster", "b"), Line("lamp", "c")]


def test_the_last_lines_of_a_log_that_was_just_rotated_have_its_predecessor_s() -> None:
    """A short new log is completed from the previous one."""
    write("1\n2\n3\n", Path("log/lamp.log.1"))
    write("4\n")
    assert last_lines("lamp", 3) == ["2", "3", "4"]
    assert last_lines("lamp", 1) == ["4"]
    assert last_lines("lamp", 0) == []
    assert last_lines("missing", 3) == []


def test_the_last_lines_of_several_logs_are_merged_by_their_times() -> None:
    """The lines of several logs are in the order of their times."""
    write("2026-01-01 10:00:00.100 INFO lamp: a\n2026-01-01 10:00:00.300 INFO lamp: c\n")
    write("2026-01-01 10:00:00.200 INFO toaster: b\n", log_path("toaster"))
    assert [
        line.text[-1]
        for line in merge_lines({name: last_lines(name, 10) for name in ["lamp", "toaster"]}, 10)
    ] == ["a", "b", "c"]
    assert [
        line.text[-1] for line in merge_lines({name: last_lines(name, 2) for name in ["toaster", "lamp"]}, 2)
    ] == ["b", "c"]


def test_a_traceback_stays_together() -> None:
    """Lines without a time stay after the line that they belong to."""
    write("2026-01-01 10:00:00.100 ERROR lamp: a\nTraceback\n  File\n2026-01-01 10:00:00.300 INFO lamp: c\n")
    write("2026-01-01 10:00:00.100 INFO toaster: x\n", log_path("toaster"))
    write("2026-01-01 10:00:00.200 INFO toaster: b\n", log_path("toaster"))
    found = [
        line.text.split()[-1]
        for line in merge_lines({name: last_lines(name, 10) for name in ["lamp", "toaster"]}, 10)
    ]
    assert found == ["a", "Traceback", "File", "x", "b", "c"]


def test_supervisord_s_own_times_are_understood() -> None:
    """supervisord writes a comma before the milliseconds; its lines are merged by time, too."""
    write("2026-01-01 10:00:00.300 INFO lamp: late\n")
    write("2026-01-01 10:00:00,200 INFO spawned: early\n", log_path("supervisord"))
    assert [
        line.name
        for line in merge_lines({name: last_lines(name, 10) for name in ["lamp", "supervisord"]}, 10)
    ] == ["supervisord", "lamp"]
