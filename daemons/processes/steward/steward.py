"""The steward: detects deaths and hangs of processes, ends them, and reports them to the house.

It is supervisord's event listener, so it learns of each death and start at once. It also subscribes
to the heartbeat of every process. supervisord restarts a process that dies. The steward does the
rest. A process that hangs is killed, after it has written its Python stacks to its log. A process
that crashes again and again is restarted after a pause that grows, and the reason is reported. After
its own death the steward continues from its journal and from what supervisord reports.

A process that waits for a processor does not hang. So this time does not count as silence, and while
the machine is short of processors, at most one process is killed in the time of a watchdog.
"""

import os
import re
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from daemons.bus.message import STEWARD, Command, Heartbeat, Receipt, Report, StateContent
from daemons.bus.sockets import Subscriber
from daemons.config.slice import Slice
from daemons.errors import SupervisorError
from daemons.processes.process import Process, Startup
from daemons.processes.process_run import ProcessRun
from daemons.processes.steward.schedule import Schedule
from daemons.processes.steward.watched import FIRST_WAIT_SECONDS, STARVED_SHARE, WatchedProcess
from daemons.runtime.clock import boot_id
from daemons.runtime.jobs import JobPool
from daemons.runtime.loop import SUPERVISORD_LOST
from daemons.runtime.processor import waited_seconds, waits_for_disk
from daemons.storage.journal import Journal
from daemons.storage.paths import stopped_path
from daemons.supervision import interrupted
from daemons.supervision.events import EventListener
from daemons.supervision.logs import last_lines
from daemons.supervision.supervisord import ALREADY_STARTED, NOT_RUNNING, Supervisor, is_handed_over

TICK_SECONDS = 0.25
STANDSTILL_SECONDS = 1.5
"""If a tick is so late, the machine slept or was overloaded, and no process is to blame."""
RESUME_SECONDS = 1.0
"""The pause before supervisord is asked again for its processes, if it did not answer.

After a stop, also the pause before the steward looks whether a verb was interrupted.
"""
STACKS_SECONDS = 0.3
"""How long a process that hangs may take to write its stacks, before it is killed."""
SUPERVISORD_SECONDS = 5.0
"""How often supervisord is called, so that a supervisord that hangs is noticed."""
UNANSWERED_CALLS = 2
"""After so many calls in a row without an answer, supervisord counts as hanging: one takes up to 10 s."""
HANGS = "supervisord hangs, so an ended process is not started again; `house up` starts the house anew"
HAS_ENDED = "supervisord has ended, and all processes with it; `house up` starts the house anew"
LAST_LINES = 5
LOG_LINES = 100
"""How many of the last lines of supervisord's log are searched for the reason of an end."""
EXITED = re.compile(r"exited: (\S+) \((.*?)(?:; (?:not )?expected)?\)$", re.MULTILINE)
FROM_OUTSIDE = ("terminated by SIGKILL", "terminated by SIGTERM", "terminated by SIGINT", "it hung")
"""Reasons of an end that came from outside the process."""


class StewardMemory(Struct, frozen=True, kw_only=True):
    """What the steward remembers across its own death."""

    life: ProcessRun
    boot_id: str = field(name="machine")
    """The boot of the machine that the times of the processes belong to."""
    watched_processes: list[WatchedProcess] = field(default_factory=list, name="wards")


def run(slice_: Slice) -> None:
    """Run the steward until the process is stopped."""
    start = Startup(STEWARD, StewardMemory, sys.stderr)  # standard output carries supervisord's protocol
    last = start.last
    known = last.watched_processes if last and last.boot_id == boot_id() else []
    with start.process() as process:
        steward = Steward(process, start.journal, known, slice_.settings.watchdog_seconds)
        process.loop.every(TICK_SECONDS, steward.tick)
        process.loop.every(SUPERVISORD_SECONDS, steward.check_supervisord)
        process.run(steward.handle_command)
        if process.loop.stop_reason == SUPERVISORD_LOST:
            steward.report_loss()


class Steward:
    """Watches every process of supervisord."""

    def __init__(
        self, process: Process, journal: Journal[StewardMemory], known: list[WatchedProcess], watchdog: float
    ) -> None:
        self._process = process
        self._journal = journal
        self._watchdog = watchdog
        self._log = process.log
        self._now = process.loop.now
        self._watched = {watched.name: watched for watched in known}
        self._reported: dict[str, Report] = {}
        self._changed: set[str] = set()
        """The processes that may need a new report."""
        self._awaited: set[str] = set()
        """The processes whose first heartbeat has not arrived."""
        self._schedule = Schedule()
        """When each process is due, if no heartbeat arrives until then."""
        self._remembered = {watched.name: watched.remembered() for watched in known}
        """By name, what the journal must contain."""
        self._is_unsaved = False
        self._hung: dict[str, str] = {}
        """By name, why a process was killed that supervisord has not yet reported as ended."""
        self._subscriber = Subscriber(process.context, [], process.log, heartbeats_only=True)
        self._supervisor = Supervisor()
        self._jobs = JobPool(process.loop, threads=1)
        self._pending: set[tuple[object, ...]] = set()
        """The calls of supervisord that have not been answered yet."""
        self._listener = EventListener()
        self._last_tick = self._now()
        self._lenient_until = self._pressed_until = self._next_kill = self._last_tick
        self._unanswered = 0
        """How many calls of supervisord in a row had no answer."""
        self._waited = waited_seconds(os.getpid()) or 0.0
        for watched in known:
            watched.forgive_silence(self._last_tick)  # no heartbeat could be received before this start
        process.loop.watch(self._subscriber.socket, self.on_message)
        process.loop.every(1.0, self._subscriber.reconnect_silent)
        self._fault: str | None = None
        process.publish(StateContent({"status": True, "phase": "watching"}, time.time()))
        self._resume()

    def handle_command(self, command: Command) -> Receipt:
        """Reject every command: a person starts and stops processes through supervisord."""
        return self._process.refuse(
            command, "it takes no commands; start and stop processes with `house start` and `house stop`"
        )

    def on_supervisor_event(self) -> None:
        """Handle the events of supervisord: processes that were started, stopped or have ended."""
        events = self._listener.receive()
        if events is None:
            self._process.loop.stop(SUPERVISORD_LOST)
            return
        held: list[WatchedProcess] = []
        for name, about in events:
            if name.startswith("PROCESS_STATE_") and about["processname"] != STEWARD:
                watched, must_hold = self._on_process_state(
                    about["processname"], name.removeprefix("PROCESS_STATE_"), int(about.get("pid", 0))
                )
                self._note_change(watched)
                if must_hold:
                    held.append(watched)
            elif name == "PROCESS_GROUP_REMOVED":
                self._forget(about["groupname"])
        self._report_changes()
        if held:
            self._save()  # a steward that forgets why a process is stopped would never start it again
        for watched in held:
            self._hold(watched, self._now())

    def check_supervisord(self) -> None:
        """Call supervisord; one that does not answer is a fault of the house."""

        def on_answer(answer: Any) -> None:
            if isinstance(answer, SupervisorError):
                self._unanswered += 1
            else:
                self._unanswered = 0
            if self._unanswered >= UNANSWERED_CALLS:
                self._set_fault(HANGS)
            elif not self._unanswered:
                self._set_fault(None)

        self._ask(on_answer, "getState")
        self.finish_restart()

    def finish_restart(self) -> None:
        """Start what a verb has stopped that was killed before it could start it again."""
        question = ("finish_restart",)
        if not interrupted.MARK.exists() or question in self._pending:
            return
        self._pending.add(question)

        def on_done(future: Future[Any]) -> None:
            self._pending.discard(question)
            error = future.exception()
            if isinstance(error, SupervisorError):
                self._log.warning("%s", error)
            elif error is not None:
                raise error
            elif started := future.result():
                names = ", ".join(started)
                self._log.warning(
                    "a verb of `house` was interrupted; what it had stopped is started: %s", names
                )
            elif started is None:  # a verb is at work
                self._process.loop.at(self._now() + RESUME_SECONDS, self.finish_restart)

        self._jobs.submit(lambda: interrupted.finish_restart(self._supervisor), on_done)

    def report_loss(self) -> None:
        """Report that supervisord has ended, before this process ends too."""
        self._set_fault(HAS_ENDED)

    def _set_fault(self, fault: str | None) -> None:
        """Log and publish a fault of supervisord, or its end."""
        if fault == self._fault:
            return
        self._fault = fault
        if fault:
            self._log.error("%s", fault)
        else:
            self._log.info("supervisord answers again")
        state: dict[str, Any] = {"status": True, "phase": "watching"} | ({"fault": fault} if fault else {})
        self._process.publish(StateContent(state, time.time()))

    def on_message(self) -> None:
        """Handle heartbeats; if no process is awaited, in batches of a quarter of a second."""
        self._receive_heartbeats()
        self._report_changes()
        if not self._awaited:
            self._process.loop.pause(self._subscriber.socket, self._process.loop.next_tick(TICK_SECONDS))

    def _receive_heartbeats(self) -> None:
        for message in self._subscriber.receive():
            watched = self._watched.get(message.device)
            if not watched or not isinstance(message, Heartbeat):
                continue
            life = watched.life
            if watched.on_heartbeat(message.pid, self._now()):
                self._log.info("%s has recovered, after: %s", watched.name, watched.reason)
            if watched.life != life or watched.name in self._awaited:
                self._note_change(watched)

    def tick(self) -> None:
        """Check which processes are silent, and which ones it is time to start again."""
        self._receive_heartbeats()  # so that no heartbeat that has already arrived counts as missing
        now = self._now()
        if now - self._last_tick > STANDSTILL_SECONDS:
            self._log.warning(
                "this machine stood still for %.1f s; no process is to blame", now - self._last_tick
            )
            for watched in self._watched.values():
                watched.forgive_silence(now)
        due = [self._watched[name] for name in self._schedule.pop_due(now)]
        silent = self._silent_processes(due, now)
        self._judge_load(silent, now)
        self._last_tick = now
        watchdog = self._watchdog * (3 if now < self._lenient_until else 1)
        hanging = []
        for watched in due:
            if watched.retry_at is not None and stopped_path(watched.name).exists():
                watched.retry_at = None  # a person has stopped it in the meantime
                watched.on_stop()
                self._note_change(watched)
            match watched.next_action(now, watchdog):
                case "ask":
                    self._subscriber.resubscribe(watched.name)
                    self._process.loop.watch(self._subscriber.socket, self.on_message)
                case "kill":
                    hanging.append(watched)
                case "start":
                    self._start(watched)
            self._schedule.set(watched.name, watched.due_at(self._watchdog))
        if now < self._pressed_until:  # each kill makes a busy machine busier
            longest = sorted(hanging, key=lambda watched: watched.heard)[:1]
            hanging = longest if now >= self._next_kill else []
        for watched in hanging:
            self._next_kill = now + self._watchdog
            self._end_hang(watched, now)
        self._report_changes()
        if self._is_unsaved:
            self._save()

    def _silent_processes(self, due: list[WatchedProcess], now: float) -> list[WatchedProcess]:
        """Return the silent ones of the due processes, after a reading of what each waited for."""
        half = self._watchdog / 2
        silent = [watched for watched in due if watched.silent_seconds(now) >= half]
        for watched in silent:
            waited = waited_seconds(watched.pid) if watched.pid else None
            if watched.pid and waited is not None:
                watched.on_wait(waited, now, for_disk=waits_for_disk(watched.pid))
        return silent

    def _judge_load(self, silent: list[WatchedProcess], now: float) -> None:
        """Judge whether the machine is short of processors; the judgement holds for one watchdog."""
        waited = waited_seconds(os.getpid()) or 0.0
        is_slow = waited - self._waited > STARVED_SHARE * max(TICK_SECONDS, now - self._last_tick)
        self._waited = waited
        # If most processes are silent at once, the machine is overloaded: the steward waits longer, but
        # not for ever. It goes on waiting for a while, because they do not all recover at the same time.
        if len(silent) > max(1, len(self._watched) // 2):
            self._lenient_until, is_slow = now + self._watchdog, True
        if is_slow or any(watched.is_starved(now) for watched in silent):
            self._pressed_until = now + self._watchdog

    # Actions

    def _resume(self) -> None:
        """Ask supervisord for its processes; its events are handled after its answer."""
        self._ask(self._on_processes, "getAllProcessInfo")

    def _on_processes(self, answer: Any) -> None:
        """Compare the memory with supervisord's processes: much may have happened since the last run."""
        if isinstance(answer, SupervisorError):
            self._log.warning("%s", answer)
            self._process.loop.at(self._now() + RESUME_SECONDS, self._resume)
            return
        self._process.loop.watch(0, self.on_supervisor_event)
        processes: list[dict[str, Any]] = answer
        names = {info["name"] for info in processes}
        waiting = {name for name in self._watched if name not in names and is_about_to_come(name)}
        names |= waiting
        self._watched = {name: watched for name, watched in self._watched.items() if name in names}
        self._remembered = {name: found for name, found in self._remembered.items() if name in names}
        self._is_unsaved = True
        for name in sorted(waiting):
            self._subscriber.add(name)
            self._watched[name].forgive_silence(self._now())
            self._note_change(self._watched[name])
        for info in processes:
            if (name := info["name"]) == STEWARD:
                continue
            self._subscriber.add(name)
            watched = self._watched.setdefault(name, WatchedProcess(name))
            watched.forgive_silence(self._now())  # no heartbeat could be received before this start
            if info["pid"]:
                watched.on_start(info["pid"], self._now())
            else:
                watched.pid = None
                if info["statename"] == "FATAL":
                    watched.retry_at, watched.is_held = self._now(), True
                elif watched.retry_at is not None:
                    watched.is_held = True
                elif info["statename"] in ("STOPPED", "EXITED") and watched.retry_at is None:
                    watched.on_stop()
            self._note_change(watched)
        self._report_changes()

    def _on_process_state(self, name: str, state: str, pid: int) -> tuple[WatchedProcess, bool]:
        """Handle a new state of one process; return the process, and whether it must be held back.

        `state` is supervisord's word for it.
        """
        self._subscriber.add(name)
        watched = self._watched.setdefault(name, WatchedProcess(name))
        now = self._now()
        if state == "RUNNING":
            watched.on_start(pid, now)
            self._process.loop.watch(self._subscriber.socket, self.on_message)
        elif state == "STOPPED" or (state == "EXITED" and stopped_path(name).exists()):
            watched.on_stop()
            self._process.loop.at(now + RESUME_SECONDS, self.finish_restart)
        elif state == "EXITED":
            reason = self._hung.pop(name, None) or self._why(name)
            self._log.warning("%s (PID %d) has ended: %s", name, pid, reason)
            # A process that SIGTERM ended exits with 0. If it never sent a heartbeat, it ended by itself.
            outside = reason.startswith(FROM_OUTSIDE) or (reason == "exit status 0" and watched.is_heard)
            return watched, watched.on_death(reason, crashed=not outside, now=now)
        elif state == "FATAL":
            must_hold = watched.on_death("it cannot be started at all", crashed=True, now=now)
            watched.is_held = must_hold  # supervisord does not start it again, so there is nothing to stop
            return watched, must_hold
        return watched, False

    def _why(self, name: str) -> str:
        """Return why a process ended, from supervisord's log; its events do not contain it."""
        text = "\n".join(last_lines("supervisord", LOG_LINES))
        found = [reason for process, reason in EXITED.findall(text) if process == name]
        return found[-1] if found else "reason unknown"

    def _hold(self, watched: WatchedProcess, now: float) -> None:
        """Stop a process that crashes again and again, until its next attempt."""
        wait = (watched.retry_at or now) - now
        self._log.error(
            "%s fails, %d times in a row; the next try is in %.1f s", watched.name, watched.crashes, wait
        )

        def on_answer(answer: Any) -> None:
            # A process that does not run has just died once more, and an event follows.
            if isinstance(answer, SupervisorError) and answer.fault_code != NOT_RUNNING:
                self._log.warning("%s", answer)

        self._ask(on_answer, "stopProcess", watched.name, False)

    def _start(self, watched: WatchedProcess) -> None:
        """Start a process that was held back."""
        watched.retry_at = None
        self._note_change(watched)

        def on_answer(answer: Any) -> None:
            if isinstance(answer, SupervisorError) and answer.fault_code != ALREADY_STARTED:
                self._log.warning("%s", answer)
                watched.retry_at, watched.is_held = self._now() + FIRST_WAIT_SECONDS, True
                self._note_change(watched)

        self._ask(on_answer, "startProcess", watched.name, False)

    def _end_hang(self, watched: WatchedProcess, now: float) -> None:
        """Make a process that hangs write its stacks, and kill it; supervisord restarts it."""
        if ("getProcessInfo", watched.name) in self._pending:
            return  # the last question about this process has no answer yet
        pid, silent_seconds = watched.pid, now - watched.heard
        watched.forgive_silence(now)

        def on_answer(answer: Any) -> None:
            if isinstance(answer, SupervisorError):
                self._log.warning("%s", answer)  # a supervisord that hangs could not restart the process
                return
            if answer["pid"] != pid or watched.pid != pid:
                return  # the PID belongs to another process by now
            if watched.heard > now:
                return  # a heartbeat has arrived while supervisord was asked
            self._log.error(
                "%s (PID %s) hangs: silent for %.1f s; it is killed", watched.name, pid, silent_seconds
            )
            judged_at = self._now()
            watched.forgive_silence(judged_at)
            signal_process(pid, signal.SIGUSR1)
            # A process that is stopped (SIGSTOP) cannot write its stacks; it is killed all the same.
            self._process.loop.at(judged_at + STACKS_SECONDS, lambda: self._kill(watched, pid, judged_at))

        self._ask(on_answer, "getProcessInfo", watched.name)

    def _kill(self, watched: WatchedProcess, pid: int | None, judged_at: float) -> None:
        self._receive_heartbeats()
        if watched.pid == pid and watched.heard > judged_at:
            self._log.info("%s (PID %s) does not hang: its heartbeat has arrived", watched.name, pid)
        elif watched.pid == pid:
            self._hung[watched.name] = f"it hung: silent for more than {self._watchdog:g} s"
            signal_process(pid, signal.SIGKILL)

    def _forget(self, name: str) -> None:
        self._subscriber.remove(name)
        self._watched.pop(name, None)
        self._reported.pop(name, None)
        self._changed.discard(name)
        self._awaited.discard(name)
        self._schedule.set(name, None)
        self._remembered.pop(name, None)
        self._is_unsaved = True

    def _ask(self, on_answer: Callable[[Any], None], method: str, *args: object) -> None:
        """Call a method of supervisord in a thread; `on_answer` gets the result, or the SupervisorError.

        The loop never waits for supervisord. A call that is not answered yet is not repeated.
        """
        question = (method, *args)
        if question in self._pending:
            return
        self._pending.add(question)

        def on_done(future: Future[Any]) -> None:
            self._pending.discard(question)
            error = future.exception()
            if error is not None and not isinstance(error, SupervisorError):
                raise error
            on_answer(error or future.result())
            self._report_changes()

        self._jobs.submit(lambda: self._supervisor.call(method, *args), on_done)

    def _note_change(self, watched: WatchedProcess) -> None:
        """Note that a process may need a new report, is due at another time, or has no heartbeat yet."""
        self._changed.add(watched.name)
        self._schedule.set(watched.name, watched.due_at(self._watchdog))
        if watched.pid and not watched.is_heard:
            self._awaited.add(watched.name)
        else:
            self._awaited.discard(watched.name)

    def _report_changes(self) -> None:
        """Publish a report about each process that has changed; the next tick saves the memory."""
        for name in sorted(self._changed):
            watched, before = self._watched[name], self._reported.get(name)
            since = watched.report_life(time.time())
            if (remembered := watched.remembered()) != self._remembered.get(name):
                self._remembered[name], self._is_unsaved = remembered, True
            if before and (before.life, before.pid, before.reason) == (
                watched.life,
                watched.pid,
                watched.reason,
            ):
                continue
            if watched.life == "failed" and self._is_unsaved:
                self._save()  # rules act once on `since`, also if this steward dies after the report
            self._reported[watched.name] = self._process.report(
                watched.name,
                life=watched.life,
                since=since,
                pid=watched.pid,
                reason=watched.reason,
                lines=tuple(line[-200:] for line in last_lines(watched.name, LAST_LINES))
                if watched.life == "failed"
                else (),
                retry_at=time.time() + watched.retry_at - self._now()
                if watched.retry_at is not None
                else None,
            )
        self._changed.clear()

    def _save(self) -> None:
        """Write what must survive to the journal: once a tick, however many processes have changed."""
        self._is_unsaved = False
        watched_processes = list(self._remembered.values())
        self._journal.save(
            StewardMemory(life=self._process.life, boot_id=boot_id(), watched_processes=watched_processes)
        )


def is_about_to_come(name: str) -> bool:
    """Return whether an upgrade is about to hand this process over to the supervisord of the steward."""
    return is_handed_over() and Path("programs", f"{name}.conf").exists()


def signal_process(pid: int | None, number: signal.Signals) -> None:
    """Send a signal to a process that may have ended already."""
    try:
        if pid:
            os.kill(pid, number)
    except ProcessLookupError:
        return
