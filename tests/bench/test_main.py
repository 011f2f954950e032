"""`python -m bench` replaces the measured figures in the document, and changes nothing else."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench import __main__ as bench
from bench.report import Scale, Sheet, read
from bench.table import Section
from tests.support import bench_reports


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a call of the bench with a short, a long and a failing measurement."""

    def measure(_: Scale, sheet: Sheet) -> None:
        sheet.add(bench_reports.TITLE, "House", "p50", 9.0, "ms")

    def fail(scale: Scale, sheet: Sheet) -> None:
        measure(scale, sheet)
        raise RuntimeError("no such luck")

    known = {
        "speed": SimpleNamespace(SECTION=bench_reports.SECTION, measure=measure),
        "long": SimpleNamespace(SECTION=Section(4, "Long", (), is_long=True), measure=measure),
        "luck": SimpleNamespace(SECTION=Section(5, "Luck", ()), measure=fail),
    }
    monkeypatch.setattr(bench, "measurements", lambda: known)

    def run(*words: Any) -> None:
        monkeypatch.setattr("sys.argv", ["bench", *map(str, words)])
        bench.main()

    return run


def test_measured_figures_replace_those_in_the_document(call: Callable[..., None], tmp_path: Path) -> None:
    """The measured section is replaced, the other one stays."""
    data = tmp_path / "benchmarks.json"
    before = bench_reports.report(House=[1.0])
    before.runs.append(bench_reports.run("luck"))
    Sheet(before, "luck").add("Luck", "House", "p50", 7.0, "ms")
    data.write_bytes(before.encode())
    call("speed", "--document", tmp_path)
    after = read(data)
    figures = {figure.section: figure.rounds for figure in after.figures}
    assert figures == {"speed": [9.0], "luck": [7.0]}
    assert after.run("luck") == bench_reports.run("luck")
    assert "not reached, 9 ms" in (tmp_path / "benchmarks.md").read_text()


def test_a_failed_section_changes_nothing_in_the_document_and_is_reported(
    call: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit status reports the failure, and the figures of other sections are saved."""
    with pytest.raises(SystemExit, match="These measurements failed: luck"):
        call("--document", tmp_path)
    report = read(tmp_path / "benchmarks.json")
    assert [run.section for run in report.runs] == ["speed"]
    assert "no such luck" in capsys.readouterr().out


def test_an_unreadable_document_is_reported_before_measuring(
    call: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The unreadable data stay as they are."""
    data = tmp_path / "benchmarks.json"
    data.write_text("{}x")
    with pytest.raises(SystemExit):
        call("speed", "--document", tmp_path)
    printed = capsys.readouterr()
    assert f"{data} is no report of `make bench`" in printed.err
    assert "Measuring" not in printed.err
    assert data.read_text() == "{}x"


def test_a_long_section_is_measured_by_name_or_in_full(call: Callable[..., None], tmp_path: Path) -> None:
    """`make bench` skips a long measurement."""
    file = tmp_path / "x.json"
    call("long", "--json", file)
    assert [(run.section, run.scale) for run in read(file).runs] == [("long", "small")]
    with pytest.raises(SystemExit):
        call("--full", "--json", file)
    assert [(run.section, run.scale) for run in read(file).runs] == [("speed", "full"), ("long", "full")]
