"""The profile of a press: stages are timed without those in them, and the way of a press is found."""

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from bench import process_counters, system_calls
from bench.measurements.press import Press
from bench.press_spans import Traced, calls, stages_in, way, work
from bench.stage_hooks import PUBLISH, STAGES, WAIT, Recorder, Span, owner_and_names

US = 1000
CAT = shutil.which("cat") or "/bin/cat"


@pytest.mark.parametrize("target", [target for targets in STAGES.values() for target in targets])
def test_a_stage_names_functions_of_the_house(target: str) -> None:
    """If a function has moved, its entry in STAGES must move with it."""
    owner, names = owner_and_names(target)
    assert names
    assert all(hasattr(owner, name) for name in names)


def test_a_stage_is_timed_without_the_stages_in_it() -> None:
    """A call within the same stage is no span of its own, and an error ends a span, too."""
    recorder = Recorder()

    def fail() -> None:
        raise ValueError("as a test wants it")

    inner = recorder.timed("inner", fail)
    again = recorder.timed("outer", lambda: None)

    def work_inside() -> None:
        again()
        with pytest.raises(ValueError, match="test"):
            inner()

    recorder.timed("outer", work_inside)()
    first, second = (Span(*fields) for fields in recorder.spans)
    assert (first.stage, second.stage) == ("inner", "outer")
    assert second.own == second.ended - second.began - (first.ended - first.began)
    assert second.began <= first.began <= first.ended <= second.ended


def span(stage: str, began_us: int, ended_us: int, own_us: int | None = None) -> Span:
    """Return a span; its own time is all of it, unless given."""
    own = ended_us - began_us if own_us is None else own_us
    return Span(stage, began_us * US, ended_us * US, own * US)


SPANS: dict[str, list[Span]] = {
    "switch": [
        span(WAIT, -900, 120),
        span("journal", 150, 180),
        span("decide", 130, 200, 40),
        span(PUBLISH, 200, 260),
        span("log", 270, 300),
        span(WAIT, 310, 9000),
    ],
    "toaster": [span(WAIT, -900, 250), span(PUBLISH, 400, 420), span(WAIT, 430, 9000)],
    "mirror": [span(WAIT, -900, 440), span(PUBLISH, 480, 500), span(WAIT, 520, 9000)],
}


def traced(**fields: Any) -> Traced:
    """Return a press at 100 µs; the wall clock is one second ahead."""
    times = Press(1 + 100e-6, 1 + 210e-6, 1 + 410e-6, 1 + 490e-6)
    return Traced(times, 10**9, (0, 1000 * US), (2000 * US, 3000 * US), {})._replace(**fields)


def test_the_way_of_a_press_has_each_part_once() -> None:
    """The parts add up to the whole; a process that wakes early ends the publishing of the one before."""
    found = {row: round(time_us) for row, time_us in way(traced(), SPANS).items()}
    assert found == {
        "way to the switch": 20,
        "switch: decide": 40,
        "switch: journal": 30,
        "switch: publish": 50,
        "switch: other": 10,
        "way to the toaster": 0,
        "toaster: publish": 20,
        "toaster: other": 150,
        "way to the mirror": 20,
        "mirror: publish": 20,
        "mirror: other": 40,
    }
    assert sum(found.values()) == 500 - 100


def test_the_work_of_a_press_includes_what_follows_and_not_the_rest() -> None:
    """The time of the same stage in a window without a press is subtracted."""
    assert stages_in(SPANS["switch"], 0, 1000 * US) == {
        "decide": 40 * US,
        "journal": 30 * US,
        PUBLISH: 60 * US,
        "log": 30 * US,
        "other": 30 * US,
    }
    spans = {"switch": [*SPANS["switch"], span("log", 2100, 2110)]}
    assert work(traced(), spans)["switch: log"] == 20
    assert calls(traced(), spans)["switch: log"] == 0
    assert calls(traced(), spans)["switch: journal"] == 1


def test_the_kernel_counts_the_work_of_a_process() -> None:
    """Processor time, waits and calls grow with the work of this process."""
    before = process_counters.read(os.getpid())
    end = time.thread_time() + 0.02
    while time.thread_time() < end:
        pass
    for _ in range(3):
        time.sleep(0.001)
        Path("/proc/self/stat").read_bytes()
    grown = process_counters.read(os.getpid()).grown_since(before)
    assert grown.processor_us >= 10_000
    assert grown.waits >= 3
    assert grown.reads >= 3


def test_the_summary_of_strace_is_read() -> None:
    """The column of errors may be empty, and the total is left out."""
    summary = """\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.000060           3        20         4 recvfrom
 40.00    0.000040           4        10           poll
------ ----------- ----------- --------- --------- ----------------
100.00    0.000100           3        30         4 total
"""
    assert system_calls.parse(summary) == {"recvfrom": 20, "poll": 10}


def test_the_system_calls_of_a_process_are_counted(tmp_path: Path) -> None:
    """A process that is traced while it writes has written; it runs on afterwards."""
    if not system_calls.is_possible():
        pytest.skip("there is no strace")
    with subprocess.Popen([CAT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        with system_calls.counted({"cat": process.pid}, tmp_path) as calls:
            for line in (
                b"a\n",
                b"b\n",
            ):  # the first call has returned by the second
                process.stdin.write(line)
                process.stdin.flush()
                assert process.stdout.readline() == line
        if not calls:
            pytest.skip("strace may not trace another process here")
        assert calls["cat"]["write"] >= 1
        process.stdin.close()
        assert process.wait() == 0
