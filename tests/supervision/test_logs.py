"""The logs as one: merged by time, followed through all that happens to a file."""

from itertools import islice
from pathlib import Path

import pytest

from daemons.supervision.logs import Follower, Line, follow, last_lines, log_path, recent
from tests.support import factories

LAMP = Path("log/lamp.log")
# Who follows does so until the process ends, and leaves the closing to it.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(autouse=True)
def _run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    factories.enter(tmp_path, monkeypatch)


def say(text: str, path: Path = LAMP) -> None:
    """Add to a log."""
    with path.open("a") as file:
        file.write(text)


def texts(follower: Follower) -> list[str]:
    """Give what has come."""
    return [line.text for line in follower.lines()]


def test_following_begins_at_the_end() -> None:
    """What was there before is not told again; what comes is."""
    say("old\n")
    follower = Follower("lamp")
    assert texts(follower) == []
    say("new\nnewer\n")
    assert list(follower.lines()) == [Line("lamp", "new"), Line("lamp", "newer")]
    assert texts(follower) == []


def test_half_a_line_waits_for_its_rest() -> None:
    """A line is told when it is whole."""
    follower = Follower("lamp")
    say("ha")
    assert texts(follower) == []
    say("lf\n")
    assert texts(follower) == ["half"]


def test_a_log_that_comes_later_is_followed_from_its_beginning() -> None:
    """A device that has never run is followed as soon as it says something."""
    follower = Follower("lamp")
    assert texts(follower) == []
    say("first\n")
    assert texts(follower) == ["first"]
    say("second\n")
    assert texts(follower) == ["second"]


def test_a_rotation_loses_no_line() -> None:
    """What was written before the rotation, and after it, comes in order."""
    say("old\n")
    follower = Follower("lamp")
    say("before\n")
    LAMP.rename("log/lamp.log.1")
    say("after\n")
    assert texts(follower) == ["before", "after"]
    say("later\n")
    assert texts(follower) == ["later"]


def test_a_line_that_is_split_by_a_rotation_is_one_line() -> None:
    """supervisord rotates between two readings of a pipe, and so within a line as well."""
    say("old\n")
    follower = Follower("lamp")
    say("one ")
    LAMP.rename("log/lamp.log.1")
    say("line\n")
    assert texts(follower) == ["one line"]


def test_a_log_that_is_away_for_a_moment_is_waited_for() -> None:
    """Between the renaming and the new file there is none, and that is no error."""
    say("old\n")
    follower = Follower("lamp")
    LAMP.rename("log/lamp.log.1")
    assert texts(follower) == []
    say("after\n")
    assert texts(follower) == ["after"]


def test_a_log_that_is_cut_short_is_followed_from_its_new_beginning() -> None:
    """Who empties a log while it is followed sees what comes after."""
    say("a long old line\n")
    follower = Follower("lamp")
    LAMP.write_text("")
    assert texts(follower) == []
    say("new\n")
    assert texts(follower) == ["new"]


def test_half_a_line_from_before_a_cut_is_forgotten() -> None:
    """The rest of an emptied log is not glued to what comes after."""
    say("a long old line\n")
    follower = Follower("lamp")
    say("half")
    assert texts(follower) == []
    LAMP.write_text("")
    assert texts(follower) == []
    say("new\n")
    assert texts(follower) == ["new"]


def test_bytes_that_are_no_text_are_shown_all_the_same() -> None:
    """A log with anything in it can be read."""
    follower = Follower("lamp")
    LAMP.write_bytes(b"caf\xe9\n")
    assert texts(follower) == ["caf\ufffd"]
    assert last_lines("lamp", 5) == ["caf\ufffd"]


def test_several_logs_are_followed_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of all the names come, each with its name, between one waiting and the next."""
    turns = iter([("a\n", LAMP), ("b\n", log_path("toaster")), ("c\n", LAMP)])
    monkeypatch.setattr("daemons.supervision.logs.time.sleep", lambda _: say(*next(turns)))
    found = islice(follow(["lamp", "toaster"]), 3)
    assert list(found) == [Line("lamp", "a"), Line("toaster", "b"), Line("lamp", "c")]


def test_the_last_lines_of_a_log_that_was_just_rotated_have_its_predecessor_s() -> None:
    """A short new log is filled up from the one before it."""
    say("1\n2\n3\n", Path("log/lamp.log.1"))
    say("4\n")
    assert last_lines("lamp", 3) == ["2", "3", "4"]
    assert last_lines("lamp", 1) == ["4"]
    assert last_lines("lamp", 0) == []
    assert last_lines("nobody", 3) == []


def test_recent_lines_are_merged_by_their_times() -> None:
    """The lines of several logs come in the order in which things happened."""
    say("2026-01-01 10:00:00.100 INFO lamp: a\n2026-01-01 10:00:00.300 INFO lamp: c\n")
    say("2026-01-01 10:00:00.200 INFO toaster: b\n", log_path("toaster"))
    assert [line.text[-1] for line in recent(["lamp", "toaster"], 10)] == ["a", "b", "c"]
    assert [line.text[-1] for line in recent(["toaster", "lamp"], 2)] == ["b", "c"]


def test_a_traceback_stays_together() -> None:
    """Lines without a time stay behind the line that they belong to, whatever others say meanwhile."""
    say("2026-01-01 10:00:00.100 ERROR lamp: a\nTraceback\n  File\n2026-01-01 10:00:00.300 INFO lamp: c\n")
    say("2026-01-01 10:00:00.100 INFO toaster: x\n", log_path("toaster"))
    say("2026-01-01 10:00:00.200 INFO toaster: b\n", log_path("toaster"))
    found = [line.text.split()[-1] for line in recent(["lamp", "toaster"], 10)]
    assert found == ["a", "Traceback", "File", "x", "b", "c"]


def test_supervisord_s_own_times_are_understood() -> None:
    """supervisord writes a comma before the milliseconds, and is merged all the same."""
    say("2026-01-01 10:00:00.300 INFO lamp: late\n")
    say("2026-01-01 10:00:00,200 INFO spawned: early\n", log_path("supervisord"))
    assert [line.name for line in recent(["lamp", "supervisord"], 10)] == ["supervisord", "lamp"]
