"""The steward: what supervisord tells it, whom it kills and whom it spares, and what it tells the house."""

import json
import logging
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import zmq

from daemons.bus.message import Command, Heartbeat, Receipt, Report
from daemons.errors import SupervisorError
from daemons.processes.process import Life, Process
from daemons.processes.steward import steward
from daemons.processes.steward.steward import Memory, Steward
from daemons.processes.steward.watched import Ward
from daemons.runtime.log import Log
from daemons.storage.journal import Journal
from daemons.storage.paths import stopped_path
from tests.support import factories
from tests.support.house import BREAKFAST, Household, eventually

Houses = Callable[..., Household]
NAMES = ("bathroom_light", "coffee_maker", "kitchen_lamp", "mirror", "toaster")
QUICK = BREAKFAST.replace('watchdog = "60s"', 'watchdog = "1s"')
CALM = BREAKFAST.replace('watchdog = "60s"', 'watchdog = "2s"')
"""For what must not be killed on a busy machine either."""
WATCHDOG = 3.0


# Whom it kills and whom it spares, with a clock that we turn


class Town:
    """Everything around a steward, on paper: a clock, a loop, a bus, supervisord and the processes."""

    def __init__(self, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.time = 1000.0
        self.signals: list[tuple[int, signal.Signals]] = []
        self.calls: list[tuple[str, str]] = []
        self.lines: list[str] = []
        self.reports: dict[str, Report] = {}
        self.asked: list[str] = []
        self.pids: dict[str, int] = {name: 100 + index for index, name in enumerate(NAMES)}
        self.supervisord_log = ""
        self.refusal: SupervisorError | None = None
        self.elsewhere: dict[str, int] = {}
        """What supervisord says of PIDs, where that is something else."""
        self._later: list[tuple[float, Callable[[], None]]] = []
        self._events: list[tuple[str, dict[str, str]]] = []
        self._beats: list[Heartbeat] = []
        monkeypatch.setattr(steward, "Listener", lambda: self)
        monkeypatch.setattr(steward, "Subscriber", lambda *_: self)
        monkeypatch.setattr(steward, "Supervisor", lambda: self)
        monkeypatch.setattr(steward, "signal_process", lambda pid, number: self.signals.append((pid, number)))
        factories.enter(run, monkeypatch)

    def steward(self, known: Iterable[Ward] = ()) -> Steward:
        """Start one, which remembers this much of a life before."""
        logger = logging.Logger("steward")  # noqa: LOG001  nobody else shall have it
        handler = logging.Handler()
        handler.emit = lambda record: self.lines.append(record.getMessage())  # type: ignore[method-assign]
        logger.addHandler(handler)
        self.log, self.life = Log(logger), Life(1, 1, 0)
        journal = Journal("steward", Memory, self.log)
        self.made = Steward(cast("Process", self), journal, list(known), WATCHDOG)
        return self.made

    def turn(self, seconds: float, *, silent: Iterable[str] = (), step: float = 0.25) -> None:
        """Let time pass for the steward, tick by tick; all but the silent ones beat meanwhile."""
        end = self.time + seconds
        while self.time < end - 1e-9:
            self.time += step
            self._beats = [
                Heartbeat(device=name, boot=1, seq=1, at=0, pid=pid)
                for name, pid in self.pids.items()
                if name not in silent
            ]
            self.made.hear()
            for when, handler in [later for later in self._later if later[0] <= self.time]:
                self._later.remove((when, handler))
                handler()
            self.made.tick()

    def tell(self, name: str, state: str, pid: int = 0) -> None:
        """Be supervisord, and tell of a process."""
        about = {"processname": name, "groupname": name, "pid": str(pid)}
        self._events = [(f"PROCESS_STATE_{state}", about)]
        self.made.listen()

    def crash(self, name: str, reason: str = "exit status 1") -> None:
        """Have a process run, and end of itself."""
        pid = self.pids[name] = self.pids[name] + 100
        self.tell(name, "RUNNING", pid)
        self.supervisord_log += f"2026-11-23 07:00:00,000 INFO exited: {name} ({reason}; not expected)\n"
        self.tell(name, "EXITED", pid)

    @property
    def killed(self) -> list[int]:
        """Give the PIDs that were killed."""
        return [pid for pid, number in self.signals if number == signal.SIGKILL]

    # What the steward sees of it

    @property
    def loop(self) -> "Town":
        return self

    def now(self) -> float:
        return self.time

    def watch(self, *_: object) -> None:
        return

    def every(self, *_: object) -> None:
        return

    def rest(self, *_: object) -> None:
        return

    def next_turn(self, seconds: float) -> float:
        return self.time + seconds

    def renew(self) -> None:
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

    def ask(self, name: str) -> None:
        self.asked.append(name)

    def receive(self) -> list[Any]:
        found: list[Any] = [*self._events, *self._beats]
        self._events, self._beats = [], []
        return found

    def call(self, method: str, *args: Any) -> Any:
        if method == "getProcessInfo":
            return {"name": args[0], "pid": (self.elsewhere or self.pids)[args[0]]}
        if method == "getAllProcessInfo":
            running = [{"name": name, "pid": pid, "statename": "RUNNING"} for name, pid in self.pids.items()]
            return [*running, {"name": "steward", "pid": os.getpid(), "statename": "RUNNING"}]
        if method == "readLog":
            return self.supervisord_log
        self.calls.append((method, args[0]))
        if self.refusal:
            raise self.refusal
        return True


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """Have a town in which all is well."""
    made = Town(tmp_path, monkeypatch)
    made.steward()
    made.turn(1)
    return made


def test_where_all_is_well_nothing_is_done(town: Town) -> None:
    """For an hour everybody beats; nobody is asked, killed or started."""
    town.turn(3600)
    assert (town.signals, town.calls, town.asked) == ([], [], [])
    assert {report.life for report in town.reports.values()} == {"running"}


def test_one_that_hangs_is_asked_then_writes_its_stacks_and_is_killed(town: Town) -> None:
    """Half of the watchdog's time is waiting, the other half asking; nobody else is touched."""
    town.turn(1.25, silent=["toaster"])
    assert town.asked == []
    town.turn(1.5, silent=["toaster"])
    assert set(town.asked) == {"toaster"}
    assert town.signals == []
    town.turn(0.25, silent=["toaster"])
    assert town.signals == [(town.pids["toaster"], signal.SIGUSR1)]
    town.turn(0.5, silent=["toaster"])
    assert town.signals[1:] == [(town.pids["toaster"], signal.SIGKILL)]


def test_what_hung_says_so_and_is_not_held_back(town: Town) -> None:
    """Its end was not its own doing: it is back at once, however often, and the reason is told."""
    for _ in range(5):
        town.turn(4, silent=["toaster"])
        assert town.killed[-1] == town.pids["toaster"]
        town.crash("toaster", "terminated by SIGKILL")
        town.pids["toaster"] += 1000
        town.tell("toaster", "RUNNING", town.pids["toaster"])
        town.turn(0.25)
        assert town.reports["toaster"].life == "running"
        assert town.reports["toaster"].reason == "it hung: silent for more than 3 s"
    assert town.calls == []


def test_a_machine_that_stood_still_is_recognised_and_nobody_is_killed(town: Town) -> None:
    """It slept, or had no time for us: the steward's own tick is late; all have their time anew."""
    town.turn(60, silent=NAMES, step=60)
    town.turn(2.75, silent=NAMES)
    assert town.signals == []
    assert any("stood still for 60.0 s" in line for line in town.lines)


def test_many_silent_at_once_are_an_overloaded_machine_and_have_patience(town: Town) -> None:
    """Three of five silent for twice the watchdog's time, and then heard again: nobody is killed."""
    town.turn(6, silent=NAMES[:3])
    town.turn(3)
    assert town.signals == []


def test_the_first_of_many_to_fall_silent_has_patience_too(town: Town) -> None:
    """They do not beat at one moment: the first is not killed while the others' time is not up yet."""
    for silent in (NAMES[:1], NAMES[:2], NAMES[:3]):
        town.turn(0.5, silent=silent)
    town.turn(4, silent=NAMES[:3])
    town.turn(3)
    assert town.signals == []


def test_the_last_of_many_to_speak_again_has_patience_too(town: Town) -> None:
    """They do not wake at one moment: the last is not killed because the others have spoken."""
    town.turn(4, silent=NAMES[:3])
    for silent in (NAMES[:2], NAMES[:1]):
        town.turn(0.25, silent=silent)
    town.turn(3)
    assert town.signals == []


def test_patience_has_an_end(town: Town) -> None:
    """Most of the house may really hang; after three times the watchdog's time it is killed."""
    town.turn(9.5, silent=NAMES[:3])
    assert town.killed == [town.pids[name] for name in NAMES[:3]]


def test_what_the_steward_slept_through_is_not_held_against_anybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed and back after hours, it remembers when it heard them last; none of them has been silent."""
    town = Town(tmp_path, monkeypatch)
    known = []
    for name, pid in town.pids.items():
        known.append(Ward(name, life="running", pid=pid, born=10.0, heard=11.0, is_heard=True))
    town.steward(known).tick()
    town.turn(2, silent=["toaster"])
    assert town.signals == []


def test_what_the_steward_remembers_outlives_it(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """How often one has crashed, and when it is tried again, stands in its journal."""
    for _ in range(4):
        town.crash("toaster")
    memory = Journal("steward", Memory, town.log).load()
    assert memory is not None
    ward = next(ward for ward in memory.wards if ward.name == "toaster")
    assert (ward.crashes, ward.life, ward.retry_at) == (4, "failed", town.time + 1)


def test_a_crash_loop_is_held_back_and_tried_again(town: Town) -> None:
    """The third crash in a row stops it; after the wait it is started, and its first word is told."""
    town.crash("toaster")
    town.crash("toaster")
    assert town.calls == []
    town.crash("toaster", "terminated by SIGSEGV (core dumped)")
    assert town.calls == [("stopProcess", "toaster")]
    town.tell("toaster", "STOPPED")
    report = town.reports["toaster"]
    assert (report.life, report.reason) == ("failed", "terminated by SIGSEGV (core dumped)")
    assert report.retry_at == pytest.approx(time.time() + 0.5, abs=5)
    town.turn(0.5, silent=["toaster"])
    assert town.calls[1:] == [("startProcess", "toaster")]
    town.pids["toaster"] = 9000
    town.tell("toaster", "RUNNING", 9000)
    town.turn(0.25)
    assert town.reports["toaster"].life == "running"
    assert any("toaster has recovered, after: terminated by SIGSEGV" in line for line in town.lines)


@pytest.mark.parametrize(("why", "again"), [("ALREADY_STARTED: toaster", 0), ("SHUTDOWN_STATE", 1)])
def test_a_start_that_supervisord_refuses_is_tried_again(town: Town, why: str, again: int) -> None:
    """Unless it refuses because the process runs already."""
    for _ in range(3):
        town.crash("toaster")
    town.tell("toaster", "STOPPED")
    town.refusal = SupervisorError(why)
    town.turn(0.5, silent=["toaster"])
    town.turn(0.5, silent=["toaster"])
    assert town.calls.count(("startProcess", "toaster")) == 1 + again


def test_fatal_is_no_end(town: Town) -> None:
    """supervisord gives up on what it cannot start; the steward tries it again, ever more slowly."""
    for _ in range(3):
        town.tell("toaster", "FATAL")
    assert town.reports["toaster"].reason == "it cannot be started at all"
    town.turn(0.5, silent=["toaster"])
    assert ("startProcess", "toaster") in town.calls


@pytest.mark.parametrize("reason", ["terminated by SIGKILL", "terminated by SIGTERM"])
def test_who_is_ended_from_outside_is_not_held_back(town: Town, reason: str) -> None:
    """However often; supervisord starts it again at once."""
    for _ in range(10):
        town.crash("toaster", reason)
    assert (town.calls, town.reports["toaster"].life) == ([], "restarting")


def test_what_a_person_stopped_is_stopped(town: Town) -> None:
    """Whether supervisord stopped it, or it ended by itself for having been stopped: it is left alone."""
    town.tell("toaster", "STOPPED")
    stopped_path("kitchen_lamp").touch()
    town.tell("kitchen_lamp", "EXITED", town.pids["kitchen_lamp"])
    town.turn(60, silent=["toaster", "kitchen_lamp"])
    assert {town.reports[name].life for name in ("toaster", "kitchen_lamp")} == {"stopped"}
    assert (town.signals, town.calls) == ([], [])


def test_who_was_taken_out_of_the_house_is_forgotten(town: Town) -> None:
    """A device that a reload removed is neither missed nor started."""
    for _ in range(3):
        town.crash("toaster")
    town.calls.clear()
    town._events = [("PROCESS_GROUP_REMOVED", {"groupname": "toaster"})]
    town.made.listen()
    town.turn(60, silent=["toaster"])
    assert (town.signals, town.calls) == ([], [])


def test_without_supervisord_there_is_no_steward(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends when the other end of its standard input has gone."""
    monkeypatch.setattr(town, "receive", lambda: None)
    town.made.listen()
    assert town.calls == [("end", "the loss of supervisord")]


def test_it_takes_no_orders(town: Town) -> None:
    """What a person wants is told to supervisord; the steward answers that."""
    receipt = town.made.obey(Command(id="x", command="kill", deadline=1e10))
    assert receipt.outcome == "rejected"
    assert "supervisord" in str(receipt.reason)


# In a real house


def test_most_devices_frozen_for_less_than_three_watchdogs_are_not_killed(household: Houses) -> None:
    """Four of six are stopped (SIGSTOP) for twice the watchdog's time; then nobody is another process."""
    house = household(CALM)
    house.house("up")
    with house.ear(*NAMES, "steward") as ear:
        ear.until(lambda ear: len(ear.beats) == 6)
        before = {name: beat.pid for name, beat in ear.beats.items()}
        for name in NAMES[:4]:
            os.kill(before[name], signal.SIGSTOP)
        time.sleep(4)  # twice the watchdog's time, and no longer, whatever is heard meanwhile
        for name in NAMES[:4]:
            os.kill(before[name], signal.SIGCONT)
        ear.beats.clear()
        thawed = time.monotonic()
        ear.until(lambda ear: len(ear.beats) == 6 and time.monotonic() - thawed > 1)
        assert {name: beat.pid for name, beat in ear.beats.items()} == before
    assert "hangs" not in house.log("steward")


def test_a_steward_that_was_frozen_or_killed_blames_nobody(household: Houses) -> None:
    """Stopped for three watchdogs, then killed while a lamp is frozen for a moment: all PIDs are the same."""
    house = household(CALM)
    house.house("up")
    with house.ear(*NAMES, "steward") as ear:
        ear.until(lambda ear: len(ear.beats) == 6)
        before = {name: ear.beats[name].pid for name in NAMES}
        pid, boot = ear.beats["steward"].pid, ear.beats["steward"].boot
        os.kill(pid, signal.SIGSTOP)
        frozen = time.monotonic()
        ear.until(lambda _: time.monotonic() - frozen > 6)
        os.kill(pid, signal.SIGCONT)
        eventually(lambda: "stood still for" in house.log("steward"))
        os.kill(before["kitchen_lamp"], signal.SIGSTOP)
        os.kill(pid, signal.SIGKILL)
        ear.until(lambda ear: ear.beats["steward"].boot > boot)
        os.kill(before["kitchen_lamp"], signal.SIGCONT)
        ear.beats.clear()
        thawed = time.monotonic()
        ear.until(lambda ear: len(ear.beats) == 6 and time.monotonic() - thawed > 0.5)
        assert {name: ear.beats[name].pid for name in NAMES} == before
    assert "hangs" not in house.log("steward")


@contextmanager
def plain_subscriber(house: Household, topic: bytes) -> Iterator[Callable[[], dict[str, Any]]]:
    """Subscribe to the steward as any program could; give a function that waits for the next message."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        with context.socket(zmq.SUB) as subscriber:
            subscriber.connect(f"ipc://{house.run}/bus/steward.publish")
            subscriber.subscribe(topic)

            def hear() -> dict[str, Any]:
                assert subscriber.poll(20_000)
                heard, payload = subscriber.recv_multipart()
                assert heard == topic
                found: dict[str, Any] = json.loads(payload)
                return found

            yield hear
    finally:
        context.destroy(linger=0)


def test_a_plain_subscriber_hears_of_each_death_and_revival(breakfast: Household) -> None:
    """On the topic steward/process/NAME, from the present state on, and of no other process."""
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


def test_a_stranger_that_has_got_a_ward_s_pid_is_not_killed(town: Town) -> None:
    """What supervisord does not run under that name any more is not the steward's to signal."""
    town.elsewhere = {"toaster": 4242}
    town.turn(10, silent=["toaster"])
    assert town.signals == []


def test_who_has_left_the_house_meanwhile_is_forgotten(town: Town) -> None:
    """A ward remembered from an earlier life, of whom supervisord knows nothing, is no ward."""
    del town.pids["toaster"]
    town.steward()
    town.turn(60)
    assert town.signals == []
