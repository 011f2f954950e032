"""A comparison lists only changes beyond the noise, corrected for the machine's own change."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.compare import compare, drift, summary
from bench.report import Report, Sheet
from tests.support import bench_reports
from tests.support.house import PROJECT
from tests.support.patience import patience

ROUNDS = [10.0, 10.5, 11.0]


def test_a_change_beyond_the_noise_is_reported_as_slower() -> None:
    """Every round of the second report is above every round of the first."""
    (change,) = compare(bench_reports.report(House=ROUNDS), bench_reports.report(House=[14.0, 15.0, 16.0]))
    assert change.is_worse
    assert change.factor == pytest.approx(15 / 10.5)


def test_an_improvement_is_reported_as_faster() -> None:
    """A faster figure is a change, but not a worse one."""
    (change,) = compare(bench_reports.report(House=ROUNDS), bench_reports.report(House=[5.0, 5.5, 6.0]))
    assert not change.is_worse


def test_rounds_that_overlap_are_noise() -> None:
    """Overlapping ranges are noise, even if the medians are far apart."""
    assert not compare(
        bench_reports.report(House=[10.0, 11.0, 30.0]), bench_reports.report(House=[25.0, 26.0, 27.0])
    )


def test_a_change_of_a_few_per_cent_is_noise() -> None:
    """A small change is noise, even if the rounds are close together."""
    assert not compare(
        bench_reports.report(House=[10.0, 10.1, 10.2]), bench_reports.report(House=[10.3, 10.4, 10.5])
    )


def test_fewer_than_three_rounds_give_no_result() -> None:
    """Without three rounds there is no spread to compare."""
    assert not compare(
        bench_reports.report(House=[10.0, 10.1]), bench_reports.report(House=[20.0, 20.1, 20.2])
    )


def test_a_slower_machine_is_no_slower_house() -> None:
    """If the peers, whose code is the same, got slower as well, the house did not."""
    before = bench_reports.report(House=ROUNDS, limit=[1.0, 1.0, 1.0])
    after = bench_reports.report(House=[20.0, 21.0, 22.0], limit=[2.0, 2.0, 2.0])
    assert drift(before, after) == 2.0
    assert not compare(before, after)
    assert "2.00 times as long" in summary(before, after)


def test_different_measurements_are_reported() -> None:
    """A different machine, or a different length, is reported for common sections only."""
    before, after = bench_reports.report(House=ROUNDS), bench_reports.report(House=ROUNDS)
    after.runs[0].machine = msgspec.structs.replace(bench_reports.MACHINE, processor="Slide rule")
    after.runs[0].scale = "full"
    after.runs.append(bench_reports.run("cost"))
    text = summary(before, after)
    assert "speed was measured on different machines: Abacus, Slide rule." in text
    assert "speed was measured at different lengths: small, full." in text
    assert "cost" not in text


def test_more_of_a_rate_is_better() -> None:
    """Fewer states a second are worse."""

    def rates(*values: float) -> Report:
        report = bench_reports.report()
        for value in values:
            Sheet(report, "speed").add("Rates", "House", "20", value, "states/s", more_is_better=True)
        return report

    (change,) = compare(rates(100, 101, 102), rates(50, 51, 52))
    assert change.is_worse
    (change,) = compare(rates(100, 101, 102), rates(150, 151, 152))
    assert not change.is_worse


def test_memory_does_not_depend_on_how_fast_the_machine_is() -> None:
    """Memory is not corrected for the speed of the machine."""

    def weighed(size: float, took: float) -> Report:
        report = bench_reports.report(limit=[took] * 3)
        for _ in range(3):
            Sheet(report, "cost").add("Memory", "House", "PSS", size, "MB")
        return report

    (change,) = compare(weighed(10, 1), weighed(20, 2))
    assert change.factor == 2.0


@given(st.lists(st.floats(0.001, 1e6), min_size=3, max_size=10), st.floats(0.01, 100))
def test_a_report_compared_with_itself_on_another_machine_has_changed_nothing(
    rounds: list[float], slower: float
) -> None:
    """A slower machine alone causes no change."""
    before = bench_reports.report(House=rounds, limit=rounds)
    after = bench_reports.report(
        House=[value * slower for value in rounds], limit=[value * slower for value in rounds]
    )
    if slower > 1:  # a value that is rounded to zero has no ratio
        assert not compare(before, after)


def write(path: Path, report: Report) -> str:
    """Write a report, and return its name."""
    path.write_bytes(report.encode())
    return str(path)


def test_the_exit_status_reports_a_regression(tmp_path: Path) -> None:
    """The command prints the changes, and exits with 1 on a worse one and with 2 on a bad file."""
    before = write(tmp_path / "before.json", bench_reports.report(House=ROUNDS))
    after = write(tmp_path / "after.json", bench_reports.report(House=[20.0, 21.0, 22.0]))

    def run(*files: str) -> "subprocess.CompletedProcess[str]":
        command = [str(PROJECT / "bench" / "compare"), *files]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment(), timeout=patience(60)
        )

    worse, same, missing = run(before, after), run(before, before), run(before, str(tmp_path / "gone.json"))
    assert (worse.returncode, same.returncode, missing.returncode) == (1, 0, 2)
    assert "speed / How soon / House / p50" in worse.stdout
    assert "× 2.00" in worse.stdout
    assert "Worse beyond the noise: nothing" in same.stdout
    assert (
        missing.stderr == f"bench/compare: {tmp_path}/gone.json cannot be read: No such file or directory\n"
    )


def environment() -> dict[str, str]:
    """Return an environment in which the command uses this interpreter's packages."""
    return {**os.environ, "VENV": sys.prefix}
