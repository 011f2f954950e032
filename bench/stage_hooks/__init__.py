"""Records where the time of a process of the house goes, stage by stage.

The processes of a house use it if the folder of this file is on their PYTHONPATH, and `BENCH_STAGES` names a
folder (`environment`). Python then runs sitecustomize.py at its start, which replaces the functions in
`STAGES` with timed ones. The code of the house knows nothing of it. At its end, each process writes its spans
into the folder, one file a process.

A stage is entered at a call from another stage. A call within the same stage is part of it. Only the main
thread is recorded: its clock is CLOCK_MONOTONIC, the same in all processes.
"""

import atexit
import json
import os
import sys
import time
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from pathlib import Path
from threading import get_ident
from typing import Any, NamedTuple

VARIABLE = "BENCH_STAGES"
WAIT, PUBLISH = "wait", "publish"
STAGES = {
    WAIT: ("zmq:Poller.poll", "supervisor.poller:PollPoller.poll"),
    "decode": ("daemons.bus.message:decode", "daemons.bus.message:decode_command"),
    "decide": ("daemons.processes.device.appliance:Appliance.*",),
    "decide, requests": ("daemons.processes.device.requests:Requests.*",),
    "decide, rules": ("daemons.processes.device.rules:Rules.*",),
    "decide, hardware": ("daemons.processes.device.hardware:Hardware.*",),
    "decide, past states": ("daemons.bus.state_history:StateHistory.*",),
    "journal": ("daemons.storage.journal:Journal.save",),
    "journal, forced to the disk": ("daemons.storage.journal:Journal.secure",),
    "hardware": ("daemons.drivers.simulated:Simulated.set", "daemons.drivers.simulated:Simulated.read"),
    PUBLISH: ("daemons.processes.process:Process.publish", "daemons.processes.process:Process.report"),
    "receipt": ("daemons.bus.sockets:CommandServer.reply",),
    "log": (
        "daemons.runtime.log:Log.log",
        "daemons.runtime.log:Log.info",
        "daemons.runtime.log:Log.warning",
        "daemons.runtime.log:Log.error",
        "supervisor.dispatchers:POutputDispatcher.handle_read_event",
    ),
    "table of states": ("daemons.bus.presence:PresenceTable.*",),
    "sentence": (
        "daemons.processes.mirror.summary:Summary.*",
        "daemons.processes.mirror.summary:describe_change",
    ),
    "changes for the page": ("daemons.processes.mirror.page.changes:ChangeLog.*",),
    "database": ("daemons.storage.history_writer:HistoryWriter.*",),
    "process states": (
        "supervisor.process:ProcessGroup.transition",
        "supervisor.process:EventListenerPool.transition",
        "supervisor.supervisord:Supervisor.reap",
        "supervisor.supervisord:Supervisor.tick",
    ),
}
"""By stage, its functions as MODULE:NAME; a star stands for all public methods and properties of a class.

A name with a capital letter that ends in a function is a method. tests/bench/test_inside.py checks that each
exists.
"""


class Span(NamedTuple):
    """One call of a stage, in nanoseconds of CLOCK_MONOTONIC."""

    stage: str
    began: int
    ended: int
    own: int
    """Its time without that of the stages in it."""


class Recorder:
    """Records the spans of the main thread of this process."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, int, int, int]] = []
        """The fields of each span. The garbage collector need not look at such plain tuples again."""
        self._stack: list[list[Any]] = [["", 0]]
        self._thread = get_ident()

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that calls this one as a part of a stage."""
        clock, stack, add = time.monotonic_ns, self._stack, self.spans.append

        @wraps(function)
        def call(*args: Any, **words: Any) -> Any:
            if stack[-1][0] == stage or get_ident() != self._thread:
                return function(*args, **words)
            frame: list[Any] = [stage, 0]
            stack.append(frame)
            began = clock()
            try:
                return function(*args, **words)
            finally:
                ended = clock()
                stack.pop()
                stack[-1][1] += ended - began
                add((stage, began, ended, ended - began - frame[1]))

        return call

    def begin(self, name: str) -> None:
        """Begin anew as the process of this name, and write the spans at its end."""
        self._thread = get_ident()
        self.spans.clear()
        self._stack[:] = [["", 0]]
        atexit.register(self.write, Path(os.environ[VARIABLE]) / f"{name}.json")

    def write(self, file: Path) -> None:
        """Write the spans."""
        file.write_text(json.dumps(self.spans))


def owner_and_names(target: str) -> tuple[Any, list[str]]:
    """Return the class or module of an entry of STAGES, and the names in it.

    Raises AttributeError or ModuleNotFoundError if the house has no such function any more.
    """
    module, _, path = target.partition(":")
    owner: Any = import_module(module)
    *parts, last = path.split(".")
    for part in parts:
        owner = getattr(owner, part)
    if last == "*":
        public = [name for name, value in vars(owner).items() if name[0] != "_" and is_code(value)]
        return owner, public
    getattr(owner, last)
    return owner, [last]


def is_code(value: object) -> bool:
    """Return whether an attribute of a class is a method or a property."""
    return isinstance(value, property) or callable(value)


def install(recorder: Recorder) -> None:
    """Replace every function in STAGES with a timed one."""
    for stage, targets in STAGES.items():
        for target in targets:
            owner, names = owner_and_names(target)
            for name in names:
                found = vars(owner).get(name) or getattr(owner, name)
                if isinstance(found, property) and found.fget:
                    setattr(owner, name, property(recorder.timed(stage, found.fget)))
                else:
                    setattr(owner, name, recorder.timed(stage, found))


def install_in_this_process() -> None:
    """Record this process, if it is supervisord or becomes a process of the house."""
    recorder = Recorder()
    install(recorder)
    main: Any = import_module("daemons.__main__")
    start = main.start

    def start_recorded(name: str) -> None:
        recorder.begin(name)
        start(name)

    main.start = start_recorded
    if any("supervisord" in word for word in sys.orig_argv):
        recorder.begin("supervisord")


def environment(folder: Path) -> dict[str, str]:
    """Return the environment with which the processes of a house write their spans into a folder."""
    before = os.environ.get("PYTHONPATH")
    project, here = Path(__file__).parents[2], Path(__file__).parent
    return {
        VARIABLE: str(folder),
        "PYTHONPATH": os.pathsep.join(filter(None, (str(here), str(project), before))),
    }


def read_spans(folder: Path) -> dict[str, list[Span]]:
    """Return the spans of each process, in the order of their end."""
    return {file.stem: [Span(*span) for span in json.loads(file.read_text())] for file in folder.iterdir()}
