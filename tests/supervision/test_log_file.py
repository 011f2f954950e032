"""The logs of supervisord: no fault of a log raises an error, and lost lines are counted."""

import os
import re
import resource
import shutil
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest
from supervisor import loggers

from daemons.runtime.log import APPENDS_VARIABLE
from daemons.runtime.rotating_file import RotatingFile
from daemons.supervision import log_file
from daemons.supervision.log_file import LogFile, make_log_files
from tests.support import factories
from tests.support.house import HouseFactory, eventually

NOTICE = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} WARN (\d+) lines? of this log could not be written: (.*)"
)


@pytest.fixture
def forks_supervisord() -> bool:
    """Start each supervisord anew: it is what these tests are about."""
    return False


def write(log: LogFile, text: bytes) -> None:
    """Write the output of a process."""
    log.emit(record(text))


def record(text: bytes | str) -> loggers.LogRecord:
    """Return a record of supervisord."""
    return loggers.LogRecord(loggers.LevelsByName.INFO, text)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a log in a folder of its own."""
    (tmp_path / "log").mkdir()
    return tmp_path / "log" / "toaster.log"


def test_a_log_is_rotated_at_its_limit(path: Path) -> None:
    """A log that reaches its limit is renamed; the two latest files before it are kept."""
    log = LogFile(str(path), maxBytes=10, backupCount=2)
    for number in range(4):
        write(log, b"line %d....\n" % number)
    assert path.read_text() == ""
    write(log, b"end\n")
    found = {file.name: file.read_text() for file in path.parent.iterdir()}
    assert found == {
        "toaster.log": "end\n",
        "toaster.log.1": "line 3....\n",
        "toaster.log.2": "line 2....\n",
    }


@pytest.mark.parametrize("damage", ["removed", "moved"])
def test_a_folder_that_is_gone_is_made_again(path: Path, damage: str) -> None:
    """If the folder was removed or renamed, the next line creates it again, private to its owner."""
    log = LogFile(str(path), maxBytes=10, backupCount=2)
    write(log, b"1\n")
    if damage == "removed":
        shutil.rmtree(path.parent)
    else:
        path.parent.rename(path.parent.with_name("elsewhere"))
    write(log, b"2\n")
    assert path.read_text() == "2\n"
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_log_that_cannot_be_renamed_is_emptied(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log stays within its limit also where its folder allows no new name."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    log = LogFile(str(path), maxBytes=10, backupCount=2)
    write(log, b"a long line\n")
    write(log, b"next\n")
    assert path.read_text() == "next\n"
    without_backups = LogFile(str(path), maxBytes=10)
    write(without_backups, b"a long line\n")
    assert path.read_text() == ""


def test_lines_that_cannot_be_written_are_counted_and_reported(path: Path) -> None:
    """When lines can be written again, the first one says how many were lost, and why."""
    log = LogFile(str(path), maxBytes=1000, backupCount=2)
    write(log, b"before\n")
    with factories.full_disk():
        write(log, b"lost\nlost\n")
        write(log, b"lost\n")
    write(log, b"after\n")
    first, notice, last = path.read_text().splitlines()
    assert (first, last) == ("before", "after")
    match = NOTICE.fullmatch(notice)
    assert match is not None
    assert match.groups() == ("3", "File too large")


def test_a_line_that_was_cut_by_a_full_disk_ends_before_the_next_one(path: Path) -> None:
    """A line that was written only in part does not become a part of the report."""
    log = LogFile(str(path), maxBytes=1000, backupCount=2)
    with factories.full_disk(4):
        write(log, b"half a line\n")
    write(log, b"after\n")
    first, notice, last = path.read_text().splitlines()
    assert (first, last) == ("half", "after")
    assert NOTICE.fullmatch(notice)


def test_a_log_at_whose_path_is_a_folder_raises_nothing(path: Path) -> None:
    """The lines are counted; when the folder is gone, the log goes on."""
    path.mkdir()
    log = LogFile(str(path), maxBytes=1000, backupCount=2)
    write(log, b"lost\n")
    path.rmdir()
    write(log, b"after\n")
    notice, last = path.read_text().splitlines()
    assert "1 line of this log could not be written: Is a directory" in notice
    assert last == "after"


def test_supervisord_can_clear_and_reopen_a_log(path: Path) -> None:
    """A log that supervisord clears begins anew, also if its file is missing."""
    log = LogFile(str(path), maxBytes=1000)
    write(log, b"old\n")
    log.remove()
    log.remove()
    log.reopen()
    write(log, b"new\n")
    assert path.read_text() == "new\n"
    log.flush()
    log.close()


def options(path: Path) -> SimpleNamespace:
    """Return supervisord's options with a log of its own."""
    logger = loggers.getLogger()
    loggers.handle_file(
        logger, str(path), "%(levelname)s %(message)s\n", rotating=True, maxbytes=99, backups=1
    )
    return SimpleNamespace(logger=logger)


def open_files(pid: int | str, path: Path) -> int:
    """Return how often a process has opened a path."""
    return [file.readlink() for file in Path(f"/proc/{pid}/fd").iterdir() if file.is_symlink()].count(path)


def test_a_log_that_is_dropped_is_closed(path: Path) -> None:
    """supervisord does not close the log of a process that has ended: it drops it."""
    log = LogFile(str(path))
    write(log, b"the last line\n")
    assert open_files("self", path) == 1
    del log
    assert open_files("self", path) == 0


def test_a_restarted_process_leaves_no_open_log(make_house: HouseFactory) -> None:
    """After many restarts of a device, supervisord has its log open at most once."""
    house = make_house('[devices.lamp]\nkind = "lamp"\ndriver = "simulated"\n')
    house.house("up")
    supervisord = int((house.run / "supervisord.pid").read_text())
    with house.listen("lamp") as listener:
        for _ in range(5):
            listener.kill("lamp")
    assert eventually(lambda: open_files(supervisord, house.run / "log" / "lamp.log") <= 1)


def test_the_plugin_replaces_supervisord_s_own_log(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log goes on in the same file, in the same format; each later log is of the new class."""
    monkeypatch.setattr(loggers, "RotatingFileHandler", loggers.RotatingFileHandler)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    made = options(path)
    made.logger.info("before")
    interface = make_log_files(SimpleNamespace(options=made))
    assert [name for name in dir(interface) if not name.startswith("_")] == []
    made.logger.info("after %(what)s", what="all \udc80")
    assert path.read_text() == "INFO before\nINFO after all \\udc80\n"
    assert loggers.RotatingFileHandler is LogFile
    assert os.environ[APPENDS_VARIABLE] == "1"


def test_an_unsupported_supervisor_keeps_its_logs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With another version the plugin changes nothing, and logs this."""
    monkeypatch.setattr(log_file, "VERSION", "9.9.9")
    made = options(path)
    make_log_files(SimpleNamespace(options=made))
    made.logger.close()
    assert path.read_text() == "WARN logs supports supervisor 4.3.0, this is 9.9.9: it does nothing\n"
    assert loggers.RotatingFileHandler is not LogFile
    assert APPENDS_VARIABLE not in os.environ


def test_a_log_that_another_process_has_rotated_goes_on_in_the_new_file(path: Path) -> None:
    """A process rotates its own log; what supervisord reads from its pipe then goes to the new file."""
    log = LogFile(str(path), maxBytes=1000, backupCount=2)
    write(log, b"a traceback\n")
    own = RotatingFile(path, 10, 2)
    own.write(b"a line\n")
    own.write(b"next\n")
    own.close()
    write(log, b"another one\n")
    log.close()
    assert path.read_text() == "next\nanother one\n"
    assert path.with_suffix(".log.1").read_text() == "a traceback\na line\n"


# In a house


PLUGINS = pytest.mark.parametrize(
    "missing",
    [
        pytest.param("", id="all"),
        pytest.param("prefork", id="execve", marks=pytest.mark.long),
        pytest.param("logs", id="no-logs", marks=pytest.mark.long),
        pytest.param("prefork|logs", id="stock", marks=pytest.mark.long),
    ],
)
FORKED_OR_NOT = pytest.mark.parametrize(
    "prefork",
    [pytest.param(True, id="prefork"), pytest.param(False, id="execve", marks=pytest.mark.long)],
)


@PLUGINS
def test_all_that_a_process_writes_is_in_its_log(make_house: HouseFactory, missing: str) -> None:
    """With or without plugins the log has the lines of the process, and the stacks that it prints.

    With the logs plugin a process writes its own lines, and rotates the log, also while supervisord hangs.
    """
    house = make_house()
    conf, sections = house.supervisord.read_text(), rf"\[rpcinterface:({missing or 'x'})\]\n.*\n"
    house.supervisord.write_text(re.sub(sections, "", conf))
    house.house("up")
    supervisord = int((house.run / "supervisord.pid").read_text())
    path = house.run / "log" / "toaster.log"
    if "logs" not in missing:
        with path.open("ab") as file:
            file.write(b"x" * (1 << 20))
        os.kill(supervisord, signal.SIGSTOP)
    try:
        house.send("toaster", "start")
        eventually(
            lambda: (
                "is toasting" in path.with_suffix(".log.1" if "logs" not in missing else ".log").read_text()
            )
        )
    finally:
        os.kill(supervisord, signal.SIGCONT)
    house.kill("toaster", signal.SIGUSR1)
    eventually(lambda: "most recent call first" in house.log("toaster"))
    printed = house.house("logs", "toaster", "--no-follow", "-n", "200").stdout
    assert "is toasting" in printed
    assert "most recent call first" in printed
    house.house("down")
    assert "ends, by SIGTERM" in house.log("toaster")


@FORKED_OR_NOT
def test_a_log_folder_that_is_gone_at_a_rotation_ends_no_process(
    make_house: HouseFactory, prefork: bool
) -> None:
    """supervisord and all processes but the killed one keep their PIDs; the logs go on in a new folder."""
    house = make_house(prefork=prefork)
    house.house("up")
    supervisord = int((house.run / "supervisord.pid").read_text())
    before = house.pids()
    for name in ("supervisord", "toaster"):
        with (house.run / "log" / f"{name}.log").open("ab") as file:
            file.write(b"x" * (1 << 20))
    shutil.rmtree(house.run / "log")
    killed = house.kill("toaster")
    eventually(lambda: house.process("toaster") not in (None, killed))
    for name, text in {"supervisord": "exited: toaster", "toaster": "restarts 1"}.items():
        path = house.run / "log" / f"{name}.log"
        eventually(lambda path=path, text=text: path.exists() and text in path.read_text())  # type: ignore[misc]
    assert int((house.run / "supervisord.pid").read_text()) == supervisord
    after = house.pids()
    assert {name for name in before if before[name] != after[name]} == {"toaster"}


@FORKED_OR_NOT
def test_a_full_disk_ends_no_process_and_the_lost_lines_are_reported(
    make_house: HouseFactory, prefork: bool
) -> None:
    """supervisord restarts a killed device also while it cannot write a line."""
    house = make_house(prefork=prefork)
    house.house("up")
    supervisord = int((house.run / "supervisord.pid").read_text())
    unlimited = resource.RLIM_INFINITY
    resource.prlimit(supervisord, resource.RLIMIT_FSIZE, (0, unlimited))
    with house.listen("toaster") as listener:
        listener.kill("toaster")
        resource.prlimit(supervisord, resource.RLIMIT_FSIZE, (unlimited, unlimited))
        listener.kill("toaster")
    eventually(lambda: NOTICE.search(house.log("supervisord")))
    os.kill(supervisord, 0)  # it is still the same one
