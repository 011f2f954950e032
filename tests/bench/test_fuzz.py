"""The fuzzer: its junk, its verdict, and a short run against a real house."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bench.fuzz.junk import Junk
from bench.fuzz.report import Findings, report
from bench.fuzz.tally import Tally
from tests.support.house import PROJECT
from tests.support.patience import patience


def findings(**changes: Any) -> Findings:
    """Return the findings of a run in which nothing broke, with some changes."""
    whole: dict[str, Any] = {
        "seconds": 60.0,
        "before": {"lamp": "off"},
        "after": {"lamp": "off"},
        "memory": {"lamp": 10.0},
        "end_memory": {"lamp": 11.0},
        "died": Counter(),
        "restarted": set(),
    }
    return Findings(**{**whole, **changes})


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory, with an empty folder for logs."""
    (tmp_path / "log").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_seed_repeats_its_junk() -> None:
    """A broken promise can be seen again."""
    made = [(junk.noise(), junk.text_payload(), junk.mutate(b"abc")) for junk in (Junk(7), Junk(7))]
    assert made[0] == made[1]


def test_wrong_fields_differ_from_the_right_ones() -> None:
    """One field has another value, or the text is no JSON."""
    right = {"a": "right", "b": "right"}
    for seed in range(200):
        try:
            assert json.loads(Junk(seed).wrong_fields(right)) != right
        except (ValueError, RecursionError):
            continue


@pytest.mark.parametrize(
    ("changes", "log", "verdict"),
    [
        ({}, "", None),
        ({"died": Counter(lamp=1)}, "", "lamp died"),
        ({"restarted": {"lamp"}}, "", "lamp died"),
        ({"after": {"lamp": "on"}}, "", "lamp changed: off became on"),
        ({"end_memory": {"lamp": 19.5}}, "", "lamp grew by 9.5 MB; at most 8 MB is allowed"),
        ({}, "Traceback (most recent call last):\n", "lamp logged 1 tracebacks"),
        (
            {},
            "dropped a bad message on the bus: x\n" * 9,
            "lamp logged the bus 9 times, in 1 windows and starts",
        ),
    ],
    ids=["nothing", "a death", "a restart", "a change", "growth", "a traceback", "a full log"],
)
def test_the_verdict(run: Path, changes: dict[str, Any], log: str, verdict: str | None) -> None:
    """Each broken promise is one line."""
    (run / "log" / "lamp.log").write_text(log)
    assert report(findings(**changes), Tally(), 8.0) == ([verdict] if verdict else [])


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_short_run_breaks_nothing() -> None:
    """Every door of a real house gets every kind of junk."""
    command = [sys.executable, "-m", "bench.fuzz", "--seconds", "20", "--growth", "24"]
    done = subprocess.run(
        command, cwd=PROJECT, capture_output=True, text=True, timeout=patience(280), check=False
    )
    assert (done.returncode, "Nothing broke." in done.stdout) == (0, True), done.stdout + done.stderr
