"""A real house goes from one supervisord to a second one, and back."""

import os
import signal
from collections.abc import Iterator
from contextlib import chdir, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from daemons.errors import NotReady, SupervisorError
from daemons.processes.steward.steward import is_about_to_come
from daemons.supervision import programs
from daemons.supervision.handover import Handover, end_next, end_others, prepare
from daemons.supervision.interrupted import finish_restart
from daemons.supervision.programs import NEXT_SOCKET, can_launch_second, launch_second
from daemons.supervision.supervisord import OLD_PIDFILE, OLD_SOCKET, Supervisor, ended, is_handed_over
from tests.support.house import TemporaryHouse, eventually
from tests.support.patience import patience

READY = ("bathroom_light", "coffee_maker", "kitchen_lamp", "mirror", "recorder", "steward", "toaster")


def supervisord(house: TemporaryHouse) -> int:
    """Return the PID of the supervisord of the house."""
    return int((house.run / "supervisord.pid").read_text())


def all_pids(house: TemporaryHouse) -> dict[str, int]:
    """Return the PID of each process that supervisord has started."""
    status = house.status()
    return {
        name: one["process"]["pid"] for part in ("devices", "services") for name, one in status[part].items()
    }


def has_ended(pid: int) -> bool:
    """Return whether a process has ended."""
    with ended(pid) as wait:
        return bool(wait(0))


@contextmanager
def handover(house: TemporaryHouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[Handover]:
    """Start a second supervisord, and yield the handover; the working directory is the run directory."""
    house.house("up", "--second")
    monkeypatch.setenv("HOUSE_SUPERVISORD", str(house.supervisord))
    with chdir(house.run), closing(Handover()) as made:
        yield made


def test_each_process_restarts_once_under_a_second_supervisord(
    breakfast: TemporaryHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lamp stays on, a stopped device stays stopped, and the house goes on as after a start."""
    breakfast.house("stop", "coffee_maker")
    breakfast.house("on", "kitchen_lamp")
    first, before = supervisord(breakfast), all_pids(breakfast)
    with handover(breakfast, monkeypatch) as both:
        assert (supervisord(breakfast), is_handed_over()) != (first, False)
        assert all_pids(breakfast) == before
        both.forward(READY, patience())
        end_others()
    after = all_pids(breakfast)
    assert {name for name in before if before[name] == after[name]} == {"coffee_maker"}  # none has a PID
    assert has_ended(first)
    eventually(lambda: breakfast.status()["devices"]["coffee_maker"]["presence"] == "stopped")
    status = breakfast.status()
    assert status["devices"]["kitchen_lamp"]["state"]["status"] is True
    assert status["warnings"] == []
    os.kill(after["toaster"], signal.SIGKILL)
    eventually(lambda: breakfast.pids()["toaster"] not in (None, after["toaster"]))
    breakfast.house("reload")
    breakfast.house("start", "coffee_maker")
    breakfast.house("down")
    assert not list(breakfast.run.glob("supervisord.*[!f]"))
    breakfast.house("up")


def test_a_device_that_fails_is_given_back_and_the_others_never_notice(
    breakfast: TemporaryHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not handed over yet keeps its process."""
    first, before = supervisord(breakfast), all_pids(breakfast)
    restored: list[str] = []
    with handover(breakfast, monkeypatch) as both:
        slice_ = Path("devices/kitchen_lamp.json")
        content = slice_.read_bytes()
        slice_.write_text("{")
        with pytest.raises(NotReady, match="kitchen_lamp: fails again and again"):
            both.forward(READY, patience())
        second = supervisord(breakfast)
        slice_.write_bytes(content)
        assert both.back(restored.append)
        assert not is_handed_over()
    assert supervisord(breakfast) == first
    assert has_ended(second)
    assert restored == ["bathroom_light", "coffee_maker", "kitchen_lamp", "steward"]
    breakfast.house("up")
    after = all_pids(breakfast)
    assert {name for name in before if before[name] != after[name]} == set(restored)
    # The steward came back between the end of the second supervisord and the return of the socket.
    eventually(lambda: {one["presence"] for one in breakfast.status()["devices"].values()} == {"live"})
    breakfast.house("reload")


def test_a_handover_that_was_killed_goes_on_from_where_it_was(
    breakfast: TemporaryHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is there already is not restarted once more. Meanwhile the house shows all its devices."""
    with handover(breakfast, monkeypatch) as both, closing(Supervisor()) as second:
        with closing(Supervisor(path=OLD_SOCKET)) as first:
            first.stop(["steward", "toaster"])
        second.call("reloadConfig")
        for name in ("steward", "toaster"):
            second.call("addProcessGroup", name)
        eventually(lambda: all_pids(breakfast)["toaster"])
        middle = all_pids(breakfast)
        assert all(middle.values())
        breakfast.house("up", "--second")
        both.forward(READY, patience())
        end_others()
    after = all_pids(breakfast)
    assert {name for name in after if after[name] == middle[name]} == {"steward", "toaster"}


def test_the_steward_knows_processes_that_come_later(
    breakfast: TemporaryHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reports nothing about one that is still with the first supervisord, and watches it later."""
    with breakfast.listen("steward") as listener, handover(breakfast, monkeypatch) as both:
        listener.wait_for(lambda found: found.reports.keys() >= {"toaster", "kitchen_lamp"})
        both.forward(READY, patience())
        end_others()
        lives: set[str] = set()

        def all_run(_: Any) -> bool:
            lives.update(report.life for report in listener.reports.values())
            pids = {name: report.pid for name, report in listener.reports.items()}
            return all(
                pids.get(name) == pid for name, pid in all_pids(breakfast).items() if name != "steward"
            )

        listener.wait_for(all_run)
        assert lives <= {"running", "restarting"}


@pytest.mark.parametrize("is_back", [False, True])
def test_the_end_of_the_first_supervisord_is_no_obstacle(
    breakfast: TemporaryHouse, monkeypatch: pytest.MonkeyPatch, is_back: bool
) -> None:
    """Its processes end with it, and start under the second one; nothing can be given back to it."""
    first = supervisord(breakfast)
    with handover(breakfast, monkeypatch) as both:
        os.kill(first, signal.SIGKILL)
        eventually(lambda: has_ended(first))
        if is_back:
            assert not both.back(lambda _: None)
        both.forward(READY, patience())
        end_others()
    assert all(all_pids(breakfast).values())


def test_down_in_the_middle_ends_both(breakfast: TemporaryHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """After that, the house starts as always."""
    first, before = supervisord(breakfast), all_pids(breakfast)
    with handover(breakfast, monkeypatch):
        second = supervisord(breakfast)
    assert breakfast.house("down").stdout.startswith("The house is down.")
    eventually(lambda: all(has_ended(pid) for pid in (first, second, *before.values())))
    assert not any((breakfast.run / name).exists() for name in (OLD_SOCKET, OLD_PIDFILE, NEXT_SOCKET))
    breakfast.house("up")


def test_a_second_supervisord_that_never_took_over_is_ended(
    breakfast: TemporaryHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handover was killed at its begin: the house runs on, and the next handover begins anew."""
    monkeypatch.setenv("HOUSE_SUPERVISORD", str(breakfast.supervisord))
    first, before = supervisord(breakfast), all_pids(breakfast)
    with chdir(breakfast.run):
        launch_second(breakfast.run, prepare())
        with closing(Supervisor(path=NEXT_SOCKET)) as second:
            left = int(second.call("getPID"))
        assert not is_handed_over()
        end_others()
        assert (supervisord(breakfast), all_pids(breakfast)) == (first, before)
    assert has_ended(left)
    with handover(breakfast, monkeypatch) as both:
        both.forward(READY, patience())
        end_others()
    assert has_ended(first)


@pytest.mark.usefixtures("run")
def test_the_first_supervisord_gets_its_pid_back_if_the_way_back_was_killed_at_its_end() -> None:
    """While a handover is on, the PID of the house is that of the second one."""
    for socket, pid in ((True, "7"), (False, "42")):
        Path("supervisord.pid").write_text("7")
        Path(OLD_PIDFILE).write_text("42")
        if socket:
            Path(OLD_SOCKET).touch()
        end_next()
        assert Path("supervisord.pid").read_text() == pid
        Path(OLD_SOCKET).unlink(missing_ok=True)


def test_a_configuration_with_another_socket_is_left_alone(
    breakfast: TemporaryHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its second supervisord would take the files of the first one."""
    breakfast.supervisord.write_text(
        breakfast.supervisord.read_text().replace("supervisord.sock", "mine.sock")
    )
    monkeypatch.setenv("HOUSE_SUPERVISORD", str(breakfast.supervisord))
    with chdir(breakfast.run), pytest.raises(SupervisorError, match="another socket"):
        launch_second(breakfast.run, supervisord(breakfast))
    assert not can_launch_second(breakfast.run)


def test_a_second_supervisord_that_does_not_start_changes_nothing(
    breakfast: TemporaryHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one would lose its processes at the next reload if its own file had been written."""
    before = all_pids(breakfast)

    def fail(_: Path) -> None:
        raise SupervisorError("no second one")

    monkeypatch.setattr(programs, "launch", fail)
    monkeypatch.setenv("HOUSE_SUPERVISORD", str(breakfast.supervisord))
    with chdir(breakfast.run), pytest.raises(SupervisorError, match="no second one"):
        launch_second(breakfast.run, prepare())
    breakfast.config.write_text(breakfast.config.read_text().replace("browning = 3", "browning = 4"))
    breakfast.house("reload")
    after = all_pids(breakfast)
    assert {name for name in before if before[name] != after[name]} == {"toaster"}


def test_no_other_verb_changes_a_house_in_a_handover(
    breakfast: TemporaryHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each would see only a part of the processes; it says what to do."""
    before = all_pids(breakfast)
    with handover(breakfast, monkeypatch) as both:
        for words in (
            ("stop", "toaster"),
            ("start", "toaster"),
            ("restart", "toaster"),
            ("reload",),
            ("up",),
        ):
            done = breakfast.house(*words, check=False)
            assert done.returncode == 1, words
            assert "an upgrade of this house was interrupted; `house upgrade` completes it" in done.stderr
        Path("restarting").touch()  # a verb was killed, and the steward starts what it had stopped
        assert finish_restart(Supervisor()) is None
        Path("restarting").unlink()
        assert all_pids(breakfast) == before
        both.forward(READY, patience())
        end_others()
    breakfast.house("restart", "toaster")


def test_a_removed_device_ends_before_a_new_one_begins(
    breakfast: TemporaryHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may share hardware. The steward does not wait for the removed one; its stop mark stays."""
    breakfast.house("stop", "toaster")
    toml = breakfast.config.read_text().replace("devices.toaster", "devices.bread")
    breakfast.config.write_text(toml.replace("devices.kitchen_lamp", "devices.a_lamp"))
    with handover(breakfast, monkeypatch) as both:
        assert not is_about_to_come("kitchen_lamp")
        assert is_about_to_come("mirror")
        both.forward((*READY, "a_lamp", "bread"), patience())
        end_others()
        assert Path("stopped/toaster").exists()  # the way back needs it
    log = breakfast.log("supervisord")
    assert log.index("stopped: kitchen_lamp") < log.index("spawned: 'a_lamp'")
    assert breakfast.pids().keys() == {"a_lamp", "bathroom_light", "bread", "coffee_maker", "mirror"}


def test_the_journal_is_kept_between_the_end_and_the_start(
    breakfast: TemporaryHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that a device remembers is newer than the copy, and the new version has not written it yet."""
    kept: dict[str, int | None] = {}
    with handover(breakfast, monkeypatch) as both:
        both.forward(READY, patience(), lambda name: kept.update({name: breakfast.process(name)}))
        end_others()
    assert kept == dict.fromkeys(READY), "none of them runs at that moment"
