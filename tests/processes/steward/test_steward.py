"""The steward: the processes that it kills, stops and starts again, and its reports."""

import json
import logging
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import zmq

from daemons.bus.message import Command, Heartbeat, Receipt, Report
from daemons.errors import SupervisorError
from daemons.processes.process import Process
from daemons.processes.process_run import ProcessRun
from daemons.processes.steward import steward
from daemons.processes.steward.steward import Steward, StewardMemory
from daemons.processes.steward.watched import WatchedProcess
from daemons.runtime.log import Log
from daemons.runtime.rotating_file import log_path
from daemons.storage.journal import Journal
from daemons.storage.paths import stopped_path
from tests.support import factories
from tests.support.house import BREAKFAST, HouseFactory, TemporaryHouse, eventually

NAMES = ("bathroom_light", "coffee_maker", "kitchen_lamp", "mirror", "toaster")
QUICK = BREAKFAST.replace('watchdog = "60s"', 'watchdog = "1s"')
CALM = BREAKFAST.replace('watchdog = "60s"', 'watchdog = "2s"')
"""A watchdog that is long enough for a busy machine."""
WATCHDOG = 3.0


# Decisions, with a clock that the test turns


class World:
    """Fakes of all that surrounds a steward: clock, loop, bus, supervisord and processes."""

    def __init__(self, run: Path, monkeypatch: pytest.MonkeyPatch, names: Iterable[str] = NAMES) -> None:
        self.time = 1000.0
        self.waits: dict[int, float] = {}
        """The seconds for which a process has waited for a processor, by PID."""
        self.signals: list[tuple[int, signal.Signals]] = []
        self.calls: list[tuple[str, str]] = []
        self.lines: list[str] = []
        self.reports: dict[str, Report] = {}
        self.asked: list[str] = []
        self.pids: dict[str, int] = {name: 100 + index for index, name in enumerate(names)}
        self.is_supervisord_hung = False
        self._unanswered: list[Callable[[], None]] = []
        self.refusal: SupervisorError | None = None
        self.list_refusal: SupervisorError | None = None
        self.unanswered = 0
        """How many of the next calls for all processes get no answer."""
        self.blocked: set[int] = set()
        """The PIDs of the processes that wait for a disk."""
        self.elsewhere: dict[str, int] = {}
        """The PID that supervisord reports, by name, if it differs."""
        self._later: list[tuple[float, Callable[[], None]]] = []
        self._events: list[tuple[str, dict[str, str]]] = []
        self._beats: list[Heartbeat] = []
        monkeypatch.setattr(steward, "EventListener", lambda: self)
        monkeypatch.setattr(steward, "Subscriber", lambda *_, **__: self)
        monkeypatch.setattr(steward, "Supervisor", lambda: self)
        monkeypatch.setattr(steward, "JobPool", lambda *_, **__: self)
        monkeypatch.setattr(steward, "signal_process", lambda pid, number: self.signals.append((pid, number)))
        monkeypatch.setattr(steward, "waited_seconds", lambda pid: self.waits.get(pid, 0.0))
        monkeypatch.setattr(steward, "waits_for_disk", self.blocked.__contains__)
        factories.enter_run_directory(run, monkeypatch)

    def steward(self, known: Iterable[WatchedProcess] = ()) -> Steward:
        """Start a steward that remembers these processes."""
        logger = logging.Logger("steward")  # noqa: LOG001  used by this test only
        handler = logging.Handler()
        handler.emit = lambda record: self.lines.append(record.getMessage())  # type: ignore[method-assign]
        logger.addHandler(handler)
        self.log, self.life = Log(logger), ProcessRun(1, 1, 0)
        journal = Journal("steward", StewardMemory, self.log)
        self.made = Steward(cast("Process", self), journal, list(known), WATCHDOG)
        return self.made

    def advance(
        self, seconds: float, *, silent: Iterable[str] = (), step: float = 0.25, waiting: float = 0.0
    ) -> None:
        """Advance the time tick by tick; all processes beat, except the silent ones.

        A silent process waits for a processor during the share `waiting` of the time.
        """
        end = self.time + seconds
        while self.time < end - 1e-9:
            self.time += step
            for name in silent:
                self.waits[self.pids[name]] = self.waits.get(self.pids[name], 0.0) + waiting * step
            self._beats = [
                Heartbeat(device=name, boot=1, seq=1, at=0, pid=pid)
                for name, pid in self.pids.items()
                if name not in silent
            ]
            self.made.on_message()
            for when, handler in [later for later in self._later if later[0] <= self.time]:
                self._later.remove((when, handler))
                handler()
            self.made.tick()

    def send_event(self, name: str, state: str, pid: int = 0) -> None:
        """Send an event of supervisord about a process."""
        about = {"processname": name, "groupname": name, "pid": str(pid)}
        self._events = [(f"PROCESS_STATE_{state}", about)]
        self.made.on_supervisor_event()

    def crash(self, name: str, reason: str = "exit status 1") -> None:
        """Report that a process was started and has crashed."""
        pid = self.pids[name] = self.pids[name] + 100
        self.send_event(name, "RUNNING", pid)
        with log_path("supervisord").open("a") as file:
            file.write(f"2026-11-23 07:00:00,000 INFO exited: {name} ({reason}; not expected)\n")
        self.send_event(name, "EXITED", pid)

    @property
    def killed(self) -> list[int]:
        """Return the PIDs that were killed."""
        return [pid for pid, number in self.signals if number == signal.SIGKILL]

    # The steward's view of the process

    @property
    def loop(self) -> "World":
        return self

    def now(self) -> float:
        return self.time

    def watch(self, *_: object) -> None:
        return

    def every(self, *_: object) -> None:
        return

    def pause(self, *_: object) -> None:
        return

    def next_tick(self, seconds: float) -> float:
        return self.time + seconds

    def reconnect_silent(self) -> None:
        return

    def at(self, when: float, handler: Callable[[], None]) -> None:
        self._later.append((when, handler))

    def stop(self, reason: str) -> None:
        self.calls.append(("end", reason))

    @property
    def context(self) -> None:
        return

    @property
    def socket(self) -> None:
        return

    def publish(self, *_: object) -> None:
        return

    def report(self, name: str, **fields: Any) -> Report:
        self.reports[name] = Report(device=name, boot=1, seq=1, at=0, **fields)
        return self.reports[name]

    def refuse(self, command: Command, reason: str) -> Receipt:
        return Receipt(id=command.id, device="steward", outcome="rejected", at=0, reason=reason)

    def add(self, name: str) -> None:
        return

    def remove(self, name: str) -> None:
        return

    def resubscribe(self, name: str) -> None:
        self.asked.append(name)

    def receive(self) -> list[Any]:
        found: list[Any] = [*self._events, *self._beats]
        self._events, self._beats = [], []
        return found

    def submit(self, job: Callable[[], Any], on_done: Callable[[Future[Any]], None]) -> None:
        future: Future[Any] = Future()
        try:
            future.set_result(job())
        except SupervisorError as error:
            future.set_exception(error)
        if self.is_supervisord_hung:
            self._unanswered.append(lambda: on_done(future))
        else:
            on_done(future)

    def answer(self) -> int:
        """Answer all calls that a hanging supervisord has not answered, and return their number."""
        answers, self._unanswered = self._unanswered, []
        self.is_supervisord_hung = False
        for answer in answers:
            answer()
        return len(answers)

    def call(self, method: str, *args: Any) -> Any:
        if method == "getProcessInfo":
            return {"name": args[0], "pid": (self.elsewhere or self.pids)[args[0]]}
        if method == "getAllProcessInfo" and self.unanswered:
            self.unanswered -= 1
            raise SupervisorError("supervisord has not answered getAllProcessInfo within 10 s")
        if method == "getAllProcessInfo":
            if self.list_refusal:
                raise self.list_refusal
            running = [{"name": name, "pid": pid, "statename": "RUNNING"} for name, pid in self.pids.items()]
            return [*running, {"name": "steward", "pid": os.getpid(), "statename": "RUNNING"}]
        self.calls.append((method, args[0]))
        if self.refusal:
            raise self.refusal
        return True


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a world in which every process runs."""
    made = World(tmp_path, monkeypatch)
    made.steward()
    made.advance(1)
    return made


def test_while_every_process_beats_nothing_is_done(world: World) -> None:
    """For an hour every process sends heartbeats; no process is queried, killed or started."""
    world.advance(3600)
    assert (world.signals, world.calls, world.asked) == ([], [], [])
    assert {report.life for report in world.reports.values()} == {"running"}


def test_a_process_that_hangs_is_queried_logs_its_stacks_and_is_killed(world: World) -> None:
    """The process is queried after half of the watchdog's time; no other process is affected."""
    world.advance(1.25, silent=["toaster"])
    assert world.asked == []
    world.advance(1.5, silent=["toaster"])
    assert set(world.asked) == {"toaster"}
    assert world.signals == []
    world.advance(0.25, silent=["toaster"])
    assert world.signals == [(world.pids["toaster"], signal.SIGUSR1)]
    world.advance(0.5, silent=["toaster"])
    assert world.signals[1:] == [(world.pids["toaster"], signal.SIGKILL)]


def test_a_supervisord_that_does_not_answer_is_asked_once_for_each_process(world: World) -> None:
    """The steward goes on without the answer, and kills no process before it."""
    world.is_supervisord_hung = True
    world.advance(60, silent=["toaster"])
    assert world.signals == []
    assert not any("stood still" in line for line in world.lines)
    assert world.answer() == 1
    world.advance(0.5, silent=["toaster"])
    assert world.killed == [world.pids["toaster"]]


def test_an_answer_about_a_process_that_was_replaced_kills_no_process(world: World) -> None:
    """While supervisord did not answer, the process ended; its successor is left alone."""
    world.is_supervisord_hung = True
    world.advance(3, silent=["toaster"])
    world.crash("toaster", "terminated by SIGKILL")
    world.pids["toaster"] += 1000
    world.send_event("toaster", "RUNNING", world.pids["toaster"])
    world.answer()
    world.advance(1)
    assert world.signals == []


def test_a_steward_that_starts_waits_for_supervisord(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused first call is repeated each second, and meanwhile the remembered processes are not judged."""
    world = World(tmp_path, monkeypatch)
    world.list_refusal = SupervisorError("supervisord has not answered")
    known = [WatchedProcess(name, life="running", pid=pid, is_heard=True) for name, pid in world.pids.items()]
    world.steward(known).tick()
    assert world.lines == ["supervisord has not answered"]
    world.list_refusal = None
    world.pids["lamp"] = 4242
    world.advance(1.25)
    assert world.reports["lamp"].life == "running"


def test_a_process_that_hung_is_not_held_back(world: World) -> None:
    """A process that hung is restarted at once, however often it hangs, and the reason is reported."""
    for _ in range(5):
        world.advance(4, silent=["toaster"])
        assert world.killed[-1] == world.pids["toaster"]
        world.crash("toaster", "terminated by SIGKILL")
        world.pids["toaster"] += 1000
        world.send_event("toaster", "RUNNING", world.pids["toaster"])
        world.advance(0.25)
        assert world.reports["toaster"].life == "running"
        assert world.reports["toaster"].reason == "it hung: silent for more than 3 s"
    assert world.calls == []


def test_after_a_standstill_of_the_machine_no_process_is_killed(world: World) -> None:
    """If the steward's own tick is late, the silence of every process is measured anew."""
    world.advance(60, silent=NAMES, step=60)
    world.advance(2.75, silent=NAMES)
    assert world.signals == []
    assert any("stood still for 60.0 s" in line for line in world.lines)


def test_many_silent_processes_are_an_overloaded_machine(world: World) -> None:
    """Three of five processes are silent for twice the watchdog's time, and then beat: none is killed."""
    world.advance(6, silent=NAMES[:3])
    world.advance(3)
    assert world.signals == []


def test_the_first_of_many_silent_processes_is_not_killed(world: World) -> None:
    """The first one is not killed while the time of the others is not up yet."""
    for silent in (NAMES[:1], NAMES[:2], NAMES[:3]):
        world.advance(0.5, silent=silent)
    world.advance(4, silent=NAMES[:3])
    world.advance(3)
    assert world.signals == []


def test_the_last_of_many_to_beat_again_is_not_killed(world: World) -> None:
    """The last one is not killed after the others have beaten again."""
    world.advance(4, silent=NAMES[:3])
    for silent in (NAMES[:2], NAMES[:1]):
        world.advance(0.25, silent=silent)
    world.advance(3)
    assert world.signals == []


def test_the_wait_for_an_overloaded_machine_ends(world: World) -> None:
    """If most processes hang, one is killed after three times the watchdog's time, the others 3 s later."""
    world.advance(9.5, silent=NAMES[:3])
    assert world.killed == [world.pids[name] for name in NAMES[:1]]
    world.advance(3, silent=NAMES[1:3])
    assert world.killed == [world.pids[name] for name in NAMES[:3]]


def test_a_starved_process_is_not_killed(world: World) -> None:
    """A process that waits for a processor all the time is silent for a minute, and is not killed."""
    world.advance(60, silent=["toaster"], waiting=1.0)
    assert world.signals == []
    world.advance(1)
    assert world.signals == []


def test_a_process_that_waits_for_a_disk_is_not_killed(world: World) -> None:
    """Its disk stalls for half a minute. If it hangs after that, it is killed."""
    world.blocked.add(world.pids["toaster"])
    world.advance(30, silent=["toaster"])
    assert world.signals == []
    world.blocked.clear()
    world.advance(3, silent=["toaster"])
    assert world.killed == [world.pids["toaster"]]


def test_a_process_that_hangs_on_a_busy_machine_is_killed(world: World) -> None:
    """A process that gets a tenth of a processor and does not beat with it is killed in the end."""
    world.advance(14, silent=["toaster"], waiting=0.9)
    assert world.signals == []
    world.advance(5, silent=["toaster"], waiting=0.9)
    assert world.killed == [world.pids["toaster"]]


@pytest.mark.parametrize("is_busy", [False, True])
def test_on_a_busy_machine_one_process_is_killed_in_a_watchdog(world: World, *, is_busy: bool) -> None:
    """Two processes hang. If the steward itself waits for a processor, the second is killed 3 s later."""
    for step in range(16):
        world.waits[os.getpid()] = 0.1 * step * is_busy
        world.advance(0.25, silent=NAMES[:2])
    assert world.killed == [world.pids[name] for name in NAMES[: 1 if is_busy else 2]]
    for step in range(16, 28):
        world.waits[os.getpid()] = 0.1 * step * is_busy
        world.advance(0.25, silent=NAMES[1:2])
    assert world.killed[:2] == [world.pids[name] for name in NAMES[:2]]


def test_a_process_that_beats_just_before_it_is_killed_is_not_killed(world: World) -> None:
    """A heartbeat after SIGUSR1 shows that the process does not hang."""
    world.advance(3, silent=["toaster"])
    assert world.signals == [(world.pids["toaster"], signal.SIGUSR1)]
    world.advance(1)
    assert world.killed == []
    assert any("toaster (PID 104) does not hang" in line for line in world.lines)


@pytest.mark.parametrize("number", [50, 200])
def test_the_cost_of_a_start_grows_with_the_number_of_devices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """All devices start within a tick: one write to the journal; only a tick visits all devices."""
    names = [f"lamp_{index}" for index in range(number)]
    world = World(tmp_path, monkeypatch, names)
    made = world.steward()
    world.advance(0.5)
    written: list[int] = []
    monkeypatch.setattr(
        world.made._journal, "save", lambda memory: written.append(len(memory.watched_processes))
    )
    made._watched = visited = CountingDict(made._watched)
    for index, name in enumerate(names):
        world.pids[name] = 1000 + index
        world.send_event(name, "RUNNING", 1000 + index)
        world._beats = [Heartbeat(device=name, boot=1, seq=1, at=0, pid=1000 + index)]
        made.on_message()
    assert written == []
    assert visited.walks == 0
    world.advance(1)
    assert written == [number]
    assert {report.life for report in world.reports.values()} == {"running"}


def test_a_tick_visits_the_processes_that_are_due(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that beats is visited once in half a watchdog, and the journal is not written."""
    world = World(tmp_path, monkeypatch, [f"lamp_{index}" for index in range(40)])
    world.steward()
    world.advance(1)
    written: list[object] = []
    monkeypatch.setattr(world.made._journal, "save", written.append)
    world.made._watched = visited = CountingDict(world.made._watched)
    looks: list[str] = []
    look = WatchedProcess.next_action

    def count_look(watched: WatchedProcess, now: float, watchdog: float) -> Any:
        looks.append(watched.name)
        return look(watched, now, watchdog)

    monkeypatch.setattr(WatchedProcess, "next_action", count_look)
    world.advance(WATCHDOG * 5)
    assert (written, visited.walks) == ([], 0)
    assert set(looks) == set(world.pids)
    assert len(looks) <= 40 * 10
    world.advance(WATCHDOG + 1, silent=["lamp_7"])
    assert world.killed == [world.pids["lamp_7"]]


class CountingDict(dict[str, WatchedProcess]):
    """A dictionary that counts how often all of it is visited."""

    walks = 0

    def values(self) -> Any:
        self.walks += 1
        return super().values()


def test_the_steward_s_own_absence_counts_as_no_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A steward that is back after hours does not count the hours as silence."""
    world = World(tmp_path, monkeypatch)
    known = []
    for name, pid in world.pids.items():
        known.append(WatchedProcess(name, life="running", pid=pid, born=10.0, heard=11.0, is_heard=True))
    world.steward(known).tick()
    world.advance(2, silent=["toaster"])
    assert world.signals == []


def test_a_steward_that_gets_no_answer_at_its_start_asks_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """supervisord is too busy for the first two calls; then every process is watched."""
    world = World(tmp_path, monkeypatch)
    world.unanswered = 2
    world.steward()
    assert world.reports == {}
    world.advance(3)
    assert world.reports.keys() == set(NAMES)
    world.advance(4, silent=["toaster"])
    assert world.killed == [world.pids["toaster"]]


def test_the_memory_of_the_steward_survives_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of crashes and the time of the next attempt are in its journal."""
    for _ in range(4):
        world.crash("toaster")
    memory = Journal("steward", StewardMemory, world.log).load()
    assert memory is not None
    watched = next(watched for watched in memory.watched_processes if watched.name == "toaster")
    assert (watched.crashes, watched.life, watched.retry_at) == (4, "failed", world.time + 1)


def test_a_new_steward_reports_the_same_moment(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule acts once on the `since` of a failure. The steward may die right after its report."""
    wall, report, found = [5000.0], world.report, dict[str, Any]()
    monkeypatch.setattr("daemons.processes.steward.steward.time.time", lambda: wall[0])

    def remember(name: str, **fields: Any) -> Report:
        if fields["life"] == "failed":
            found["memory"] = Journal("steward", StewardMemory, world.log).load()
        return report(name, **fields)

    monkeypatch.setattr(world, "report", remember)
    for _ in range(3):
        world.crash("toaster")
    assert (world.reports["toaster"].life, world.reports["toaster"].since) == ("failed", 5000.0)
    wall[0] += 100
    known = found["memory"].watched_processes
    world.reports.clear()
    world.steward(known)
    world.advance(1)
    assert (world.reports["toaster"].life, world.reports["toaster"].since) == ("failed", 5000.0)


def test_a_steward_that_gets_no_answer_keeps_its_memory(world: World) -> None:
    """It may be killed before supervisord answers; the next steward still knows of the crashes."""
    for _ in range(3):
        world.crash("toaster")
    journal = Journal("steward", StewardMemory, world.log)
    before = journal.load()
    assert before is not None
    known = [watched.remembered() for watched in before.watched_processes]
    world.unanswered = 1000
    world.steward(before.watched_processes)
    world.advance(3)
    after = Journal("steward", StewardMemory, world.log).load()
    assert after is not None
    assert after.watched_processes == known
    assert {watched.name for watched in known} == set(NAMES)


def test_a_crash_loop_is_held_back_and_retried(world: World) -> None:
    """The third crash in a row stops the process; after the pause it starts, and its recovery is logged."""
    world.crash("toaster")
    world.crash("toaster")
    assert world.calls == []
    world.crash("toaster", "terminated by SIGSEGV (core dumped)")
    assert world.calls == [("stopProcess", "toaster")]
    world.send_event("toaster", "STOPPED")
    report = world.reports["toaster"]
    assert (report.life, report.reason) == ("failed", "terminated by SIGSEGV (core dumped)")
    assert report.retry_at == pytest.approx(time.time() + 0.5, abs=5)
    world.advance(0.5, silent=["toaster"])
    assert world.calls[1:] == [("startProcess", "toaster")]
    world.pids["toaster"] = 9000
    world.send_event("toaster", "RUNNING", 9000)
    world.advance(0.25)
    assert world.reports["toaster"].life == "running"
    assert any("toaster has recovered, after: terminated by SIGSEGV" in line for line in world.lines)


def test_a_slow_stop_is_not_that_of_a_person(world: World) -> None:
    """supervisord confirms the stop after the pause has ended; the process is started all the same."""
    for _ in range(3):
        world.crash("toaster")
    world.advance(2.0, silent=["toaster"])
    assert world.calls == [("stopProcess", "toaster")]
    world.send_event("toaster", "STOPPED")
    world.advance(0.5, silent=["toaster"])
    assert world.calls[1:] == [("startProcess", "toaster")]
    assert world.reports["toaster"].life == "failed"


@pytest.mark.parametrize(("fault_code", "again"), [(60, 0), (6, 1)], ids=["already started", "shutting down"])
def test_a_start_that_supervisord_refuses_is_retried(world: World, fault_code: int, again: int) -> None:
    """If supervisord refuses because the process already runs, the start is not retried."""
    for _ in range(3):
        world.crash("toaster")
    world.send_event("toaster", "STOPPED")
    world.refusal = SupervisorError("supervisord refuses startProcess", fault_code)
    world.advance(0.5, silent=["toaster"])
    world.advance(0.5, silent=["toaster"])
    assert world.calls.count(("startProcess", "toaster")) == 1 + again


def test_a_fatal_process_is_retried(world: World) -> None:
    """supervisord gives up a process that cannot start; the steward retries with growing pauses."""
    for _ in range(3):
        world.send_event("toaster", "FATAL")
    assert world.reports["toaster"].reason == "it cannot be started at all"
    world.advance(0.5, silent=["toaster"])
    assert ("startProcess", "toaster") in world.calls


@pytest.mark.parametrize("reason", ["terminated by SIGKILL", "terminated by SIGTERM"])
def test_a_process_that_was_killed_is_not_held_back(world: World, reason: str) -> None:
    """supervisord restarts a killed process at once, however often it is killed."""
    for _ in range(10):
        world.crash("toaster", reason)
    assert (world.calls, world.reports["toaster"].life) == ([], "restarting")


def test_a_process_that_a_person_stopped_stays_stopped(world: World) -> None:
    """The process stays stopped if supervisord stopped it, or if it ended because of its stop mark."""
    world.send_event("toaster", "STOPPED")
    stopped_path("kitchen_lamp").touch()
    world.send_event("kitchen_lamp", "EXITED", world.pids["kitchen_lamp"])
    world.advance(60, silent=["toaster", "kitchen_lamp"])
    assert {world.reports[name].life for name in ("toaster", "kitchen_lamp")} == {"stopped"}
    assert (world.signals, world.calls) == ([], [])


def test_a_removed_device_is_forgotten(world: World) -> None:
    """A device that a reload removed is neither reported as silent nor started."""
    for _ in range(3):
        world.crash("toaster")
    world.calls.clear()
    world._events = [("PROCESS_GROUP_REMOVED", {"groupname": "toaster"})]
    world.made.on_supervisor_event()
    world.advance(60, silent=["toaster"])
    assert (world.signals, world.calls) == ([], [])


def test_the_steward_ends_with_supervisord(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The steward ends when its standard input is closed."""
    monkeypatch.setattr(world, "receive", lambda: None)
    world.made.on_supervisor_event()
    assert world.calls == [("end", "the loss of supervisord")]


def test_it_rejects_every_command(world: World) -> None:
    """The receipt names the verbs that start and stop processes."""
    receipt = world.made.handle_command(Command(id="x", command="kill", deadline=1e10))
    assert receipt.outcome == "rejected"
    assert "house start" in str(receipt.reason)


# In a real house


@pytest.mark.long
def test_most_devices_frozen_for_less_than_three_watchdogs_are_not_killed(make_house: HouseFactory) -> None:
    """Four of six are stopped (SIGSTOP) for twice the watchdog's time; all keep their PIDs."""
    house = make_house(CALM)
    house.house("up")
    with house.listen(*NAMES, "steward") as listener:
        listener.wait_for(lambda listener: len(listener.heartbeats) == 6)
        before = {name: beat.pid for name, beat in listener.heartbeats.items()}
        for name in NAMES[:4]:
            os.kill(before[name], signal.SIGSTOP)
        time.sleep(4)  # twice the watchdog's time, and no longer
        for name in NAMES[:4]:
            os.kill(before[name], signal.SIGCONT)
        listener.heartbeats.clear()
        thawed = time.monotonic()
        listener.wait_for(lambda listener: len(listener.heartbeats) == 6 and time.monotonic() - thawed > 1)
        assert {name: beat.pid for name, beat in listener.heartbeats.items()} == before
    assert "hangs" not in house.log("steward")


def test_a_steward_that_was_frozen_or_killed_kills_no_process(make_house: HouseFactory) -> None:
    """The steward is stopped for three watchdogs, then killed while a lamp is stopped: all PIDs stay."""
    house = make_house(CALM)
    house.house("up")
    with house.listen(*NAMES, "steward") as listener:
        listener.wait_for(lambda listener: len(listener.heartbeats) == 6)
        before = {name: listener.heartbeats[name].pid for name in NAMES}
        pid, boot = listener.heartbeats["steward"].pid, listener.heartbeats["steward"].boot
        os.kill(pid, signal.SIGSTOP)
        frozen = time.monotonic()
        listener.wait_for(lambda _: time.monotonic() - frozen > 6)
        os.kill(pid, signal.SIGCONT)
        eventually(lambda: "stood still for" in house.log("steward"))
        os.kill(before["kitchen_lamp"], signal.SIGSTOP)
        os.kill(pid, signal.SIGKILL)
        listener.wait_for(lambda listener: listener.heartbeats["steward"].boot > boot)
        os.kill(before["kitchen_lamp"], signal.SIGCONT)
        listener.heartbeats.clear()
        thawed = time.monotonic()
        listener.wait_for(lambda listener: len(listener.heartbeats) == 6 and time.monotonic() - thawed > 0.5)
        assert {name: listener.heartbeats[name].pid for name in NAMES} == before
    assert "hangs" not in house.log("steward")


@contextmanager
def plain_subscriber(house: TemporaryHouse, topic: bytes) -> Iterator[Callable[[], dict[str, Any]]]:
    """Subscribe to the steward in plain pyzmq; yield a function that waits for the next message."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        with context.socket(zmq.SUB) as subscriber:
            subscriber.connect(f"ipc://{house.run}/bus/steward.publish")
            subscriber.subscribe(topic)

            def next_message() -> dict[str, Any]:
                assert subscriber.poll(20_000)
                heard, payload = subscriber.recv_multipart()
                assert heard == topic
                found: dict[str, Any] = json.loads(payload)
                return found

            yield next_message
    finally:
        context.destroy(linger=0)


def test_a_plain_subscriber_receives_each_death_and_restart(breakfast: TemporaryHouse) -> None:
    """The topic steward/process/NAME carries the present report and each later one of that process."""
    pid = breakfast.pids()["toaster"]
    with plain_subscriber(breakfast, b"steward/process/toaster") as hear:
        first = hear()
        while first["life"] != "running":
            first = hear()
        assert (first["device"], first["pid"], first["reason"]) == ("toaster", pid, None)
        os.kill(pid, signal.SIGKILL)
        heard = [hear()]
        while heard[-1]["life"] != "running" or heard[-1]["pid"] in (None, pid):
            heard.append(hear())
        assert "restarting" in {found["life"] for found in heard}
        assert heard[-1]["reason"] == "terminated by SIGKILL"
        breakfast.house("stop", "toaster")
        found = hear()
        while found["life"] != "stopped":
            found = hear()
        assert found["pid"] is None


def test_a_reused_pid_is_not_killed(world: World) -> None:
    """The steward signals no PID that supervisord does not report under that name."""
    world.elsewhere = {"toaster": 4242}
    world.advance(10, silent=["toaster"])
    assert world.signals == []


def test_a_process_that_left_the_house_is_forgotten(world: World) -> None:
    """A remembered process that is unknown to supervisord is dropped."""
    del world.pids["toaster"]
    world.steward()
    world.advance(60)
    assert world.signals == []
