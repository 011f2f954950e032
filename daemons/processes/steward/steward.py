"""Role: sees deaths and hangs, revives, tells the house.

It is supervisord's event listener, so it knows of each death and revival at once, and it hears
every process's heartbeat. supervisord starts again what dies; the steward sees to the rest:
what hangs is killed, with its Python stacks in its log; what dies again and again is held back
a little longer each time, for ever, with the reason told. Killed itself, it goes on from its
journal and from what it finds.
"""

import os
import re
import signal
import sys
import time
from typing import Any

from msgspec import Struct

from daemons.bus.message import STEWARD, Command, Heartbeat, Receipt, Report
from daemons.bus.sockets import Subscriber
from daemons.config.slice import Slice
from daemons.errors import SupervisorError
from daemons.processes.process import Life, Process, next_life
from daemons.processes.steward.watched import FIRST_WAIT_SECONDS, Ward
from daemons.runtime.clock import machine, uptime
from daemons.runtime.log import open_log
from daemons.storage.journal import Journal
from daemons.storage.lock import Lock
from daemons.storage.paths import stopped_path
from daemons.supervision.events import Listener
from daemons.supervision.logs import last_lines
from daemons.supervision.supervisord import Supervisor

TICK_SECONDS = 0.25
STANDSTILL_SECONDS = 1.5
"""A tick that is so late means that the machine slept, or had no time for us: then nobody is to blame."""
STACKS_SECONDS = 0.3
"""How long a process that hangs has to write down where, before it is killed."""
LAST_LINES = 5
EXITED = re.compile(r"exited: (\S+) \((.*?)(?:; (?:not )?expected)?\)$", re.MULTILINE)
FROM_OUTSIDE = ("terminated by SIGKILL", "terminated by SIGTERM", "terminated by SIGINT", "it hung")
"""Ends that a process does not choose."""


class Memory(Struct, frozen=True, kw_only=True):
    """What the steward remembers across its own death."""

    life: Life
    machine: str
    """The start of the machine that the wards' times are of."""
    wards: list[Ward] = []


def run(slice_: Slice) -> None:
    """Be the steward until told to end."""
    log = open_log(STEWARD, sys.stderr)  # standard output belongs to supervisord's protocol
    lock = Lock(STEWARD)
    journal = Journal(STEWARD, Memory, log)
    last = journal.load()
    life = next_life(last.life if last else None)
    known = last.wards if last and last.machine == machine() else []
    with Process(STEWARD, life, lock, log, uptime) as process:
        steward = Steward(process, journal, known, slice_.settings.watchdog_seconds)
        process.loop.every(TICK_SECONDS, steward.tick)
        process.run(steward.obey)


class Steward:
    """Cares for every process that supervisord has."""

    def __init__(
        self, process: Process, journal: Journal[Memory], known: list[Ward], watchdog: float
    ) -> None:
        self._process = process
        self._journal = journal
        self._watchdog = watchdog
        self._log = process.log
        self._now = process.loop.now
        self._wards = {ward.name: ward for ward in known}
        self._reported: dict[str, Report] = {}
        self._hung: dict[str, str] = {}
        """Whom we have killed for hanging, and have not seen die yet."""
        self._subscriber = Subscriber(process.context, [], process.log)
        self._supervisor = Supervisor()
        self._listener = Listener()
        self._last_tick = self._now()
        self._patient_until = self._last_tick
        process.loop.watch(0, self.listen)
        process.loop.watch(self._subscriber.socket, self.hear)
        process.loop.every(1.0, self._subscriber.renew)
        process.publish({"status": True, "phase": "watching"}, time.time(), {}, None)
        self._take_up()

    def obey(self, command: Command) -> Receipt:
        """Take no orders: what a person wants is told to supervisord, and seen from here."""
        return self._process.refuse(
            command, "it takes no commands; supervisord does, and the steward sees it"
        )

    def listen(self) -> None:
        """Hear from supervisord who has started, ended or was stopped."""
        events = self._listener.receive()
        if events is None:
            self._process.loop.stop("the loss of supervisord")
            return
        for name, about in events:
            if name.startswith("PROCESS_STATE_") and about["processname"] != STEWARD:
                self._learn(
                    about["processname"], name.removeprefix("PROCESS_STATE_"), int(about.get("pid", 0))
                )
            elif name == "PROCESS_GROUP_REMOVED":
                self._leave(about["groupname"])
        self._tell()

    def hear(self) -> None:
        """Hear signs of life; with nobody waited for, those of a quarter of a second at one go."""
        self._take_beats()
        self._tell()
        if all(ward.is_heard for ward in self._wards.values() if ward.pid):
            self._process.loop.rest(self._subscriber.socket, self._process.loop.next_turn(TICK_SECONDS))

    def _take_beats(self) -> None:
        for heard in self._subscriber.receive():
            ward = self._wards.get(heard.device)
            if ward and isinstance(heard, Heartbeat) and ward.spoke(heard.pid, self._now()):
                self._log.info("%s has recovered, after: %s", ward.name, ward.reason)

    def tick(self) -> None:
        """Look who is silent, and whose time to be tried again has come."""
        self._take_beats()  # nobody is judged by what was not listened to
        now = self._now()
        if now - self._last_tick > STANDSTILL_SECONDS:
            self._log.warning(
                "this machine stood still for %.1f s; nobody is to blame", now - self._last_tick
            )
            for ward in self._wards.values():
                ward.excuse(now)
        self._last_tick = now
        silent = [ward for ward in self._wards.values() if ward.silent_seconds(now) >= self._watchdog / 2]
        # Where most are silent at once, the machine is too busy: patience, but not without end. It
        # lasts a while longer, for they do not all come back to themselves at one moment.
        if len(silent) > max(1, len(self._wards) // 2):
            self._patient_until = now + self._watchdog
        watchdog = self._watchdog * (3 if now < self._patient_until else 1)
        for ward in list(self._wards.values()):
            if ward.retry_at is not None and stopped_path(ward.name).exists():
                ward.retry_at = None  # a person has stopped it meanwhile
                ward.stopped()
            match ward.todo(now, watchdog):
                case "ask":
                    self._subscriber.ask(ward.name)
                    self._process.loop.watch(self._subscriber.socket, self.hear)
                case "kill":
                    self._end_hang(ward, now)
                case "start":
                    self._start(ward, now)
        self._tell()

    # What is done

    def _take_up(self) -> None:
        """Take up where things stand: after a death of our own much may have happened."""
        processes = self._ask_supervisord("getAllProcessInfo") or []
        names = {info["name"] for info in processes}
        self._wards = {name: ward for name, ward in self._wards.items() if name in names}
        for info in processes:
            if (name := info["name"]) == STEWARD:
                continue
            self._subscriber.add(name)
            ward = self._wards.setdefault(name, Ward(name))
            ward.excuse(self._now())  # we were not there to hear it
            if info["pid"]:
                ward.started(info["pid"], self._now())
                continue
            ward.pid = None
            if info["statename"] == "FATAL":
                ward.retry_at = self._now()
            elif info["statename"] in ("STOPPED", "EXITED") and ward.retry_at is None:
                ward.stopped()
        self._tell()

    def _learn(self, name: str, state: str, pid: int) -> None:
        """Learn of one process's new state, in supervisord's words."""
        self._subscriber.add(name)
        ward = self._wards.setdefault(name, Ward(name))
        now = self._now()
        if state == "RUNNING":
            ward.started(pid, now)
            self._process.loop.watch(self._subscriber.socket, self.hear)
        elif state == "STOPPED" or (state == "EXITED" and stopped_path(name).exists()):
            ward.stopped()
        elif state == "EXITED":
            reason = self._hung.pop(name, None) or self._why(name)
            self._log.warning("%s (PID %d) has ended: %s", name, pid, reason)
            # A process that is told to end by SIGTERM exits with 0; one that never got to work was not told.
            outside = reason.startswith(FROM_OUTSIDE) or (reason == "exit status 0" and ward.is_heard)
            if ward.died(reason, crashed=not outside, now=now):
                self._hold(ward, now)
        elif state == "FATAL" and ward.died("it cannot be started at all", crashed=True, now=now):
            self._hold(ward, now)

    def _why(self, name: str) -> str:
        """Read in supervisord's log what a process died of; its events do not say."""
        text = self._ask_supervisord("readLog", -8192, 0)
        found = [reason for who, reason in EXITED.findall(text or "") if who == name]
        return found[-1] if found else "reason unknown"

    def _hold(self, ward: Ward, now: float) -> None:
        """Keep a process that cannot live from dying in circles."""
        wait = (ward.retry_at or now) - now
        self._log.error(
            "%s fails, %d times in a row; the next try is in %.1f s", ward.name, ward.crashes, wait
        )
        try:
            self._supervisor.call("stopProcess", ward.name, False)
        except SupervisorError as error:
            if "NOT_RUNNING" not in str(error):  # then it has died once more, and we shall hear of it
                self._log.warning("%s", error)

    def _start(self, ward: Ward, now: float) -> None:
        """Try again."""
        ward.retry_at = None
        try:
            self._supervisor.call("startProcess", ward.name, False)
        except SupervisorError as error:
            if "ALREADY_STARTED" not in str(error):
                self._log.warning("%s", error)
                ward.retry_at = now + FIRST_WAIT_SECONDS

    def _end_hang(self, ward: Ward, now: float) -> None:
        """Have a process that hangs write down where it does, and kill it; supervisord starts it again."""
        pid = ward.pid
        info = self._ask_supervisord("getProcessInfo", ward.name)
        if not info or info["pid"] != pid:
            ward.excuse(now)  # it is another one by now, of which we shall hear; strangers are not killed
            return
        self._log.error(
            "%s (PID %s) hangs: silent for %.1f s; it is killed", ward.name, pid, now - ward.heard
        )
        ward.excuse(now)
        signal_process(pid, signal.SIGUSR1)
        # A process that is stopped (SIGSTOP) cannot write anything down; it is killed all the same.
        self._process.loop.at(now + STACKS_SECONDS, lambda: self._kill(ward, pid))

    def _kill(self, ward: Ward, pid: int | None) -> None:
        if ward.pid == pid:
            self._hung[ward.name] = f"it hung: silent for more than {self._watchdog:g} s"
            signal_process(pid, signal.SIGKILL)

    def _leave(self, name: str) -> None:
        self._subscriber.remove(name)
        self._wards.pop(name, None)
        self._reported.pop(name, None)

    def _ask_supervisord(self, method: str, *args: object) -> Any:
        """Ask supervisord; what it refuses is told, and is not our end."""
        try:
            return self._supervisor.call(method, *args)
        except SupervisorError as error:
            self._log.warning("%s", error)
            return None

    def _tell(self) -> None:
        """Publish and write down what has changed."""
        changed = False
        for ward in self._wards.values():
            before = self._reported.get(ward.name)
            if before and (before.life, before.pid, before.reason) == (ward.life, ward.pid, ward.reason):
                continue
            changed = True
            self._reported[ward.name] = self._process.report(
                ward.name,
                life=ward.life,
                since=before.since if before and before.life == ward.life else time.time(),
                pid=ward.pid,
                reason=ward.reason,
                lines=tuple(line[-200:] for line in last_lines(ward.name, LAST_LINES))
                if ward.life == "failed"
                else (),
                retry_at=time.time() + ward.retry_at - self._now() if ward.retry_at is not None else None,
            )
        if changed:
            wards = list(self._wards.values())
            self._journal.save(Memory(life=self._process.life, machine=machine(), wards=wards))


def signal_process(pid: int | None, number: signal.Signals) -> None:
    """Send a signal to a process that may have gone already."""
    try:
        if pid:
            os.kill(pid, number)
    except ProcessLookupError:
        return
